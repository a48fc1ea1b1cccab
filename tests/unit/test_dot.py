"""`kl-opt -t dot`: what is in the graph, and that Graphviz reads it, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp

from kl.tools import kl_opt
from kl.tools.opt.dot import DotWriter, quoted
from kl.tools.universe import make_context

ROOT = Path(__file__).parents[2]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def graph(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The graph of a module."""
    assert kl_opt.main([*arguments, "-t", "dot"]) == 0
    return capsys.readouterr().out


def edges(text: str) -> set[tuple[str, str, str]]:
    """Edges between labels: first lines of those of nodes."""
    labels = dict(re.findall(r'(?m)^ *(n\d+) \[label="(.*?)(?:\\n.*?)?"[ \]]', text))
    found = re.findall(r'(n\d+) -> (n\d+) \[(?:label="(.*?)")?', text)
    return {(labels[start], labels[end], label) for start, end, label in found}


def drawn(text: str) -> str:
    """The picture."""
    return subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True).stdout


def test_a_schedule_has_calls_and_values(capsys: pytest.CaptureFixture[str]):
    found = edges(graph(capsys, str(ROOT / "examples/mini.kl"), "-p", "kl-default{to=kernel}"))
    step = ("kernel.call @block.loop", "kernel.call @step.head", "%x: tensor<1x64xbf16>")
    assert step in found
    assert ("kernel.schedule @step", "kernel.call @block.loop", "%x: tensor<1x64xbf16>") in found
    assert ("kernel.loop", "nn.matmul", "%w: tensor<64x64xbf16>") in found, (
        "the loop stands for its arguments"
    )
    assert ("kernel.yield", "kernel.return", "%x: tensor<1x64xbf16>") in found, (
        "its results are what it yields"
    )


def test_a_network_has_units_and_channels(capsys: pytest.CaptureFixture[str]):
    text = graph(capsys, str(ROOT / "examples/mini.kl"), "-p", "kl-default{to=dataflow}")
    found = edges(text)
    assert ("dataflow.stage add", "dataflow.carry", "a channel depth 2") in found
    assert any(start == "dataflow.load" and end == "dataflow.stage matmul" for start, end, _ in found)
    assert r'[label="dataflow.stage matmul\nrate iteration"]' in text
    assert r'[label="dataflow.load\n%w: tensor<32x64x64xbf16>\nrate iteration"]' in text
    assert r'[label="dataflow.store\nresult 0\nrate call"]' in text
    assert r"#dataflow.loops<iteration 32>" in text
    assert "nn.matmul" not in text, "what a stage does is not drawn"


def test_commands_follow_each_other(capsys: pytest.CaptureFixture[str]):
    found = edges(graph(capsys, str(ROOT / "examples/mini.kl"), "-p", "kl-default"))
    assert ("rdu.load_program @block.loop", "rdu.load_arguments @block.loop", "") in found


BRANCHES = """\
"test.op"() ({
  %a = "test.one"() : () -> i32
  "test.br"(%a)[^bb1] : (i32) -> ()
^bb1(%b: i32):
  "test.br"(%b)[^bb1] : (i32) -> ()
}) : () -> ()
"test.empty"() ({}) {say = "\\22a\\22 \\\\ & <b> é\\0A\\01 &lt;"} : () -> ()
"""


def test_blocks_and_unregistered_operations(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "branches.mlir"
    path.write_text(BRANCHES, encoding="utf-8")
    text = graph(capsys, str(path), "--allow-unregistered-dialect")
    found = edges(text)
    assert {("test.one", "test.br", "%a: i32"), ("test.br", "^1", ""), ("^1", "test.br", "%b: i32")} <= found
    assert text.count("subgraph") == 1, "an empty region is no cluster"


def test_text_is_quoted():
    assert quoted('a"b\\c\nd&e\x01é') == r'"a\"b\\c\nd&amp;e\\x01é"'


@needs_dot
@settings(max_examples=15, deadline=None)
@given(st.text(max_size=20))
def test_graphviz_shows_a_label_as_it_is(text: str):
    shown = "".join(c if (c >= " " and c != "\x7f") or c == "\n" else f"\\x{ord(c):02x}" for c in text)
    picture = drawn(f"digraph {{ n [label={quoted(text)}]; }}")
    lines = re.findall(r"<text [^>]*>(.*?)</text>", picture, re.DOTALL)
    assert unescape("".join(lines)).replace("\xa0", " ") == shown.replace("\n", "").replace("\xa0", " ")


@needs_dot
@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow", "rdu"])
def test_graphviz_draws_all_levels(level: str, capsys: pytest.CaptureFixture[str]):
    text = graph(capsys, str(ROOT / "examples/mini.kl"), "-p", f"kl-default{{to={level}}}")
    picture = drawn(text)
    assert picture.count('class="node"') == len(re.findall(r"(?m)^ *n\d+ \[", text))
    assert picture.count('class="edge"') == len(re.findall(r"->", re.sub(r'"(?:\\.|[^"])*"', "", text)))


def test_an_empty_module():
    from io import StringIO

    output = StringIO()
    DotWriter().emit(make_context(), ModuleOp([]), output)
    assert output.getvalue() == "digraph {\n  node [shape=box];\n}\n"
