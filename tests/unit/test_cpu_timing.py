"""The time of a step on this computer: what is measured, in which order, and what means nothing there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kl.backends.cpu import timing
from kl.backends.cpu.execution import Executor
from kl.backends.cpu.target import CPU_TARGET
from kl.backends.targets import Choice, TimeOptions
from kl.frontends import load_model
from kl.tools.kl import main
from kl.tools.lowering import lower
from kl.tools.universe import make_context

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = str(EXAMPLES / "llama3_tiny.kl")
ON_CPU = (TINY, "--target", "cpu", "--set", "threads=1")

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more calls are measured than have to be."""
    for name in ("SECONDS", "WARM_SECONDS"):
        monkeypatch.setattr(timing, name, 0.0)


def program(**choice: Any) -> Any:
    """The small Llama, with what a choice says."""
    module = load_model(Path(TINY).read_text(), TINY, {})
    CPU_TARGET.set_machine(module, CPU_TARGET.machine(module).with_values({"threads": 1}))
    lower(make_context(), module, "kernel", Choice(**choice), target=CPU_TARGET)
    return CPU_TARGET.compile(module, "llama3_tiny")


def time(steps: int = 1, **options: Any) -> Any:
    return timing.time_program(
        program(steps_per_call=steps), TimeOptions(**options), lambda done, whole: None
    )


def error(capsys: Capture, *arguments: str) -> str:
    capsys.readouterr()
    assert main([*arguments]) == 1
    return capsys.readouterr().err


def test_a_step_is_measured_at_the_last_position():
    found = time()
    assert (found.position, found.steps, found.tokens, found.kernel_calls) == (63, 1, 1, 4)
    assert found.cycles is None
    assert found.roofline is None
    assert found.measured is not None
    assert len(found.measured.samples) == timing.FEWEST_CALLS
    assert found.seconds == found.measured.median > 0
    assert found.conditions == "1 thread, exact, measured on this computer"


def test_several_steps_end_at_the_last_position():
    found = time(steps=4)
    assert (found.position, found.steps, found.tokens, found.kernel_calls) == (60, 4, 4, 1)


def test_weights_that_a_step_reads_are_counted():
    layer = 64 * (64 + 32 + 32 + 64 + 3 * 128 + 2)
    row_norm_and_head = 64 + 64 + 64 * 256
    assert time().document["weight_bytes"] == 2 * (4 * layer + row_norm_and_head)
    assert time(steps=2).document["weight_bytes"] is None


def test_caches_are_full(monkeypatch: pytest.MonkeyPatch):
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(Executor, "run_calls", lambda self: seen.append(self.states))
    time()
    for state in seen[0].values():
        assert np.count_nonzero(state) > 0.9 * state.size
        assert np.isfinite(state.astype(float)).all()


def test_programs_are_measured_in_turn():
    made = list[int]()

    def call(number: int) -> float:
        made.append(number)
        return float(number)

    found = timing.measured_in_turn([lambda: call(0), lambda: call(1), lambda: call(2)], 4)
    assert made == [0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]
    assert [one.samples for one in found] == [(0.0,) * 4, (1.0,) * 4, (2.0,) * 4]


def test_no_round_begins_after_the_longest_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timing, "LONGEST_SECONDS", 0.0)
    (found,) = timing.measured_in_turn([lambda: 1.0], 5)
    assert found.samples == (1.0,)


def test_a_comparison_is_of_pairs(capsys: Capture):
    assert main(["compare", *ON_CPU, "--json"]) == 0
    timed = [one for one in json.loads(capsys.readouterr().out) if "refused" not in one]
    assert [one["variant"] for one in timed] == ["unfused", "fused", "looped", "single", "stepped"]
    assert {one["measured"]["calls"] for one in timed} == {timing.FEWEST_ROUNDS}
    assert {one["position"] + one["steps"] for one in timed} == {64}
    for one in timed[1:]:
        ratio = one["measured_speedup"]
        assert ratio["pairs"] == timing.FEWEST_ROUNDS
        assert ratio["low"] <= ratio["times"] <= ratio["high"]


def test_what_means_nothing_is_refused(capsys: Capture, tmp_path: Path):
    for options, name in (
        (("--orchestration", "software"), "--orchestration"),
        (("--trace", str(tmp_path / "trace.json")), "--trace"),
        (("--per-layer",), "--per-layer"),
        (("--experts", "best"), "--experts"),
        (("--position", "64"), "--param context"),
        (("--steps-per-call", "4", "--position", "61"), "--param context"),
        (("--sockets", "2"), "sockets"),
    ):
        assert name in error(capsys, "time", *ON_CPU, *options)


def test_measured_and_modelled_times_share_no_table(capsys: Capture, tmp_path: Path):
    file = tmp_path / "here.toml"
    file.write_text('class = "cpu"\nthreads = 1\n')
    for name in ("cpu", str(file)):
        found = error(capsys, "compare", TINY, "--machines", f"sn40l-8,{name}")
        assert f"the time of {name} is measured" in found
        assert "--target cpu" in found
