"""The kind of hunt that changes programs: which one a seed changes and how, and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random

from edits import CHANNELS, VALUES, Mutant, differences, mutant
from judging import FINDINGS, MODEL, UNPROVEN, Verdict, judge
from originals import NAMES, Original, original
from places import put, value_at
from watching import Ending, watched

RUN = 20
"""So many seeds in a row change the same program."""
SHOWN = 8
"""Differences that are printed of a finding."""
SAID = (
    *("Instruction.operation", "Instruction.operands", "Instruction.attributes", "Region.checkpoint"),
    *("Region.transposed", "Region.stacked", "Region.rows", "Region.columns", "Region.layers"),
    *(
        "Region.values",
        "Region.stored",
        "Region.name",
        "Region.address",
        "LoadArguments.addresses",
        "Program.inputs",
    ),
    *("Machine.sockets", "Program.outputs", "Observe.label", "Observe.region", "Loop.count", "Carry.stop"),
    *("AddressPattern.pass_stride", "AddressPattern.outer_strides", "AddressPattern.start"),
    *(
        "AddressPattern.parameter",
        "Gather.parameter",
        "Program.regions",
        "Program.commands",
        *CHANNELS,
        *VALUES,
    ),
)
"""What the model says, and nothing but the model: operations and constants, where weights come from, how many
layers there are, on how many sockets, which slices they read, and which of several values of one type go
where. A program with something else there, which all checks let pass, is a right program of another model.
Only a comparison with the model finds it."""

CONSISTENT = "tensors"
"""The edit that gives all tensors of a kind another type or extent: what fits then is another model, too."""


@dataclass(frozen=True)
class Mutants:
    """Changes of compiled programs, each checked, timed, run and compared with its model."""

    name: str = "mutant"
    file: str = "p.json"

    def input(self, seed: int) -> bytes:
        """The document that a seed makes."""
        return json.dumps(mutant_of(seed).program, indent=1).encode()

    def answer(self, seed: int) -> tuple[bytes, Ending]:
        """What becomes of it."""
        found, changed = list[Verdict](), mutant_of(seed)

        def body() -> int:
            found.append(judge(original_of(seed), changed))
            return 0

        ending = watched(body)
        if ending.wrong:
            return self.input(seed), replace(ending, verdict="internal error", fields=changed.fields)
        (verdict,) = found
        origin = original_of(seed)
        wrong = wrong_with(changed, verdict)
        rest = unsaid(origin, changed) if wrong else changed
        if rest is not changed:  # what is not the model's must be harmless by itself
            wrong = (rest and wrong_with(rest, judge(origin, rest))) or ""
        shown = [origin.name, *changed.differences(origin.document.program)[:SHOWN], verdict.detail]
        ending = replace(ending, wrong=wrong, detail="\n".join(shown), fields=changed.fields)
        by = f"{verdict.name}: {verdict.by}" if verdict.by else verdict.name
        return self.input(seed) if wrong else b"", replace(ending, verdict=by)


def wrong_with(changed: Mutant, verdict: Verdict) -> str:
    """What is wrong with a verdict; empty if nothing is."""
    what = f"{verdict.name} {verdict.by}, {changed.edit} of {' and '.join(changed.fields)}"
    if verdict.name in FINDINGS:
        return what
    is_another = changed.edit == CONSISTENT
    if (
        verdict.name in (MODEL, UNPROVEN)
        and not is_another
        and not all(field.startswith(SAID) for field in changed.fields)
    ):
        return what
    return ""


def unsaid(origin: Original, changed: Mutant) -> Mutant | None:
    """The mutant without the changes of what the model says; None where nothing else is changed."""
    document = origin.document
    program, fields = json.loads(json.dumps(changed.program)), list[str]()
    for path in differences(document.program, changed.program):
        field = document.field(path)
        if field.startswith(SAID):
            put(program, path, value_at(document.program, path))
        else:
            fields.append(field)
    if {*fields} == {*changed.fields}:
        return changed
    return Mutant(program, changed.edit, tuple(fields)) if fields else None


def original_of(seed: int) -> Original:
    """The program that a seed changes."""
    return original(NAMES[seed // RUN % len(NAMES)])


def mutant_of(seed: int) -> Mutant:
    """What a seed makes of it."""
    return mutant(Random(f"mutant {seed}"), original_of(seed).document)
