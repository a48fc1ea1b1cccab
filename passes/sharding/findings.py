"""What the walk through a body finds: how values lie, and what operations need of weights and states."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from xdsl.ir import Operation, SSAValue

from ...dialects.operation import ComputeOp, Instead
from ...dialects.sharding import Layout, Placement


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
