"""What kernels do to the memory behind their `memref` arguments, and which calls of a run get in conflict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.traits import MemoryEffectKind, get_effects

from ...dialects.kernel import FuncOp, LoopOp, StackOp, StepsOp
from ...dialects.nn import GetGlobalOp


def written_arguments(kernel: FuncOp) -> frozenset[int]:
    """Numbers of the `memref` arguments that a kernel may write."""
    written = (value for op in kernel.body.walk() if _may_write(op) for value in op.operands)
    return frozenset(_kernel_argument(v) for v in written if isinstance(v.type, MemRefType))


def _may_write(op: Operation) -> bool:
    """Whether an operation itself may write memory; one that does not tell its effects may."""
    if isinstance(op, LoopOp | StepsOp):
        return False
    effects = get_effects(op)
    return effects is None or any(effect.kind != MemoryEffectKind.READ for effect in effects)


def _kernel_argument(value: SSAValue) -> int:
    """The number of the kernel's argument that a `memref` in its body is, or is a slice of."""
    assert isinstance(value, BlockArgument), "no operation makes a memref"
    loop = value.block.parent_op()
    if not isinstance(loop, LoopOp):
        return value.index
    return _kernel_argument((*loop.carried, *loop.stacks)[value.index])


Root = SSAValue | str
"""A value that calls are given; a weight or state is known by its name, however often it is fetched."""


def root_of(value: SSAValue) -> Root:
    """What a value of a schedule is, in the same way for every use of it."""
    owner = value.owner
    return owner.global_name.string_value() if isinstance(owner, GetGlobalOp) else value


def _places(value: SSAValue, index: int | None) -> Iterator[tuple[Root, int | None]]:
    """The memory that a `memref` operand names: the root and the slice, None for all of it."""
    if not isinstance(value.owner, StackOp):
        yield root_of(value), index
        return
    parts = value.owner.parts
    for part in parts if index is None else (parts[index],):
        yield root_of(part), None


@dataclass
class TouchedMemory:
    """The memory that the rounds of a run touch: iterations may share what they read, not what one writes."""

    _last: dict[Root, dict[int | None, tuple[int, bool]]] = field(
        default_factory=dict[Root, dict[int | None, tuple[int, bool]]]
    )
    """per root and slice: the last round that touched it, and whether any has written it"""

    def conflicts(self, value: SSAValue, index: int | None, round: int, writes: bool) -> bool:
        """Whether a use of a `memref` in a round depends on an earlier round's."""
        for root, part in _places(value, index):
            touched = self._last.get(root, {})
            others = touched if part is None else touched.keys() & {part, None}
            for before, written in map(touched.__getitem__, others):
                if before != round and (written or writes):
                    return True
        return False

    def touch(self, value: SSAValue, index: int | None, round: int, writes: bool) -> None:
        """Note a use of a `memref` in a round."""
        for root, part in _places(value, index):
            touched = self._last.setdefault(root, {})
            _, written = touched.get(part, (round, False))
            touched[part] = (round, written or writes)
