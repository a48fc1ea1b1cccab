"""All models and all IR of the repository have colours; only what is wrong is shown as an error."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Error, Keyword, Name, Number, Punctuation, String

from kl.tools.lexers import IRFragmentLexer, IRLexer, ModelFragmentLexer, ModelLexer

ROOT = Path(__file__).parents[2]
FOLDERS = ("examples", "tests/filecheck", "tests/imports", "tests/packages")
LEXERS: dict[str, type[Lexer]] = {".kl": ModelLexer, ".mlir": IRLexer}
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*") if path.suffix in LEXERS)


def errors(lexer: type[Lexer], text: str) -> list[str]:
    """What a lexer knows nothing about."""
    return [value for kind, value in lexer().get_tokens(text) if kind is Error]


def test_no_text_of_the_repository_has_an_error():
    assert {path.suffix for path in FILES} == set(LEXERS)
    found = {path: errors(LEXERS[path.suffix], path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("lexer", "text", "wrong"),
    [(ModelLexer, "x = $y", "$"), (ModelLexer, 'from "w', '"'), (IRLexer, 'note = "open', '"')],
)
def test_what_is_no_text_of_the_language_is_an_error(lexer: type[Lexer], text: str, wrong: str):
    assert errors(lexer, text) == [wrong]


def test_words_of_the_model_language_have_their_colours():
    kinds = {
        value: kind for kind, value in ModelLexer().get_tokens("for i in 0..layers { x = silu(1e-5) } // y")
    }
    assert (kinds["for"], kinds["silu"], kinds["layers"]) == (Keyword, Name.Function, Name)
    assert (kinds["0"], kinds["1e-5"], kinds["// y"]) == (Number.Integer, Number.Float, Comment.Single)


def test_words_of_ir_have_their_colours():
    text = '%y = nn.call @decoder[3](%x) {note = "x"} : (tensor<1x?xbf16>) -> !dataflow.channel<i32>'
    kinds = {value: kind for kind, value in IRLexer().get_tokens(text)}
    assert (kinds["%y"], kinds["nn.call"], kinds["@decoder"]) == (Name.Variable, Name.Builtin, Name.Function)
    assert (kinds["bf16"], kinds["x"], kinds["?"]) == (Keyword.Type, Punctuation, Number.Integer)
    assert (kinds["!dataflow.channel"], kinds['"x"']) == (Keyword.Type, String)


def test_hexadecimal_numbers_are_no_extents():
    assert (Number.Hex, "0x1F") in IRLexer().get_tokens("dense<0x1F>")
    assert (Number.Integer, "0") in IRLexer().get_tokens("tensor<0x8xbf16>")


def test_fragments_may_leave_something_out():
    assert (
        errors(ModelFragmentLexer, "layer a[2](x[4]) { … }")
        == errors(IRFragmentLexer, "%y = nn.add … : …")
        == []
    )
    assert errors(ModelLexer, "layer a[2](x[4]) { … }") == errors(IRLexer, "…") == ["…"]


NAMES = {
    "kl": ModelLexer,
    "kl-fragment": ModelFragmentLexer,
    "mlir": IRLexer,
    "mlir-fragment": IRFragmentLexer,
}


@pytest.mark.parametrize(("name", "lexer"), NAMES.items())
def test_pygments_finds_them_by_name(name: str, lexer: type[Lexer]):
    ours = [entry for entry in entry_points(group="pygments.lexers") if entry.name == name]
    assert [entry.load() for entry in ours] == [lexer]
    assert isinstance(get_lexer_by_name(name), lexer)


def test_they_load_neither_xdsl_nor_numpy():
    code = "import sys, kl.tools.lexers; sys.exit(bool({'xdsl', 'numpy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
