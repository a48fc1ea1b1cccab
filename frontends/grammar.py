"""The parser of the model language: from tables that come with `kl`, else made from the grammar.

Lark takes 80 ms to make it from `model.lark`, and 10 ms from `model.json`, which has what lark's stand-alone
parsers have. Tables are taken only for the very grammar, options and lark that they were made of.
`python -m kl.frontends.grammar` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import lark
from lark import Lark, Token
from lark.grammar import Rule
from lark.lark import PostLex
from lark.lexer import TerminalDef

GRAMMAR, TABLES = "model.lark", "model.json"
LINE_END = "_NL"
STORED_WORDS = ("scale", "zeros")
"""Words that are no names behind a name or extents."""
OPTIONS = {
    "parser": "lalr",
    "lexer": "basic",  # a reserved word is reserved everywhere
    "start": "model",
    "propagate_positions": True,
}


@cache
def load_parser() -> Lark:
    """The parser of the model language, made once per process."""
    grammar = _read(GRAMMAR)
    document = json.loads(_read(TABLES), object_hook=_with_numbers)
    if document["of"] != made_of(grammar):
        return make_parser(grammar)
    tables = document["data"], document["memo"]
    return Lark._load_from_dict(*tables, postlex=_Lines())  # pyright: ignore[reportPrivateUsage]  # so it does


def make_parser(grammar: str) -> Lark:
    """The parser of a grammar, without tables."""
    return Lark(grammar, **OPTIONS, postlex=_Lines())


def made_of(grammar: str) -> str:
    """What tables are made of."""
    return f"lark {lark.__version__}, {sha256(f'{OPTIONS} {grammar}'.encode()).hexdigest()}"


def tables_of(grammar: str) -> str:
    """The document of a grammar's tables."""
    data, memo = make_parser(grammar).memo_serialize([TerminalDef, Rule])
    del data["options"]["postlex"]
    document = {"of": made_of(grammar), "data": data, "memo": memo}
    return json.dumps(document, separators=(",", ":")) + "\n"


def _with_numbers(entries: dict[str, Any]) -> dict[int | str, Any]:
    """JSON has no keys that are numbers, the tables do."""
    return {int(key) if key.isdigit() else key: value for key, value in entries.items()}


def _read(name: str) -> str:
    assert __package__ is not None, "this module is part of a package"
    return (files(__package__) / name).read_text(encoding="utf-8")


class _Lines(PostLex):
    """Leaves the line ends that end something: none inside ( ) or [ ], one of a run, one at the end.

    Each has the place of the token before it, not of the comment that may stand between. The word `layer`
    begins a declaration where it begins a line, and is a number elsewhere; `scale` and `zeros` are words
    behind a name or extents, where no other name can stand.
    """

    always_accept = (LINE_END,)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens that reach the parser."""
        depth, last = 0, Token(LINE_END, "")
        for token in stream:
            depth += (token.type in ("LPAR", "LSQB")) - (token.type in ("RPAR", "RSQB"))
            if token.type == LINE_END:
                if depth > 0 or last.type == LINE_END:
                    continue
                token = Token.new_borrow_pos(LINE_END, "\n", last)
            if token.type == "NAME" and last.type in ("NAME", "RSQB") and token in STORED_WORDS:
                token = Token.new_borrow_pos(token.upper(), token, token)
            if token.type == "LAYER" and last.type not in (LINE_END, "LBRACE"):
                token = Token.new_borrow_pos("LAYER_NUMBER", token, token)
            last = token
            yield token
        if last.type != LINE_END:
            yield Token.new_borrow_pos(LINE_END, "\n", last)


if __name__ == "__main__":
    Path(__file__).with_name(TABLES).write_text(tables_of(_read(GRAMMAR)), encoding="utf-8")
