"""What calls give back: numbers to go on with, shown as commands print them, and as tables in notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from io import StringIO
from os import fspath
from typing import TYPE_CHECKING, Any

from ...backends.intervals import Intervals
from ...backends.runs import Step
from ...backends.tables import bytes_text
from ...backends.targets import Choice, MemoryMap, Roofline, Timing
from ..commands import compare as compare_command
from ..commands import time as time_command
from ..comparison import Comparison as Compared
from ..diagnostics import Diagnostic
from ..executed import Executed, print_run, run_notes, run_table
from ..output import write_file
from ..terminal import print_tables
from ..trust import edited_text
from ..variants import Refused, Timed
from .errors import listening
from .html import ledger_html, lines_html, table_html, timing_html
from .keywords import Path

if TYPE_CHECKING:  # so that who compiles and times waits for no numpy
    from ...backends.tensors import Array
    from ..against import Mismatch
    from ..reference import Difference


@dataclass(frozen=True, repr=False)
class TimeResult:
    """How long one call of a program takes, and where the time goes."""

    input: str
    """What was compiled: a path, or `<text>`."""
    timing: Timing
    """All that the target says of it."""
    remarks: tuple[Diagnostic, ...] = ()

    @property
    def tokens_per_second(self) -> float:
        """Of a loop of such calls."""
        return self.timing.tokens_per_second

    @property
    def seconds(self) -> float:
        """Of the whole call."""
        return self.timing.seconds

    @property
    def edited(self) -> tuple[str, ...]:
        """What of a saved program was edited since it was compiled."""
        return self.timing.edited

    @property
    def cycles(self) -> int | None:
        """Of the whole call, where the target counts some."""
        return self.timing.cycles

    @property
    def kernel_calls_per_token(self) -> float | int:
        """Executions of kernels over the tokens that they make."""
        return self.timing.kernel_calls_per_token

    @property
    def parts(self) -> Mapping[str, float]:
        """Shares of the time by what it goes to, 0 to 1."""
        return self.timing.parts

    @property
    def intervals(self) -> Intervals | None:
        """When what is busy, where that was asked for."""
        return self.timing.intervals

    @property
    def roofline(self) -> Roofline | None:
        """What a step could reach at the machine's full bandwidth, and the share that it reaches."""
        return self.timing.roofline

    @property
    def attainable(self) -> Roofline | None:
        """The same at the bandwidth that memory streams attain."""
        return self.timing.attainable

    @property
    def document(self) -> dict[str, Any]:
        """What `kl time --json` prints."""
        return time_command.document(self.input, self.timing)

    def __repr__(self) -> str:
        text = StringIO()
        time_command.print_timing(self.timing, text)
        return text.getvalue().rstrip()

    def _repr_html_(self) -> str:
        return timing_html(self.timing)


@dataclass(frozen=True, repr=False)
class RunResult:
    """Decode steps in numbers."""

    executed: Executed
    document: Mapping[str, Any]
    """What `kl run --json` prints."""
    remarks: tuple[Diagnostic, ...] = ()

    @property
    def steps(self) -> Sequence[Step]:
        """What each call took and gave, as arrays."""
        return self.executed.steps

    @property
    def edited(self) -> tuple[str, ...]:
        """What of a saved program was edited since it was compiled."""
        return self.executed.edited

    @property
    def outputs(self) -> Mapping[str, Sequence[Array]]:
        """By name, what each call gave."""
        return {name: [step.outputs[name] for step in self.steps] for name in self.steps[0].outputs}

    @property
    def made(self) -> Sequence[Sequence[int]]:
        """Per row of the batch the tokens behind a prompt; nothing without one."""
        return [row.made for row in self.executed.rows]

    @property
    def text(self) -> str | Sequence[str] | None:
        """What was made behind a prompt; of each row where there are several. None without a tokenizer."""
        texts = [row.text for row in self.executed.rows if row.text is not None]
        return texts[0] if len(texts) == 1 else texts or None

    @property
    def differences(self) -> Sequence[Difference] | None:
        """Where the steps differ from the reference; None where that was not asked for."""
        return self.executed.differences

    @property
    def mismatches(self) -> Sequence[Mismatch]:
        """What the program says of itself, and the model it is compared with in another way."""
        return () if self.executed.verdict is None else self.executed.verdict.mismatches

    @property
    def equal(self) -> bool | None:
        """Whether all outputs and states are those of the reference, bit for bit; None without it."""
        return None if self.executed.verdict is None else self.executed.verdict.equal

    def __repr__(self) -> str:
        text = StringIO()
        print_run(self.executed, text)
        return text.getvalue().rstrip()

    def _repr_html_(self) -> str:
        table = table_html(run_table(self.executed))
        return table + lines_html(run_notes(self.executed))


@dataclass(frozen=True, repr=False)
class Memory(MemoryMap):
    """What lies where in the memory of a socket."""

    edited: tuple[str, ...] = ()
    """What of a saved program was edited since it was compiled."""

    def __repr__(self) -> str:
        text = StringIO()
        print_tables(self.tables, text)
        return "\n".join([*self._notes(), text.getvalue().rstrip()])

    def _repr_html_(self) -> str:
        return "".join([lines_html(self._notes()), *map(table_html, self.tables)])

    def _notes(self) -> list[str]:
        return [edited_text(self.edited)] if self.edited else []


@dataclass(frozen=True, repr=False)
class Variant:
    """A way to compile a model, and what a call of it takes, or why it cannot be."""

    name: str
    choice: Choice
    level: int | None
    """The level of optimisation that stands for it."""
    timing: Timing | None
    """None where it is refused."""
    refused: Diagnostic | None
    """Why, where it is."""
    speedup: float | None
    """How many times as fast a step is as one of the first variant that is not refused."""
    taken_back: tuple[str, ...] = ()
    """What is less than the variant wanted, and why."""

    @property
    def tokens_per_second(self) -> float | None:
        """Of a loop of such calls; None where it is refused."""
        return None if self.timing is None else self.timing.tokens_per_second

    def __repr__(self) -> str:
        if self.refused is not None:
            return f"<kl.Variant {self.name}, refused: {self.refused.message}>"
        faster = "" if self.speedup is None else f", speedup {self.speedup:.2f}"
        return f"<kl.Variant {self.name}: {self.tokens_per_second:.1f} tokens/s{faster}>"


@dataclass(frozen=True, repr=False)
class Comparison:
    """A model in all variants, side by side."""

    input: str
    """What was compiled: a path, or `<text>`."""
    compared: Compared = field(compare=False)
    """As the command has it."""
    variants: Mapping[str, Variant]
    """By name, each behind the one that it is built on."""
    fastest: Variant
    remarks: tuple[Diagnostic, ...] = ()

    def __getitem__(self, name: str) -> Variant:
        if name not in self.variants:
            raise KeyError(f"there is no variant {name!r}; they are {', '.join(self.variants)}")
        return self.variants[name]

    @property
    def document(self) -> list[dict[str, Any]]:
        """What `kl compare --json` prints."""
        return self.compared.documents()

    def __repr__(self) -> str:
        text = StringIO()
        compare_command.print_comparison(self.compared.results, text)
        return text.getvalue().rstrip()

    def _repr_html_(self) -> str:
        results = self.compared.results
        timings = [(one.name, one.timing) for one in results if isinstance(one, Timed)]
        refused = [f"{one.name} refused: {one.reason}" for one in results if isinstance(one, Refused)]
        first, *others = map(table_html, compare_command.comparison_tables(results))
        notes = lines_html(compare_command.comparison_notes(results))
        return "".join([first, lines_html(refused), ledger_html(timings), *others, notes])


@dataclass(frozen=True, repr=False)
class Page:
    """What `kl show` writes: one HTML file that asks for nothing else."""

    input: str
    """What was compiled: a path, or `<text>`."""
    html: str
    pictures: Mapping[str, str]
    """The pictures by name, each as SVG that stands alone."""
    remarks: tuple[Diagnostic, ...] = ()

    def save(self, path: Path) -> None:
        """Write the page to a file, which is replaced at once if it is there.

        Raises: Error for what cannot be written.
        """
        with listening():
            write_file(str(fspath(path)), self.html)

    def __repr__(self) -> str:
        size = bytes_text(len(self.html.encode()))
        return f"<kl.Page of {self.input}, {len(self.pictures)} pictures, {size}; .save(path) writes it>"

    def _repr_html_(self) -> str:
        """A frame of its own, so that neither styles nor scripts meet those of a notebook."""
        frame = "width:100%;height:80vh;border:0"
        return f'<iframe title="kl show" srcdoc="{escape(self.html)}" style="{frame}"></iframe>'


def comparison_of(found: Compared, best: Timed, remarks: tuple[Diagnostic, ...]) -> Comparison:
    """Variants as they are given back."""
    variants = {one.name: _variant(one, found.results) for one in found.results}
    return Comparison(found.given.path, found, variants, variants[best.name], remarks)


def _variant(result: Timed | Refused, results: list[Timed | Refused]) -> Variant:
    if isinstance(result, Refused):
        return Variant(result.name, result.choice, result.level, None, result.diagnostic, None)
    first = next(one for one in results if isinstance(one, Timed))
    speedup = first.step_seconds / result.step_seconds if result.step_seconds else None
    back = tuple(one.message for one in result.taken_back)
    return Variant(result.name, result.choice, result.level, result.timing, None, speedup, back)
