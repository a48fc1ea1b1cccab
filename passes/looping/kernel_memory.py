"""What kernels do to the memory behind their `memref` arguments, and which calls of a run get in conflict."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
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
    """The memory that several parties touch: they may share what they read, not what one of them writes.

    Parties are the rounds of a run, or the arguments of its loop.
    """

    _readers: dict[Root, dict[int | None, set[Hashable]]] = field(
        default_factory=dict[Root, dict[int | None, set[Hashable]]]
    )
    """Per root and slice, who has touched it."""
    _writers: dict[Root, dict[int | None, set[Hashable]]] = field(
        default_factory=dict[Root, dict[int | None, set[Hashable]]]
    )

    def conflicts(self, value: SSAValue, index: int | None, party: Hashable, writes: bool) -> bool:
        """Whether a party's use of a `memref` depends on another one's before it."""
        for root, part in _places(value, index):
            for touched in (self._readers, self._writers) if writes else (self._writers,):
                known = touched.get(root, {})
                others = known if part is None else known.keys() & {part, None}
                if any(len(known[other]) > (party in known[other]) for other in others):
                    return True
        return False

    def touch(self, value: SSAValue, index: int | None, party: Hashable, writes: bool) -> None:
        """Note a use of a `memref`."""
        for root, part in _places(value, index):
            for touched in (self._readers, self._writers) if writes else (self._readers,):
                touched.setdefault(root, {}).setdefault(part, set()).add(party)
