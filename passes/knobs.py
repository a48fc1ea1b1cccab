"""Knobs: what a tuner may turn in a pipeline, declared by each pass beside the option itself.

    percent: int = field(default=90, metadata={"knob": Knob(low=4, high=100, scale="log")})

Numbers may be texts: expressions over the facts of a module, once it is known. Facts are the parameters of
its machine, the sizes that `module_facts` reads off the IR, and what a knob brings with it. A pass that a
pipeline may do without says so with a knob of its own: `optional: ClassVar[Knob] = Knob((True, False))`.

A knob changes what a program costs, never what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.module_machine import parameters_of
from ..dialects.tensors import shape_of, size_bytes_of

KnobValue = int | str | bool
"""A value of an option that has a knob."""

ReadFact = Callable[[ModuleOp], int]
"""Reads a fact off a module: an extent, a size."""

Scale = Literal["linear", "log", "pow2"]
Prior = Literal["uniform", "gaussian", "decay", "exponential"]


@dataclass(frozen=True)
class Knob:
    """What an option can be: one of `values`, or a whole number from `low` to `high`.

    On the scale `pow2` the numbers are powers of two.
    """

    values: tuple[KnobValue, ...] = ()
    low: int | str = 0
    high: int | str = 0
    scale: Scale = "linear"
    ordered: bool = False
    """Whether the order of `values` means something, as it does for numbers."""
    prior: Prior = "uniform"
    """Where good values are expected: in the middle, at the low end, at the high end."""
    default: int | str | None = None
    """What an absent option stands for, where its own default is None: a number, or a text over facts and the
    options before it."""
    where: tuple[str, ...] = ()
    """Predicates: texts over facts and options of the pass, by their names in Python: `extent % tile == 0`.
    One over facts alone says whether there is such a knob at all: `sockets > 1`."""
    unit: str = ""
    """Of numbers: `bytes`, `%`; empty where they have none."""
    facts: Mapping[str, ReadFact] = field(default_factory=dict[str, ReadFact])
    """Further facts by name, and how they are read off a module."""


def option_knobs(pass_class: type[ModulePass]) -> dict[str, tuple[Knob, KnobValue | None]]:
    """The knobs of a pass's options and their defaults, by the option's name in a pipeline."""
    defaults: dict[str, Any] = {entry.name: entry.default for entry in fields(pass_class)}
    return {
        entry.name.replace("_", "-"): (entry.metadata["knob"], defaults[entry.name])
        for entry in fields(pass_class)
        if "knob" in entry.metadata
    }


def presence_knob(pass_class: type[ModulePass]) -> Knob | None:
    """The knob of whether a pass runs at all; None for one that a pipeline cannot do without."""
    return getattr(pass_class, "optional", None)


def module_facts(module: ModuleOp) -> dict[str, int]:
    """The machine's parameters, and the sizes of what a step reads, of one layer and socket.

    `largest_weight_bytes` and `largest_cache_bytes` are those of the largest weight and state; 0 where there
    is none.
    """
    weights = [op for op in module.ops if isinstance(op, nn.WeightOp)]
    states = [op for op in module.ops if isinstance(op, nn.StateOp)]
    return {
        **dict(parameters_of(module).items()),
        "largest_weight_bytes": max(map(_layer_bytes, weights), default=0),
        "largest_cache_bytes": max(map(_layer_bytes, states), default=0),
    }


def _layer_bytes(op: nn.WeightOp | nn.StateOp) -> int:
    """Of a weight or state that is stacked, the bytes of one layer."""
    layers = shape_of(op.type)[0] if op.stacked is not None else 1
    return size_bytes_of(op.type) // layers
