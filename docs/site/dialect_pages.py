"""A page for each dialect: what it is for, and its operations with examples that the tests read.

Rationales are written by hand, `rationale/NAME.md`. All else comes from the code: docstrings, the notes below
fields, and the first place of an operation in the FileCheck files of its dialect.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from textwrap import dedent

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation

from kl.dialects.operation import ComputeOp, Without
from kl.dialects.spelling import Spelling
from kl.frontends.exact_printer import ExactPrinter
from kl.frontends.located_parser import LocatedParser
from kl.tools.universe import DIALECTS, make_context

ROOT = Path(__file__).parents[2]
RATIONALE = Path(__file__).parent / "rationale"
MADE = "Made by `make reference` from the dialect's docstrings and tests; do not edit it by hand."
LINES_OF_AN_EXAMPLE = 12
"""The first example that is no longer is taken, or else the shortest."""

WORDS = {
    "": "any type",
    "'single_block'": "one block",
    "ArrayAttr[FlatSymbolRefAttr]": "symbols",
    "ArrayAttr[SymbolRefAttr]": "symbols",
    "ChannelType": "channel",
    "DenseArrayBase.constr(f64)": "numbers",
    "DenseArrayBase.constr(i64)": "whole numbers",
    "DenseIntOrFPElementsAttr": "elements of a tensor",
    "FLOAT_MEMREF": "memory of floats",
    "FLOAT_TENSOR": "tensor of floats",
    "FlatSymbolRefAttrConstr": "symbol",
    "FloatAttr.constr(f64)": "number",
    "FunctionType": "type of a function",
    "IntegerAttr.constr(i64)": "whole number",
    "MemRefType[Attribute]": "memory",
    "NUMBER_TENSOR": "tensor of numbers",
    "StoredAttr": "a part of a stored weight",
    "StringAttr": "text",
    "SymbolNameConstraint()": "name",
    "TensorType[Attribute] | MemRefType[Attribute]": "tensor or memory",
    "TensorType[Attribute]": "tensor",
    "TensorType[IntegerType]": "tensor of integers",
    "UnitAttr": "flag",
}
"""What the definitions of fields ask for, as readers say it."""

KINDS = {
    "operand": "operand",
    "prop": "attribute",
    "attr": "attribute",
    "result": "result",
    "region": "region",
}
COUNTS = {"opt": ", optional", "var": ", any number"}


@dataclass(frozen=True)
class Part:
    """An operand, attribute, result or region of an operation."""

    name: str
    kind: str
    """What it is, and how many there may be: `operand, any number`."""
    takes: str
    """What it asks for, in words."""
    note: str
    """What stands below its definition; empty where nothing does."""


def page_of(name: str) -> str:
    """The page of a dialect.

    Raises: ValueError for an operation without an example, and for a type that has no words yet.
    """
    rest = _text_of_module(name).partition("\n\n")[2]
    dialect = DIALECTS[name]()
    lines = [f"# The `{name}` dialect", "", MADE, "", f"It says {purpose_of(name)}", "", rest, ""]
    lines += [(RATIONALE / f"{name}.md").read_text(encoding="utf-8").strip(), "", "## Operations", ""]
    lines += ["Examples are the first ones of the FileCheck tests, as `kl-opt` prints them.", ""]
    for operation in sorted(dialect.operations, key=lambda one: one.name):
        lines += _section(operation, example_of(operation.name))
    if attributes := [*dialect.attributes]:
        lines += ["## Types and attributes", ""]
        for one in attributes:
            lines += [f"### `{one.name}`", "", inspect.cleandoc(one.__doc__ or ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def purpose_of(name: str) -> str:
    """What a dialect says, in half a sentence."""
    first = _text_of_module(name).partition("\n\n")[0]
    return " ".join(first.split()).partition(": ")[2]


def example_of(operation: str) -> str:
    """The text of one operation of a kind.

    Raises: ValueError where no test has one.
    """
    dialect = operation.partition(".")[0]
    found = _examples(dialect).get(operation)
    if found is None:
        raise ValueError(
            f"{operation} is in no valid file of tests/filecheck/dialects/{dialect}; add it to ops.mlir"
        )
    return found


def parts_of(operation: type[Operation]) -> list[Part]:
    """What an operation consists of, with the notes that stand below each."""
    parts: dict[str, Part] = {}
    for base in reversed(operation.__mro__):
        if issubclass(base, IRDLOperation) and base is not IRDLOperation:
            parts |= {part.name: part for part in _declared(base)}
    order = [*dict.fromkeys(KINDS.values())]
    return sorted(parts.values(), key=lambda part: order.index(part.kind.partition(",")[0]))


def _text_of_module(name: str) -> str:
    return inspect.cleandoc(import_module(f"kl.dialects.{name}").__doc__ or "")


def _section(operation: type[Operation], example: str) -> Iterator[str]:
    yield from (f"### `{operation.name}`", "", inspect.cleandoc(operation.__doc__ or ""), "")
    yield from ("```mlir-fragment", example, "```", "")
    if parts := parts_of(operation):
        yield from ("| part | is | note |", "|---|---|---|")
        yield from (f"| `{part.name}` | {part.kind}: {part.takes} | {part.note} |" for part in parts)
        yield ""
    if issubclass(operation, ComputeOp):
        yield from (_in_the_language(operation), "")


def _in_the_language(operation: type[ComputeOp]) -> str:
    """How an operation is written, and what it is to the rules of fusion; or why it is not."""
    spelling, fusion = operation.SPELLING, operation.FUSION
    if isinstance(spelling, Without):
        written = f"Not in the model language, because {spelling.because}."
    else:
        written = f"In the model language: `{_call(spelling)}`."
    if isinstance(fusion, Without):
        return f"{written} A kernel of its own, because {fusion.because}."
    return f"{written} Fuses as `{fusion.role}`."


def _call(spelling: Spelling) -> str:
    """A use of an operator, with the names of its parameters."""
    if spelling.name == "[]":
        return "{}[{}]".format(*reversed(spelling.parameters))
    if not spelling.name.isidentifier():
        return f"lhs {spelling.name} rhs"
    extra = tuple(name for name in spelling.optional if name not in spelling.parameters)
    return f"{spelling.name}({', '.join((*spelling.parameters, *(f'{name}=…' for name in extra)))})"


def _declared(base: type[Operation]) -> Iterator[Part]:
    """The fields that a class itself defines."""
    [tree] = ast.parse(dedent(inspect.getsource(base))).body
    assert isinstance(tree, ast.ClassDef), "a class is parsed"
    for above, below in zip_longest(tree.body, tree.body[1:]):
        match above:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Call(ast.Name(made), args, options)):
                if made.endswith("_def") and made != "traits_def":
                    given = {one.arg: ast.literal_eval(one.value) for one in options}
                    takes = ast.unparse(args[0]) if args else ""
                    yield _part(given.get("prop_name", name), made, takes, _note(below))
            case _:
                pass


def _part(name: str, made: str, takes: str, note: str) -> Part:
    """A field, by the function that defines it: `opt_prop_def`."""
    *count, kind, _ = made.split("_")
    if takes not in WORDS:
        raise ValueError(
            f"'{name}' takes {takes}, which has no words in {Path(__file__).name}; add it to WORDS"
        )
    return Part(name, KINDS[kind] + (COUNTS[count[0]] if count else ""), WORDS[takes], note)


def _note(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split()).replace("|", "\\|")
        case _:
            return ""


@cache
def _examples(dialect: str) -> dict[str, str]:
    """The text of one operation of each kind, from the tests of a dialect that are accepted."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests/filecheck/dialects" / dialect).glob("*.mlir"), key=_plain_first):
        if not path.stem.endswith("invalid"):
            for operation in _module(path).walk():
                found.setdefault(operation.name, []).append(printed(operation))
    return {name: _chosen(texts) for name, texts in found.items()}


def _plain_first(path: Path) -> tuple[bool, str]:
    return path.stem != "ops", path.stem


def _module(path: Path) -> ModuleOp:
    text = path.read_text(encoding="utf-8")
    return LocatedParser(make_context(), text, path.name).parse_module()


def _chosen(texts: list[str]) -> str:
    short = (text for text in texts if text.count("\n") < LINES_OF_AN_EXAMPLE)
    return next(short, min(texts, key=len))


def printed(operation: Operation) -> str:
    """An operation as `kl-opt` prints it."""
    stream = StringIO()
    ExactPrinter(stream).print_op(operation)
    return stream.getvalue()
