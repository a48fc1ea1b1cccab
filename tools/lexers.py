"""Colours for the model language and for IR: lexers of Pygments, found by the names `kl` and `mlir`.

Entry points hand them to all that colours by Pygments, such as `pygmentize -l kl model.kl`, notebooks and
Sphinx. They need Pygments alone. What a frontend would not read is an `Error` token, nothing is refused.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, inherit, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

DECLARATIONS = ("model", "dtype", "param", "constant", "weight", "cache", "layer", "step")
STATEMENTS = ("for", "in", "return", "observe", "as", "from", "at", "rows", "columns", "each", "ring")
TYPES = ("bf16", "f16", "f32", "f64", "i32")
"""Element types of the model language."""


class ModelLexer(RegexLexer):
    """The model language (`docs/language.md`)."""

    name = "kl"
    aliases: ClassVar = ["kl"]
    filenames: ClassVar = ["*.kl"]
    url = "https://pypi.org/project/kernel-looping/"
    tokens: ClassVar = {
        "root": [
            (r"\s+", Whitespace),
            (r"//[^\n]*", Comment.Single),
            (r'"[^"\n]*"', String),
            (words(DECLARATIONS, prefix=r"\b", suffix=r"\b"), Keyword.Declaration),
            (words(STATEMENTS, prefix=r"\b", suffix=r"\b"), Keyword),
            (words(TYPES, prefix=r"\b", suffix=r"\b"), Keyword.Type),
            (r"\d+(?:\.\d+)?[eE][+-]?\d+|\d+\.\d+", Number.Float),
            (r"\d+", Number.Integer),
            (r"[A-Za-z_]\w*(?=\s*\()", Name.Function),
            (r"[A-Za-z_]\w*", Name),
            (r"\.\.|[-+*/^@=]", Operator),
            (r"[()\[\]{},:]", Punctuation),
        ]
    }


class IRLexer(RegexLexer):
    """MLIR's text, of any dialect."""

    name = "MLIR"
    aliases: ClassVar = ["mlir"]
    filenames: ClassVar = ["*.mlir"]
    url = "https://mlir.llvm.org/docs/LangRef/"
    tokens: ClassVar = {
        "root": [
            (r"\s+", Whitespace),
            (r"//[^\n]*", Comment.Single),
            (r'"(?:\\.|[^"\\\n])*"', String),
            (r"%[\w.$-]+(?:[:#]\d+)?", Name.Variable),
            (r'@(?:[\w.$-]+|"(?:\\.|[^"\\\n])*")', Name.Function),
            (r"\^[\w.$-]+", Name.Label),
            (r"\{-#|#-\}", Punctuation),
            (r"![A-Za-z_][\w.$]*", Keyword.Type),
            (r"#[A-Za-z_0-9][\w.$]*", Name.Constant),
            (r"0x[\dA-Fa-f]+\b", Number.Hex),
            (r"(\d+|\?|\*)(x)(?=[\d?*a-z!])", bygroups(Number.Integer, Punctuation)),
            (r"\d+\.\d*(?:[eE][+-]?\d+)?", Number.Float),
            (r"\d+", Number.Integer),
            (r"(?:[su]?i\d+|bf16|tf32|f\d+(?:E\d+M\d+\w*)?|index|none)\b", Keyword.Type),
            (r"(?:tensor|memref|vector|complex|tuple)\b(?=<)", Keyword.Type),
            (r"(?:true|false|unit|dense|array|loc|attributes|to)\b", Keyword),
            (r"[A-Za-z_]\w*(?:\.[A-Za-z_][\w$]*)+", Name.Builtin),
            (r"[A-Za-z_][\w$.-]*", Name),
            (r"->|[-+*/=?|&;.]", Operator),
            (r"[()\[\]{}<>,:]", Punctuation),
        ]
    }


LEFT_OUT = (r"…", Comment.Special)
"""What stands in documents for parts that are left out."""


class ModelFragmentLexer(ModelLexer):
    """Parts of a model's text, with `…` for what is left out."""

    name = "kl-fragment"
    aliases: ClassVar = ["kl-fragment"]
    filenames: ClassVar = []
    tokens: ClassVar = {"root": [LEFT_OUT, inherit]}


class IRFragmentLexer(IRLexer):
    """Parts of a module's text, with `…` for what is left out."""

    name = "MLIR-fragment"
    aliases: ClassVar = ["mlir-fragment"]
    filenames: ClassVar = []
    tokens: ClassVar = {"root": [LEFT_OUT, inherit]}
