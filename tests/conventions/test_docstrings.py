"""Every module, public class, function and method of the package says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("dialects", "passes", "frontends", "backends", "explore", "tools", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def undocumented(node: Documented, name: str) -> Iterator[str]:
    """The public names at and below a node that have no docstring.

    Methods of a class with bases may be those that the base has documented.
    """
    if ast.get_docstring(node) is None:
        yield name
    inherits = isinstance(node, ast.ClassDef) and node.bases
    for child in node.body:
        public = isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_")
        if public and not (inherits and isinstance(child, ast.FunctionDef)):
            assert isinstance(child, ast.ClassDef | ast.FunctionDef)
            if not isinstance(node, ast.FunctionDef):
                yield from undocumented(child, f"{name}.{child.name}")


def test_public_names_have_docstrings():
    missing = list[str]()
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body:
            missing += undocumented(tree, str(path.relative_to(ROOT)))
    assert missing == []
