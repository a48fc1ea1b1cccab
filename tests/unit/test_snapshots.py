"""`kl compile --json --ir-after-all`: the IR after each pass, and where in the model its lines come from."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdsl.passes import ModulePass

from kl.frontends.exact_printer import text_of
from kl.frontends.lined_printer import lined_text_of
from kl.frontends.located_parser import LocatedParser
from kl.tools.driver import parse_passes
from kl.tools.kl import main
from kl.tools.universe import available_passes, make_context

EXAMPLES = Path(__file__).parents[2] / "examples"
MINI, TINY = str(EXAMPLES / "mini.kl"), str(EXAMPLES / "llama3_tiny.kl")
Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: str) -> Any:
    """The JSON document of `kl compile --ir-after-all`."""
    assert main(["compile", *arguments, "--ir-after-all", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def compiled(capsys: Capture) -> Any:
    """That of the smallest model."""
    return document(capsys, MINI)


def passes_of(pipeline: str) -> tuple[ModulePass, ...]:
    """The passes of a pipeline, with their options."""
    return parse_passes(available_passes(), pipeline)


def check_passes(compiled: Any) -> None:
    """The input and every pass of the pipeline, in order; the last text is what is printed."""
    taken = compiled["ir_after_all"]
    shown = [f"{one['pass']}{{{one['options']}}}" if one["options"] else one["pass"] for one in taken]
    assert shown[0] == "input"
    assert passes_of(",".join(shown[1:])) == passes_of(compiled["pipeline"])
    assert [one["text"] for one in taken if not one["unchanged"]][-1] == compiled["text"]


def test_every_pass_of_the_pipeline_has_its_text(compiled: Any):
    check_passes(compiled)


def test_passes_of_a_choice_that_is_taken_back_are_not_among_them(capsys: Capture):
    found = document(capsys, TINY, "--set", "pmus=8")
    assert any("as otherwise" in one["message"] for one in found["remarks"])
    check_passes(found)


def test_edits_and_a_pipeline_of_ones_own(capsys: Capture):
    check_passes(document(capsys, MINI, "--after", "loop-kernels=canonicalize,cse"))
    found = document(capsys, MINI, "--pipeline", "outline-kernels{granularity=op},merge-identical-kernels")
    check_passes(found)
    assert found["level"] == "kernel"


def test_operations_are_those_of_the_text(compiled: Any):
    text = ""
    for one in compiled["ir_after_all"]:
        text = text if one["unchanged"] else one["text"]
        module = LocatedParser(make_context(), text, "x.mlir").parse_module()
        assert one["operations"] == Counter(op.name for op in module.walk())


def test_what_a_pass_does_not_change_is_not_repeated(compiled: Any):
    taken = compiled["ir_after_all"]
    unchanged = [one["pass"] for one in taken if one["unchanged"]]
    assert unchanged == ["shard-tensors", "merge-identical-kernels", "overlap-collectives"]
    assert [one for one in taken if one["unchanged"] and ("text" in one or "lines" in one)] == []
    texts = [one["text"] for one in taken if not one["unchanged"]]
    assert len({*texts}) == len(texts)


WRITTEN = {"nn.weight @head": 7, "nn.silu": 11, "nn.add": 11, "nn.argmax": 16, "nn.weight @block.w": 10}
"""Lines of the model, by what stands in lines of the IR that come from there."""


def test_each_line_has_the_line_of_the_model(compiled: Any):
    seen = Counter[str]()
    for one in compiled["ir_after_all"]:
        if one["unchanged"]:
            continue
        lines = one["text"].splitlines()
        assert len(lines) == len(one["lines"])
        for line, place in zip(lines, one["lines"], strict=True):
            for what, number in WRITTEN.items():
                if what in line:
                    seen[what] += 1
                    assert place == f"{MINI}:{number}", line
    assert all(seen[what] >= 2 for what in WRITTEN)


def test_a_closing_brace_belongs_to_what_it_closes(compiled: Any):
    first = compiled["ir_after_all"][0]
    lines = [*zip(first["text"].splitlines(), first["lines"], strict=True)]
    begin = next(n for n, (line, _) in enumerate(lines) if "@block(" in line)
    end = next(n for n, (line, _) in enumerate(lines) if n > begin and line == "  }")
    assert lines[begin][1] == lines[end][1] == f"{MINI}:9"
    assert lines[-1] == ("}", lines[0][1])


def test_the_lined_text_is_the_text(compiled: Any):
    module = LocatedParser(make_context(), compiled["text"], "x.mlir").parse_module()
    lined = lined_text_of(module)
    assert lined.text == text_of(module)
    assert len(lined.operations) == len(lined.text.splitlines())


def test_the_fields_are_documented(compiled: Any):
    page = (EXAMPLES.parent / "docs/commands.md").read_text(encoding="utf-8")
    fields = ["ir_after_all", *compiled["ir_after_all"][0]]
    assert [field for field in fields if f"`{field}`" not in page] == []


def test_it_is_a_part_of_the_document(tmp_path: Path, capsys: Capture):
    assert main(["compile", MINI, "--ir-after-all"]) == 1
    assert "--ir-after-all is a part of the JSON document" in capsys.readouterr().err
    path = str(tmp_path / "mini.json")
    assert main(["compile", MINI, "--to", "program", "-o", path]) == 0
    assert main(["compile", path, "--ir-after-all", "--json"]) == 1
    assert "is a program already, no pass is left to run" in capsys.readouterr().err
