"""What-if: every point is what `kl time` says of it, and nothing that is refused or equal is left out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from interrupts import heed_interrupts

from kl.dialects.machine import Machine
from kl.tools.examples import Example
from kl.tools.kl import main
from kl.tools.options import CompilerOptions, MachineOptions, MappingOptions, ModelOptions, TimingOptions
from kl.tools.values import InputError
from kl.tools.whatif import evaluation, questions
from kl.tools.whatif.answers import Answer, Refused, Sensitivity, Time, WhatIf
from kl.tools.whatif.evaluation import time_point, time_points
from kl.tools.whatif.points import Point

MODELS = Path(__file__).parents[2] / "examples"
SMALL = """
model small

dtype bf16
param batch = 1
param context = 16
param layers = 3

weight head[64, 64]

layer block[layers](x[batch, 64], position: i32) {
  weight w[64, 64]
  cache keys[batch, 4, context, 16]
  cache values[batch, 4, context, 16]
  k = x @ w
  append(keys, k, position)
  append(values, k, position)
  return x + attention(k, keys, values, position)
}

step(x[batch, 64], position: i32) {
  for i in 0..layers { x = block[i](x, position) }
  return argmax(x @ head)
}
"""
SAID = (
    ("--set", "execute_ns=4001"),
    ("--set", "clock_hz=1000000000"),
    ("--param", "layers=2"),
    ("--sockets", "2"),
)
"""What the command line says besides the model."""

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a model that is timed in a tenth of a second."""
    path = tmp_path_factory.mktemp("models") / "small.kl"
    path.write_text(SMALL, "utf-8")
    return str(path)


def options_of(path: str) -> CompilerOptions:
    """The options of `SAID`."""
    machine = MachineOptions(set=("execute_ns=4001", "clock_hz=1000000000"), sockets=2)
    return CompilerOptions(model=ModelOptions(path, ("layers=2",)), machine=machine, mapping=MappingOptions())


@pytest.fixture(scope="module")
def asked(small: str) -> Iterator[WhatIf]:
    """All questions about the small model, beside one example, on two processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "examples", lambda kind: [Example(kind, MODELS / "mini.kl")])
        yield questions.what_if(options_of(small), TimingOptions(), jobs=2)


def sensitivity(asked: WhatIf, name: str) -> Sensitivity:
    return next(one for one in asked.sensitivities if one.parameter.name == name)


def timed(answer: Answer) -> Time:
    assert isinstance(answer, Time), answer
    return answer


def by_hand(capsys: Capture, path: str, answer: Time, said: tuple[tuple[str, str], ...] = SAID) -> object:
    """What `kl time` prints with the change of an answer in place of what the command line says."""
    option, _, value = answer.change.partition(" ")
    name = value.partition("=")[0] if "=" in value else ""
    kept = [one for one in said if not (one[0] == option and one[1].startswith(name))]
    flags = [*kept, *([(option, value)] if answer.change else [])]
    assert main(["time", path, "--json", *(text for pair in flags for text in pair)]) == 0
    return json.loads(capsys.readouterr().out)


def matches(document: object, answer: Time) -> bool:
    assert isinstance(document, dict)
    return (
        document["seconds"] / document["steps"],
        document["tokens_per_second"],
        document["kernel_calls"] / document["steps"],
        document["roofline_tokens_per_second"],
        document["attainable_tokens_per_second"],
    ) == (answer.seconds, answer.tokens_per_second, answer.calls, answer.roof, answer.attainable)


def test_points_are_what_kl_time_says(asked: WhatIf, small: str, capsys: Capture):
    answers = [timed(asked.base)]
    for name in ("clock_hz", "program_load_ns", "hbm_latency_cycles", "sockets"):
        one = sensitivity(asked, name)
        answers += [timed(one.halved), timed(one.doubled)]
    answers += [timed(answer) for curve in asked.curves for _, answer in curve.points[1:3]]
    assert len({answer.seconds for answer in answers}) > 8, "points differ"
    for answer in answers:
        assert matches(by_hand(capsys, small, answer), answer), answer


def test_other_models_are_timed_on_the_same_machine_as_they_are(asked: WhatIf, capsys: Capture):
    assert [name for name, _ in asked.matrix.rows] == ["small", "mini"]
    rows = dict(asked.matrix.rows)
    for count, answer in zip(asked.matrix.sockets, rows["mini"], strict=True):
        said = (*SAID[:2], ("--sockets", str(count)))
        assert matches(by_hand(capsys, str(MODELS / "mini.kl"), timed(answer), said), timed(answer))
    assert rows["small"] == tuple(answer for _, answer in asked.curves[0].points)


def test_what_is_compared_is_the_time_of_one_step(capsys: Capture):
    path = str(MODELS / "llama3_tiny.kl")
    mapping = MappingOptions(steps_per_call=4)
    options = CompilerOptions(model=ModelOptions(path), machine=MachineOptions(), mapping=mapping)
    answer = timed(time_point(Point(options, TimingOptions())))
    assert main(["time", path, "--json", "--steps-per-call", "4"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["steps"] == 4
    assert matches(document, answer)


def test_every_parameter_is_asked_about_with_its_source(asked: WhatIf):
    assert [one.parameter.name for one in asked.sensitivities] == [one.name for one in fields(Machine)]
    clock = sensitivity(asked, "clock_hz")
    assert (clock.parameter.value, clock.parameter.standing) == (1_000_000_000, "assumed")
    assert clock.halved.change == "--set clock_hz=500000000"
    assert clock.doubled.change == "--set clock_hz=2000000000"
    assert sensitivity(asked, "sockets").halved.change == "--sockets 1"


def test_what_cannot_be_is_refused_with_the_reason(asked: WhatIf):
    odd = sensitivity(asked, "execute_ns")
    assert isinstance(odd.halved, Refused)
    assert odd.halved.reason == "half of 4001 is no whole number"
    efficiency = sensitivity(asked, "hbm_efficiency_permille")
    assert isinstance(efficiency.doubled, Refused)
    assert efficiency.doubled.reason == "hbm_efficiency_permille is 1840; above 1000 beats the roofline"
    assert [name for name, _ in efficiency.refusals] == ["doubled"]


def test_what_changes_nothing_is_told_from_what_does(asked: WhatIf):
    base = timed(asked.base)
    assert sensitivity(asked, "ddr_bandwidth").effect(base) == 0
    assert sensitivity(asked, "host_command_ns").factors(base) == (1, 1)
    halved, doubled = sensitivity(asked, "program_load_ns").factors(base)
    assert (halved or 0) < 1 < (doubled or 0)


def test_curves_have_the_values_of_the_model_among_others(asked: WhatIf):
    sockets, batch, context = asked.curves
    assert (sockets.axis, sockets.given) == ("sockets", 2)
    assert [value for value, _ in sockets.points] == [1, 2, 4, 8, 16]
    assert (batch.given, context.given) == (1, 16)
    assert [value for value, _ in context.points] == [2, 4, 8, 16, 32, 64, 128]
    assert dict(sockets.points)[2] == replace(timed(asked.base), change="--sockets 2")


def test_a_model_without_a_parameter_says_so_once():
    options = CompilerOptions(
        model=ModelOptions(str(MODELS / "mini.kl")), machine=MachineOptions(), mapping=MappingOptions()
    )
    plan = questions.Plan.of(Point(options, TimingOptions()), ())
    batch = plan.curves[1].answered(time_point)
    assert (batch.points, batch.note) == ((), "unknown parameter 'batch'")
    assert plan.curves[2].answered(time_point).note == "no cache is read"


def test_a_model_that_does_not_fit_is_asked_about_all_the_same():
    options = CompilerOptions(
        model=ModelOptions("mini"),
        machine=MachineOptions(set=("hbm_bytes=200000",)),
        mapping=MappingOptions(),
    )
    plan = questions.Plan.of(Point(options, TimingOptions()), ())
    assert isinstance(plan.base, Refused)
    assert "HBM" in plan.base.reason
    assert plan.halves == ()
    curve = plan.curves[0].answered(time_point)
    assert isinstance(curve.points[0][1], Refused)
    assert isinstance(curve.points[1][1], Time), "two sockets have the room"


def test_what_has_its_kernels_is_refused(tmp_path: Path, capsys: Capture):
    assert main(["compile", str(MODELS / "mini.kl"), "--to", "kernel"]) == 0
    path = tmp_path / "mini.mlir"
    path.write_text(capsys.readouterr().out, "utf-8")
    options = replace(options_of(""), model=ModelOptions(str(path)), machine=MachineOptions())
    with pytest.raises(InputError, match="has its kernels already"):
        questions.what_if(options, TimingOptions())
    with pytest.raises(InputError, match="stdin cannot be asked about"):
        questions.what_if(options_of("-"), TimingOptions())


def test_equal_points_are_timed_once_and_progress_is_told(small: str):
    point = Point(options_of(small), TimingOptions())
    told: list[tuple[int, int]] = []
    answers = time_points([point, point], lambda done, total: told.append((done, total)), jobs=1)
    assert [*answers] == [point]
    assert told == [(1, 1)]


def test_a_process_that_ends_by_itself_is_an_error_with_a_way_out(
    small: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(evaluation, "_begin", ending)
    with pytest.raises(InputError, match="has ended by itself"):
        time_points([Point(options_of(small), TimingOptions())], lambda done, total: None, jobs=1)


def ending() -> None:
    """The begin of a process that dies."""
    os._exit(7)


SCRIPT = """
import sys
from kl.tools.diagnostics import guarded
from kl.tools.whatif import questions
from kl.tools.options import *

NO = MachineOptions(), MappingOptions()

def run():
    options = CompilerOptions(model=ModelOptions("llama3_8b"), machine=NO[0], mapping=NO[1])
    print("begun", flush=True)
    questions.what_if(options, TimingOptions())
    return 0

if __name__ == "__main__":
    sys.exit(guarded("kl", run, {}))
"""


def test_an_interrupt_ends_all_processes_and_prints_no_traceback(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=-1,
        stderr=-1,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(3)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)  # ends when all that hold the streams have ended
    assert process.returncode == 130
    assert "Traceback" not in errors
