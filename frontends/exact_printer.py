"""xDSL's printer, made to print what reads back: the text is xDSL's wherever that is so.

An operation whose own form leaves something out is printed in the generic form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import StringIO
from typing import IO, Any

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import (
    AnyFloat,
    ComplexType,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FunctionType,
    FusedLoc,
    IntegerType,
    ModuleOp,
    NoneAttr,
    UnregisteredAttr,
)
from xdsl.ir import Attribute, Block, Dialect, Operation, Region, SSAValue
from xdsl.printer import Printer
from xdsl.syntax_printer import SyntaxPrinter
from xdsl.targets.mlir import MLIRTarget

from .exact_forms import Signature, is_implied, leaves_out, signature
from .exact_numbers import WIDE, has_other_bytes, to_bits

_COUNT = re.compile(r"(?:_\d+)+$", re.ASCII)
_NOT_IN_NAMES = re.compile(r"[^\w$.-]", re.ASCII)


class ExactPrinter(Printer):
    """Prints a module so that `LocatedParser` reads the same one."""

    def __init__(self, stream: IO[str] | None = None, **options: Any):
        super().__init__(stream, **options)
        self._all_generic = self.print_generic_format
        self._signature: Signature | None = None
        self._forms: dict[type[Attribute], Callable[[Any], None]] = {
            DenseIntOrFPElementsAttr: self._print_dense,
            DenseArrayBase: self._print_array,
            FunctionType: self._print_function_type,
            FusedLoc: self._print_fused,
        }

    def print_op(self, op: Operation) -> None:
        """An operation, in the generic form where its own one leaves something out."""
        if not self._all_generic:
            self.print_generic_format = leaves_out(op)
            self._signature = None if self.print_generic_format else signature(op)
        super().print_op(op)

    def print_operation_type(self, op: Operation) -> None:
        """The type; the location of a form of an operation's own stands behind all of it."""
        is_generic = self._all_generic or type(op).print is Operation.print or leaves_out(op)
        if not self.print_debuginfo or is_generic:
            return super().print_operation_type(op)
        self.print_function_type(op.operand_types, op.result_types)

    def print_attribute(self, attribute: Attribute) -> None:
        """An attribute, with all its bits."""
        kind = attribute.__class__
        if (form := self._forms.get(kind)) is None:
            form = self._print_raw if issubclass(kind, UnregisteredAttr) else super().print_attribute
            self._forms[kind] = form
        form(attribute)

    def print_region(
        self,
        region: Region,
        print_entry_block_args: bool = True,
        print_empty_block: bool = True,
        print_block_terminators: bool = True,
    ) -> None:
        """A region; a first block whose name is not printed takes none from the others."""
        first = region.blocks.first
        if first is not None:
            shown = print_entry_block_args if first.args else False
            if not shown and (first.ops or not print_empty_block):
                self._blocks.setdefault(first, "bb0")
        super().print_region(region, print_entry_block_args, print_empty_block, print_block_terminators)

    def print_block(
        self, block: Block, print_block_args: bool = True, print_block_terminator: bool = True
    ) -> None:
        """A block, without its terminator only where the parser adds the same one."""
        shown = print_block_terminator or not is_implied(block.last_op)
        super().print_block(block, print_block_args, shown)

    def print_ssa_value(self, value: SSAValue) -> str:
        """A value, by a name that no other one has and that is ASCII."""
        if value not in self._ssa_values and (hint := value.name_hint) and (name := _plain(hint)) != hint:
            self._ssa_values[value] = _count(name, self.ssa_names) if name else self._get_new_valid_name_id()
        return super().print_ssa_value(value)

    def _populate_block_name(self, block: Block, block_index: int | None = None) -> None:
        hint = block.name_hint
        if hint and (name := _plain(hint)) and not Block.is_default_block_name(name):
            self._blocks[block] = _count(name, self.block_names)
        else:
            self._blocks[block] = (
                f"bb{self._get_new_valid_block_id() if block_index is None else block_index}"
            )

    def print_string_literal(self, string: str) -> None:
        """A string; what is no Unicode in it, as in names of files, is replaced."""
        self.print_bytes_literal(string.encode("utf-8", "replace"))

    def print_float(self, value: float, type: AnyFloat) -> None:
        """A float, as xDSL prints it, and those that it prints none of."""
        if type.__class__ not in WIDE:
            return super().print_float(value, type)
        short = f"{value:.6e}"
        if value - value != 0.0:
            self.print_string(f"0x{to_bits(value, type):0{type.bitwidth // 4}X}")
        else:
            self.print_string(short if float(short) == value else repr(value))

    def print_resource_handle(self, dialect: str, handle: str) -> None:
        """The name of a resource, as a string where it is no identifier."""
        self._dialect_resources.setdefault(dialect, set()).add(handle)
        self.print_identifier_or_string_literal(handle)

    def print_metadata(self, dialects: Iterable[Dialect]) -> None:
        """The resources that were named, behind the module."""
        texts = [text for one in dialects if (text := self._resources_of(one))]
        if texts:
            body = ",\n    ".join(texts)
            self.print_string(f"\n\n{{-#\n  dialect_resources: {{\n    {body}\n  }}\n#-}}", indent=0)

    def _resources_of(self, dialect: Dialect) -> str:
        interface = dialect.get_interface(OpAsmDialectInterface)
        keys = self._dialect_resources.get(dialect.name)
        if interface is None or not keys or not (blobs := interface.build_resources(keys)):
            return ""
        stream = StringIO()
        shown = ExactPrinter(stream)
        for index, (key, blob) in enumerate(sorted(blobs.items())):
            shown.print_string("," if index else "")
            shown.print_identifier_or_string_literal(key)
            shown.print_string(f': "{blob}"')
        return f"{dialect.name}: {{\n      {stream.getvalue()}\n    }}"

    def _print_raw(self, attribute: Attribute) -> None:
        """Without indentation, which the parser would take for a part of it."""
        indent, self._indent = self._indent, 0
        super().print_attribute(attribute)
        self._indent = indent

    def _print_function_type(self, type: FunctionType) -> None:
        if self._signature is None or self._signature[0] is not type:
            return super().print_attribute(type)
        (_, arguments, results), self._signature = self._signature, None
        with self.in_parens():
            self.print_list(zip(type.inputs, arguments, strict=True), self._print_with_attributes)
        self.print_string(" -> ")
        with self.in_parens():
            self.print_list(zip(type.outputs, results, strict=True), self._print_with_attributes)

    def _print_with_attributes(self, given: tuple[Attribute, DictionaryAttr]) -> None:
        self.print_attribute(given[0])
        self.print_op_attributes(given[1].data)

    def _print_fused(self, location: FusedLoc) -> None:
        if isinstance(location.metadata, NoneAttr):
            return super().print_attribute(location)
        with self.in_location():
            self.print_string("fused")
            with self.in_angle_brackets():
                self.printing_location = False
                self.print_attribute(location.metadata)
                self.printing_location = True
            self.print_attribute(location.locations)

    def _print_array(self, array: DenseArrayBase) -> None:
        type, data = array.elt_type, array.data.data
        if isinstance(type, IntegerType) or type.pack(type.unpack(data, len(array))) == data:
            return super().print_attribute(array)
        size = type.size
        self.print_string("array")
        with self.in_angle_brackets():
            self.print_attribute(type)
            self.print_string(": ")
            numbers = (data[at : at + size][::-1] for at in range(0, len(data), size))
            self.print_list(numbers, lambda bits: self.print_string(f"0x{bits.hex()}"))

    def _print_dense(self, dense: DenseIntOrFPElementsAttr) -> None:
        """By its bits where the numbers do not say all of them, and by its numbers where xDSL stores bits in
        another way than MLIR."""
        if _loses_bits(dense):
            with self.delimited('dense<"0x', '"> : '):
                self.print_string(dense.data.data.hex().upper())
        elif len(dense) > 100 and has_other_bytes(dense.get_element_type()) and not dense.is_splat():
            with self.delimited("dense<", "> : "):
                dense._print_dense_list(dense.get_values(), dense.get_shape(), self)  # pyright: ignore
        else:
            return super().print_attribute(dense)
        self.print_attribute(dense.type)


def _plain(hint: str) -> str:
    """A name without the counts that printers append, in ASCII."""
    if not hint.isascii():
        hint = _NOT_IN_NAMES.sub("_", hint)
    return _COUNT.sub("", hint) if hint[-1].isdigit() else hint


def _count(name: str, counts: dict[str, int]) -> str:
    """The next one of a name."""
    count = counts.get(name, 0)
    counts[name] = count + 1
    return f"{name}_{count}" if count else name


def _loses_bits(dense: DenseIntOrFPElementsAttr) -> bool:
    """Whether the numbers of a `dense` say less than its bits: zeros of both signs, and some NaNs."""
    type, data, count = dense.get_element_type(), dense.data.data, len(dense)
    scalar = type.element_type if isinstance(type, ComplexType) else type
    if not isinstance(scalar, AnyFloat) or not count:
        return False
    one = data[: type.compile_time_size]
    if count > 1 and data != one * count:
        if not data.strip(b"\x00\x80") and dense.is_splat():
            return True
        one = b"" if count > 100 else data
    return scalar.pack(scalar.unpack(one, len(one) // scalar.compile_time_size)) != one


class _HighlightingPrinter(ExactPrinter, SyntaxPrinter):
    """With colours, for terminals."""


@dataclass(frozen=True)
class ExactTarget(MLIRTarget):
    """MLIR text that reads back."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Print a module and its resources."""
        printer = (_HighlightingPrinter if self.syntax_highlight else ExactPrinter)(
            output,
            print_generic_format=self.print_generic_format,
            print_properties_as_attributes=self.print_properties_as_attributes,
            print_debuginfo=self.print_debuginfo,
        )
        printer.print_op(module)
        printer.print_metadata(ctx.loaded_dialects)
        output.write("\n\n")


def text_of(op: Operation, **options: bool) -> str:
    """The text of an operation, with the options of xDSL's printer."""
    stream = StringIO()
    ExactPrinter(stream, **options).print_op(op)
    return stream.getvalue()
