"""The loops of a network as an attribute of its kernel: `#dataflow.loops<step 8, iteration 4 in step>`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import DenseArrayBase, IntegerType, i64
from xdsl.ir import Attribute, Data, Operation
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from .loop_tree import Loop, LoopTree
from .tensors import expect
from .vocabulary import CALL

LOOPS = "loops"
"""The attribute of a kernel that has its loops; a kernel without it has none."""

NO_LOOPS = LoopTree()


@irdl_attr_definition
class LoopsAttr(Data[LoopTree]):
    """The loops of a kernel in program order, each with its iterations and the loop around it."""

    name = "dataflow.loops"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> LoopTree:
        return LoopTree(
            tuple(parser.parse_comma_separated_list(AttrParser.Delimiter.ANGLE, lambda: _parse_loop(parser)))
        )

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_list(self.data.loops, lambda loop: _print_loop(loop, printer))

    def verify(self) -> None:
        trouble = self.data.trouble()
        expect(trouble is None, trouble or "")


def _parse_loop(parser: AttrParser) -> Loop:
    name, count = parser.parse_identifier(), parser.parse_integer(allow_boolean=False)
    around = parser.parse_identifier() if parser.parse_optional_keyword("in") else CALL
    return Loop(name, count, around)


def _print_loop(loop: Loop, printer: Printer) -> None:
    around = f" in {loop.inside}" if loop.inside != CALL else ""
    printer.print_string(f"{loop.name} {loop.count}{around}")


def loops_of(kernel: Operation | None) -> LoopTree:
    """The loops of a kernel; none of what is no kernel with loops."""
    attribute = None if kernel is None else kernel.attributes.get(LOOPS)
    return attribute.data if isinstance(attribute, LoopsAttr) else NO_LOOPS


def set_loops(attributes: dict[str, Attribute], tree: LoopTree) -> None:
    """Write the loops of a kernel among its attributes."""
    if tree.loops:
        attributes[LOOPS] = LoopsAttr(tree)
    else:
        attributes.pop(LOOPS, None)


def outer_strides(values: Attribute | None) -> tuple[int, ...]:
    """The strides of a stream in the loops around that of its rate, the outermost first."""
    if not isinstance(values, DenseArrayBase):
        return ()
    return tuple(int(value) for value in values.get_values())


def outer_strides_attribute(strides: Sequence[int]) -> DenseArrayBase[IntegerType] | None:
    """The attribute for them; None where they are all 0."""
    return DenseArrayBase.from_list(i64, list(strides)) if any(strides) else None


@dataclass(frozen=True)
class Slices:
    """Slice `start + i * stride` of a stack in iteration i; it moves with the loops around as well."""

    start: int
    stride: int
    outer: tuple[int, ...] = ()
    """The strides in the loops around, the outermost first; () where it does not move with them."""
