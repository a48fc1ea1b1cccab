"""Operations of another installed package work everywhere: fused, tiled, split, run, timed and read back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
PACKAGES = ROOT / "tests/packages"
MODEL = PACKAGES / "extra.kl"
METADATA = "Metadata-Version: 2.1\nName: kl-extra\nVersion: 1.0\n"
ENTRY_POINTS = "[xdsl.universe]\nextra = kl_extra.operations:UNIVERSE\n"
VARIANTS = ("--fusion op --no-loop", "--no-loop", "")
"""Unfused, fused and looped."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip leaves it there: its modules, and its entry points beside them."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGES / "kl_extra", folder / "kl_extra")
    info = folder / "kl_extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA, encoding="utf-8")
    (info / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    return folder


def run(tool: str, *arguments: str, site: Path | None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a tool that finds the packages of a folder, or none but the installed ones."""
    return subprocess.run(
        [str(TOOLS / tool), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(site) if site is not None else ""},
    )


def output(tool: str, *arguments: str, site: Path | None, stdin: str = "") -> str:
    """What a tool prints that succeeds."""
    done = run(tool, *arguments, site=site, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kernels(text: str) -> dict[str, list[str]]:
    """The operations of each kernel, by its name."""
    found: dict[str, list[str]] = {}
    for kernel in text.split("kernel.func @")[1:]:
        body = kernel.split("kernel.return")[0]
        found[kernel.partition("(")[0]] = re.findall(r"= ((?:nn|extra)\.\w+)", body)
    return found


def test_they_are_fused_like_ours(site: Path):
    text = output("kl", "compile", str(MODEL), "--to", "kernel", "--fusion", "op", "--no-loop", site=site)
    found = kernels(text)
    assert found["block.norm"] == ["extra.centred_norm"]
    assert found["block.activation"] == ["extra.limit", "nn.silu", "nn.mul", "extra.limit"]
    assert found["block.down_1"] == ["nn.matmul", "nn.add"]
    assert "remark" not in text


def test_they_are_tiled_as_they_say(site: Path):
    text = output("kl", "compile", str(MODEL), "--to", "dataflow", "--fusion", "op", "--no-loop", site=site)
    stages = [line for line in text.splitlines() if "dataflow.stage" in line]
    (norm,) = (line for line in stages if '"centred_norm' in line)
    assert "firings 4 " in norm, "a row at a time"
    assert "firings 1 " not in "".join(line for line in stages if '"limit' in line)


def test_they_are_split_over_sockets_as_they_say(site: Path):
    text = output("kl", "compile", str(MODEL), "--to", "kernel", "--sockets", "4", "--no-loop", site=site)
    limits = [line for line in text.splitlines() if "extra.limit" in line]
    assert limits
    assert all("(tensor<4x32xbf16>, tensor<32xbf16>)" in line for line in limits), "128 columns in 4 parts"
    assert all("<4x64xbf16>" in line for line in text.splitlines() if "extra.centred_norm" in line)


@pytest.mark.parametrize("sockets", ["1", "4"])
def test_unfused_fused_and_looped_give_the_same_bits(site: Path, sockets: str):
    results: set[str] = set()
    for variant in VARIANTS:
        arguments = ("--check", "--json", "--steps", "2", "--sockets", sockets, *variant.split())
        document = json.loads(output("kl", "run", str(MODEL), *arguments, site=site))
        results.add(json.dumps([list(step["outputs"].values()) for step in document["steps"]]))
    assert len(results) == 1


def test_the_text_is_read_back(site: Path):
    text = output("kl-opt", str(MODEL), site=site)
    assert "extra.limit %a, %most from 0.000000e+00 :" in text
    assert output("kl-opt", site=site, stdin=text) == text


def test_a_saved_program_is_timed_without_the_package_and_computes_with_it(site: Path, tmp_path: Path):
    program = str(tmp_path / "extra.json")
    output("kl", "compile", str(MODEL), "--to", "program", "-o", program, site=site)
    assert output("kl", "time", program, site=None) == output("kl", "time", program, site=site)
    assert "step" in output("kl", "run", program, site=site)
    done = run("kl", "run", program, site=None)
    assert done.returncode == 1
    assert "extra.centred_norm is no operation of an installed package; install the one" in done.stderr


def test_timing_loads_no_numbers(site: Path, tmp_path: Path):
    lazy = tmp_path / "lazy"
    shutil.copytree(site, lazy)
    (lazy / "kl_extra/numbers.py").unlink()
    assert "cycles" in output("kl", "time", str(MODEL), site=lazy)
    done = run("kl", "run", str(MODEL), site=lazy)
    assert done.returncode == 1
    assert (
        "extra.centred_norm: its meaning in numbers is no function kl_extra.numbers:centred_norm"
        in done.stderr
    )


def refused(text: str, site: Path, tmp_path: Path) -> str:
    """What is said of a model that is wrong."""
    path = tmp_path / "wrong.kl"
    path.write_text(f"model wrong\nstep(x[1, 8]) {{\n{text}\n}}\n", encoding="utf-8")
    done = run("kl", "compile", str(path), site=site)
    assert done.returncode == 1
    return done.stderr


def test_errors_are_those_of_the_language(site: Path, tmp_path: Path):
    assert "3:17: error: high is bf16[1, 8], x is bf16[1, 8]" in refused("return limit(x, x)", site, tmp_path)
    told = refused("return limit(x, x, lwo = 3)", site, tmp_path)
    assert "limit has no 'lwo'; did you mean 'low'?" in told
    assert "it is called as limit(x, high, low = …)" in told
    told = refused("return limti(x, 2)", site, tmp_path)
    assert "unknown operator 'limti'; did you mean 'limit'?" in told


def test_an_installed_package_takes_no_name_away(site: Path, tmp_path: Path):
    path = tmp_path / "names.kl"
    path.write_text("model names\nstep(x[1, 8]) {\nlimit = silu(x)\nreturn limit\n}\n", encoding="utf-8")
    assert "%limit = nn.silu" in output("kl-opt", str(path), site=site)


def test_without_the_package_its_operators_are_unknown():
    done = run("kl", "compile", str(MODEL), site=None)
    assert "unknown operator 'centred_norm'" in done.stderr
