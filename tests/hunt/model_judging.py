"""A random model in many variants: each gives, to the bit, what the model's text says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ir_originals import Variant, lowered, passes_of
from model_texts import model_text

from kl.backends.sn40l.target import SN40L_TARGET
from kl.frontends import load_model
from kl.tools.against import ModelReference, check_against
from kl.tools.diagnostics import describe

ALWAYS = (Variant("", "looped"), Variant("", "unfused", {"fusion": "op", "loop": False}))
SOMETIMES = (
    Variant("", "blocks", {"fusion": "block"}),
    Variant("", "single", {"single_call": True}),
    Variant("", "stepped", {"steps_per_call": 2}),
    Variant("", "stopped", {"steps_per_call": 2, "stop_token": 1}),
    Variant("", "resident", {"resident": True}),
    Variant("", "spilled", {"spill": True}),
)
SPLIT = (
    Variant("", "2 sockets", sockets=2),
    Variant("", "4 sockets", {"fusion": "op"}, 4),
    Variant("", "2 sockets, whole experts", {"expert_sharding": "sockets"}, 2),
    Variant("", "8 sockets, stepped", {"steps_per_call": 2}, 8),
)
STEPS, SEED = 2, 11


@dataclass(frozen=True)
class Outcome:
    """What became of a variant of a model."""

    variant: str
    name: str
    """`equal`, `refused`, or, what none may be, `differs` or `refused whole`."""
    detail: str = ""


def variants_of(random: Random) -> Sequence[Variant]:
    """The two that differ most, one more, and one over sockets."""
    return (*ALWAYS, random.choice(SOMETIMES), random.choice(SPLIT))


WRONG = ("differs", "refused whole")
"""What no model may be."""


def text_of(seed: int) -> str:
    """The model of a seed."""
    return model_text(Random(f"text {seed}"))


def outcomes(seed: int) -> Iterator[Outcome]:
    """What becomes of the model of a seed."""
    text = text_of(seed)
    model = ModelReference(load_model(text, "random.kl"))
    for variant in variants_of(Random(f"variants {seed}")):
        yield _outcome(text, model, variant)


def _outcome(text: str, model: ModelReference, variant: Variant) -> Outcome:
    try:
        found = check_against(_program(text, variant), model, STEPS, SEED)
    except Exception as error:
        if describe(error) is None:
            raise
        name = "refused whole" if variant in ALWAYS else "refused"
        return Outcome(variant.name, name, str(error).strip())
    return Outcome(variant.name, "differs" if found else "equal", ", ".join(map(str, found[:2])))


def _program(text: str, variant: Variant) -> Any:
    module = load_model(text, "random.kl")
    lowered(module, passes_of(variant, "nn", "rdu"))
    return SN40L_TARGET.compile(module, "random")
