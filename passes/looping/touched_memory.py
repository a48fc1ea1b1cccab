"""The memory that some parties touch, use by use: whether one of them touches what another one writes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from xdsl.ir import SSAValue

from ...dialects.kernel import Root, StackOp, root_of


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
