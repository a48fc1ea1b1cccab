"""The trace: its form is what Chrome and Perfetto load, its times are those of the report."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.trace_events import trace_document
from kl.backends.sn40l.units import Stage
from kl.tools.kl import main

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = str(EXAMPLES / "llama3_tiny.kl")
PICOSECOND = 1.5e-6
"""In microseconds; ends and beginnings are rounded to one."""

Trace = dict[str, Any]


def check_form(trace: Trace, sockets: int) -> None:
    """That a viewer can make sense of it: events have their fields, threads have names and are in order."""
    json.loads(json.dumps(trace))
    assert trace["displayTimeUnit"] in ("ms", "ns")
    names, ends, starts = {}, {}, {}
    processes = set()
    for event in trace["traceEvents"]:
        thread = event["pid"], event["tid"]
        match event["ph"]:
            case "M":
                if event["name"] == "process_name":
                    processes.add((event["pid"], event["args"]["name"]))
                elif event["name"] == "thread_name":
                    assert thread not in names
                    names[thread] = event["args"]["name"]
                else:
                    assert event["name"] == "thread_sort_index"
            case "X":
                assert thread in names
                assert event["name"]
                assert event["dur"] > 0
                assert event["ts"] >= ends.get(thread, 0) - PICOSECOND, "slices of a thread do not overlap"
                ends[thread] = event["ts"] + event["dur"]
            case "C":
                counter = event["pid"], event["name"]
                assert event["ts"] > starts.get(counter, -1), "one value of a counter at a time"
                starts[counter] = event["ts"]
                assert event["args"]["tokens"] >= 0
            case other:
                raise AssertionError(other)
    name = "socket 0" if sockets == 1 else f"sockets 0 to {sockets - 1} (all alike)"
    assert processes == {(0, name)}
    assert {event["pid"] for event in trace["traceEvents"]} == {0}


def slices(trace: Trace) -> dict[str, list[Trace]]:
    """The slices by the name of their thread."""
    names = {
        event["tid"]: event["args"]["name"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_name"
    }
    found: dict[str, list[Trace]] = defaultdict(list)
    for event in trace["traceEvents"]:
        if event["ph"] == "X":
            found[names[event["tid"]]].append(event)
    return found


def cycles(program: Program, events: list[Trace]) -> int:
    """How long slices last together."""
    return round(sum(event["dur"] for event in events) * program.machine.clock_hz / 1e6)


def trace_of(program: Program, scalars: dict[str, int], iterations: int) -> tuple[Any, Trace]:
    """The report and the trace of a step."""
    report = time_step(program, scalars, details=True, trace_iterations=iterations)
    return report, trace_document(program, report, iterations)


def test_a_whole_trace_has_all_steps_of_all_units(decoder: Any) -> None:
    program = decoder()
    report, trace = trace_of(program, {"position": 2}, 3)
    check_form(trace, sockets=1)
    assert trace["otherData"]["left_out"] == []
    (kernel,) = program.kernels
    threads = slices(trace)
    assert cycles(program, threads["HBM"]) == report.ledger.memory_busy
    for unit in kernel.units:
        if isinstance(unit, Stage):
            own = threads[f"kernel: stage {unit.name}"]
            assert len(own) == unit.firings * kernel.iterations
            assert cycles(program, own) == unit.firings * kernel.iterations * unit.ii_cycles
            assert [(e["args"]["iteration"], e["args"]["step"]) for e in own] == [
                (i, f) for i in range(kernel.iterations) for f in range(unit.firings)
            ]
    streams = [e for name, events in threads.items() if "load" in name or "store" in name for e in events]
    key = lambda event: (event["ts"], event["name"])  # noqa: E731
    assert [*map(key, sorted(streams, key=key))] == [*map(key, sorted(threads["HBM"], key=key))]
    assert len(threads["kernel: carry carry"]) == kernel.iterations + 1


def test_commands_follow_one_another_to_the_end_of_the_step(decoder: Any) -> None:
    program = decoder()
    report, trace = trace_of(program, {"position": 0}, 1)
    launch = slices(trace)["launch"]
    names = ["load arguments kernel", "execute kernel", "run kernel"]
    assert [event["name"] for event in launch] == names
    assert all(abs(a["ts"] + a["dur"] - b["ts"]) < PICOSECOND for a, b in pairwise(launch))
    assert cycles(program, launch) == report.cycles == trace["otherData"]["cycles"]
    assert sum(launch[-1]["args"].values()) == report.cycles - report.ledger.launch


def test_channels_fill_and_empty(decoder: Any) -> None:
    program = decoder()
    _, trace = trace_of(program, {"position": 0}, 3)
    tokens: dict[str, list[int]] = defaultdict(list)
    for event in trace["traceEvents"]:
        if event["ph"] == "C":
            tokens[event["name"]].append(event["args"]["tokens"])
    for channel in program.kernels[0].channels:
        seen = tokens.get(f"kernel: {channel.name}", [0])
        assert max(seen) <= channel.depth
        assert seen[-1] == 0
    assert len([seen for seen in tokens.values() if max(seen) > 0]) >= 8


def test_equal_sockets_are_one_process_and_links_have_a_thread(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    assert main(["time", TINY, "--sockets", "2", "--trace", str(path), "--json"]) == 0
    report, trace = json.loads(capsys.readouterr().out), json.loads(path.read_text())
    check_form(trace, sockets=2)
    assert trace["otherData"]["sockets"] == 2
    assert len(slices(trace)["links"]) > 0
    assert report["cycles"] == trace["otherData"]["cycles"]


def test_more_sockets_make_no_longer_trace(network: Any) -> None:
    sizes: list[int] = []
    for sockets in (2, 16):
        net = network(4, sockets=sockets)
        x, y = net.memory("x", "input", 1, 16), net.memory("y", "value", 1, 16, output=True)
        row, summed = net.channel(1, 16), net.channel(1, 16)
        net.load("load", x, row)
        net.collective("reduce", "all_reduce", row, summed)
        net.store("store", summed, y)
        sizes.append(sum(map(len, slices(trace_of(net.program(), {}, 4)[1]).values())))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("jump", [True, False])
def test_long_loops_show_their_first_iterations_and_the_last_one(network: Any, jump: bool, tiny: Any) -> None:
    program, scalars = tiny
    report = time_step(program, scalars, jump=jump, details=True, trace_iterations=2)
    trace = trace_document(program, report, 2)
    check_form(trace, sockets=1)
    (left_out,) = trace["otherData"]["left_out"]
    assert left_out == {"kernel": "decoder.loop", "first_iteration": 2, "last_iteration": 28}
    shown = {e["args"]["iteration"] for e in slices(trace)["decoder.loop: stage softmax.scores"]}
    assert shown == {0, 1, 29}
    # All of the last iteration is there, and what loads bring ahead of it is where it happens.
    full = trace_document(
        program, time_step(program, scalars, jump=False, details=True, trace_iterations=30), 30
    )
    for name, events in slices(full).items():
        if "decoder.loop: stage" in name:
            last = [event for event in events if event["args"]["iteration"] == 29]
            assert [e for e in slices(trace)[name] if e["args"]["iteration"] == 29] == last


@pytest.fixture(scope="module")
def tiny() -> tuple[Program, dict[str, int]]:
    """The looped program of thirty small layers, and its position."""
    from kl.backends.sn40l.emit import emit_program
    from kl.backends.sn40l.positions import position_inputs
    from kl.backends.targets import Choice
    from kl.frontends import load_model
    from kl.tools.lowering import lower
    from kl.tools.universe import make_context

    path = Path(TINY)
    module = load_model(path.read_text(encoding="utf-8"), path.name, {"layers": 30})
    lower(make_context(), module, "rdu", Choice())
    program = emit_program(module, "tiny")
    return program, position_inputs(program, 0)


def test_a_trace_is_the_same_with_and_without_jumps(tiny: Any) -> None:
    program, scalars = tiny
    options = {"details": True, "trace_iterations": 3}
    jumped = time_step(program, scalars, **options)
    assert jumped == time_step(program, scalars, jump=False, **options)


def test_of_many_calls_the_first_ones_and_the_last_one_are_shown(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    options = ["--no-loop", "--param", "layers=6", "--trace", str(path), "--trace-iterations", "2", "--json"]
    assert main(["time", TINY, *options]) == 0
    trace = json.loads(path.read_text())
    check_form(trace, sockets=1)
    (left_out,) = trace["otherData"]["left_out"]
    assert (left_out["first_call"], left_out["last_call"]) == (2, 4)
    kernel = left_out["kernel"]
    threads = slices(trace)
    assert len([e for e in threads["launch"] if e["name"] == f"run {kernel}"]) == 6
    assert len(threads[f"{kernel}: stage softmax.scores"]) == 3


def test_a_length_needs_a_trace(capsys: Any) -> None:
    assert main(["time", TINY, "--trace-iterations", "2"]) == 1
    err = capsys.readouterr().err
    assert "--trace-iterations says how much a trace shows, but none is written" in err
    assert "give --trace FILE, too" in err


def test_a_trace_that_cannot_be_written_is_an_error(capsys: Any, tmp_path: Path) -> None:
    assert main(["time", TINY, "--trace", str(tmp_path / "no" / "trace.json")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_firings_are_named_after_the_loop_of_their_unit(network: Any) -> None:
    net = network(6)
    net.steps = 3
    x, y, z = (
        net.memory("x", "weight", 2, 1, 4),
        net.memory("y", "value", 2, 1, 4),
        net.memory("z", "value", 3, 1, 4),
    )
    v = net.memory("v", "weight", 1, 4)
    inner, around = net.channel(1, 4), net.channel(1, 4)
    net.load("inner", x, inner, stacked=True)
    net.store("kept", inner, y, stacked=True)
    net.load("around", v, around)
    net.once_a_step()
    net.store("end", around, z, stacked=True)
    net.once_a_step()
    threads = slices(trace_of(net.program(), {}, 6)[1])
    assert [event["args"]["iteration"] for event in threads["kernel: load inner"]] == [*range(6)]
    assert [event["args"]["decode_step"] for event in threads["kernel: store end"]] == [0, 1, 2]
