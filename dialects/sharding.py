"""How values lie on the sockets of a machine: the words in which an operation gives its shard rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import count

from .vocabulary import ExpertSharding


@dataclass(frozen=True)
class Replicated:
    """Every socket has the whole value."""

    def __str__(self) -> str:
        return "whole"


@dataclass(frozen=True)
class Split:
    """Every socket has one of `parts` equal parts along an axis; with fewer parts neighbours share one.

    With `runs`, zeros are put between the elements of the axis first: so many of its elements, so many
    zeros, and so on in turn.
    """

    axis: int
    parts: int
    runs: tuple[int, ...] = ()
    zeros: bool = field(default=False, compare=False)
    """What has been put in is known to be zeros still; it may have become other numbers."""
    blocks: int = 1
    """The axis is so many equal blocks, one behind the other, and each part has its part of each block;
    `runs` are those of a block."""
    repeats: int = 1
    """Each element of the axis stands so often first, and what is more than `runs` have is left out."""
    places: int = 0
    """With that, each part has whole blocks instead, those of its own experts, which are known at run time:
    room for so many, the rest of which is empty."""

    def extent(self, whole: int) -> int:
        """The extent of one part; without zeros the parts divide the whole extent."""
        if self.places:
            return whole // self.blocks * self.places
        return (sum(self.runs) * self.blocks or whole * self.repeats) // self.parts

    def whole(self, part: int) -> int:
        """The extent of the whole axis, of which one part has so much; without zeros and repetitions.

        Raises: ValueError where parts of that extent are none of this split.
        """
        if self.places:
            if part % self.places:
                raise ValueError(f"{part} elements are no {self.places} blocks")
            return part // self.places * self.blocks
        padded = part * self.parts
        if self.runs and sum(self.runs) * self.blocks != padded:
            raise ValueError(f"{self.parts} parts of {part} elements are {padded}, not {sum(self.runs)}")
        return -(-(sum(self.runs[::2]) * self.blocks or padded) // self.repeats)

    @property
    def ends_in_zeros(self) -> bool:
        """Whether all zeros stand behind the last element, so that the whole is cut off what is gathered."""
        return len(self.runs) == 2

    def __str__(self) -> str:
        text = f"in {self.parts} parts along axis {self.axis}"
        if self.places:
            return f"{text}, each with room for {self.places} of {self.blocks} blocks"
        text += f" of each of {self.blocks} blocks" if self.blocks > 1 else ""
        text += f", each element {self.repeats} times" if self.repeats > 1 else ""
        return f"{text}, padded from {sum(self.runs[::2])} to {sum(self.runs)}" if self.runs else text


@dataclass(frozen=True)
class Partial:
    """Every socket has a summand; the value is the sum over the sockets, which still has to be made."""

    def __str__(self) -> str:
        return "in summands that are still to be added up"


_LARGE_PART, _PART_MULTIPLE = 4096, 64
"""A part that is padded anyway and has so many elements or more is padded to a multiple, which tiles divide.

Assumed: it costs 63 of 4,096 elements at most, 1.5 %.
"""

Placement = Replicated | Split
Layout = Replicated | Split | Partial

REPLICATED = Replicated()
PARTIAL = Partial()


def split(axis: int, parts: int, runs: tuple[int, ...] = ()) -> Placement:
    """The split in so many parts; one part is the whole."""
    return Split(axis, parts, runs) if parts > 1 else REPLICATED


def zeros_in(placement: Placement) -> Placement:
    """The same where zeros stand between the elements, as in weights and in products with them."""
    return replace(placement, zeros=True) if isinstance(placement, Split) else placement


def shifted(placement: Placement, axes: int) -> Placement:
    """The same so many axes further right; whole where a tensor of lower rank has no such axis."""
    if isinstance(placement, Replicated) or placement.axis + axes < 0:
        return REPLICATED
    return replace(placement, axis=placement.axis + axes)


def resized(placement: Placement, extent: int, old: int, new: int) -> Placement | None:
    """The same heads of an axis of `extent` elements, each of `new` elements in the place of `old`.

    None where the parts or the zeros between them cut heads.
    """
    if isinstance(placement, Replicated):
        return placement
    if placement.blocks > 1 or any(run % old for run in (placement.extent(extent), *placement.runs)):
        return None
    return replace(placement, runs=tuple(run // old * new for run in placement.runs))


def whole_blocks(
    block: Sequence[int], pieces: Sequence[int], codes: Split, scales: Placement, extent: int
) -> Sequence[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Blocks that share a scale, and pieces, of which those of a part may be parts, along the axis of its
    codes, of whose whole so much is.
    """
    axis = codes.axis
    longer = block[axis] * scales.repeats if isinstance(scales, Split) else extent // codes.blocks
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
    for own in (block[axis], longer):
        for piece in (pieces[axis], pieces[axis] * codes.parts):
            blocks = (*block[:axis], own, *block[axis + 1 :])
            found[blocks, (*pieces[:axis], piece, *pieces[axis + 1 :])] = None
    return [*found]


class CannotSplit(Exception):
    """A shard rule refuses: the message, and the way out."""

    def __init__(self, message: str, way_out: str):
        super().__init__(message)
        self.message = message
        self.way_out = way_out


def uneven(extent: int, parts: int, what: str, other: str = "") -> CannotSplit:
    """The refusal of what would have to be padded, and is not; `other` is one more way out."""
    message = f"{extent} {what} do not split evenly over {parts} sockets"
    return CannotSplit(message, f"take a number of sockets that divides them{other and f', or {other}'}")


@dataclass(frozen=True)
class Sharded:
    """What a shard rule says: how the operands are needed, how the result lies, what the user should know.

    What is split and needed whole is gathered first; a `PARTIAL` result is added up behind its operation.
    """

    operands: tuple[Placement, ...]
    result: Layout = REPLICATED
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShardView:
    """What a shard rule sees of the model around its operation."""

    sockets: int
    operands: tuple[Placement, ...]
    """How each operand lies."""
    free: frozenset[int]
    """Numbers of the operands that are weights or states of the module: they lie as they are needed."""
    wanted: Placement | None = None
    """How the result ought to lie for the heads that it holds."""
    preferred: Mapping[int, Placement] = field(default_factory=dict[int, "Placement"])
    """How operands that are views of weights had best be split, by number."""
    experts: ExpertSharding = "ffn"
    """What of the experts each socket has."""

    def require_free(self, number: int, what: str) -> None:
        """Raises: CannotSplit unless an operand is a weight or state."""
        if number not in self.free:
            message = f"{what} is no weight or state of the module, so it cannot be split over the sockets"
            raise CannotSplit(message, "declare it as one, or run on one socket")

    def require_even(self, extent: int, parts: int, what: str, other: str = "") -> None:
        """Raises: CannotSplit for what would have to be padded, and is not; `other` is one more way out."""
        if extent % parts:
            raise uneven(extent, parts, what, other)

    def padded(self, axis: int, extent: int, what: str) -> tuple[Placement, tuple[str, ...]]:
        """An axis split over all sockets, with zeros behind the last element where it does not divide."""
        part = -(-extent // self.sockets)
        if extent % self.sockets and part >= _LARGE_PART:
            part = -(-part // _PART_MULTIPLE) * _PART_MULTIPLE
        padded = part * self.sockets
        runs = (extent, padded - extent) if padded > extent else ()
        return split(axis, self.sockets, runs), self.padding(extent, padded, what)

    def padding(self, extent: int, padded: int, what: str) -> tuple[str, ...]:
        """The remark that zeros are stored, read and computed with; none where there are none."""
        if padded == extent:
            return ()
        message = f"{extent} {what} do not divide among {self.sockets} sockets: padded with zeros to {padded}"
        return (message,)

    def whole(self) -> Sharded:
        """The rule of an operation that needs all of its operands on every socket."""
        return Sharded((REPLICATED,) * len(self.operands))

    def alike(self, missing: Sequence[int], columns: Set[int] = frozenset(), rank: int = 0) -> Sharded:
        """Elementwise work: operands that are split alike stay so, and weights follow; else all are whole.

        `missing` leading axes each operand has less than the result: a parameter for each column has one. An
        operand without the axis that is split is whole; so are `columns`, operands of a single column, where
        the last axis of `rank` is split. What is made of weights alone lies as it is wanted.
        """
        computed = [number for number in range(len(self.operands)) if number not in self.free]
        lies = {number: shifted(self.operands[number], missing[number]) for number in computed}
        splits = [placement for placement in lies.values() if isinstance(placement, Split)]
        common = (splits[0] if splits else None) if computed else self.wanted
        if not isinstance(common, Split):
            return self.whole()
        last = common.axis == rank - 1
        without = {number for number, axes in enumerate(missing) if axes > common.axis}
        without |= columns if last else set()
        if any(lie != common and number not in without for number, lie in lies.items()):
            return self.whole()
        zeros = not without and all(placement.zeros for placement in splits)
        common = replace(common, zeros=zeros)
        needed = (
            REPLICATED if number in without else shifted(common, -axes) for number, axes in enumerate(missing)
        )
        return Sharded(tuple(needed), common)


@dataclass(frozen=True)
class Heads:
    """Query heads and KV heads over sockets.

    KV heads are padded to the next number that divides the sockets or that they divide; where sockets exceed
    it, neighbours share a KV head. The query heads of a KV head go to the sockets that have it, as many to
    each, so that they are padded, too.
    """

    queries: int
    kv: int
    sockets: int

    @property
    def padded_kv(self) -> int:
        """KV heads with those of zeros."""
        fits = (n for n in count(self.kv) if n % self.sockets == 0 or self.sockets % n == 0)
        return next(fits)

    @property
    def padded_group(self) -> int:
        """Query heads of one KV head with those of zeros."""
        sharing = max(1, self.sockets // self.padded_kv)
        return -(-self._group // sharing) * sharing

    @property
    def padded_queries(self) -> int:
        """Query heads with those of zeros."""
        return self.padded_kv * self.padded_group

    @property
    def _group(self) -> int:
        return self.queries // self.kv

    def kv_placement(self, head: int) -> Placement:
        """How an axis 1 of KV heads lies, each of `head` elements."""
        parts = min(self.padded_kv, self.sockets)
        zeros = self.padded_kv - self.kv
        return split(1, parts, (self.kv * head, zeros * head) if zeros else ())

    def query_placement(self, head: int) -> Placement:
        """How an axis 1 of query heads lies, each of `head` elements; zeros end each group and the whole."""
        if self.padded_queries == self.queries:
            return split(1, self.sockets)
        group, zeros = self._group * head, (self.padded_group - self._group) * head
        behind = (self.padded_kv - self.kv) * self.padded_group * head
        groups = (group, zeros) * self.kv if zeros else (self.kv * group, 0)
        return split(1, self.sockets, (*groups[:-1], groups[-1] + behind))
