"""Kinds of hunts that make inputs by themselves, and judge them by more than how a tool ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from watching import Ending, watched


@dataclass(frozen=True)
class Judgement:
    """What is said of an input."""

    verdict: str
    wrong: str = ""
    """What is wrong, alike for inputs that show the same; empty where all is well."""
    detail: str = ""
    fields: tuple[str, ...] = ()
    """What was changed, or what the input has."""


class Hunted(Protocol):
    """A kind of inputs."""

    @property
    def name(self) -> str: ...

    @property
    def file(self) -> str:
        """What the file of an input is called."""
        ...

    def input(self, seed: int) -> bytes:
        """The input of a seed."""
        ...

    def answer(self, seed: int) -> tuple[bytes, Ending]:
        """The input of a seed where something is wrong with it, and how it has ended."""
        ...


@dataclass(frozen=True)
class Judged:
    """A kind whose inputs are made and judged by functions of a seed."""

    name: str
    file: str
    text: Callable[[int], str]
    judge: Callable[[int], Judgement]

    def input(self, seed: int) -> bytes:
        """The text of a seed."""
        return self.text(seed).encode()

    def answer(self, seed: int) -> tuple[bytes, Ending]:
        """Judge the input of a seed within limits of time and memory; an error of ours is wrong."""
        found = list[Judgement]()

        def body() -> int:
            found.append(self.judge(seed))
            return 0

        ending = watched(body)
        if ending.wrong:
            return self.input(seed), replace(ending, verdict="internal error")
        (one,) = found
        ending = replace(ending, wrong=one.wrong, detail=one.detail, verdict=one.verdict, fields=one.fields)
        return (self.input(seed) if one.wrong else b""), ending


def ir_mutants(level: str) -> Judged:
    """Changes of IR at a level."""

    def text(seed: int) -> str:
        from ir_mutants import mutant_of

        return mutant_of(level, seed)[1].text

    def judge(seed: int) -> Judgement:
        from ir_mutants import WRONG, judge, mutant_of

        variant, edit = mutant_of(level, seed)
        found = judge(variant, edit.text)
        wrong = f"{found.name}, {edit.kind} of {variant.model} {variant.name}" if found.name == WRONG else ""
        return Judgement(found.name, wrong, f"{edit.line}\n{found.detail}", (edit.kind,))

    return Judged(f"{level} mutant", "m.mlir", text, judge)


def _text_of_model(seed: int) -> str:
    from model_judging import text_of

    return text_of(seed)


def _judge_model(seed: int) -> Judgement:
    from model_judging import WRONG, outcomes

    found = [*outcomes(seed)]
    wrong = [one for one in found if one.name in WRONG]
    what = f"{wrong[0].name}: {wrong[0].variant}" if wrong else ""
    refused = sum(one.name == "refused" for one in found)
    verdict = what or (f"equal, {refused} of {len(found)} variants refused" if refused else "equal")
    return Judgement(verdict, what, "\n".join(f"{one.variant}: {one.detail}" for one in wrong))


def _layers_of_model(seed: int) -> str:
    from layer_models import model_text
    from layer_models_ir import is_said_by_language, model_module
    from random_models import random_model

    model = random_model(Random(seed))
    return model_text(model) if is_said_by_language(model) else str(model_module(model))


def _judge_layers(seed: int) -> Judgement:
    """Bits, cycles with and without data and jumps, and the fewest calls that loops can leave."""
    from model_checks import check_model
    from random_models import random_model

    found = check_model(random_model(Random(seed))).findings
    if not found:
        return Judgement("as it must be")
    return Judgement(found[0].kind, " ".join(found[0].likeness), f"{found[0].variant}\n{found[0].message}")


def _module(seed: int) -> str:
    from random_ir import Modules
    from text_checks import open_context

    return str(Modules(Random(seed), open_context()).module())


def _judge_module(seed: int) -> Judgement:
    """Its text, in all forms, reads back as the same module."""
    from random_ir import Modules
    from text_checks import open_context, text_findings

    context = open_context()
    found = [*text_findings(context, Modules(Random(seed), context).module())]
    return Judgement("lost" if found else "the same", found[0][:80] if found else "", "\n".join(found))


JUDGED = (
    *(ir_mutants(level) for level in ("nn", "kernel", "dataflow", "rdu")),
    Judged("random text", "m.kl", _text_of_model, _judge_model),
    Judged("random layers", "m.kl", _layers_of_model, _judge_layers),
    Judged("printed", "m.mlir", _module, _judge_module),
)
"""Random IR and models."""
