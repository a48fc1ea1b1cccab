"""Intervals: when launches, kernels, memories, links and stages are busy, against a replay that notes all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from span_pieces import expanded
from steady_loops import Loop, block, loop_of, loops, step_loops
from steady_programs import Jumps, build, compiled, note_jumps, skipped

from kl.backends.intervals import Intervals, Span, Track
from kl.backends.sn40l.busy_times import intervals_of
from kl.backends.sn40l.errors import ExecutionError
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import DDR, HBM, LINKS
from kl.backends.sn40l.positions import position_inputs
from kl.backends.sn40l.program import Execute, LoadArguments, LoadProgram, Program
from kl.backends.sn40l.report import Report
from kl.backends.sn40l.units import Stage
from kl.backends.targets import Choice, TargetError
from kl.tools.kl import main

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = EXAMPLES / "llama3_tiny.kl"
SERVERS = {"HBM": HBM, "DDR": DDR, "links": LINKS}


@pytest.fixture
def jumps(monkeypatch: pytest.MonkeyPatch) -> Jumps:
    """What runs jump over."""
    return note_jumps(monkeypatch)


def timed(program: Program, scalars: dict[str, int], *, jump: bool = True) -> Report:
    return time_step(program, scalars, jump=jump, spans=True, stage_spans=True)


def replayed(program: Program, scalars: dict[str, int]) -> dict[tuple[str, str], list[Span]]:
    """When servers and stages are busy in a call, by kernel and name, from a trace of all firings."""
    longest = max(kernel.iterations for kernel in program.kernels)
    report = time_step(program, scalars, jump=False, details=True, trace_iterations=longest)
    kernels = {kernel.name: kernel for kernel in program.kernels}
    found: dict[tuple[str, str], list[Span]] = {}
    for call in report.calls:
        assert call.details is not None
        assert call.details.trace is not None
        start, kernel = call.start_cycle + call.ledger.launch, kernels[call.kernel]
        stages = {
            n: (kernel.name, unit.name) for n, unit in enumerate(kernel.units) if isinstance(unit, Stage)
        }
        names = stages | {track: ("", name) for name, track in SERVERS.items()}
        for one in call.details.trace.slices:
            if one.track in names:
                spans = found.setdefault(names[one.track], [])
                spans.append(Span(start + one.start, one.cycles))
    return {name: expanded(spans) for name, spans in found.items()}


def told(intervals: Intervals) -> dict[tuple[str, str], list[Span]]:
    """What intervals tell of servers and stages, span by span."""
    servers = [track for track in intervals.tracks if track.name in SERVERS]
    stages = [] if intervals.window is None else intervals.window.stages
    return {(one.kernel, one.name): expanded(one.spans) for one in (*servers, *stages) if one.spans}


def busy_cycles(spans: Sequence[Span]) -> int:
    return sum(span.busy_cycles for span in spans)


def track(intervals: Intervals, name: str) -> Track:
    (found,) = (one for one in intervals.tracks if one.name == name)
    return found


def check_sums(intervals: Intervals, report: Report) -> None:
    """That tracks sum to the ledger, and that what one thing does never overlaps."""
    ledger, tracks = report.ledger, {one.name: one for one in intervals.tracks}
    assert intervals.cycles == report.cycles
    assert busy_cycles(tracks["launch"].spans) == ledger.launch
    assert busy_cycles(tracks["kernels"].spans) == report.cycles - ledger.launch
    assert busy_cycles(tracks["HBM"].spans if "HBM" in tracks else ()) == ledger.memory_busy
    for one in (*intervals.tracks, *(intervals.window.stages if intervals.window else ())):
        check_order(one.spans, report.cycles)


def check_order(spans: Sequence[Span], cycles: int) -> None:
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    end = 0
    for span in sorted(each(spans), key=lambda span: span.start):
        assert end <= span.start
        assert span.cycles > 0
        end = span.start + span.cycles
    assert end <= cycles


def each(spans: Sequence[Span]) -> Iterator[Span]:
    for span in spans:
        assert (span.count > 1) == (span.period > 0)
        for number in range(span.count):
            yield Span(span.start + number * span.period, span.cycles)


def check(program: Program, scalars: dict[str, int]) -> Intervals:
    """That the intervals of a program are those of the replay."""
    report = timed(program, scalars)
    intervals = intervals_of(program, report, (0, report.cycles))
    check_sums(intervals, report)
    assert told(intervals) == replayed(program, scalars)
    return intervals


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(loops, step_loops))
def test_intervals_of_loops_are_those_of_the_full_replay(network: Any, jumps: Jumps, loop: Loop) -> None:
    program = build(network, loop)
    scalars = {"position": min(loop.position, 8 - loop.steps)} if loop.cache else {}
    before = len(jumps)
    try:
        check(program, scalars)
    except ExecutionError:
        event("an error")
        return
    event(f"{len(jumps) - before} jumps")


LOOPS = {
    "HBM is busy all the time": loop_of(block(), bandwidth=1),
    "HBM waits": loop_of(block(depth=40, ii=30)),
    "tiles on their way": loop_of(block(), aside=1, aside_reduced=True, bandwidth=2, latency=200),
    "a store in each iteration": loop_of(block(stored="hbm")),
    "no memory": loop_of(block(weights=None)),
    "steps": loop_of(block(), iterations=6, steps=60),
    "layers of steps": loop_of(block(), iterations=60, steps=3),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_loops_that_are_passed_over_are_told_in_few_words(network: Any, jumps: Jumps, loop: Loop) -> None:
    intervals = check(build(network, loop), {})
    assert skipped(jumps) >= 40
    assert sum(len(one.spans) for one in intervals.tracks) <= 150


CHOICES = {
    "unfused": Choice("op", loop=False),
    "looped": Choice(),
    "steps": Choice(steps_per_call=3, stop_token=7),
    "resident": Choice(resident=True),
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_intervals_of_a_model_are_those_of_the_full_replay(choice: Choice) -> None:
    program = compiled(TINY, 12, choice)
    check(program, position_inputs(program, 2))


def test_memory_of_both_kinds_has_a_track(network: Any) -> None:
    intervals = check(copies(network, 3), {})
    assert [one.name for one in intervals.tracks] == ["launch", "kernels", "HBM", "DDR"]


def copies(network: Any, calls: int) -> Program:
    """Copy rows from DDR to HBM, in several calls."""
    net = network()
    x, y = net.memory("x", "input", 4, 16, tier="ddr"), net.memory("y", "value", 4, 16, output=True)
    row = net.channel(1, 16)
    net.load("load", x, row)
    net.store("store", row, y)
    return net.program(calls)


def test_calls_of_a_kernel_that_are_not_alike_are_told_apart(network: Any) -> None:
    net = network()
    x, y = net.memory("x", "input", 4, 16), net.memory("y", "value", 4, 16, output=True)
    net.memory("far", "input", 4, 16, tier="ddr")
    row = net.channel(1, 16)
    net.load("load", x, row)
    net.store("store", row, y)
    program = net.program()
    near, out, far = (region.address for region in program.regions)
    kernel = replace(program.kernels[0], parameters=program.kernels[0].parameters[:2])
    calls = [(LoadArguments("kernel", (one, out)), Execute("kernel")) for one in (near, far, near)]
    commands = (LoadProgram("kernel"), *(command for call in calls for command in call))
    check(replace(program, kernels=(kernel,), commands=commands), {})


def test_a_kernel_runs_from_its_first_cycle_to_before_its_end(tiny: Any) -> None:
    program, report, _ = tiny
    call = report.calls[1]
    start, end = call.start_cycle + call.ledger.launch, call.start_cycle + call.cycles
    for window, runs in (
        ((start - 5, start), False),
        ((start - 5, start + 1), True),
        ((end, end + 5), False),
    ):
        found = intervals_of(program, report, window).window
        assert found is not None
        assert any(one.kernel == call.kernel for one in found.stages) == runs


def test_a_thousand_calls_take_no_more_words_than_ten(network: Any) -> None:
    few, many = (timed_intervals(copies(network, calls)) for calls in (10, 1000))
    assert [len(one.spans) for one in few.tracks] == [len(one.spans) for one in many.tracks]
    assert sum(span.count for span in track(many, "kernels").spans) == 1000


def timed_intervals(program: Program) -> Intervals:
    report = timed(program, {})
    return intervals_of(program, report, None)


def test_commands_and_kernels_have_names(decoder: Any) -> None:
    program = decoder()
    intervals = intervals_of(program, timed(program, {"position": 1}), None)
    launch, kernels = track(intervals, "launch"), track(intervals, "kernels")
    assert [span.name for span in launch.spans] == ["load arguments kernel", "execute kernel"]
    assert [span.name for span in kernels.spans] == ["kernel"]
    assert intervals.window is None


@pytest.fixture(scope="module")
def tiny() -> tuple[Program, Report, dict[tuple[str, str], list[Span]]]:
    program = compiled(TINY, 30)
    scalars = position_inputs(program, 0)
    return program, timed(program, scalars), replayed(program, scalars)


@settings(deadline=None)
@given(data=st.data())
def test_a_window_has_what_stages_do_in_it_and_no_more(tiny: Any, data: st.DataObject) -> None:
    program, report, whole = tiny
    begin = data.draw(st.integers(0, report.cycles - 1))
    end = data.draw(st.integers(begin + 1, min(report.cycles, begin + 3000)))
    window = intervals_of(program, report, (begin, end)).window
    assert window is not None
    assert (window.begin, window.end) == (begin, end)
    for one in window.stages:
        inside = [
            Span(max(span.start, begin), min(span.start + span.cycles, end) - max(span.start, begin))
            for span in whole[one.kernel, one.name]
        ]
        assert expanded(one.spans) == [span for span in inside if span.cycles > 0]
    running = {
        call.kernel
        for call in report.calls
        if call.start_cycle + call.ledger.launch < end and call.start_cycle + call.cycles > begin
    }
    stages = {(name, kernel.name) for name, kernel in ((n, k) for k in program.kernels for n in stages_of(k))}
    assert {(one.name, one.kernel) for one in window.stages} == {one for one in stages if one[1] in running}


def stages_of(kernel: Any) -> list[str]:
    return [unit.name for unit in kernel.units if isinstance(unit, Stage)]


@pytest.mark.parametrize("window", [(5, 5), (6, 5), (-9, 0), (10**9, 10**9 + 5)])
def test_a_window_that_is_none_of_the_call_is_refused(tiny: Any, window: tuple[int, int]) -> None:
    program, report, _ = tiny
    with pytest.raises(
        TargetError, match=f"cycles {window[0]} to {window[1]} are no part of the call"
    ) as caught:
        intervals_of(program, report, window)
    assert f"which has cycles 0 to {report.cycles}" in caught.value.message
    assert f"0:{report.cycles}" in caught.value.way_out


def test_a_window_is_cut_off_at_both_ends_of_the_call(tiny: Any) -> None:
    program, report, _ = tiny
    whole = intervals_of(program, report, (0, report.cycles)).window
    assert whole is not None
    assert (whole.begin, whole.end) == (0, report.cycles)
    assert intervals_of(program, report, (-5, report.cycles + 1)).window == whole


def test_noting_spans_changes_nothing_else(tiny: Any) -> None:
    program, report, _ = tiny
    plain = time_step(program, position_inputs(program, 0))
    without = replace(report, calls=tuple(replace(call, busy=None) for call in report.calls))
    assert plain == without


def from_json(track: dict[str, Any]) -> Track:
    spans = tuple(Span(**span) for span in track["spans"])
    return Track(**track | {"spans": spans})


def test_the_json_form_has_all_of_it(capsys: pytest.CaptureFixture[str], tiny: Any) -> None:
    program, report, _ = tiny
    window = (24_000, 27_000)
    options = ["--param", "layers=30", "--position", "0", "--json", "--intervals", "--window", "24000:27000"]
    assert main(["time", str(TINY), *options]) == 0
    document = json.loads(capsys.readouterr().out)
    wanted, told = intervals_of(program, report, window), document["intervals"]
    assert (told["cycles"], told["clock_hz"]) == (document["cycles"], document["clock_hz"])
    assert [from_json(one) for one in told["tracks"]] == [*wanted.tracks]
    assert wanted.window is not None
    assert (told["window"]["begin"], told["window"]["end"]) == window
    assert [from_json(one) for one in told["window"]["stages"]] == [*wanted.window.stages]
    memory = sum(document["ledger_cycles"][f"memory_{rate}"] for rate in ("full_rate", "below_full_rate"))
    (hbm,) = (one for one in told["tracks"] if one["kind"] == "hbm")
    assert sum(span["cycles"] * span.get("count", 1) for span in hbm["spans"]) == memory


def test_there_are_none_unless_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", str(EXAMPLES / "mini.kl"), "--json"]) == 0
    assert "intervals" not in json.loads(capsys.readouterr().out)
    assert main(["time", str(EXAMPLES / "mini.kl"), "--json", "--intervals"]) == 0
    assert json.loads(capsys.readouterr().out)["intervals"]["window"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--json --window 5:6", "--window says where --intervals tells of stages, but none are asked for"),
        ("--intervals", "--intervals is a part of the JSON document\nhelp: give --json, too"),
        (
            "--json --intervals --window 5",
            "--window '5' is no pair of cycles\nhelp: write --window A:B, as in",
        ),
        ("--json --intervals --window a:6", "--window 'a:6' is no pair of cycles"),
        ("--json --intervals --window 5:5", "--window 5:5 has no cycle: it begins at 5 and ends at 5\nhelp:"),
        ("--json --intervals --window 9:5", "--window 9:5 has no cycle: it begins at 9 and ends at 5\nhelp:"),
        (
            "--json --intervals --window=-9:-5",
            "cycles -9 to -5 are no part of the call, which has cycles 0 to ",
        ),
        ("--json --intervals --window 99999:100000", "cycles 99999 to 100000 are no part of the call, which"),
    ],
)
def test_wrong_windows_are_errors_with_the_way_out(
    capsys: pytest.CaptureFixture[str], options: str, message: str
) -> None:
    assert main(["time", str(EXAMPLES / "mini.kl"), *options.split()]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert "\nhelp: " in captured.err
    assert captured.out == ""
