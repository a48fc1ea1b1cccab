"""The README is understood at a glance: a sentence, a picture, what looping is, commands, five links."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import kl
from kl.tools.api.keywords import Keywords

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BEFORE, MARK, _ = README.partition("\n## Write a pass\n")
PICTURE = re.compile(r"!\[[^\]]+\]\((\S+\.svg)\)")


def test_all_that_beginners_need_stands_before_passes():
    assert MARK
    assert BEFORE.count("\n") < 60
    assert len(re.findall(r"^kl ", BEFORE, re.MULTILINE)) == 3
    items = re.findall(r"^- .*$", BEFORE, re.MULTILINE)
    assert len(items) == 6
    assert all(re.search(r"\]\(docs/[\w-]+\.md\)", item) for item in items)


def test_the_picture_comes_first_and_knows_dark_and_light():
    head = README.splitlines()[:12]
    [path] = [match[1] for match in map(PICTURE.match, head) if match]
    svg = (ROOT / path).read_text(encoding="utf-8")
    assert "prefers-color-scheme" in svg
    gallery = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")
    assert path.removeprefix("docs/") in PICTURE.findall(gallery), "the gallery's test draws it again"


def test_the_gains_that_the_readme_states_are_those_of_its_table():
    seconds = {
        name: float(time) * {"ms": 1e-3, "µs": 1e-6}[unit]
        for name, time, unit in re.findall(r"^(\w+) .* ([\d.]+) (ms|µs) ", BEFORE, re.MULTILINE)
    }
    [stated] = re.findall(r"Looping gains ([\d.]+)x here", BEFORE)
    assert f"{seconds['fused'] / seconds['looped']:.1f}" == stated


RESULTS = (kl.Compilation, kl.TimeResult, kl.RunResult, kl.Comparison, kl.Variant, kl.Page)
INTERNAL = {"compiler", "given", "lowered", "choice", "passes", "executed", "compared"}
"""Fields that hold parts of the tools."""


def test_the_page_of_the_interface_names_all_of_it():
    shown = re.findall(r"`[^`\n]+`", (ROOT / "docs/python.md").read_text(encoding="utf-8"))
    words = {*re.findall(r"\w+", " ".join(shown))}
    names = {name for kind in RESULTS for name in [*vars(kind), *(one.name for one in fields(kind))]}
    public = {name for name in names if not name.startswith("_")}
    assert {*Keywords.__annotations__, *kl.PUBLIC, *public} - INTERNAL - words == set()
