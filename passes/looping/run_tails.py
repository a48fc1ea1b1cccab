"""Where a run may end: behind a round, or within one, if that hands on what is read behind it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from xdsl.ir import Attribute, OpResult, SSAValue

from ...dialects.kernel import CallOp
from .call_arguments import Carried, call_name, reader_name
from .run_scan import Refusal, RunScan

Place = TypeVar("Place", bound=Hashable)
Result = TypeVar("Result", bound=Hashable)


def free_places(
    places: Sequence[tuple[Place, Attribute]], results: Mapping[Result, SSAValue]
) -> dict[Result, Place]:
    """A carried value of its type for each result, in order, as far as there are enough."""
    free, found = list(places), dict[Result, Place]()
    for key, result in results.items():
        number = next((n for n, (_, type_) in enumerate(free) if type_ == result.type), None)
        if number is not None:
            found[key] = free.pop(number)[0]
    return found


def results_read_behind(calls: Sequence[CallOp]) -> dict[tuple[int, int], OpResult]:
    """Number of the call and of its result, of all that somebody else than these calls reads."""
    return {
        (number, at): result
        for number, call in enumerate(calls)
        for at, result in enumerate(call.res)
        if any(use.operation not in calls for use in result.uses)
    }


def possible_ends(scan: RunScan) -> list[int]:
    """The calls behind which a run may end, in order, once as many rounds are scanned as there are."""
    ends: list[int] = []
    for count in scan.counts:
        end = scan.start + count * scan.period
        ends += [end, *(end + tail for tail in _tails(scan, count))]
    return ends


def tail_refusal(scan: RunScan, count: int, tail: int) -> Refusal | None:
    """Why `count` rounds are not followed by `tail` calls of the next one; None if they may be."""
    fitting, why = scan.cut_short() if count == scan.rounds else (scan.period - 1, None)
    if tail > fitting:
        return why
    lost = _lost(scan, count, tail)
    if lost is None:
        return None
    call, number = lost
    readers = (reader_name(use.operation) for use in call.res[number].uses)
    reason = (
        f"{next(readers)} reads its result {number}, and the round cut short carries nothing in its place"
    )
    where = f"run of {scan.calls.pattern(scan.start, scan.period)} is cut before {call_name(call)}"
    return Refusal(call, f"{where}: {reason}", reason)


def _tails(scan: RunScan, count: int) -> Iterator[int]:
    """How many calls of the next round may follow `count` rounds."""
    fitting = scan.cut_short()[0] if count == scan.rounds else scan.period - 1
    behind, last_reads = scan.start + count * scan.period, scan.calls.last_reads
    read: list[int] = []
    for tail in range(1, fitting + 1):
        end = behind + tail
        read = [at for at in (*read, end - 1) if last_reads[at] >= end]
        if len(read) <= len(_places(scan, tail)) and _lost(scan, count, tail) is None:
            yield tail


def _places(scan: RunScan, tail: int) -> list[tuple[Carried[SSAValue], Attribute]]:
    """What the first calls of a round take from the round before, with its type."""
    return [(argument, argument.initial.type) for argument, phase in scan.carried_phases if phase < tail]


def _lost(scan: RunScan, count: int, tail: int) -> tuple[CallOp, int] | None:
    """A call of a round cut short, and a result of it that is read behind, but not handed on."""
    behind = scan.start + count * scan.period
    calls = scan.calls.all[behind : behind + tail]
    results = results_read_behind(calls)
    found = free_places(_places(scan, tail), results)
    lost = next((key for key in results if key not in found), None)
    return None if lost is None else (calls[lost[0]], lost[1])
