"""Pipelines as text, and passes made of them: `outline-kernels{granularity=layer},loop-kernels`.

It is xDSL's notation, read so that an option given twice is an error, every usual way to write a number is
one, and a value has the type that its option asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, ArgSpecConvertible, ParameterListType, ParameterType
from xdsl.utils.lexer import Input
from xdsl.utils.mlir_lexer import StringLiteral

from .blame import PluginError
from .values import HELP_MARK, MOST_DIGITS, InputError

C = TypeVar("C", bound=ArgSpecConvertible)
SPACE = re.compile(r"\s*")
NAME = re.compile(r"[\w-]+", re.ASCII)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.-])", re.ASCII)
TEXT = re.compile(r'"(?:\\[nfvtr"\\]|[^\n\f\v\r"\\])*"')
MLIR_PIPELINE = re.compile(r'\[((?:\\[nfvtr"\\]|[^\n\f\v\r\]\\])*)\]')


class WrittenNumber(float):
    """A number such as `1e3`, which is a word where an option takes words."""

    def __new__(cls, text: str) -> WrittenNumber:
        """The number that a text stands for."""
        return super().__new__(cls, text)

    def __init__(self, text: str):
        self.text = text


def parse_specs(text: str) -> tuple[ArgSpec, ...]:
    """The passes of a pipeline and what is said of their options.

    Raises: InputError for a malformed text and for an option given twice.
    """
    return tuple(_Reader(text).specs())


class _Reader:
    """Reads a pipeline from its beginning to its end."""

    def __init__(self, text: str):
        self.text = text
        self.at = 0

    def specs(self) -> Iterator[ArgSpec]:
        """Passes with commas between them, and perhaps one behind the last."""
        while not self._is_at_end():
            yield self._spec()
            if not self._is_at_end() and not self._takes(","):
                self._fail("expected a comma or options in braces")

    def _spec(self) -> ArgSpec:
        name = self._must(NAME, "expected the name of a pass")[0]
        if name == "mlir-opt" and (inner := self._read(MLIR_PIPELINE)) is not None:
            flags = ("--mlir-print-op-generic", "--allow-unregistered-dialect", "-p")
            return ArgSpec(name, {"arguments": (*flags, f"builtin.module({inner[1]})")})
        return ArgSpec(name, dict(self._options(name)) if self._takes("{") else {})

    def _options(self, of: str) -> Iterator[tuple[str, ParameterListType]]:
        given = set[str]()
        while not self._takes("}"):
            name = self._must(NAME, "expected the name of an option or '}'")[0]
            if name.replace("_", "-") in given:
                raise InputError(f"option '{name}' of {of} is given twice")
            given.add(name.replace("_", "-"))
            yield name, tuple(self._values()) if self._takes("=") else ()
            if self.text[self.at : self.at + 1].strip(" \t\n}"):
                self._fail("expected a space or '}'")

    def _values(self) -> Iterator[ParameterType]:
        yield self._value()
        while self._takes(","):
            yield self._value()

    def _value(self) -> ParameterType:
        if (quoted := self._read(TEXT)) is not None:
            return StringLiteral(*quoted.span(), Input(self.text, "pipeline")).string_contents
        if (number := self._read(NUMBER)) is not None:
            if len(number[0]) > MOST_DIGITS:
                self._fail(f"ends a number of {len(number[0])} digits; the most is {MOST_DIGITS}")
            return int(number[0]) if re.fullmatch(r"[-+]?\d+", number[0]) else WrittenNumber(number[0])
        word = self._must(NAME, "expected a value; put other texts into quotes")[0]
        return word == "true" if word in ("true", "false") else word

    def _is_at_end(self) -> bool:
        self._read(SPACE)
        return self.at == len(self.text)

    def _takes(self, mark: str) -> bool:
        before = self.at
        self._read(SPACE)
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        self.at = before
        return False

    def _must(self, pattern: re.Pattern[str], otherwise: str) -> re.Match[str]:
        self._read(SPACE)
        found = self._read(pattern)
        return found if found is not None else self._fail(otherwise)

    def _read(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if (found := pattern.match(self.text, self.at)) is not None:
            self.at = found.end()
        return found

    def _fail(self, what: str) -> NoReturn:
        raise InputError(f"malformed pass pipeline\n  {self.text}\n  {' ' * self.at}^ {what}")


def make(kind: str, made: type[C], spec: ArgSpec) -> C:
    """A pass, or a target, with the options that a text says.

    Raises: InputError for an unknown or missing option, and for a value that an option does not take.
    """
    hints = _hints(made, kind)
    options = {one.name.replace("_", "-"): one for one in fields(made) if one.init and one.name != "name"}
    listed = ", ".join(f"{name} ({in_words(hints[one.name])})" for name, one in options.items())
    way_out = f"{HELP_MARK}its options are {listed}" if options else f"{HELP_MARK}it has none"
    values: dict[str, ParameterListType] = {}
    for name, given in spec.parameters.items():
        option = options.get(name.replace("_", "-"))
        if option is None:
            raise InputError(f"{kind} {spec.name} has no option '{name}'{way_out}")
        values[name] = _typed(f"{kind} {spec.name}: option '{name}'", given, hints[option.name])
    missing = made.required_fields() - {name.replace("-", "_") for name in values} - {"name"}
    if missing:
        raise InputError(
            f"{kind} {spec.name} needs its option '{sorted(missing)[0].replace('_', '-')}'{way_out}"
        )
    try:
        return made.from_spec(ArgSpec(spec.name, values))
    except ValueError as error:
        raise InputError(f"{kind} {spec.name}: {error}{way_out}") from None


@cache
def _hints(made: type[ArgSpecConvertible], kind: str) -> Mapping[str, Any]:
    """The types of the options of a class, which another package may have written.

    Raises: PluginError where they do not say what they are once the package runs.
    """
    try:
        return get_type_hints(made)
    except Exception as error:  # a type is any expression
        what = f"the types of the options of the {kind} '{getattr(made, 'name', made.__name__)}'"
        way_out = "import what they name also when it runs, not for type checkers alone"
        raise PluginError(f"{what} are not known: {type(error).__name__}: {error}; {way_out}") from error


def in_words(hint: Any) -> str:
    """What an option takes, as users say it: `one of op, block, layer`, `a whole number`, `true or false`."""
    kinds = [kind for kind in _alternatives(hint) if kind is not NoneType]
    if int in kinds and float in kinds:
        kinds.remove(int)
    return " or ".join(dict.fromkeys(map(_kind_in_words, kinds)))


WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}


def _kind_in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        return f"a list of values, each {in_words(_element(kind))}"
    return WORDS.get(kind, "a value of its own kind")


def _alternatives(hint: Any) -> Sequence[Any]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _element(kind: Any) -> Any:
    """What a tuple type holds."""
    parts = tuple(one for one in get_args(kind) if one is not Ellipsis)
    return Union[parts]  # noqa: UP007  # of what is known at run time only


def _typed(which: str, given: ParameterListType, hint: Any) -> ParameterListType:
    """The values of an option in the types that it asks for.

    Raises: InputError for a value of another type.
    """
    kinds = _alternatives(hint)
    if not given:
        if bool in kinds and NoneType not in kinds:
            return (True,)
        if NoneType in kinds or any(get_origin(kind) is tuple or _is_of_its_own(kind) for kind in kinds):
            return ()
        raise InputError(f"{which} takes {in_words(hint)}, got nothing")
    for kind in kinds:
        if get_origin(kind) is tuple:
            typed = [_converted(one, _alternatives(_element(kind))) for one in given]
            if None not in typed:
                return tuple(one for one in typed if one is not None)
    if len(given) == 1 and (one := _converted(given[0], kinds)) is not None:
        return (one,)
    if any(_is_of_its_own(kind) for kind in kinds):
        return given
    shown = ",".join(_written(one) for one in given)
    raise InputError(f"{which} takes {in_words(hint)}, got {shown}")


def _is_of_its_own(kind: Any) -> bool:
    """Whether a type is none that options usually have; its pass knows what to do."""
    return kind not in (*WORDS, NoneType) and get_origin(kind) not in (tuple, Literal)


def _converted(value: ParameterType, kinds: Sequence[Any]) -> ParameterType | None:
    """A value in the first of some types that takes it; None where none does. A number is never a truth."""
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    found = next((word for word in words if type(word) is type(value) and word == value), None)
    if found is not None:
        return found
    match value:
        case bool():
            return value if bool in kinds else None
        case int():
            return value if int in kinds else float(value) if float in kinds else None
        case WrittenNumber():
            return _number(value, kinds)
        case _:
            return value if str in kinds else None


def _number(value: WrittenNumber, kinds: Sequence[Any]) -> ParameterType | None:
    if float in kinds and isfinite(value):
        return float(value)
    if int in kinds and value.is_integer():
        return int(value)
    return value.text if str in kinds and NAME.fullmatch(value.text) else None


def _written(value: ParameterType) -> str:
    """A value as one writes it."""
    if isinstance(value, WrittenNumber):
        return value.text
    return str(value).lower() if isinstance(value, bool) else str(value)


def find_pass(available: Mapping[str, Callable[[], type[ModulePass]]], name: str) -> type[ModulePass]:
    """The pass of a name.

    Raises: InputError for an unknown one.
    """
    if name not in available:
        close = get_close_matches(name, available, 3)
        way_out = f"did you mean {' or '.join(close)}?" if close else "kl-opt --list-passes lists all"
        raise InputError(f"unknown pass '{name}'{HELP_MARK}{way_out}")
    return available[name]()
