"""The moves of `kl-opt --reduce` that take operations out of a module.

A move makes a module smaller in one respect, if it can, and says nothing of whether the module is valid then.
Operations have numbers, in the order of a walk; the module has 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import FunctionType, ModuleOp, UnregisteredOp
from xdsl.ir import Attribute, Block, Operation, OpResult, SSAValue
from xdsl.traits import IsolatedFromAbove, IsTerminator

FUNCTION_TYPE = "function_type"


class Move(ABC):
    """One change; for the same module it does always the same."""

    @abstractmethod
    def apply(self, module: ModuleOp) -> bool:
        """Change a module in place; false, with the module in any state, where that cannot be done."""


def operation_at(module: ModuleOp, number: int) -> Operation:
    """The operation of a number."""
    return next(op for index, op in enumerate(module.walk()) if index == number)


@dataclass(frozen=True)
class Removal(Move):
    """Operations go, those with consecutive numbers; a terminator goes with its block alone.

    What uses their results uses values of the same type that are there before, or else new arguments of the
    function, or the unregistered operation, around; with `adds_arguments` only the latter.
    """

    numbers: range
    adds_arguments: bool = False

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        chosen = {op for index, op in enumerate(module.walk()) if index in self.numbers}
        chosen -= {op for op in chosen if _is_terminator(op) and op.parent_op() not in chosen}
        tops = [op for op in chosen if not is_in(op.parent_op(), chosen)]
        results = [result for op in tops for result in op.results]
        outside = [one for one in results if any(not is_in(use.operation, chosen) for use in one.uses)]
        if not tops or (self.adds_arguments and not outside):
            return False
        values: list[SSAValue | None] = [self._instead(one, chosen) for one in outside]
        for result, value in zip(outside, values, strict=True):
            if value is None:
                return False
            for use in [use for use in result.uses if not is_in(use.operation, chosen)]:
                use.operation.operands[use.index] = value
        for op in tops:
            op.detach()
        for op in tops:
            op.drop_all_references()
        return True

    def _instead(self, result: OpResult, chosen: set[Operation]) -> SSAValue | None:
        if not self.adds_arguments:
            found = (one for one in _visible(result.op) if one.type == result.type)
            value = next((one for one in found if not is_in(one.owner, chosen)), None)
            if value is not None:
                return value
        return _new_argument(result.op, result.type)


def is_in(part: Operation | Block | None, ops: set[Operation]) -> bool:
    """Whether something is one of some operations, or is inside one."""
    while part is not None:
        if isinstance(part, Operation) and part in ops:
            return True
        part = part.parent_op()
    return False


def _visible(op: Operation) -> Iterator[SSAValue]:
    """Values that are defined before an operation: arguments first, then the earliest results."""
    here: Operation | None = op
    while here is not None and (block := here.parent) is not None:
        yield from block.args
        yield from _results_before(block, here)
        region = block.parent
        if region is not None and (entry := region.blocks[0]) is not block:
            yield from entry.args
            yield from _results_before(entry, None)
        here = block.parent_op()
        if here is not None and here.has_trait(IsolatedFromAbove, value_if_unregistered=False):
            return


def _results_before(block: Block, end: Operation | None) -> Iterator[SSAValue]:
    for op in block.ops:
        if op is end:
            return
        yield from op.results


def _new_argument(op: Operation, kind: Attribute) -> SSAValue | None:
    """A new last argument of the nearest function or unregistered operation around, if there is one."""
    here = op
    while (owner := here.parent_op()) is not None and not isinstance(owner, ModuleOp):
        region = here.parent_region()
        assert region is not None, "it has a parent"
        entry = region.blocks[0]
        if (function := function_type_of(owner)) is not None:
            set_function_type(owner, [*function.inputs, kind], [*function.outputs])
            return entry.insert_arg(kind, len(entry.args))
        if isinstance(owner, UnregisteredOp):
            return entry.insert_arg(kind, len(entry.args))
        here = owner
    return None


def function_type_of(op: Operation) -> FunctionType | None:
    """The type of a function, ours or another one; None for what is no function."""
    found = op.properties.get(FUNCTION_TYPE, op.attributes.get(FUNCTION_TYPE))
    return found if isinstance(found, FunctionType) else None


def set_function_type(op: Operation, inputs: Sequence[Attribute], outputs: Sequence[Attribute]) -> None:
    """Give a function another type."""
    holder = op.properties if FUNCTION_TYPE in op.properties else op.attributes
    holder[FUNCTION_TYPE] = FunctionType.from_lists(inputs, outputs)


@dataclass(frozen=True)
class Inlining(Move):
    """What is in the only block of a region takes the place of its operation, and of the other regions."""

    number: int
    region: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        op = operation_at(module, self.number)
        isolated = op.has_trait(IsolatedFromAbove, value_if_unregistered=False)
        region = op.regions[self.region]
        if isolated or len(region.blocks) != 1:
            return False
        block, parent, ends = region.block, op.parent, _ends(region.block)
        assert parent is not None, "it is not the module"
        for one in block.args:
            value = next((value for value in _visible(op) if value.type == one.type), None)
            if value is not None:
                one.replace_all_uses_with(value)
            elif one.uses.get_length():
                return False
        if any(one.uses.get_length() for one in op.results):
            if [one.type for one in ends] != [one.type for one in op.results]:
                return False
            for result, value in zip(op.results, ends, strict=True):
                result.replace_all_uses_with(value)
        for one in [one for one in block.ops if not _is_terminator(one)]:
            one.detach()
            parent.insert_op_before(one, op)
        op.detach()
        op.drop_all_references()
        return True


def _ends(block: Block) -> Sequence[SSAValue]:
    """What a block hands to the operation around it."""
    last = block.last_op
    return last.operands if last is not None and _is_terminator(last) else ()


def _is_terminator(op: Operation) -> bool:
    return op.has_trait(IsTerminator, value_if_unregistered=False)


@dataclass(frozen=True)
class Merging(Move):
    """A block that only one branch leads to, and that nowhere else, becomes the end of the block before."""

    number: int
    region: int
    block: int

    def apply(self, module: ModuleOp) -> bool:
        """Changes the module in place."""
        block = operation_at(module, self.number).regions[self.region].blocks[self.block]
        leading = [use.operation for use in block.uses]
        if len(leading) != 1:
            return False
        (branch,) = leading
        before, region = branch.parent, block.parent
        if (
            before is None
            or region is None
            or before is block
            or branch.regions
            or len(branch.successors) != 1
        ):
            return False
        if [one.type for one in branch.operands] != [one.type for one in block.args]:
            return False
        for argument, value in zip(block.args, branch.operands, strict=True):
            argument.replace_all_uses_with(value)
        branch.detach()
        branch.drop_all_references()
        for op in [*block.ops]:
            op.detach()
            before.add_op(op)
        region.detach_block(block)
        return True
