"""Passes, dialects and targets of other packages appear in our tools, and ours in xDSL's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent

PLUGIN = """
from dataclasses import dataclass, field

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Dialect
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def
from xdsl.passes import ModulePass
from xdsl.universe import Universe
from xdsl.utils.target import Target

from kl.passes.knobs import Knob


@irdl_op_definition
class CountOp(IRDLOperation):
    name = "toy.count"
    value = prop_def(IntegerAttr.constr(i64))
    assembly_format = "$value attr-dict"


@dataclass(frozen=True)
class ToyDoublePass(ModulePass):
    name = "toy-double"
    factor: int = field(default=2, metadata={"knob": Knob(low=1, high=8, scale="pow2")})

    def apply(self, ctx, op):
        for count in op.walk():
            if isinstance(count, CountOp):
                count.value = IntegerAttr(self.factor * count.value.value.data, i64)


@dataclass(frozen=True)
class ToyNamesTarget(Target):
    name = "toy-names"

    def emit(self, ctx, module, output):
        output.write(" ".join(op.name for op in module.ops))


TOY = Dialect("toy", [CountOp])
UNIVERSE = Universe(
    all_dialects={"toy": lambda: TOY},
    all_passes={"toy-double": lambda: ToyDoublePass},
    all_targets={"toy-names": lambda: ToyNamesTarget},
)
"""
METADATA = "Metadata-Version: 2.1\nName: kl-toy\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
ENTRY_POINTS = "[xdsl.universe]\ntoy = kl_toy:UNIVERSE\n"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the plugin, from a wheel made here: no network, no build."""
    folder = tmp_path_factory.mktemp("plugin")
    wheel = folder / "kl_toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("kl_toy.py", PLUGIN)
        archive.writestr("kl_toy-1.0.dist-info/METADATA", METADATA)
        archive.writestr("kl_toy-1.0.dist-info/WHEEL", WHEEL)
        archive.writestr("kl_toy-1.0.dist-info/entry_points.txt", ENTRY_POINTS)
        archive.writestr("kl_toy-1.0.dist-info/RECORD", "")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([sys.executable, *install, str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def run(tool: str, *arguments: str, stdin: str, path: Path) -> str:
    """The output of a tool that finds the packages of a folder."""
    done = subprocess.run(
        [str(TOOLS / tool), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_plugins_dialect_and_pass_appear_in_kl_opt(plugin: Path):
    assert "toy.count 42" in run("kl-opt", "-p", "toy-double", stdin="toy.count 21", path=plugin)


def test_a_plugins_target_appears_in_kl_opt(plugin: Path):
    assert run("kl-opt", "-t", "toy-names", stdin="toy.count 21", path=plugin) == "toy.count"


def test_a_plugins_pass_works_on_our_ir(plugin: Path):
    text = "nn.weight @w : tensor<8xbf16>\ntoy.count 4"
    out = run("kl-opt", "-p", "toy-double,merge-identical-kernels", stdin=text, path=plugin)
    assert "toy.count 8" in out
    assert "nn.weight @w" in out


def test_a_plugins_knob_is_turned_by_kl_tune(plugin: Path, tmp_path: Path):
    passes = (
        "toy-double,outline-kernels,convert-kernel-to-dataflow,tile-stages,allocate-units,schedule-stages,"
    )
    passes += "place-units,schedule-loop,route-channels,plan-memory,convert-dataflow-to-rdu"
    arguments = ["--pipeline", passes, "--knobs", "toy-double.factor", "--budget", "2", "--json"]
    storage = ["--storage", str(tmp_path / "s.db")]
    model = str(ROOT / "examples/mini.kl")
    document = json.loads(run("kl", "tune", model, *arguments, *storage, stdin="", path=plugin))
    assert document["knobs"] == ["toy-double.factor"]
    assert document["defaults"]["as given"]["point"] == {"toy-double.factor": 2}
    assert document["evaluations"] == 2


def test_our_dialects_and_passes_appear_in_xdsl_opt(tmp_path: Path):
    text = (ROOT / "tests/filecheck/passes/merge-identical-kernels.mlir").read_text(encoding="utf-8")
    arguments = ("-p", "merge-identical-kernels", "--split-input-file")
    assert run("xdsl-opt", *arguments, stdin=text, path=tmp_path) == run(
        "kl-opt", *arguments, stdin=text, path=tmp_path
    )


def test_our_target_appears_in_xdsl_opt(tmp_path: Path):
    text = "rdu.schedule @step inputs [] outputs [] {\n^bb0:\n}"
    out = run("xdsl-opt", "-t", "kl-program", stdin=text, path=tmp_path)
    assert '"format": "kl-program"' in out


def test_what_is_broken_costs_a_warning_each(tmp_path: Path):
    """`kl` and `kl-opt` go on without it, where xDSL's own tools end in a traceback."""
    metadata = tmp_path / "kl_broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: kl-broken\nVersion: 1.0\n")
    entries = "gone = kl_gone:UNIVERSE\nnonsense = kl_broken:NONSENSE\ntwice = kl_broken:TWICE\n"
    (metadata / "entry_points.txt").write_text(f"[xdsl.universe]\n{entries}")
    text = "from xdsl.universe import Universe\nNONSENSE = 1\nTWICE = Universe(all_passes={'cse': None})\n"
    (tmp_path / "kl_broken.py").write_text(text)
    model = str(ROOT / "examples/mini.kl")
    for command in (["kl", "compile", model, "--to", "kernel"], ["kl-opt", model]):
        done = subprocess.run(
            [str(TOOLS / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        assert done.returncode == 0
        assert "nn.weight" in done.stdout
        assert done.stderr.splitlines() == [
            "kl: warning: xdsl.universe 'gone' of the package kl-broken is left out: "
            "ModuleNotFoundError: No module named 'kl_gone'",
            "kl: warning: xdsl.universe 'nonsense' of the package kl-broken is left out: it is no Universe",
            "kl: warning: xdsl.universe 'twice' of the package kl-broken is left out: "
            "there is a 'cse' already",
        ]
