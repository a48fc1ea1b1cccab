"""`kl compare`: a model in all variants side by side, with the level that each stands for and its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...backends.tables import share_text, time_text
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
    from ..comparison import compared

    found = compared(command.comparison)
    if command.comparison.json:
        print_json(found.documents())
    elif found.works:
        _print(found.results)
    found.report()
    return 0 if found.works else 1


def _print(results: list[Timed | Refused]) -> None:
    from ..variants import Refused, Timed

    timed = [one for one in results if isinstance(one, Timed)]
    first = timed[0].timing
    print(headline(first), end="\n\n")
    columns = ["variant", "level", "calls/token", "time/step", "tokens/s", "speedup"]
    print_table(columns, [_row(one, timed[0], results) for one in timed], texts=(0, 1))
    width = max(len(one.name) for one in timed)
    for one in results:
        if isinstance(one, Refused):
            print(f"{one.name:<{width}}  refused: {one.reason}")
    if first.roofline is not None:
        print()
        columns = ["bounds", "roofline", "share of it", "attainable", "share of it", "above it"]
        print_table([*columns, *first.columns], [_bounds(one) for one in timed])
    if first.parts:
        print()
        print_table(["time goes to", *_headings([*first.parts])], [_parts(one) for one in timed])
    print()
    for line in _notes(timed, results):
        print(line)


def _row(result: Timed, first: Timed, results: list[Timed | Refused]) -> list[str]:
    from ..variants import SEARCHED, fastest

    levels = [] if result.level is None else [f"-O{result.level}"]
    if result is fastest(results):
        levels.append(f"-O{SEARCHED}")
    step = result.step_seconds
    return [
        result.name,
        " ".join(levels),
        f"{result.timing.kernel_calls_per_token}",
        time_text(step),
        f"{result.timing.tokens_per_second:.1f}",
        f"{first.step_seconds / step:.2f}x" if step else "",
    ]


def _bounds(timed: Timed) -> list[str]:
    """What a variant could reach, its share of that, and by how much a step takes longer than attainable."""
    timing, cells = timed.timing, list[str]()
    for bound in (timing.roofline, timing.attainable):
        cells += ["", ""] if bound is None else [f"{bound.tokens_per_second:.1f}", share_text(bound.share)]
    rest = "" if timing.attainable is None else time_text(timed.step_seconds * (1 - timing.attainable.share))
    return [timed.name, *cells, rest, *timing.columns.values()]


def _headings(names: list[str]) -> list[str]:
    """Names of parts as headings; the first word is not said again where the part before has it, too."""
    words = [name.split("_") for name in names]
    return [
        " ".join(one[1:] if before and one[1:] and one[0] == before[0] else one)
        for before, one in zip([[], *words], words, strict=False)
    ]


def _parts(timed: Timed) -> list[str]:
    return [timed.name, *map(share_text, timed.timing.parts.values())]


def _notes(timed: list[Timed], results: list[Timed | Refused]) -> list[str]:
    """What the tables do not say: what is slower or less than it should be, what bounds are, what is read."""
    from ..comparison import slower_than
    from ..variants import DEFAULT_LEVEL, SEARCHED

    first, lines = timed[0].timing, list[str]()
    for one in timed:
        lines += [f"{one.name}: {remark.message}" for remark in one.taken_back]
        lines += [f"{one.name}: {edit}: its pipeline has no such pass" for edit in one.unmet]
        if (slower := slower_than(one, results)) is not None:
            base, times = slower
            lines.append(f"{one.name} takes {times:.3f} times as long as {base.name}, on which it is built")
    lines.append(
        f"-O{DEFAULT_LEVEL} is the default, -O{SEARCHED} the fastest; "
        "kl run and kl compile make several steps a call with --steps-per-call alone"
    )
    for one in timed:
        if (
            one.name in ("looped", "resident", "single+resident", "stepped+resident")
            and one.timing.roofline is not None
        ):
            lines.append(f"roofline, {one.name}: {roofline_text(one.timing)}")
    if first.attainable is not None:
        lines.append(f"attainable: {first.attainable.reason}; above it: time of a step over that")
    lines += [first.legend] if first.legend else []
    lines += [f"context: {context_text(first)}"] if first.context_read is not None else []
    single = [one for one in timed if one.timing.first_step_extra_seconds]
    if single:
        names = ", ".join(one.name for one in single)
        lines.append(f"first call of {names}: {first_call_text(single[0].timing)}")
    return lines
