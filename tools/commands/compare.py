"""`kl compare`: a model in all variants side by side, with the level that each stands for and its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from ...backends.tables import Table, share_text, time_text
from ..options import ComparisonOptions
from ..terminal import print_json, print_table
from .time import context_text, first_call_text, headline, roofline_text

if TYPE_CHECKING:
    from ..variants import Refused, Timed


@dataclass(frozen=True)
class Command:
    """What a command line of `kl compare` says."""

    comparison: ComparisonOptions


def run(command: Command) -> int:
    """Compile and time all variants; 1 if all of them are refused."""
    if command.comparison.machines is not None:
        return _run_machines(command)
    from ..comparison import compared

    found = compared(command.comparison)
    if command.comparison.json:
        print_json(found.documents())
    elif found.works:
        print_comparison(found.results)
    found.report()
    return 0 if found.works else 1


def _run_machines(command: Command) -> int:
    """Compile and time a model on several machines; 1 if all variants are refused on all of them."""
    from ..machine_comparison import compared_machines

    found = compared_machines(command.comparison)
    if command.comparison.json:
        print_json(found.documents())
    elif found.works:
        table = found.table()
        print(f"{found.machines[0].comparison.given.name} on {len(found.machines)} machines", end="\n\n")
        print_table(table.columns, table.rows, table.texts)
        print()
        for line in found.notes():
            print(line)
    if not found.works:
        for one in found.machines:
            one.comparison.report()
    return 0 if found.works else 1


def print_comparison(results: list[Timed | Refused], file: IO[str] | None = None) -> None:
    """Print variants side by side, one of which at least is timed; on stdout if nothing else is said."""
    from ..variants import Refused, Timed

    timed = [one for one in results if isinstance(one, Timed)]
    first, *others = comparison_tables(results)
    print(headline(timed[0].timing), end="\n\n", file=file)
    print_table(first.columns, first.rows, first.texts, file)
    width = max(len(one.name) for one in timed)
    for one in results:
        if isinstance(one, Refused):
            print(f"{one.name:<{width}}  refused: {one.reason}", file=file)
    for table in others:
        print(file=file)
        print_table(table.columns, table.rows, table.texts, file)
    print(file=file)
    for line in comparison_notes(results):
        print(line, file=file)


def comparison_tables(results: list[Timed | Refused]) -> list[Table]:
    """The variants that are timed, their bounds, and where their time goes."""
    from ..variants import Timed

    timed = [one for one in results if isinstance(one, Timed)]
    columns = ("variant", "level", "calls/token", "time/step", "tokens/s", "speedup")
    tables = [Table(columns, [_row(one, results) for one in timed], texts=(0, 1))]
    first = timed[0].timing
    if first.roofline is not None:
        columns = ("bounds", "roofline", "share of it", "attainable", "share of it", "above it")
        tables.append(Table([*columns, *first.columns], [_bounds(one) for one in timed]))
    if first.parts:
        tables.append(Table(["time goes to", *_headings([*first.parts])], [_parts(one) for one in timed]))
    return tables


def _row(result: Timed, results: list[Timed | Refused]) -> list[str]:
    return [
        result.name,
        levels_text(result, results),
        f"{result.timing.kernel_calls_per_token}",
        time_text(result.step_seconds),
        f"{result.timing.tokens_per_second:.1f}",
        speedup_text(result, results),
    ]


def levels_text(result: Timed, results: list[Timed | Refused]) -> str:
    """The levels of optimisation that a variant stands for; the fastest is that of the search, too."""
    from ..variants import SEARCHED, fastest

    levels = [] if result.level is None else [f"-O{result.level}"]
    if result is fastest(results):
        levels.append(f"-O{SEARCHED}")
    return " ".join(levels)


def speedup_text(result: Timed, results: list[Timed | Refused]) -> str:
    """Steps of a variant while the first one that is timed makes one; where measured, with an interval."""
    from ..variants import Timed

    first, step = next(one for one in results if isinstance(one, Timed)), result.step_seconds
    if (ratio := result.ratio(first)) is not None:
        return f"{ratio.times:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})"
    return f"{first.step_seconds / step:.2f}x" if step else ""


def _bounds(timed: Timed) -> list[str]:
    """What a variant could reach, its share of that, and by how much a step takes longer than attainable."""
    timing, cells = timed.timing, list[str]()
    for bound in (timing.roofline, timing.attainable):
        cells += ["", ""] if bound is None else [f"{bound.tokens_per_second:.1f}", share_text(bound.share)]
    rest = "" if timing.attainable is None else time_text(timed.step_seconds * (1 - timing.attainable.share))
    return [timed.name, *cells, rest, *timing.columns.values()]


def _headings(names: list[str]) -> list[str]:
    """Names of parts as headings; words at the ends that the part before has there, too, are left out."""
    words = [name.split("_") for name in names]
    return [" ".join(_apart(before, one)) for before, one in zip([[], *words], words, strict=False)]


def _apart(before: list[str], words: list[str]) -> list[str]:
    """Words without the first and the last one where those before have the same there."""
    first = int(len(words) > 1 and before[:1] == words[:1])
    last = len(words) - int(len(words) > 1 + first and before[-1:] == words[-1:])
    return words[first:last]


def _parts(timed: Timed) -> list[str]:
    return [timed.name, *map(share_text, timed.timing.parts.values())]


def _attainable_notes(timed: list[Timed]) -> list[str]:
    """What sets the attainable bounds: once if it is the same for all, else for each with its variants."""
    names: dict[str, list[str]] = {}
    for one in timed:
        if one.timing.attainable is not None:
            names.setdefault(one.timing.attainable.reason, []).append(one.name)
    if len(names) == 1:
        return [f"attainable: {next(iter(names))}; above it: time of a step over that"]
    lines = [f"attainable, {', '.join(found)}: {reason}" for reason, found in names.items()]
    return [*lines, "above it: time of a step over what is attainable"] if lines else []


def comparison_notes(results: list[Timed | Refused]) -> list[str]:
    """What the tables do not say: what is slower or less than it should be, what bounds are, what is read."""
    from ..variants import Timed

    timed = [one for one in results if isinstance(one, Timed)]
    legend = timed[0].timing.legend
    return [*variant_notes(results), *_attainable_notes(timed), *([legend] if legend else [])]


def variant_notes(results: list[Timed | Refused]) -> list[str]:
    """What is slower or less than it should be, what levels and rooflines are, what is read, a first call."""
    from ..comparison import slower_than
    from ..variants import SEARCHED, Timed

    timed, lines = [one for one in results if isinstance(one, Timed)], list[str]()
    for one in timed:
        lines += [f"{one.name}: {remark.message}" for remark in one.taken_back]
        lines += [f"{one.name}: {edit}: its pipeline has no such pass" for edit in one.unmet]
        if (slower := slower_than(one, results)) is not None:
            base, times = slower
            lines.append(f"{one.name} takes {times:.3f} times as long as {base.name}, on which it is built")
    lines.append(
        f"-O{timed[0].default_level} is the default, -O{SEARCHED} the fastest; "
        "kl run and kl compile make several steps a call with --steps-per-call alone"
    )
    for one in timed:
        if (
            one.name in ("looped", "resident", "single+resident", "stepped+resident")
            and one.timing.roofline is not None
        ):
            lines.append(f"roofline, {one.name}: {roofline_text(one.timing)}")
    first, single = timed[0].timing, [one for one in timed if one.timing.first_step_extra_seconds]
    lines += [f"context: {context_text(first)}"] if first.context_read is not None else []
    if single:
        names = ", ".join(one.name for one in single)
        lines.append(f"first call of {names}: {first_call_text(single[0].timing)}")
    return lines
