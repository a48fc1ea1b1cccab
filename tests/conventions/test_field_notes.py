"""Notes under fields, and under attributes that a method sets, are sentences: capital letter, full stop."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("dialects", "passes", "frontends", "backends", "explore", "tools", "benchmarks")


def notes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and the text of each string that stands right under a field."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for field, note in pairwise(node.body):
                is_string = isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant)
                if isinstance(field, ast.Assign | ast.AnnAssign) and is_string:
                    assert isinstance(note, ast.Expr)
                    assert isinstance(note.value, ast.Constant)
                    yield note.lineno, str(note.value.value).strip()


def is_sentence(note: str) -> bool:
    """Whether a note begins with a capital letter, or with no letter at all, and ends with a full stop."""
    return not note[:1].islower() and note.endswith(".")


@pytest.mark.parametrize("folder", FOLDERS)
def test_field_notes_are_sentences(folder: str):
    found = [
        (f"{path.relative_to(ROOT)}:{line}", note)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, note in notes(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert [f"{place}: {note}" for place, note in found if not is_sentence(note)] == []


def test_a_note_is_found_and_judged():
    text = '''class A:\n    x: int\n    """in cycles"""\n    y = 1\n    """`n` of them, each 2 B."""\n'''
    assert [(line, is_sentence(note)) for line, note in notes(ast.parse(text))] == [(3, False), (5, True)]
