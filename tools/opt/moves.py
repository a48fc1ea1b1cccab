"""All moves of `kl-opt --reduce`, and those that leave operations in their places, with less of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import FunctionType, ModuleOp, SymbolRefAttr, UnregisteredOp
from xdsl.ir import Operation, SSAValues

from .removal import (
    Inlining,
    Merging,
    Move,
    Removal,
    function_type_of,
    is_in,
    operation_at,
    set_function_type,
)


def moves(module: ModuleOp) -> Iterator[Move]:
    """All moves that can be tried on a module: those that take most first."""
    ops = list(module.walk())
    for number in reversed(range(1, len(ops))):
        yield Removal(range(number, number + 1))
        yield Removal(range(number, number + 1), adds_arguments=True)
    for number, op in enumerate(ops[1:], 1):
        for region, one in enumerate(op.regions):
            yield Inlining(number, region)
            yield from (Merging(number, region, block) for block in range(1, len(one.blocks)))
            yield from (Emptying(number, region) for _ in range(bool(one.blocks)))
    for number, op in enumerate(ops):
        yield from _parts(number, op)


def _parts(number: int, op: Operation) -> Iterator[Move]:
    """Moves that leave an operation in its place, with less of it."""
    yield from (Result(number, index) for index in reversed(range(len(op.results))))
    yield from (Operand(number, index) for index in reversed(range(len(op.operands))))
    for region_number, region in enumerate(op.regions):
        for block_number, block in reversed([*enumerate(region.blocks)]):
            yield from (BlockOf(number, region_number, block_number) for _ in range(block_number > 0))
            for index in reversed(range(len(block.args))):
                yield Argument(number, region_number, block_number, index)
    if (kind := function_type_of(op)) is not None:
        yield from (FunctionResult(number, index) for index in reversed(range(len(kind.outputs))))
        if not any(region.blocks for region in op.regions):
            yield from (FunctionInput(number, index) for index in reversed(range(len(kind.inputs))))
    yield from (AttributeOf(number, name, is_property=True) for name in sorted(op.properties))
    yield from (AttributeOf(number, name, is_property=False) for name in sorted(op.attributes))


@dataclass(frozen=True)
class Emptying(Move):
    """A region loses all its blocks: a function becomes a declaration."""

    number: int
    region: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        region = operation_at(module, self.number).regions[self.region]
        blocks = list(region.blocks)
        for block in blocks:
            region.detach_block(block)
        for block in blocks:
            block.drop_all_references()
        return True


@dataclass(frozen=True)
class BlockOf(Move):
    """A block that nothing leads to goes."""

    number: int
    region: int
    block: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        region = operation_at(module, self.number).regions[self.region]
        block = region.blocks[self.block]
        if any(before is not block for before in block.predecessors()):
            return False
        ops = {*block.walk()}
        values = [*block.args, *(result for op in ops for result in op.results)]
        if any(not is_in(use.operation, ops) for value in values for use in value.uses):
            return False
        region.detach_block(block).drop_all_references()
        return True


@dataclass(frozen=True)
class Result(Move):
    """An operation loses a result that nothing uses."""

    number: int
    index: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        return _drop_result(operation_at(module, self.number), self.index)


def _drop_result(op: Operation, dropped: int) -> bool:
    if op.results[dropped].uses.get_length():
        return False
    op.results = SSAValues(one for one in op.results if one.index != dropped)
    for index, one in enumerate(op.results):
        one.index = index
    return True


def _drop_operand(op: Operation, dropped: int) -> None:
    op.operands = [one for index, one in enumerate(op.operands) if index != dropped]


@dataclass(frozen=True)
class Operand(Move):
    """An operation loses an operand."""

    number: int
    index: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        _drop_operand(operation_at(module, self.number), self.index)
        return True


@dataclass(frozen=True)
class Argument(Move):
    """A block loses an argument that nothing uses; that of a function goes in its type and its calls, too."""

    number: int
    region: int
    block: int
    index: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        op = operation_at(module, self.number)
        block = op.regions[self.region].blocks[self.block]
        if block.args[self.index].uses.get_length():
            return False
        function = function_type_of(op)
        if self.block == 0 and function is not None and len(function.inputs) == len(block.args):
            _drop_input(module, op, function, self.index)
        block.erase_arg(block.args[self.index])
        return True


@dataclass(frozen=True)
class FunctionInput(Move):
    """A function without a body loses an argument, and its calls do."""

    number: int
    index: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        op = operation_at(module, self.number)
        function = function_type_of(op)
        assert function is not None, "it has arguments"
        _drop_input(module, op, function, self.index)
        return True


def _drop_input(module: ModuleOp, op: Operation, function: FunctionType, dropped: int) -> None:
    inputs = [one for index, one in enumerate(function.inputs) if index != dropped]
    set_function_type(op, inputs, [*function.outputs])
    for call in _calls(module, op):
        if len(call.operands) == len(function.inputs):
            _drop_operand(call, dropped)


@dataclass(frozen=True)
class FunctionResult(Move):
    """A function gives one value less, which no call uses."""

    number: int
    index: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        op = operation_at(module, self.number)
        function = function_type_of(op)
        assert function is not None, "it has results"
        count = len(function.outputs)
        outputs = [one for index, one in enumerate(function.outputs) if index != self.index]
        set_function_type(op, [*function.inputs], outputs)
        for last in (block.last_op for region in op.regions for block in region.blocks):
            if last is not None and len(last.operands) == count:
                _drop_operand(last, self.index)
        calls = [call for call in _calls(module, op) if len(call.results) == count]
        return all(_drop_result(call, self.index) for call in calls)


def _calls(module: ModuleOp, function: Operation) -> list[Operation]:
    """The operations that name a function."""
    name = function.properties.get("sym_name", function.attributes.get("sym_name"))
    return [
        op
        for op in module.walk()
        if any(
            isinstance(one, SymbolRefAttr) and one.root_reference == name
            for one in (*op.properties.values(), *op.attributes.values())
        )
    ]


@dataclass(frozen=True)
class AttributeOf(Move):
    """An operation loses an attribute, or a property."""

    number: int
    name: str
    is_property: bool

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        op = operation_at(module, self.number)
        if isinstance(op, UnregisteredOp) and self.name == "op_name__":  # which is its name
            return False
        del (op.properties if self.is_property else op.attributes)[self.name]
        return True
