"""The command `kl`: its results, its JSON forms, its errors and exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import save
from numpy.typing import NDArray

from kl.backends.weights import WeightSpec, random_weights
from kl.tools.kl import COMMANDS, main
from kl.tools.options import JSON_VERSION
from kl.tools.terminal import print_json
from kl.tools.variants import VARIANTS

ROOT = Path(__file__).parents[2]
LLAMA = str(ROOT / "examples/llama3_8b.kl")
TINY = str(ROOT / "examples/llama3_tiny.kl")

Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: str) -> Any:
    """The JSON document of a command that succeeds."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_compare_shows_what_looping_does(capsys: Capture):
    variants = document(capsys, "compare", LLAMA)
    assert [v["variant"] for v in variants] == [*VARIANTS]
    assert [v["version"] for v in variants] == [JSON_VERSION] * 8
    assert [v["kernel_calls_per_token"] for v in variants] == [323, 35, 4, 1, 1 / 8, 4, 1, 1 / 8]
    assert [v["steps"] for v in variants] == [1, 1, 1, 1, 8, 1, 1, 8]
    unfused, fused, looped, single, stepped, *residents = (v["tokens_per_second"] for v in variants)
    assert unfused < fused < looped < single < stepped
    for base, resident in zip((looped, single, stepped), residents, strict=True):
        assert base < resident
    for v in variants:
        assert v["tokens_per_second"] <= v["roofline_tokens_per_second"]
        assert v["roofline_share"] == pytest.approx(v["tokens_per_second"] / v["roofline_tokens_per_second"])
        assert v["position"] == 4096 - v["steps"]


def test_compare_prints_a_table(capsys: Capture):
    assert main(["compare", TINY]) == 0
    out = capsys.readouterr().out
    _, variants, bounds, times, _ = out.split("\n\n")
    for head, table in (("variant", variants), ("bounds", bounds), ("time", times)):
        assert [line.split()[0] for line in table.splitlines()] == [head, *VARIANTS]
        assert max(map(len, table.splitlines())) <= 100
    assert "time goes to      memory full rate  below full  launch" in times
    calls = re.findall(r"^[a-z+]+ +(?:-O\d *)*([\d.]+) ", variants, re.MULTILINE)
    assert calls == ["43", "7", "4", "1", "0.125", "4", "1", "0.125"]


def test_the_ledger_of_time_sums_up(capsys: Capture):
    report = document(capsys, "time", TINY)
    assert sum(report["ledger_cycles"].values()) == report["cycles"]
    assert sum(kernel["cycles"] for kernel in report["kernels"]) == report["cycles"]
    assert report["kernel_calls_per_token"] == sum(kernel["calls"] for kernel in report["kernels"]) == 4


def test_time_prints_where_the_time_goes(capsys: Capture):
    assert main(["time", TINY]) == 0
    out = capsys.readouterr().out
    for text in ("tokens/s", "kernel calls  4 per token", "memory full rate", "launch", "decoder.loop"):
        assert text in out


def test_software_orchestration_costs_more(capsys: Capture):
    hardware = document(capsys, "time", TINY)
    software = document(capsys, "time", TINY, "--orchestration", "software")
    assert software["cycles"] > hardware["cycles"]


def test_fusion_and_loop_choose_kernels(capsys: Capture):
    calls = {
        (fusion, loop): document(capsys, "time", TINY, "--fusion", fusion, loop)["kernel_calls_per_token"]
        for fusion in ("op", "block", "layer")
        for loop in ("--loop", "--no-loop")
    }
    assert calls["op", "--no-loop"] == 43
    assert calls["block", "--no-loop"] == 11
    assert calls["layer", "--no-loop"] == 7
    assert calls["layer", "--loop"] == 4
    assert all(calls[f, "--loop"] < calls[f, "--no-loop"] for f in ("op", "block", "layer"))


@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow", "rdu", "program"])
def test_compilation_goes_on_from_every_level(level: str, tmp_path: Path, capsys: Capture):
    path = str(tmp_path / f"step.{'json' if level == 'program' else 'mlir'}")
    assert main(["compile", TINY, "--to", level, "-o", path]) == 0
    expected = document(capsys, "time", TINY)
    timed = document(capsys, "time", path)
    assert timed["cycles"] == expected["cycles"]
    outputs = [step["outputs"] for step in document(capsys, "run", path, "--steps", "3")["steps"]]
    assert outputs == [step["outputs"] for step in document(capsys, "run", TINY, "--steps", "3")["steps"]]


@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow"])
def test_check_holds_from_every_level_that_has_a_reference(level: str, tmp_path: Path, capsys: Capture):
    path = str(tmp_path / "step.mlir")
    assert main(["compile", TINY, "--to", level, "-o", path]) == 0
    assert document(capsys, "run", path, "--steps", "3", "--check")["check"]["equal"]


def test_compile_prints_the_ir(capsys: Capture):
    assert main(["compile", TINY, "--to", "kernel"]) == 0
    out = capsys.readouterr().out
    assert "kernel.loop 4" in out
    compiled = document(capsys, "compile", TINY, "--to", "kernel")
    assert compiled["text"] == out
    names = [entry["pass"] for entry in compiled["passes"]]
    assert [name.split("{")[0] for name in compiled["pipeline"].split(",")] == names


def test_the_pipeline_of_compile_is_one_for_kl_opt(capsys: Capture):
    compiled = document(capsys, "compile", TINY, "--to", "rdu", "--fusion", "op")
    from kl.tools.kl_opt import main as kl_opt

    assert kl_opt([TINY, "-p", compiled["pipeline"]]) == 0
    assert capsys.readouterr().out.strip() == compiled["text"].strip()


def test_three_ways_give_the_same_tokens(capsys: Capture):
    ways = (["--fusion", "op", "--no-loop"], ["--no-loop"], [])
    runs = [document(capsys, "run", TINY, "--steps", "4", "--check", *way) for way in ways]
    tokens = [[step["outputs"].popitem()[1]["values"] for step in run["steps"]] for run in runs]
    assert tokens[0] == tokens[1] == tokens[2]
    assert all(run["check"]["equal"] for run in runs)


def test_each_step_is_fed_with_the_token_before(capsys: Capture):
    steps = document(capsys, "run", TINY, "--steps", "3", "--seed", "7")["steps"]
    for before, after in pairwise(steps):
        assert after["inputs"]["token"] == next(iter(before["outputs"].values()))
        assert after["inputs"]["position"]["values"] == before["inputs"]["position"]["values"] + 1


def test_a_difference_is_reported_and_exits_with_1(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    from kl.backends.interpreter import Interpreter, StepResult

    def off_by_one(self: Interpreter, inputs: list[Any]) -> StepResult:
        result = step(self, inputs)
        return StepResult(tuple(output + 1 for output in result.outputs), result.observed)

    step = Interpreter.step
    monkeypatch.setattr(Interpreter, "step", off_by_one)
    assert main(["run", TINY, "--check"]) == 1
    assert (
        "position 0: output step.argmax.out0 differs in 1 elements, at most by 1" in capsys.readouterr().out
    )


def test_weights_come_from_safetensors(tmp_path: Path, capsys: Capture):
    program_path = tmp_path / "step.json"
    assert main(["compile", TINY, "--to", "program", "-o", str(program_path)]) == 0
    write_checkpoint(tmp_path / "model.safetensors", program_path, seed=0)
    random = document(capsys, "run", TINY, "--steps", "2")
    loaded = document(capsys, "run", TINY, "--steps", "2", "--weights", str(tmp_path / "model.safetensors"))
    assert loaded["steps"] == random["steps"]
    assert loaded["ignored"] == []


def test_what_a_model_does_not_read_of_a_checkpoint_is_said(tmp_path: Path, capsys: Capture):
    program_path, path = tmp_path / "step.json", str(tmp_path / "model.safetensors")
    assert main(["compile", TINY, "--to", "program", "-o", str(program_path)]) == 0
    write_checkpoint(Path(path), program_path, seed=0, more={"q.bias": np.zeros(4, np.float32)})
    capsys.readouterr()
    assert main(["run", TINY, "--weights", path]) == 1
    shown = capsys.readouterr().err
    assert "the checkpoint has a tensor that no weight reads: 'q.bias'" in shown
    assert "--ignore 'q.bias' leaves it out" in shown
    assert main(["run", TINY, "--weights", path, "--ignore", "*.bias"]) == 0
    assert "ignored of the checkpoint: 'q.bias'" in capsys.readouterr().out
    assert document(capsys, "run", TINY, "--weights", path, "--ignore", "*.bias")["ignored"] == ["q.bias"]


def write_checkpoint(
    path: Path, program_path: Path, seed: int, more: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """The random weights of a saved program as a safetensors file, layer by layer, and more tensors."""
    from kl.backends.sn40l.serialize import load_program

    tensors = dict(more or {})
    for region in load_program(program_path).regions:
        if region.kind != "weight":
            continue
        spec = WeightSpec(region.name, region.tensor, region.checkpoint, region.transposed, region.stacked)
        stack = random_weights([spec], seed)[region.name]
        for layer, array in enumerate(stack if region.stacked else [stack]):
            array = np.swapaxes(array, -1, -2) if region.transposed else array
            assert region.checkpoint is not None
            tensors[region.checkpoint.replace("{layer}", str(layer))] = np.ascontiguousarray(array)
    save(path, tensors)


def test_the_machine_can_be_changed(tmp_path: Path, capsys: Capture):
    half = tmp_path / "half.toml"
    half.write_text("hbm_bandwidth = 900_000_000_000\n")
    slow = document(capsys, "time", LLAMA, "--machine", str(half))
    fast = document(capsys, "time", LLAMA, "--machine", str(half), "--set", "hbm_bandwidth=1.8e12")
    assert fast["cycles"] == document(capsys, "time", LLAMA)["cycles"]
    assert slow["cycles"] > 1.9 * fast["cycles"]
    assert slow["roofline_tokens_per_second"] * 2 == pytest.approx(fast["roofline_tokens_per_second"])


def test_parameters_of_the_model_can_be_changed(capsys: Capture):
    assert document(capsys, "time", TINY, "--param", "context=32")["position"] == 31
    assert document(capsys, "compare", TINY, "--param", "layers=2")[1]["kernel_calls_per_token"] == 5


@pytest.mark.parametrize("command", ["compile", "run", "time", "compare"])
def test_every_json_field_is_documented(command: str, capsys: Capture):
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    result = document(capsys, command, TINY)
    for one in result if isinstance(result, list) else [result]:
        assert one["version"] == JSON_VERSION
        assert [field for field in one if f"`{field}`" not in page] == []


WRONG = {
    "a missing file": (["time", "missing.kl"], "missing.kl: No such file or directory"),
    "a strange file": (["time", str(ROOT / "README.md")], "unknown kind of file"),
    "an unknown parameter": (["time", TINY, "--param", "depth=3"], "unknown parameter 'depth'"),
    "no number": (["time", TINY, "--param", "layers=many"], "--param layers: 'many' is no number"),
    "no assignment": (["time", TINY, "--set", "pmus"], "--set 'pmus' is no assignment"),
    "an unknown machine parameter": (
        ["time", TINY, "--set", "pmu=3"],
        "unknown machine parameter 'pmu'; known: ",
    ),
    "a fraction": (["time", TINY, "--set", "pmus=1.5"], "pmus is 1.5; it must be an integer"),
    "a negative parameter": (["time", TINY, "--set", "pmus=-1"], "pmus is -1; it must be positive"),
    "a huge count": (["time", TINY, "--set", "pmus=16385"], "pmus is 16385; the most is 16384: "),
    "a huge size": (
        ["time", TINY, "--set", "pmu_bytes=9223372036854775808"],
        "machine parameter pmu_bytes is 9223372036854775808; the most is 1099511627776",
    ),
    "a negative time": (
        ["time", TINY, "--set", "p2p_latency_ns=-5"],
        "p2p_latency_ns is -5; it must be 0 or more",
    ),
    "a small machine": (["time", TINY, "--set", "pmus=2"], "PMUs"),
    "a full context": (["run", TINY, "--steps", "65"], "have room for positions 0 to 63"),
    "a far position": (["time", TINY, "--position", "64"], "have room for positions 0 to 63"),
    "a missing checkpoint": (
        ["run", TINY, "--weights", "none.safetensors"],
        "none.safetensors: No such file",
    ),
    "a wrong checkpoint": (["run", TINY, "--weights", TINY], "no safetensors file"),
    "nothing to ignore": (["run", TINY, "--ignore", "*"], "--ignore is for tensors of a checkpoint"),
    "a machine file that is none": (["time", TINY, "--machine", TINY], "is no TOML"),
    "a folder to write to": (["compile", TINY, "-o", str(ROOT)], "Is a directory"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_exits_with_1(name: str, capsys: Capture):
    arguments, text = WRONG[name]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert captured.err.count("error:") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bake", TINY],
        ["time"],
        ["run", TINY, "--steps", "-1"],
        ["run", TINY, "--steps", "few"],
        ["run", TINY, "--seed", "-1"],
        ["time", TINY, "--fusion", "all"],
        ["time", TINY, "--orchestration", "none"],
        ["compile", TINY, "--to", "gpu"],
        ["compare", TINY, "--fusion", "op"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: Capture):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("level", "arguments", "text"),
    [
        ("kernel", ["time", "--fusion", "op"], "has its kernels already"),
        ("kernel", ["time", "--no-loop"], "has its kernels already"),
        ("kernel", ["compare"], "has its kernels already"),
        ("nn", ["time", "--param", "layers=3"], "has none"),
        ("dataflow", ["time", "--set", "pmus=500"], "is planned for its machine already"),
        ("program", ["time", "--set", "pmus=500"], "is planned for its machine already"),
        ("program", ["time", "--loop"], "has its kernels already"),
        ("rdu", ["run", "--check"], "has no reference"),
        ("program", ["run", "--check"], "has no reference"),
        ("rdu", ["compile", "--to", "kernel"], "is at the level rdu already"),
        ("program", ["compile"], "is at the level program already"),
    ],
)
def test_options_that_come_too_late_are_no_silent_fallback(
    level: str, arguments: list[str], text: str, tmp_path: Path, capsys: Capture
):
    path = tmp_path / f"step.{'json' if level == 'program' else 'mlir'}"
    assert main(["compile", TINY, "--to", level, "-o", str(path)]) == 0
    command, *rest = arguments
    assert main([command, str(path), *rest]) == 1
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": "kl-program", "version": 99}',
        '{"format": "kl-program", "version": 1}',
        "\0",
    ],
)
def test_a_malformed_program(text: str, tmp_path: Path, capsys: Capture):
    path = tmp_path / "program.json"
    path.write_text(text)
    assert main(["time", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"kl: error: {path}: ")


def test_an_operation_of_another_level_is_refused(tmp_path: Path, capsys: Capture):
    path = tmp_path / "mixed.mlir"
    path.write_text('func.func @step() {\n  "test.op"() : () -> ()\n  func.return\n}\n')
    assert main(["time", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"{path}:2:3: error: test.op is left at the nn level")


@pytest.mark.parametrize(
    ("command", "rest"), [("show", "-O3"), ("time", "--none"), ("report", "one more"), ("examples", "a b c")]
)
def test_an_argument_that_is_not_known_shows_the_usage_of_its_command(
    command: str, rest: str, capsys: Capture
):
    with pytest.raises(SystemExit):
        main([command, "mini", *rest.split()])
    said = capsys.readouterr().err
    assert said.startswith(f"usage: kl {command} [-h] ")
    assert f"\nkl {command}: error: unrecognized arguments: " in said


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_can_be_printed(command: str, capsys: Capture):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: kl {command} ")


def test_help_and_wrong_usage_need_no_heavy_imports():
    script = (
        "import sys; from kl.tools.kl import make_parser; make_parser().format_help();"
        "heavy = {'xdsl', 'numpy', 'rich'} & {*sys.modules}; assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "command", ["compile mini", "time mini", "compare mini", "time llama3_tiny --sockets 2"]
)
def test_what_runs_without_data_runs_without_numpy(command: str):
    script = (
        f"import sys; from kl.tools.kl import main; code = main({command.split()});"
        "heavy = {'numpy', 'ml_dtypes'} & {*sys.modules}; assert (code, heavy) == (0, set()), (code, heavy)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_timing_imports_nothing_that_only_others_need():
    others = [
        "tomllib",
        "statistics",
        "kl.passes.sharding.plan",
        "kl.backends.weights",
        "kl.backends.calibration",
    ]
    script = (
        "import sys; from kl.tools.kl import main; code = main(['time', 'mini']);"
        f"found = {{*{others}}} & {{*sys.modules}}; assert (code, found) == (0, set()), (code, found)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_kl_opt_imports_what_it_needs():
    script = (
        "import sys; from kl.tools.kl_opt import KlOptMain; KlOptMain([], {});"
        "heavy = {'numpy', 'rich', 'lark'} & {*sys.modules}; assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdin=subprocess.DEVNULL)


def test_a_display_appears_after_a_second_on_a_terminal(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    from kl.tools import terminal

    monkeypatch.setattr(terminal, "PATIENCE_SECONDS", 0.0)
    assert main(["time", TINY]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["time", TINY]) == 0
    assert "timing llama3_tiny" in capsys.readouterr().err


def test_json_has_no_infinity(capsys: pytest.CaptureFixture[str]):
    print_json({"a": float("inf"), "b": [1.5, float("nan")], "c": ("x", 2)})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "a": None,
        "b": [1.5, None],
        "c": ["x", 2],
    }
