"""The ticks and the windows of layers are where the intervals have calls, and hold whole layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.backends.intervals import Intervals, Span, Track
from kl.tools.options import ComparisonOptions, MachineOptions, ModelOptions, TimingOptions
from kl.tools.pictures import magnifier
from kl.tools.pictures.timelines import Timeline, spans_of
from kl.tools.show.collection import Drawn, collect
from kl.tools.show.layers import layers_of, two_layers

TINY = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")
OPTIONS = ComparisonOptions(model=ModelOptions(TINY), machine=MachineOptions(), timing=TimingOptions())
LAYERS = 4


@pytest.fixture(scope="module")
def tiny() -> dict[str, Drawn]:
    return {one.name: one for one in collect(OPTIONS).drawn}


def intervals_of(one: Drawn) -> Intervals:
    assert one.timing.intervals is not None
    return one.timing.intervals


def calls(one: Drawn, kind: str, name: str) -> list[Span]:
    """Each span of a name by itself."""
    spans = [span for span in spans_of(intervals_of(one).tracks, kind) if span.name == name]
    every = (Span(span.start + at * span.period, span.cycles) for span in spans for at in range(span.count))
    return sorted(every, key=lambda span: span.start)


def test_a_layer_begins_where_its_call_runs(tiny: dict[str, Drawn]):
    fused = tiny["fused"]
    runs = [(span.start, span.cycles) for span in calls(fused, "kernel", "decoder")]
    assert len(runs) == LAYERS
    assert [(one.start, one.cycles) for one in fused.layers] == runs


def test_layers_of_a_loop_follow_one_another_in_its_call(tiny: dict[str, Drawn]):
    looped = tiny["looped"]
    [call] = calls(looped, "kernel", "decoder.loop")
    ends = [call.start, *(one.start + one.cycles for one in looped.layers)]
    assert [one.start for one in looped.layers] == ends[:-1]
    assert (len(looped.layers), ends[-1]) == (LAYERS, call.start + call.cycles)


def test_the_window_of_calls_holds_two_with_their_launches(tiny: dict[str, Drawn]):
    fused = tiny["fused"]
    window = intervals_of(fused).window
    assert window is not None
    launches = calls(fused, "launch", "load arguments decoder")
    assert window.begin in {one.start for one in launches}
    within = [
        one
        for one in calls(fused, "kernel", "decoder")
        if window.begin <= one.start and one.start + one.cycles <= window.end
    ]
    assert len(within) == 2
    assert within[-1].start + within[-1].cycles == window.end


def test_the_window_of_a_loop_holds_two_of_its_iterations(tiny: dict[str, Drawn]):
    looped = tiny["looped"]
    window = intervals_of(looped).window
    assert window is not None
    first, second = looped.layers[1:3]
    assert (window.begin, window.end) == (first.start, second.start + second.cycles)


def test_windows_of_different_lengths_say_so(tiny: dict[str, Drawn]):
    lines = [Timeline(one.name, intervals_of(one)) for one in tiny.values()]
    assert ">Up to " in magnifier.draw("t", lines).inline()
    assert ">Up to " not in magnifier.draw("t", lines[1:2]).inline()


def called(*spans: Span) -> Intervals:
    return Intervals(100_000, 1, (Track("kernels", "kernel", spans),))


def row(kernel: str, first: int, last: int, cycles: int) -> dict[str, str | int]:
    return {"kernel": kernel, "first": first, "last": last, "cycles": cycles}


def test_loops_that_are_called_again_begin_their_layers_anew():
    intervals = called(Span(100, 30, "loop", 1000, 2), Span(600, 7, "head"))
    layers = layers_of(intervals, [row("loop", 0, 0, 10), row("loop", 1, 5, 10), row("head", 0, 0, 7)])
    assert [one.start for one in layers] == [100, 110, 120, 1100, 1110, 1120]


def test_layers_of_two_kinds_are_two_in_a_window():
    intervals = called(Span(100, 30, "wide", 1000, 3), Span(600, 7, "narrow", 1000, 2))
    layers = layers_of(intervals, [row("wide", 0, 2, 30), row("narrow", 0, 1, 7)])
    assert [one.name for one in layers] == ["wide", "narrow", "wide", "narrow", "wide"]
    assert two_layers(intervals, layers) == (607, 1607)


def test_a_kernel_that_runs_once_has_no_layers():
    intervals = called(Span(100, 30, "once"))
    assert layers_of(intervals, [row("once", 0, 0, 30)]) == ()
    assert two_layers(intervals, ()) is None
