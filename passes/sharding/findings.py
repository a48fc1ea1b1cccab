"""What the walk through a body finds: how values lie, and what operations need of weights and states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...dialects.operation import ComputeOp, Instead
from ...dialects.sharding import Layout, Placement
from ...dialects.vocabulary import ExpertSharding


@dataclass(frozen=True)
class Sockets:
    """What a model is split over, and how."""

    count: int
    experts: ExpertSharding = "ffn"
    """What of the experts each has."""


@dataclass(frozen=True)
class GlobalUse:
    """What an operation needs of a weight or state, which in its body is an argument or fetched."""

    value: SSAValue
    op: Operation
    placement: Placement


@dataclass
class BodySharding:
    """What the propagation through a body has found."""

    layouts: dict[SSAValue, Layout] = field(default_factory=dict[SSAValue, Layout])
    """Of the values that are not replicated."""
    instead: dict[Operation, Instead] = field(default_factory=dict[Operation, Instead])
    """What stands for operations that sockets compute in another way."""
    whole_uses: dict[SSAValue, list[tuple[Operation, int]]] = field(
        default_factory=dict[SSAValue, list[tuple[Operation, int]]]
    )
    """Of the split values that someone needs whole: by which operations, and as which operand."""
    global_uses: list[GlobalUse] = field(default_factory=list[GlobalUse])
    remarks: list[tuple[Operation, str]] = field(default_factory=list[tuple[Operation, str]])
    """What the user should know of an operation."""
    views: dict[ComputeOp, Placement] = field(default_factory=dict["ComputeOp", "Placement"])
    """How the results of views of weights lie."""


@dataclass(frozen=True)
class Layer:
    """A layer body that has been propagated through, as its calls see it."""

    global_arguments: Set[int]
    """Numbers of the arguments that are weights or states."""
    uses: Mapping[int, list[GlobalUse]]
    """What the body needs of each of them."""


def by_argument(body: BodySharding, layer: FuncOp) -> dict[int, list[GlobalUse]]:
    """What the body of a layer needs of its arguments, by their numbers."""
    uses: dict[int, list[GlobalUse]] = {}
    numbers: dict[SSAValue, int] = {argument: argument.index for argument in layer.args}
    for use in body.global_uses:
        if use.value in numbers:
            uses.setdefault(numbers[use.value], []).append(use)
    return uses


def together(parts: Iterable[BodySharding]) -> BodySharding:
    """What has been found in several bodies."""
    whole = BodySharding()
    for part in parts:
        whole.layouts |= part.layouts
        whole.instead |= part.instead
        whole.whole_uses |= part.whole_uses
        whole.global_uses += part.global_uses
        whole.remarks += part.remarks
        whole.views |= part.views
    return whole
