"""Decode steps that were run: as tables, as text, and the parts of their document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ..backends.runs import Step
from ..backends.tables import Table
from .terminal import print_table
from .trust import edited_text

if TYPE_CHECKING:
    from ..backends.tensors import Array
    from .checking import Verdict
    from .reference import Difference

LOGITS = "logits"
"""What the host reads the logits of a step as."""
MOST_VALUES = 1024
"""Larger tensors are printed without their elements."""


@dataclass(frozen=True)
class Row:
    """What a row of the batch was given, and what was made behind it."""

    given: tuple[int, ...]
    """Tokens that it begins with."""
    prompt: str | None
    """The text that they were made of, if it was one."""
    made: tuple[int, ...]
    """Tokens behind them, with that at which the row ends."""
    text: str | None
    """The text of these; None where there is no tokenizer."""
    stop: int | None
    """The token at which it has ended; None where it goes on."""

    @property
    def shown(self) -> str:
        """What was made: the text, or the tokens where there is none."""
        return ",".join(map(str, self.made)) if self.text is None else self.text


@dataclass(frozen=True)
class Executed:
    """Decode steps that were run, and what the reference says of them."""

    program: Any
    steps: Sequence[Step]
    """What each call took and gave."""
    names: Sequence[str]
    """The inputs that are no position."""
    ignored: Mapping[str, str]
    """What of tensors of the checkpoint is not read."""
    verdict: Verdict | None
    """None where there was no reference."""
    weights: str | None
    """The checkpoint that was read."""
    edited: tuple[str, ...] = ()
    """What of a saved program was edited since it was compiled."""
    rows: tuple[Row, ...] = ()
    """What was made behind a prompt, if one was given."""
    logits: str | None = None
    """The file in which the logits are, which the host has read."""

    @property
    def differences(self) -> Sequence[Difference] | None:
        """The values that differ; None where there was no reference."""
        return None if self.verdict is None else self.verdict.differences


def ended_rows(steps: Sequence[Step]) -> list[int | None] | None:
    """Per row of the batch the position of the step that makes its stop token; None where none does.

    A row that begins with the stop token has ended before the first step, at position -1. It is None
    altogether where there is no stop token.
    """
    stop = steps[0].stop_token
    if stop is None:
        return None
    (first,) = (value for value in steps[0].inputs.values() if value.shape)
    ended: list[int | None] = [steps[0].position - 1 if token == stop else None for token in first.tolist()]
    for step in steps:
        (made,) = step.outputs.values()
        for number, tokens in enumerate(made.tolist()):
            for row, token in enumerate(tokens):
                if ended[row] is None and token == stop:
                    ended[row] = step.position + number
    return ended


def steps_document(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Calls as JSON has them."""
    return [
        {
            "position": step.position,
            "cycles": step.cycles,
            "inputs": arrays_document(step.inputs),
            "outputs": arrays_document(step.outputs),
            "observed": [{"label": label} | array_document(value) for label, value in step.observed],
            "made": step.made,
        }
        for step in steps
    ]


def arrays_document(arrays: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    """Arrays by name, as JSON has them."""
    return {name: array_document(value) for name, value in arrays.items()}


def array_document(array: Array) -> dict[str, Any]:
    """An array as JSON has it: with its elements if there are not too many."""
    from ..backends.tensors import spec_of

    spec = spec_of(array)
    data: dict[str, Any] = {"shape": list(spec.shape), "type": spec.dtype}
    if spec.elements <= MOST_VALUES:
        exact = array if spec.numpy_dtype.kind in "ib" else array.astype("float64")
        data["values"] = exact.tolist()
    return data


def print_run(done: Executed, file: IO[str] | None = None) -> None:
    """Print what each call took and gave; on stdout if nothing else is said."""
    table = run_table(done)
    print_table(table.columns, table.rows, table.texts, file)
    for line in run_notes(done):
        print(line, file=file)


def print_made(done: Executed, *, is_said: bool) -> None:
    """Print what was made behind a prompt, where it `is_said` not as it was made, and the notes."""
    print("" if is_said else "\n".join(_made_lines(done)))
    for line in run_notes(done):
        print(line)


def _made_lines(done: Executed) -> Iterator[str]:
    for number, row in enumerate(done.rows):
        yield f"row {number}: {row.shown}"


def run_table(done: Executed) -> Table:
    """A row for each call."""
    columns = ["position", *(f"in: {name}" for name in done.names)]
    columns += [f"out: {name}" for name in done.steps[0].outputs]
    columns += ["cycles"] if done.steps[0].cycles is not None else []
    return Table(columns, [_row(step, done.names) for step in done.steps])


def run_notes(done: Executed) -> Iterator[str]:
    """What the table does not say: what was left out and read, where rows end, what the reference says."""
    steps = done.steps
    if done.edited:
        yield edited_text(done.edited)
    if done.ignored:
        yield f"ignored of the checkpoint: {_left(done.ignored)}"
    for step in steps:
        for label, value in step.observed:
            if done.logits is not None and label == LOGITS:
                continue
            yield f"position {step.position}: {label} = {_short(value)}"
    for row, position in enumerate(ended_rows(steps) or ()):
        where = "does not end" if position is None else f"ends at position {position}"
        yield f"row {row} {where}, stop token {steps[0].stop_token}"
    if done.verdict is not None:
        yield from _judged(done, done.verdict)


def _judged(done: Executed, verdict: Verdict) -> Iterator[str]:
    yield from map(str, (*verdict.mismatches, *verdict.differences))
    if verdict.equal and verdict.near is not None:
        yield f"near {verdict.words}; {verdict.near}"
    elif verdict.equal:
        stops = done.steps[0].stop_token is not None
        made = sum(step.made for step in done.steps) if stops else len(done.steps) * done.program.steps
        yield f"equal to {verdict.words}, bit for bit: {made} steps, outputs and states"
    else:
        yield f"not equal to {verdict.words}"


def _left(ignored: Mapping[str, str]) -> str:
    """Tensors that are left out, and rows or columns of those that are read in part."""
    from ..backends.checkpoints import few
    from ..backends.unread import WHOLE

    whole = [name for name, rest in ignored.items() if rest == WHOLE]
    parts = [f"{rest} of '{name}'" for name, rest in ignored.items() if rest != WHOLE]
    return ", ".join([*([few(whole)] if whole else []), *parts])


def _row(step: Step, names: Sequence[str]) -> list[str]:
    values = [step.inputs[name] for name in names] + list(step.outputs.values())
    cycles = [] if step.cycles is None else [str(step.cycles)]
    return [str(step.position), *map(_short, values), *cycles]


def _short(array: Array) -> str:
    """The first elements of an array."""
    flat = array.reshape(-1)
    shown = ", ".join(f"{value:g}" if array.dtype.kind != "i" else str(value) for value in flat[:4])
    return f"[{shown}, …]" if flat.size > 4 else f"[{shown}]"
