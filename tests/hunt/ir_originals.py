"""Small models in many variants as texts of IR at each level, and what their steps give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from kl.backends.sn40l.target import SN40L_TARGET
from kl.backends.targets import Choice
from kl.dialects.vocabulary import IrLevel
from kl.frontends import load_model
from kl.frontends.exact_printer import text_of
from kl.tools.against import ModelReference
from kl.tools.driver import run_passes
from kl.tools.lowering import default_passes, phased, with_sockets
from kl.tools.pipelines import Passes, join_passes
from kl.tools.driver import parse_passes
from kl.tools.universe import available_passes, make_context

MODELS = Path(__file__).parent / "ir_models"
TILES = "tile-stages{tile-bytes=32 least-tiles=2 least-run-bytes=1}"
"""Tiles so small that these small models have several."""
CONTEXT = make_context()


@dataclass(frozen=True, eq=False)
class Variant:
    """A model, and how it is compiled."""

    model: str
    name: str
    choice: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sockets: int = 1

    @property
    def chosen(self) -> Choice:
        """What is chosen, as passes take it."""
        return Choice(**self.choice)


VARIANTS = (
    Variant("decoder", "looped"),
    Variant("decoder", "unfused", {"fusion": "op", "loop": False}),
    Variant("decoder", "single", {"single_call": True}),
    Variant("decoder", "stepped", {"steps_per_call": 2}),
    Variant("decoder", "stopped", {"steps_per_call": 2, "stop_token": 0}),
    Variant("decoder", "resident", {"resident": True}),
    Variant("decoder", "sockets", sockets=2),
    Variant("decoder", "sockets unfused", {"fusion": "op", "loop": False}, 2),
    Variant("decoder", "sockets stepped", {"steps_per_call": 2}, 2),
    Variant("experts", "looped"),
    Variant("experts", "single", {"single_call": True}),
    Variant("experts", "sockets", sockets=2),
    Variant("experts", "whole experts", {"expert_sharding": "sockets"}, 2),
)


@cache
def reference(model: str) -> ModelReference:
    """What programs of a model are held against; each step is made once."""
    return ModelReference(load_model(_text_of_model(model), model))


def _text_of_model(model: str) -> str:
    return (MODELS / f"{model}.kl").read_text()


def passes_of(variant: Variant, start: IrLevel, end: IrLevel) -> Passes:
    """The passes of a variant, which cut small tiles."""
    passes = with_sockets(default_passes(SN40L_TARGET, start, end, variant.chosen), variant.sockets)
    return tuple(TILES if one.startswith("tile-stages") else one for one in passes)


@cache
def text_at(variant: Variant, level: IrLevel) -> str:
    """A variant at a level; a model at the level nn is split over the sockets that it has."""
    module = load_model(_text_of_model(variant.model), variant.model)
    passes = passes_of(variant, "nn", "kernel")[:1] if level == "nn" else passes_of(variant, "nn", level)
    lowered(module, passes)
    return text_of(module)


def lowered(module: Any, passes: Sequence[str]) -> None:
    """Run passes, with the checks of levels."""
    made = parse_passes(available_passes(), join_passes(passes))
    run_passes(CONTEXT, module, phased(module, made, SN40L_TARGET), verify=False)
