"""The example notebook runs as a script, shows what it promises, and is a notebook."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kl

NOTEBOOK = Path(__file__).parents[2] / "examples/notebook/looping.py"
TEXT = NOTEBOOK.read_text(encoding="utf-8")
DISPLAY = """
import ast, sys
from pathlib import Path
names = {"__name__": "__main__"}
for node in ast.parse(Path(sys.argv[1]).read_text(encoding="utf-8")).body:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Name):
        print(f"shown: {node.value.id} {len(names[node.value.id]._repr_html_())}")
    else:
        exec(compile(ast.Module([node], []), sys.argv[1], "exec"), names)
"""
"""Runs a notebook, and displays what stands alone as a notebook does."""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the notebook prints, and the size of what it shows."""
    command = [sys.executable, "-W", "error", "-c", DISPLAY, str(NOTEBOOK)]
    folder = tmp_path_factory.mktemp("notebook")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert [*folder.iterdir()] == [], "it leaves no file"
    return done.stdout


def test_it_says_what_looping_gains(printed: str):
    [gain] = re.findall(r"19 calls a token become 4, and ([\d.]+)x the tokens", printed)
    assert float(gain) == pytest.approx(2.0, abs=0.1)
    gains = [float(found) for found in re.findall(r"fused \d+ µs, looped \d+ µs: ([\d.]+)x", printed)]
    assert gains[0] == pytest.approx(float(gain), abs=0.06)
    assert gains[1:] == sorted(gains[1:], reverse=True)
    assert gains[0] > gains[1] > 1
    assert "the machine has 8 GB" in printed


def test_it_shows_results_and_the_page(printed: str):
    sizes = {name: int(size) for name, size in re.findall(r"^shown: (\w+) (\d+)$", printed, re.MULTILINE)}
    assert [*sizes] == ["fused", "looped", "comparison", "page", "run"]
    assert sizes["page"] > 50_000 > sizes["run"] > 100


def test_it_uses_the_interface_alone():
    nodes = ast.walk(ast.parse(TEXT))
    imported = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imported == ["import kl"]
    assert {*re.findall(r"\bkl\.([a-zA-Z]\w*)", TEXT)} <= {*kl.PUBLIC}


def test_it_becomes_a_notebook():
    jupytext, nbformat = pytest.importorskip("jupytext"), pytest.importorskip("nbformat")
    notebook = jupytext.reads(TEXT, fmt="py:percent")
    nbformat.validate(notebook)
    assert sum(cell.cell_type == "code" for cell in notebook.cells) == TEXT.count("\n# %%\n")
    assert jupytext.writes(notebook, fmt="py:percent").count("# %%") == TEXT.count("# %%")
