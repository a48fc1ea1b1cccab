"""The tables that come with `kl` are those of the grammar, and are taken only where they are."""

from __future__ import annotations

import json
from pathlib import Path

import lark
import pytest
from lark import Lark, UnexpectedInput

from kl.frontends import grammar

ROOT = Path(__file__).parents[2]
GRAMMAR = (ROOT / "frontends" / grammar.GRAMMAR).read_text(encoding="utf-8")
DOCUMENT = json.loads((ROOT / "frontends" / grammar.TABLES).read_text(encoding="utf-8"))
MADE_WITH = DOCUMENT["of"].partition(",")[0]
TEXTS = sorted([*(ROOT / "examples").glob("*.kl"), *(ROOT / "tests" / "bad_models").glob("*.kl")])


@pytest.fixture(autouse=True)
def fresh():
    """Each test loads the parser itself."""
    grammar.load_parser.cache_clear()
    yield
    grammar.load_parser.cache_clear()


def result(parser: Lark, text: str) -> object:
    """The nodes of a tree with their tokens, or where a text stops to follow the grammar, and what could."""
    try:
        trees = parser.parse(text).iter_subtrees()
        return [(tree.data, [one for one in tree.children if isinstance(one, lark.Token)]) for tree in trees]
    except UnexpectedInput as error:
        return type(error), error.line, error.column, {*(getattr(error, "accepts", None) or ())}


@pytest.mark.skipif(f"lark {lark.__version__}" != MADE_WITH, reason=f"the tables are of {MADE_WITH}")
def test_the_tables_are_those_of_the_grammar(monkeypatch: pytest.MonkeyPatch):
    way_out = "python -m kl.frontends.grammar"
    assert DOCUMENT["of"] == grammar.made_of(GRAMMAR), f"the grammar has changed: run {way_out}"
    made = grammar.make_parser(GRAMMAR)
    monkeypatch.setattr(grammar, "make_parser", lambda *_: pytest.fail("tables are loaded"))
    loaded = grammar.load_parser()
    assert made is not loaded
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        assert result(loaded, text) == result(made, text), path.name


def test_tables_of_another_lark_are_not_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lark, "__version__", "1.2.99")
    made = object()
    monkeypatch.setattr(grammar, "make_parser", lambda _: made)
    assert grammar.load_parser() is made


def test_tables_of_another_grammar_or_other_options_are_not_taken(monkeypatch: pytest.MonkeyPatch):
    made_of = grammar.made_of(GRAMMAR)
    assert grammar.made_of(GRAMMAR + " ") != made_of
    monkeypatch.setitem(grammar.OPTIONS, "lexer", "contextual")
    assert grammar.made_of(GRAMMAR) != made_of


def test_tables_are_written_as_they_are_read():
    document = json.loads(grammar.tables_of('model: "x"'))
    assert {*document} == {*DOCUMENT} == {"of", "data", "memo"}
