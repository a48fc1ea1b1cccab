"""`kl` with several decode steps in one call: the same tokens, fewer calls, more tokens per second."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kl.tools.kl import main

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples" / "llama3_tiny.kl")
MINI = str(ROOT / "examples" / "mini.kl")

Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: str) -> Any:
    """The JSON that a command prints."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def tokens(result: Any) -> list[int]:
    """All tokens of a run, in order."""
    values = [one["outputs"][name]["values"] for one in result["steps"] for name in one["outputs"]]
    return np.concatenate([np.ravel(value) for value in values]).tolist()


@pytest.mark.parametrize("sockets", ["1", "2"])
def test_run_gives_the_tokens_of_single_steps(sockets: str, capsys: Capture) -> None:
    options = ["--steps", "6", "--sockets", sockets, "--check"]
    single = document(capsys, "run", TINY, *options)
    several = document(capsys, "run", TINY, *options, "--steps-per-call", "3")
    assert tokens(several) == tokens(single)
    assert [one["position"] for one in several["steps"]] == [0, 3]
    assert single["check"]["equal"]
    assert several["check"]["equal"]


def test_a_wrong_number_would_be_seen(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    # The reference repeats single steps: with positions that do not count, states differ.
    from kl.backends.sn40l.execution import ProgramRun

    monkeypatch.setattr(ProgramRun, "position_inputs", lambda run, position: {"position": 0})
    assert main(["run", TINY, "--steps", "4", "--steps-per-call", "4", "--check"]) == 1
    assert "state decoder.keys differs" in capsys.readouterr().out


def test_the_check_says_how_many_steps(capsys: Capture) -> None:
    assert main(["run", TINY, "--steps", "4", "--steps-per-call", "2", "--check"]) == 0
    assert "equal to the reference, bit for bit: 4 steps" in capsys.readouterr().out


def test_time_is_that_of_the_call(capsys: Capture) -> None:
    single = document(capsys, "time", TINY)
    several = document(capsys, "time", TINY, "--steps-per-call", "4")
    assert (single["steps"], several["steps"]) == (1, 4)
    assert (single["position"], several["position"]) == (63, 60)
    assert (single["tokens_per_step"], several["tokens_per_step"]) == (1, 1)
    assert (single["kernel_calls_per_token"], several["kernel_calls_per_token"]) == (4, 0.25)
    assert several["tokens_per_second"] == pytest.approx(4 / several["seconds"])
    assert several["tokens_per_second"] > 4 * single["tokens_per_second"]
    assert several["cycles"] >= several["roofline_cycles"]
    # The steps do the same work: only the hidden state and the logits do not go through memory any more.
    assert several["flops"] > 4 * single["flops"]
    assert 3.9 * single["bytes"]["hbm_read"] < several["bytes"]["hbm_read"] < 4 * single["bytes"]["hbm_read"]


def test_time_prints_what_a_call_is(capsys: Capture) -> None:
    assert main(["time", TINY, "--steps-per-call", "4", "--position", "8"]) == 0
    out = capsys.readouterr().out
    assert "4 steps in one call, from position 8 on" in out
    assert "kernel calls  0.25 per token" in out


def test_the_ir_of_each_level_goes_on(capsys: Capture, tmp_path: Path) -> None:
    single = tokens(document(capsys, "run", TINY, "--steps", "4"))
    for level, name in (
        ("kernel", "a.mlir"),
        ("dataflow", "b.mlir"),
        ("rdu", "c.mlir"),
        ("program", "d.json"),
    ):
        path = str(tmp_path / name)
        assert main(["compile", TINY, "--to", level, "--steps-per-call", "2", "-o", path]) == 0
        check = ["--check"] if level in ("kernel", "dataflow") else []
        result = document(capsys, "run", path, "--steps", "4", *check)
        assert tokens(result) == single
        assert not check or result["check"]["equal"]


def test_a_model_that_cannot_says_why(capsys: Capture) -> None:
    assert main(["time", MINI, "--steps-per-call", "4"]) == 0
    shown = capsys.readouterr()
    assert "remark: steps are not looped: the step returns a value, a tensor<1xi32>" in shown.err
    assert "one step at position 0" in shown.out
    refused = [one["variant"] for one in document(capsys, "compare", MINI) if "refused" in one]
    assert refused == ["stepped", "stepped+resident"]


def test_compare_takes_the_number_of_steps(capsys: Capture) -> None:
    variants = document(capsys, "compare", TINY, "--steps-per-call", "2", "--position", "9")
    assert Counter(one["steps"] for one in variants) == {1: 6, 2: 2}
    assert {one["variant"]: one["position"] for one in variants}["stepped"] == 8
    assert Counter(one["position"] for one in variants) == {9: 6, 8: 2}


WRONG = {
    "a rest": (
        ["run", TINY, "--steps", "5", "--steps-per-call", "2"],
        "5 steps are asked for, a call makes 2",
    ),
    "a full context": (
        ["run", TINY, "--steps", "66", "--steps-per-call", "2"],
        "have room for positions 0 to 63",
    ),
    "a far position": (
        ["time", TINY, "--steps-per-call", "2", "--position", "63"],
        "position 64 is asked for",
    ),
    "more steps than the context has": (
        ["time", TINY, "--steps-per-call", "65"],
        "(the last of 65 steps from position 0 on)",
    ),
    "a pipeline": (
        ["time", TINY, "--pipeline", "outline-kernels", "--steps-per-call", "2"],
        "--pipeline says all that is done",
    ),
    "a stop token of single steps": (
        ["run", TINY, "--stop-token", "7"],
        "--stop-token 7 ends calls of several steps",
    ),
    "a stop token beside a pipeline": (
        ["time", TINY, "--pipeline", "outline-kernels", "--stop-token", "7"],
        "--pipeline says all that is done",
    ),
    "an unknown stop token": (
        ["run", TINY, "--steps", "2", "--steps-per-call", "2", "--stop-token", "256"],
        "stop is 256; the vocabulary has the tokens 0 to 255",
    ),
    "a stop token where nothing is looped": (
        ["time", MINI, "--steps-per-call", "2", "--stop-token", "1"],
        "so none of them ends at the stop token 1",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_an_error(name: str, capsys: Capture) -> None:
    arguments, message = WRONG[name]
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


def test_ir_with_kernels_is_no_place_for_the_option(capsys: Capture, tmp_path: Path) -> None:
    path = str(tmp_path / "kernels.mlir")
    assert main(["compile", TINY, "--to", "kernel", "-o", path]) == 0
    assert main(["time", path, "--steps-per-call", "2"]) == 1
    assert "--fusion, --loop, --single-call and --steps-per-call choose" in capsys.readouterr().err


ROWS = [TINY, "--param", "batch=3"]
"""From the first token on, row 0 makes 178, 107, 161, 111, …; row 1 makes 204 first; row 2 makes 61 first."""


@pytest.mark.parametrize("sockets", ["1", "2"])
def test_rows_end_at_the_stop_token(sockets: str, capsys: Capture) -> None:
    options = [*ROWS, "--steps", "8", "--steps-per-call", "4", "--sockets", sockets, "--check"]
    free = document(capsys, "run", *options)
    stop = tokens(free)[3 * 1]  # what row 0 makes in step 1
    result = document(capsys, "run", *options, "--stop-token", str(stop))
    assert result["check"]["equal"]
    assert (free["stop_token"], free["ended"], result["stop_token"]) == (None, None, stop)
    rows = np.reshape(tokens(free), (8, 3)).T.tolist()
    ends = [row.index(stop) if stop in row else None for row in rows]
    assert ends[0] == 1
    assert None in ends
    assert result["ended"] == ends
    stopped = [
        row if end is None else row[:end] + [stop] * (8 - end) for row, end in zip(rows, ends, strict=True)
    ]
    assert np.reshape(tokens(result), (8, 3)).T.tolist() == stopped
    times = [document(capsys, "time", *_timed(options, stop, at)) for at in ("0", "4")]
    assert [one["cycles"] for one in result["steps"]] == [one["cycles"] for one in times]


def _timed(options: list[str], stop: int, position: str) -> list[str]:
    kept = options[: options.index("--steps")] + options[options.index("--steps-per-call") : -1]
    return [*kept, "--stop-token", str(stop), "--position", position]


def test_no_call_follows_when_all_rows_have_ended(capsys: Capture) -> None:
    options = [TINY, "--steps", "8", "--steps-per-call", "4", "--check"]
    stop = tokens(document(capsys, "run", *options))[2]
    result = document(capsys, "run", *options, "--stop-token", str(stop))
    (call,) = result["steps"]
    assert (call["made"], result["ended"], result["check"]["equal"]) == (3, [2], True)
    assert main(["run", *options, "--stop-token", str(stop)]) == 0
    shown = capsys.readouterr().out
    assert f"row 0 ends at position 2, stop token {stop}" in shown
    assert "equal to the reference, bit for bit: 3 steps" in shown


def test_a_row_that_begins_with_the_stop_token_has_ended(capsys: Capture) -> None:
    options = ["run", TINY, "--steps", "4", "--steps-per-call", "4", "--check"]
    (first,) = next(iter(document(capsys, *options)["steps"][0]["inputs"].values()))["values"]
    result = document(capsys, *options, "--stop-token", str(first))
    assert tokens(result) == [first] * 4
    assert (result["steps"][0]["made"], result["ended"], result["check"]["equal"]) == (0, [-1], True)


def test_a_saved_program_has_its_stop_token(capsys: Capture, tmp_path: Path) -> None:
    path, stop = str(tmp_path / "program.json"), str(tokens(document(capsys, "run", TINY))[0])
    options = ["--steps-per-call", "4", "--stop-token", stop]
    assert main(["compile", TINY, *options, "-o", path]) == 0
    result = document(capsys, "run", path, "--steps", "8")
    assert (result["stop_token"], result["ended"], len(result["steps"])) == (int(stop), [0], 1)
