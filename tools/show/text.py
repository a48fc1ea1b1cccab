"""The page as text: bars, timelines and tables for terminals."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ...backends.tables import share_text, time_text
from ..commands.compare import levels_text, speedup_text, variant_notes
from ..commands.time import headline
from ..pictures import bars
from ..pictures.timelines import SERVERS, spans_of
from ..terminal import print_table, print_tables
from ..variants import Refused, Timed
from .collection import Drawn, Shown

WIDTH = 72
"""Characters of the longest bar."""


def print_text(shown: Shown) -> None:
    """Print what each variant takes, where the time of a token goes, and timelines on one scale."""
    timed = [one for one in shown.comparison.results if isinstance(one, Timed)]
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    print(headline(timed[0].timing), end="\n\n")
    results = shown.comparison.results
    columns = ("variant", "level", "calls/token", "time/token", "tokens/s", "speedup", "of its roofline")
    print_table(columns, [_row(one, results) for one in timed], (0, 1))
    for one in results:
        if isinstance(one, Refused):
            print(f"{one.name} is refused: {one.reason}")
    for line in variant_notes(results):
        print(line)
    _print_memory(shown)
    _print_ledgers(timed, plain)
    _print_timelines([one for one in shown.drawn if one.timing.intervals is not None], plain)


def _print_memory(shown: Shown) -> None:
    """What lies in which memory, and what the target says of that, of the main variant."""
    if shown.memory is None or shown.main is None or not shown.main.timing.rows:
        return
    print(f"\nmemory of a socket, {shown.main.name}")
    for name, value in shown.main.timing.rows:
        print(f"{name}: {value}")
    print()
    print_tables(shown.memory.summary)


def _row(one: Timed, results: list[Timed | Refused]) -> list[str]:
    timing, bound = one.timing, one.timing.roofline
    level, speedup = levels_text(one, results), speedup_text(one, results)
    share = "" if bound is None else share_text(bound.share)
    rate, calls = f"{timing.tokens_per_second:.1f}", f"{timing.kernel_calls_per_token}"
    return [one.name, level, calls, time_text(timing.seconds / timing.tokens), rate, speedup, share]


def _print_ledgers(timed: list[Timed], plain: bool) -> None:
    """A bar for each variant that has a ledger, as long as a token takes, and what the signs mean."""
    held = [one for one in timed if one.timing.document.get("ledger_cycles")]
    if not held:
        return
    longest = max(one.timing.seconds / one.timing.tokens for one in held)
    wide = max(len(one.name) for one in held)
    print("\nwhere the time of a token goes")
    for one in held:
        parts: Mapping[str, int] = one.timing.document["ledger_cycles"]
        seconds = one.timing.seconds / one.timing.tokens
        whole = sum(parts.values()) * longest / seconds if seconds else 0
        bar = bars.stacked(tuple(parts.items()), whole, WIDTH, plain)
        print(f"{one.name:<{wide}}  {''.join(segment.text for segment in bar)} {time_text(seconds)}")
    signs = bars.key(held[0].timing.document["ledger_cycles"], plain)
    print("  ".join(f"{segment.text} {words}" for segment, words in signs))


def _print_timelines(drawn: list[Drawn], plain: bool) -> None:
    """How busy memory and links are over a call, and when kernels run, on one scale."""
    found = [(one.name, one.timing.intervals) for one in drawn if one.timing.intervals is not None]
    if not found:
        return
    longest = max(intervals.cycles for _, intervals in found)
    print("\nwhen what is busy, on one scale: the fuller the sign, the busier")
    for name, intervals in found:
        width = max(1, round(WIDTH * intervals.cycles / (longest or 1)))
        for kind, words in (("kernel", "kernels"), *((kind, words) for kind, (_, words) in SERVERS.items())):
            if spans := spans_of(intervals.tracks, kind):
                line = bars.timeline(spans, intervals.cycles, width, plain)
                print(f"{name:<8}  {words:<8}  |{line}|")
