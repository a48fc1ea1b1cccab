"""What there is: `--list-passes`, `--help-pass` and `--list-dialects`, with all of other packages."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from textwrap import dedent, indent
from typing import Any, TypeVar, get_type_hints

from xdsl.passes import ModulePass

from ..pass_text import find_pass, in_words
from ..plugins import brings, left_out
from ..universe import available_passes, multiverse

T = TypeVar("T")
SENTENCE = re.compile(r".*?\.(?<!e\.g\.)(?<!i\.e\.)(?=\s+[^a-z\s]|$)")
EXAMPLE = re.compile(r"^Before:$.*^After:$.*", re.DOTALL | re.MULTILINE)


def passes() -> Iterator[str]:
    """Each package, and below it a line for each of its passes."""
    known = available_passes()
    width = max(map(len, known))
    for package, found in _by_package(known).items():
        yield f"{package}:"
        for name, one in found.items():
            yield f"  {name:{width}}  {first_sentence(documentation(one)) or '(no documentation)'}"


def dialects() -> Iterator[str]:
    """Each package, and below it a line for each of its dialects."""
    known = multiverse().all_dialects
    width = max(map(len, known))
    for package, found in _by_package(known).items():
        yield f"{package}:"
        for name, one in found.items():
            operations = counted(len(list(one.operations)), "operation")
            yield f"  {name:{width}}  {operations}, {counted(len(list(one.attributes)), 'attribute')}"


def help_of(name: str) -> Iterator[str]:
    """What a pass does, its options, and an example where its file has one.

    Raises: InputError for an unknown pass.
    """
    known = available_passes()
    one = find_pass(known, name)
    text = documentation(one)
    yield from (f"{name}, of {brings(known[name])}", "", text or "(no documentation)", "")
    yield from _options(one)
    example = EXAMPLE.search(text_of_module(one))
    if example is not None and EXAMPLE.search(text) is None:
        yield from ("", example[0].rstrip())


def documentation(one: type[ModulePass]) -> str:
    """What a pass says of itself, or else its file; empty where that is nothing."""
    own = one.__dict__.get("__doc__") or ""
    if own.startswith(f"{one.__name__}("):  # Python's own text for a dataclass that has none
        own = ""
    return inspect.cleandoc(own) or text_of_module(one)


def first_sentence(text: str) -> str:
    """The first sentence of a text, in one line."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    found = SENTENCE.match(paragraph)
    return found[0] if found else paragraph


def field_notes(one: type[ModulePass]) -> dict[str, str]:
    """What stands under the fields of a class and of those that it inherits from."""
    notes: dict[str, str] = {}
    for base in reversed(one.__mro__):
        try:
            tree = ast.parse(dedent(inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):  # a class without a file of its own
            continue
        for above, below in pairwise(tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else ()):
            match above, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(note))):
                    notes[name] = " ".join(note.split())
                case _:
                    pass
    return notes


def counted(count: int, what: str) -> str:
    """A number of things in words."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def text_of_module(one: type[ModulePass]) -> str:
    """What the file of a pass says of itself."""
    return inspect.cleandoc(sys.modules[one.__module__].__doc__ or "")


def _by_package(known: Mapping[str, Callable[[], T]]) -> dict[str, dict[str, T]]:
    """All that can be loaded, by the packages that bring it; a warning for what cannot."""
    found: dict[str, dict[str, T]] = {}
    for name, load in known.items():
        with left_out():
            found.setdefault(brings(load), {})[name] = load()
    return {package: there for package, there in found.items() if there}


def _options(one: type[ModulePass]) -> Iterator[str]:
    options = [field for field in fields(one) if field.init and field.name != "name"]
    if not options:
        yield "It has no options."
        return
    yield "Options:"
    hints, notes = hints_of(one), field_notes(one)
    for option in options:
        yield f"  {option.name.replace('_', '-')}: {in_words(hints.get(option.name))}; {default_of(option)}"
        if note := notes.get(option.name):
            yield indent(note, " " * 6)


def hints_of(one: type[ModulePass]) -> Mapping[str, Any]:
    """The types of a pass's options; empty where they are not known when it runs."""
    try:
        return get_type_hints(one)
    except Exception:  # another package may import its types for type checkers alone
        return {}


def default_of(option: Field[Any]) -> str:
    """The default of an option: `default: none`, or that it must be given."""
    value = option.default
    if value is MISSING and option.default_factory is not MISSING:
        value = option.default_factory()
    return "it must be given" if value is MISSING else f"default: {_written(value)}"


def _written(value: object) -> str:
    """A default as it is written in a pipeline; `none` where nothing is written."""
    if value is None or value == () or value == "":
        return "none"
    if isinstance(value, tuple | list):
        return ",".join(map(_written, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
