"""A target and a frontend of another package work in `kl`; a broken one costs a warning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
TINY = str(ROOT / "examples/llama3_tiny.kl")

TOY = """
import json
from dataclasses import asdict, dataclass, replace

from xdsl.dialects.builtin import IntegerAttr, i64

from kl.backends.tables import Table
from kl.backends.targets import Target, TargetError, Timing
from kl.dialects.kernel import CallOp
from kl.frontends import Frontend, load_model


@dataclass(frozen=True)
class Machine:
    launch_ns: int = 1000
    kernel_ns: int = 500

    def items(self):
        return asdict(self).items()

    def with_values(self, values):
        for name, value in values.items():
            if name not in asdict(self):
                raise ValueError(f"a toy has no '{name}'")
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be positive")
        return replace(self, **values)


def machine(module):
    found = {name: module.attributes.get(f"toy.{name}") for name, _ in Machine().items()}
    return Machine(**{name: value.value.data for name, value in found.items() if value is not None})


def set_machine(module, machine):
    for name, value in machine.items():
        module.attributes[f"toy.{name}"] = IntegerAttr(value, i64)


@dataclass(frozen=True)
class Program:
    name: str
    calls: tuple[str, ...]
    machine: Machine
    steps: int = 1


def pipeline(level, choice):
    loop = ",loop-kernels" if choice.loop else ""
    return f"outline-kernels{{granularity={choice.fusion}}},merge-identical-kernels{loop}"


def compile(module, name):
    calls = tuple(str(op.callee.root_reference.data) for op in module.walk() if isinstance(op, CallOp))
    return Program(name, calls, machine(module))


def time(program, options, progress):
    if (options.position or 0) > 100:
        raise TargetError(f"position {options.position} is asked for; a toy has 100", way_out="stay below")
    costs = {}
    for number, call in enumerate(program.calls):
        costs[call] = costs.get(call, 0) + program.machine.launch_ns + program.machine.kernel_ns
        progress(number + 1, len(program.calls))
    seconds = sum(costs.values()) / 1e9
    return Timing(
        program.name,
        options.position or 0,
        seconds,
        kernel_calls=len(program.calls),
        conditions="a toy",
        tables=(Table(("kernel", "ns"), [[name, str(cost)] for name, cost in costs.items()]),),
        document={"cost_ns": costs},
    )


def dump(program):
    return json.dumps({"toy": asdict(program)})


def load(data):
    fields = json.loads(data)["toy"]
    return Program(fields["name"], tuple(fields["calls"]), Machine(**fields["machine"]))


TARGET = Target(
    name="toy",
    level="kernel",
    pipeline=pipeline,
    machine=machine,
    set_machine=set_machine,
    compile=compile,
    time=time,
    dump=dump,
    recognises=lambda text: text.startswith('{"toy"'),
    load=load,
)


def read(ctx, text):
    _, layers = text.data.decode().split()
    lines = ["model toy", "dtype bf16", f"param n = {text.parameters.get('n', int(layers))}"]
    lines += ["layer block[n](x[1, 8]) {", "  weight w[8, 8]", "  return x @ w", "}"]
    lines += ["step(x[1, 8]) {", "  for i in 0..n {", "    x = block[i](x)", "  }", "  return x", "}"]
    return load_model("\\n".join(lines) + "\\n", text.path)


FRONTEND = Frontend(
    "toy", (), "toy models", lambda text: text.startswith("toy-model "), read, has_parameters=True
)
NONSENSE = 3
"""
METADATA = "Metadata-Version: 2.1\nName: kl-toy\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
GOOD = "[kl.targets]\ntoy = kl_toy:TARGET\n[kl.frontends]\ntoy = kl_toy:FRONTEND\n"
BROKEN = """[kl.targets]
gone = kl_toy_gone:TARGET
nonsense = kl_toy:NONSENSE
toy = kl_toy:TARGET
twice = kl_toy:TARGET
[kl.frontends]
broken = kl_toy:MISSING
"""


def install(folder: Path, entry_points: str) -> Path:
    """A folder into which pip has installed the toy, from a wheel made here: no network, no build."""
    wheel = folder / "kl_toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("kl_toy.py", TOY)
        archive.writestr("kl_toy-1.0.dist-info/METADATA", METADATA)
        archive.writestr("kl_toy-1.0.dist-info/WHEEL", WHEEL)
        archive.writestr("kl_toy-1.0.dist-info/entry_points.txt", entry_points)
        archive.writestr("kl_toy-1.0.dist-info/RECORD", "")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([sys.executable, *install, str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("toy"), GOOD)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("broken"), BROKEN)


def kl(site: Path, *arguments: str, tool: str = "kl") -> subprocess.CompletedProcess[str]:
    """Run a tool that finds the packages of a folder."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [str(TOOLS / tool), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def output(site: Path, *arguments: str) -> str:
    done = kl(site, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def document(site: Path, *arguments: str) -> Mapping[str, Any]:
    return json.loads(output(site, *arguments, "--json"))


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model whose language is told by its first line alone."""
    path = tmp_path / "model.txt"
    path.write_text("toy-model 3\n")
    return str(path)


def test_time_is_the_sum_of_the_costs_of_calls(toy: Path, model: str):
    timed = document(toy, "time", model, "--target", "toy", "--no-loop")
    assert timed["kernel_calls"] == 3
    assert timed["cost_ns"] == {"block": 3 * 1500}
    assert timed["seconds"] == pytest.approx(4500e-9)
    assert timed["tokens_per_second"] == pytest.approx(1 / 4500e-9)
    assert document(toy, "time", model, "--target", "toy")["kernel_calls"] == 1


def test_the_machine_has_parameters_of_its_own(toy: Path, model: str, tmp_path: Path):
    file = tmp_path / "toy.toml"
    file.write_text("launch_ns = 10\nkernel_ns = 7\n")
    options = ["--target", "toy", "--no-loop", "--machine", str(file), "--set", "kernel_ns=5"]
    assert document(toy, "time", model, *options)["cost_ns"] == {"block": 3 * 15}
    done = kl(toy, "time", model, "--target", "toy", "--set", "pcus=5")
    assert (done.returncode, done.stderr) == (1, "kl: error: a toy has no 'pcus'\n")


def test_time_prints_what_the_target_says(toy: Path, model: str):
    lines = output(toy, "time", model, "--target", "toy", "--no-loop").splitlines()
    assert lines[0] == "model: one step at position 0, a toy"
    assert [line.split() for line in lines[2:5]] == [
        ["tokens/s", "222222.2"],
        ["step", "4.5", "µs"],
        ["kernel", "calls", "3", "per", "token"],
    ]
    assert [line.split() for line in lines[6:]] == [["kernel", "ns"], ["block", "4500"]]


def test_compile_stops_at_the_level_of_the_target(toy: Path, model: str):
    text = output(toy, "compile", model, "--target", "toy", "--fusion", "op", "--no-loop")
    assert text.count("kernel.call @") == 3
    assert "dataflow" not in text
    compiled = document(toy, "compile", model, "--target", "toy", "--param", "n=2", "--no-loop")
    assert (compiled["input_level"], compiled["level"]) == ("nn", "kernel")
    assert compiled["text"].count("kernel.call @") == 2
    done = kl(toy, "compile", model, "--target", "toy", "--to", "rdu")
    assert done.returncode == 1
    assert "the target toy takes the level kernel, above rdu\nhelp: give --to kernel or" in done.stderr


def test_a_saved_program_is_recognised(toy: Path, model: str, tmp_path: Path):
    path = str(tmp_path / "saved")
    compiled = ["compile", model, "--target", "toy", "--no-loop", "--to", "program", "-o", path]
    assert output(toy, *compiled) == ""
    assert document(toy, "time", path)["cost_ns"] == {"block": 4500}
    done = kl(toy, "time", path, "--target", "sn40l")
    assert f"{path} is a program for toy already, not for sn40l" in done.stderr


def test_a_toy_model_for_the_default_target_and_our_model_for_a_toy(toy: Path, model: str):
    assert document(toy, "run", model, "--check")["check"]["equal"]
    assert document(toy, "time", TINY, "--target", "toy", "--no-loop")["kernel_calls"] == 7


def test_compare_and_tune_take_a_target(toy: Path, model: str, tmp_path: Path):
    compared = json.loads(output(toy, "compare", model, "--target", "toy", "--json"))
    assert [(one["variant"], one["kernel_calls_per_token"]) for one in compared if "refused" not in one] == [
        ("unfused", 3),
        ("fused", 3),
        ("looped", 1),
        ("single", 1),
        ("resident", 1),
        ("single+resident", 1),
    ]
    reasons = {one["refused"] for one in compared if "refused" in one}
    assert reasons == {"steps are not looped: no pass does it"}
    assert "speedup" in output(toy, "compare", model, "--target", "toy")
    page = output(toy, "show", model, "--target", "toy", "-o", "-")
    assert page.count("The target toy ") == 5
    assert "The target toy has no floor plan." in page
    assert "launch_ns" in page
    storage = ["--storage", str(tmp_path / "toy.db"), "--budget", "4"]
    explored = ["--explore", "launch_ns=10,1000", "--cost", "price=2000 / launch_ns"]
    tuned = document(toy, "tune", model, "--target", "toy", *explored, *storage)
    assert tuned["objectives"] == ["latency", "price"]
    assert tuned["evaluations"] == 4
    assert tuned["front"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "the target toy runs no programs\nhelp: `kl time` times them"),
        (["verify"], "the target toy says nothing of what it checks\nhelp: `kl time` and `kl run` refuse"),
        (["compile", "--memory"], "the target toy has no map of its memory\nhelp: leave out --memory"),
        (["compile", "--floorplan"], "the target toy has no floorplan\nhelp: leave out --floorplan"),
        (["time", "--per-layer"], "the target toy knows no details of a step\nhelp: leave out --per-layer"),
        (["time", "--json", "--intervals"], "the target toy knows no details of a step\nhelp: leave out"),
        (["time", "--position", "101"], "position 101 is asked for; a toy has 100\nhelp: stay below"),
    ],
)
def test_what_a_toy_cannot_do_is_said(toy: Path, model: str, arguments: list[str], message: str):
    command, *options = arguments
    done = kl(toy, command, model, "--target", "toy", *options)
    assert done.returncode == 1
    said = done.stderr.replace(f"{model}: ", "")  # where it is the model that cannot be timed
    assert said.startswith(f"kl: error: {message}")


@pytest.mark.parametrize("name", ["gpu", ""])
def test_an_unknown_target(toy: Path, name: str):
    done = kl(toy, "time", TINY, "--target", name)
    message = f"kl: error: unknown target '{name}'\nhelp: known are sn40l, sequence, cpu, toy\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_kl_opt_takes_both(toy: Path, model: str):
    done = kl(toy, model, "-p", "outline-kernels", "-t", "kl-program{target=toy}", tool="kl-opt")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["toy"]["calls"]) == 3


def test_broken_entry_points_cost_a_warning_each(broken: Path):
    done = kl(broken, "time", TINY, "--target", "toy", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["kernel_calls"] == 4
    assert done.stderr.splitlines() == [
        "kl: warning: kl.targets 'gone' of the package kl-toy is left out: "
        "ModuleNotFoundError: No module named 'kl_toy_gone'",
        "kl: warning: kl.targets 'nonsense' of the package kl-toy is left out: it is no Target",
        "kl: warning: kl.targets 'twice' of the package kl-toy is left out: there is a target 'toy' already",
    ]
    done = kl(broken, "time", str(ROOT / "README.md"))
    assert done.returncode == 1
    assert "'broken' of the package kl-toy is left out: AttributeError" in done.stderr
    assert "unknown kind of file" in done.stderr


def test_nothing_broken_is_met_by_who_needs_nothing_of_it(broken: Path):
    assert kl(broken, "time", TINY).stderr == ""
