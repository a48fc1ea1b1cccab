"""An architecture of another package: what docs/import.md shows, by its test and through its entry point."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE, ENTRY_POINTS = (
    re.search(rf"^```{language}\n(.*?)^```$", (ROOT / "docs/import.md").read_text(), re.DOTALL | re.MULTILINE)
    for language in ("python", "toml")
)
CONFIG = {
    "model_type": "olmo",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 131,
    "clip_qkv": 8.0,
    "hidden_act": "silu",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the package, as it is installed."""
    assert MODULE
    assert ENTRY_POINTS
    (tmp_path / "kl_olmo.py").write_text(MODULE[1], encoding="utf-8")
    info = tmp_path / "kl_olmo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kl-olmo\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        ENTRY_POINTS[1].replace('project.entry-points."kl.recipes"', "kl.recipes").replace('"', ""),
        encoding="utf-8",
    )
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    return tmp_path


def kl(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `kl` where the package is installed."""
    return subprocess.run(
        [sys.executable, "-m", "kl.tools.kl", *arguments],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_shows_it_in_twenty_lines_with_its_test(package: Path):
    lines = [line for line in (package / "kl_olmo.py").read_text(encoding="utf-8").splitlines() if line]
    assert len(lines) <= 20
    code = "import kl_olmo; kl_olmo.test_olmo_1b()"
    subprocess.run([sys.executable, "-c", code], cwd=package, check=True)


def test_kl_finds_it_by_its_entry_point(package: Path):
    done = kl(package, "import", "config.json")
    assert done.returncode == 0, done.stderr
    assert "q = clamp(q, -8.0, 8.0)" in done.stdout
    assert "h = layer_norm(x, eps = eps)" in done.stdout
    assert "weight attention_norm" not in done.stdout


def test_a_name_that_is_taken_is_left_out(package: Path):
    module = package / "kl_olmo.py"
    module.write_text(module.read_text(encoding="utf-8").replace('"olmo"', '"llama"', 1), encoding="utf-8")
    done = kl(package, "import", "config.json")
    assert (
        "kl.recipes 'olmo' of the package kl-olmo is left out: there is a recipe 'llama' already"
        in done.stderr
    )
    assert "there is no recipe for the architecture 'olmo'" in done.stderr
    assert done.returncode == 1


def test_what_is_no_recipe_is_left_out(package: Path):
    (package / "kl_olmo.py").write_text("OLMO = 3\n", encoding="utf-8")
    done = kl(package, "import", "config.json")
    assert "is left out: it is no Recipe" in done.stderr
