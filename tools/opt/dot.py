"""`kl-opt -t dot`: IR as a graph in Graphviz' language; `dot -Tsvg` draws it.

Operations are nodes and values edges from what defines them to what uses them. An operation with regions is
a cluster: its own node stands for the arguments of its first block, and its results come from its terminator.
Of a network, units are the nodes and channels the edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnregisteredOp,
)
from xdsl.ir import Attribute, Block, Operation, OpResult, SSAValue
from xdsl.traits import IsTerminator
from xdsl.utils.target import Target

from ...dialects.dataflow_kernel import KernelOp
from ...dialects.dataflow_units import UnitOp
from ...dialects.tensors import ChannelType

INDENT = "  "


@dataclass(frozen=True)
class DotWriter(Target):
    """Writes a module as a graph."""

    name: ClassVar[str] = "dot"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Any IR, valid or not."""
        output.write("\n".join(_Graph(module).lines()) + "\n")


def quoted(text: str) -> str:
    """A text as a label, which shows it as it is: Graphviz reads escapes and entities in labels."""
    return f'"{"".join(map(_escaped, text))}"'


ESCAPES = {"\\": r"\\", '"': r"\"", "&": "&amp;", "\n": r"\n"}


def _escaped(character: str) -> str:
    shown = character if character >= " " and character != "\x7f" else rf"\\x{ord(character):02x}"
    return ESCAPES.get(character, shown)


class _Graph:
    """Numbers everything first, as an edge may lead to what stands further down."""

    def __init__(self, module: ModuleOp):
        self.module = module
        ops = list(module.walk())
        blocks = [block for op in ops for region in op.regions for block in [*region.blocks][1:]]
        self.ids: dict[Operation | Block, str] = {
            one: f"n{number}" for number, one in enumerate([*ops, *blocks])
        }
        self.edges: list[str] = []

    def lines(self) -> Iterator[str]:
        """The whole graph."""
        yield "digraph {"
        yield f"{INDENT}node [shape=box];"
        if self.module.sym_name is not None:
            yield f"{INDENT}label={quoted(self.module.sym_name.data)};"
        for block in self.module.body.blocks:
            yield from self._block(block, INDENT)
        yield from (f"{INDENT}{edge}" for edge in self.edges)
        yield "}"

    def _block(self, block: Block, indent: str) -> Iterator[str]:
        for op in block.ops:
            yield from self._operation(op, indent)
        if not any(
            op.operands or op.results or op.regions for op in block.ops
        ):  # commands, one after the other
            for op in block.ops:
                if op.next_op is not None:
                    self._edge(op, op.next_op, "", "style=dashed")

    def _operation(self, op: Operation, indent: str) -> Iterator[str]:
        node = f"{self.ids[op]} [label={quoted(_label(op))}];"
        for value in op.operands:
            self._edge(_source(value), op, _named(value))
        for block in op.successors:
            self._edge(op, block if block in self.ids else block.parent_op(), "", "style=dashed")
        if not any(region.blocks for region in op.regions):
            yield f"{indent}{node}"
            return
        yield f"{indent}subgraph cluster_{self.ids[op]} {{"
        inner = indent + INDENT
        if isinstance(op, KernelOp):
            yield f"{inner}label={quoted(_kernel_label(op))};"
            yield from self._network(op, inner)
        else:
            yield f"{inner}{node}"
            yield from self._regions(op, inner)
        yield f"{indent}}}"

    def _regions(self, op: Operation, indent: str) -> Iterator[str]:
        for region in op.regions:
            for number, block in enumerate(region.blocks):
                if number:
                    yield f"{indent}{self.ids[block]} [label={quoted(f'^{number}')} shape=ellipse];"
                yield from self._block(block, indent)

    def _network(self, kernel: KernelOp, indent: str) -> Iterator[str]:
        for unit in kernel.units():
            yield f"{indent}{self.ids[unit]} [label={quoted(_unit_label(unit))}];"
        for channel in kernel.channels():
            label = f"{channel.label} depth {channel.depth.value.data}"
            for producer in channel.producers():
                for consumer in channel.consumers():
                    self._edge(producer, consumer, label)

    def _edge(
        self, start: Operation | Block | None, end: Operation | Block | None, label: str, style: str = ""
    ) -> None:
        if start is None or end is None:
            return
        form = " ".join(filter(None, [f"label={quoted(label)}" if label else "", style]))
        self.edges.append(f"{self.ids[start]} -> {self.ids[end]} [{form}];")


def _source(value: SSAValue) -> Operation | Block | None:
    """What an edge of a value begins at."""
    owner = value.owner
    if isinstance(value, OpResult):
        lasts = [block.last_op for region in value.op.regions for block in region.blocks]
        last = lasts[0] if len(lasts) == 1 else None
        ends = last is not None and last.has_trait(IsTerminator, value_if_unregistered=False)
        if last is not None and ends and len(last.operands) == len(value.op.results):
            return last
        return value.op
    region = owner.parent if isinstance(owner, Block) else None
    return owner.parent_op() if region is not None and region.blocks[0] is owner else owner


def _named(value: SSAValue) -> str:
    return f"%{value.name_hint}: {value.type}" if value.name_hint else str(value.type)


def _label(op: Operation) -> str:
    """The name of an operation and what is short of its properties, symbols first."""
    name = op.op_name.data if isinstance(op, UnregisteredOp) else op.name
    given = {**op.attributes, **op.properties}
    symbol = given.get("sym_name")
    symbols = [f"@{symbol.data}"] if isinstance(symbol, StringAttr) else []
    symbols += [str(one) for one in given.values() if isinstance(one, SymbolRefAttr)]
    others = [f"{key} = {_short(one)}" for key, one in given.items() if key not in HIDDEN and _short(one)]
    return "\n".join([" ".join([name, *symbols]), *others])


HIDDEN = ("sym_name", "op_name__")
"""Properties that a label has elsewhere."""


def _short(value: Attribute) -> str:
    match value:
        case StringAttr():
            return f'"{value.data}"'
        case IntegerAttr():
            return str(value.value.data)
        case ArrayAttr() if value.data and all(isinstance(one, SymbolRefAttr) for one in value.data):
            return str(value)
        case FloatAttr():
            return str(value.value.data)
        case _:
            return ""


def _unit_label(unit: UnitOp) -> str:
    """Its kind and title, the memory that it touches and its rate."""
    kind = unit.name if unit.name.endswith(unit.title) else f"{unit.name} {unit.title}"
    memory = [_named(value) for value in unit.operands if not isinstance(value.type, ChannelType)]
    result = [] if unit.stored_result is None else [f"result {unit.stored_result}"]
    return "\n".join([kind, *memory, *result, f"rate {unit.runs}"])


def _kernel_label(kernel: KernelOp) -> str:
    loops = kernel.attributes.get("loops")
    return "\n".join([_label(kernel), *([] if loops is None else [str(loops)])])
