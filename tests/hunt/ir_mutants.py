"""The kind of hunt that changes IR: each mutant is refused, or runs and is held against its model's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, cast

from ir_edits import Edit, edited
from ir_originals import CONTEXT, VARIANTS, Variant, lowered, passes_of, reference, text_at

from kl.backends.runs import RunOptions
from kl.backends.sn40l.target import SN40L_TARGET
from kl.dialects.vocabulary import IrLevel
from kl.tools.against import Comparison
from kl.tools.diagnostics import describe
from kl.tools.inputs import ModuleInput, read_input
from kl.tools.reference import differing

RUN = 20
"""So many seeds in a row change the same text."""
CALLS, SEED = 2, 5
FILE = "m.mlir"
REFUSED, EQUAL, DIFFERS, WRONG = "refused", "equal", "differs", "wrong numbers"


@dataclass(frozen=True)
class Verdict:
    """What becomes of a mutant."""

    name: str
    """`refused`, `equal`, `differs`, or, what none may have, `wrong numbers`."""
    detail: str = ""
    """The message, or what differs."""


@dataclass(frozen=True)
class Numbers:
    """What calls give: the outputs of each, and states at the end, in bits."""

    form: tuple[int, int | None]
    """Decode steps of a call, and the stop token: with others, other numbers are right."""
    outputs: Sequence[Sequence[Any]]
    states: dict[tuple[str, int], Any]


def mutant_of(level: str, seed: int) -> tuple[Variant, Edit]:
    """What a seed changes, and how."""
    variant = VARIANTS[seed // RUN % len(VARIANTS)]
    text = text_at(variant, cast(IrLevel, level))
    return variant, edited(Random(f"{level} {seed}"), text)


def judge(variant: Variant, text: str) -> Verdict:
    """Read a text, lower it, run it and hold it against its model.

    Errors that are no messages of the tools are raised.
    """
    try:
        program = compiled(variant, text)
        findings, mine = ran(variant, program)
    except Exception as error:
        if describe(error) is None:
            raise
        return Verdict(REFUSED, str(error).strip())
    if findings:
        return Verdict(DIFFERS, str(findings[0]))
    wrong = unlike(mine, original(variant))
    return Verdict(WRONG, wrong) if wrong else Verdict(EQUAL)


def compiled(variant: Variant, text: str) -> Any:
    """The program of a text, as `kl run` makes it."""
    given = read_input(CONTEXT, FILE, {}, text=text)
    if not isinstance(given, ModuleInput):
        raise AssertionError("IR is no program")
    lowered(given.module, passes_of(variant, given.level, "rdu"))
    return SN40L_TARGET.compile(given.module, given.name)


def ran(variant: Variant, program: Any) -> tuple[Sequence[Any], Numbers]:
    """What differs from the model by its own comparison, and the numbers for another one."""
    model, outputs = reference(variant.model), list[Sequence[Any]]()
    run = SN40L_TARGET.run(program, RunOptions(CALLS * program.steps, seed=SEED))
    signature = run.signature
    found = Comparison(run, program.steps, model, model.remembering(signature.sockets, SEED))
    if not found.mismatches:
        for step in run.steps(CALLS, lambda *_: None, found.first_inputs(SEED)):
            outputs.append([*step.outputs.values()])
            found.look(step)
            if found.findings:
                break
    names = [(name, socket) for name in signature.states for socket in range(signature.sockets)]
    states = {} if found.findings else {one: run.read(*one).copy() for one in names}
    return found.findings, Numbers((program.steps, program.stop_token), outputs, states)


@cache
def original(variant: Variant) -> Numbers:
    """What the unchanged model gives, which must be what its text says."""
    findings, numbers = ran(variant, compiled(variant, text_at(variant, "kernel")))
    assert not findings, findings
    return numbers


def unlike(mine: Numbers, wanted: Numbers) -> str:
    """What is not as in the unchanged model; empty if all is."""
    if mine.form != wanted.form:
        return ""
    pairs = zip(_flat(mine.outputs), _flat(wanted.outputs), strict=True)
    if any(one.shape != two.shape or differing(one, two).any() for one, two in pairs):
        return "an output"
    for name, value in mine.states.items():
        other = wanted.states.get(name)
        if other is None or other.shape != value.shape or differing(value, other).any():
            return f"state {name}"
    return ""


def _flat(calls: Sequence[Sequence[Any]]) -> list[Any]:
    return [value for call in calls for value in call]
