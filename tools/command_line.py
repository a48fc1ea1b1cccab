"""How command lines are read into frozen dataclasses.

A field made by `option` is an option: its name is the flag and its type says the form, so that what is read
and what `--help` shows cannot differ. A field that is a dataclass itself is a group.
"""

from __future__ import annotations

import argparse
from collections.abc import Container, Iterator, Mapping
from dataclasses import Field, field, fields, is_dataclass
from typing import Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from .once import OnceBoolean, refuse_repeats
from .streams import print_whole
from .values import above_zero, cut, not_negative, positive, share

T = TypeVar("T")
Positive = Annotated[int, positive]
"""A number above zero; what reads it stands in the type."""
Natural = Annotated[int, not_negative]
"""A number not below zero."""
AboveZero = Annotated[float, above_zero]
"""A number above zero that need not be whole."""
Share = Annotated[float, share]
"""A number above zero, and one at most."""


class Parser(argparse.ArgumentParser):
    """What reads a command line; its messages are no longer than others."""

    def __init__(self, *arguments: Any, **keywords: Any):
        super().__init__(*arguments, **keywords)
        print_whole(self)

    def error(self, message: str) -> NoReturn:
        """Raises: SystemExit, after the usage and the message."""
        super().error(cut(message))


class Subcommand(Parser):
    """What reads the command line of a subcommand: arguments that it does not know are errors with its usage,
    not with that of all."""

    def parse_known_args(self, *args: Any, **keywords: Any) -> Any:
        """Raises: SystemExit, with a message, for any that are not known."""
        found, others = super().parse_known_args(*args, **keywords)
        if others:
            self.error(f"unrecognized arguments: {' '.join(others)}")
        return found, others


def option(
    help: str, *names: str, default: Any = None, reads: str = "", writes: str = "", **form: Any
) -> Any:
    """A field that is an option; `names` are its flags if it is not `--` and the field's name.

    `form` goes to `add_argument`, unless the type says it: `bool` is a flag, `bool | None` has a `--no-`
    form, too, a tuple may be repeated, `Positive` and `Natural` are N, and a `Literal` has its choices.
    `reads` says what the file is that it names, if it may be one, `writes` what is written: a
    file, or IR, which may take the place of IR.
    """
    known = {"names": names, "form": {"help": help, **form}, "reads": reads, "writes": writes}
    return field(default=default, metadata=known)


def options(**forms: Mapping[str, Any]) -> Any:
    """A field of several options that may be repeated, `forms` by their names: it has them in their order."""
    return field(default=(), metadata={"several": forms})


def group(**changed: Mapping[str, Any]) -> Any:
    """A field that is a group of options, some of which have another help, form or default than usual."""
    return field(metadata={"changed": changed})


def add_options(
    parser: argparse.ArgumentParser, kind: type, changed: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Add the options of a dataclass to a command line, in the order of its fields."""
    refuse_repeats(parser)
    print_whole(parser)
    for one, hint, inner in option_fields(kind):
        if inner is not None:
            add_options(parser, inner, one.metadata.get("changed"))
        for name, form in one.metadata.get("several", {}).items():
            parser.add_argument(f"--{name}", dest=one.name, action="append", default=[], **form)
        if "form" in one.metadata:
            names = one.metadata["names"] or (f"--{one.name.replace('_', '-')}",)
            form = {"default": one.default} | _form(hint) | one.metadata["form"]
            parser.add_argument(*names, **form | (changed or {}).get(one.name, {}))


def filled(kind: type[T], arguments: argparse.Namespace) -> T:
    """A dataclass of options as a command line says them: a field is the option of its name, or a group."""
    values: dict[str, Any] = {}
    for one, _, inner in option_fields(kind):
        value = getattr(arguments, one.name) if inner is None else filled(inner, arguments)
        values[one.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def written(said: object, but: Container[str] = ()) -> list[str]:
    """The words of the command line that say what a dataclass of options holds, without what is usual.

    Fields that are left out are named in `but`.
    """
    words: list[str] = []
    for one, _, inner in option_fields(type(said)):
        value = getattr(said, one.name)
        if inner is not None:
            words += written(value, but)
        elif "several" in one.metadata:
            words += [word for entry in value for word in entry.words]
        elif value != one.default and one.name not in but:
            words += _written(one, value)
    return words


def _written(one: Field[Any], value: Any) -> list[str]:
    """An option with its value; one that may be repeated comes once for each."""
    names = one.metadata["names"] or (f"--{one.name.replace('_', '-')}",)
    flag = names[-1]
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    if not flag.startswith("-"):
        return [str(value)]
    return [word for each in (value if isinstance(value, tuple) else (value,)) for word in (flag, str(each))]


def option_fields(kind: type) -> Iterator[tuple[Field[Any], Any, type | None]]:
    """The fields of a dataclass with their types; the last is the type once more where it is a group."""
    assert is_dataclass(kind), "options are declared as dataclasses"
    hints = get_type_hints(kind, include_extras=True)
    for one in fields(kind):
        hint = hints[one.name]
        yield one, hint, hint if isinstance(hint, type) and is_dataclass(hint) else None


def _form(hint: Any) -> dict[str, Any]:
    """What the type of an option says of its form."""
    if hint is bool:
        return {"action": "store_true"}
    if hint == bool | None:
        return {"action": OnceBoolean}
    if get_origin(hint) is tuple:
        return {"action": "append", "default": []}
    for part in (hint, *get_args(hint)):
        if get_origin(part) is Annotated:
            return {"type": part.__metadata__[0], "metavar": "N"}
    choices = _choices(hint)
    return {"choices": choices} if choices else {}


def _choices(hint: Any) -> tuple[Any, ...]:
    """The words of a `Literal`, alone or in a union."""
    parts = get_args(hint)
    return (
        parts if get_origin(hint) is Literal else tuple(choice for one in parts for choice in _choices(one))
    )
