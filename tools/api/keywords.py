"""Keywords of Python calls as the options of commands: the same names, the same meaning, the same limits."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from os import PathLike, fspath
from types import UnionType
from typing import Annotated, Any, Literal, TypedDict, TypeVar, Union, get_args, get_origin

from ...dialects.vocabulary import Granularity
from ..command_line import option_fields
from ..output import check_files
from ..values import HELP_MARK, InputError, Number

T = TypeVar("T")
Path = str | PathLike[str]


class ModelKeywords(TypedDict, total=False):
    """What of a model is changed, and how it is read."""

    param: Mapping[str, Number] | None
    """Parameters of the model, by name."""
    frontend: str | None
    """The language of the input; told by how it begins if None."""
    ignore: str | Sequence[str] | None
    """Keys of a config and tensors of a checkpoint to go on without: names or patterns."""
    architecture: str | None
    """Of a checkpoint that has no config beside it."""


class MachineKeywords(TypedDict, total=False):
    """The machine to compile for."""

    target: str | None
    """The kind of machine."""
    machine: Path | None
    """A TOML file of parameters, or the name of a machine that a package brings."""
    set: Mapping[str, Number] | None
    """Parameters of the machine, by name."""
    sockets: int | None
    """Of the machine; one if nothing says it."""
    fast: bool | None
    """Whether products are added up in f32, where the target has such sums."""
    exact: bool | None
    """Whether they are added up as the reference does, as they are if nothing is said."""


class EditKeywords(TypedDict, total=False):
    """Edits of the pipeline; those of `after` are made first, then `before`, then `without`."""

    after: Mapping[str, str] | None
    """Passes to run behind each place of a pass, by its name."""
    before: Mapping[str, str] | None
    """Passes to run in front of it."""
    without: str | Sequence[str] | None
    """Passes to leave out."""


class CompareKeywords(ModelKeywords, MachineKeywords, EditKeywords, total=False):
    """The options of `kl compare` that say what is compiled."""

    spill: bool | None
    """Whether DDR may hold weights and caches that do not fit HBM."""
    expert_sharding: Literal["ffn", "sockets", "auto"] | None
    """What of the experts each socket has."""


class Keywords(CompareKeywords, total=False):
    """The options of `kl compile` that say what is compiled, for which machine and how."""

    trust: bool | None
    """Whether a saved program is taken that was edited since it was compiled."""
    optimize: int | None
    """The level of optimisation, 0 to 3; 2 if None."""
    fusion: Granularity | None
    """How much one kernel holds."""
    loop: bool | None
    """Whether runs of calls become loops."""
    single_call: bool | None
    """Whether one call does all of a step."""
    steps_per_call: int | None
    """Decode steps of a call."""
    stop_token: int | None
    """Rows of the batch end at this token."""
    resident: bool | None
    """Whether weights stay in the SRAM that kernels leave over."""
    pipeline: str | None
    """Passes to run in place of the default ones, in the notation of `kl-opt -p`."""
    max_rewrites: int | None
    """Rewrites by patterns after which a pass is stopped."""


def filled(kind: type[T], keywords: dict[str, Any], **groups: Any) -> T:
    """Options as keywords say them, as a command line would: those that are used go out of `keywords`.

    None is as if nothing was said. `groups` are parts of the options that are made already, by name.

    Raises: InputError for a value that an option does not take, and where one writes what another reads.
    """
    values = dict(groups)
    for one, hint, inner in option_fields(kind):
        if one.name in groups:
            continue
        if inner is not None:
            values[one.name] = filled(inner, keywords)
        elif "several" in one.metadata:
            values[one.name] = tuple(_several(one.metadata["several"], keywords))
        elif (value := keywords.pop(one.name, None)) is not None:
            metavar = one.metadata["form"].get("metavar", "")
            is_many = get_origin(hint) is tuple
            values[one.name] = _texts(one.name, value, metavar) if is_many else _value(one.name, hint, value)
    made = kind(**values)
    check_files(made)
    return made


def window_text(window: object) -> str | None:
    """A pair of cycles as a command line has it.

    Raises: InputError for anything else.
    """
    if window is None:
        return None
    if not isinstance(window, Sequence) or isinstance(window, str) or len(window) != 2:
        raise InputError(f"window is {window!r}{HELP_MARK}it takes a pair of cycles")
    return f"{window[0]}:{window[1]}"


def token_texts(tokens: object) -> tuple[str, ...]:
    """Tokens of a row, or of several, as a command line has them.

    Raises: InputError for anything else.
    """
    rows = list(tokens) if isinstance(tokens, Iterable) and not isinstance(tokens, str) else [tokens]
    rows = [rows] if rows and not any(isinstance(row, Iterable) for row in rows) else rows
    texts: list[str] = []
    for row in rows:
        ids = list(row) if isinstance(row, Iterable) and not isinstance(row, str) else [row]
        if not all(isinstance(one, Integral) and _is_no_truth_value(one) for one in ids):
            raise InputError(f"tokens is {tokens!r}{HELP_MARK}it takes integers, or integers for each row")
        texts.append(",".join(map(str, ids)))
    return tuple(texts)


def check_known(function: str, keywords: Mapping[str, object], known: type) -> None:
    """Raises: TypeError for a keyword that is none of a dictionary's type."""
    names = known.__annotations__
    for name in keywords.keys() - names.keys():
        close = get_close_matches(name, names, 1)
        meant = f"; did you mean '{close[0]}'?" if close else ""
        raise TypeError(f"kl.{function}() got an unexpected keyword argument '{name}'{meant}")


def _several(forms: Mapping[str, Mapping[str, Any]], keywords: dict[str, Any]) -> Iterable[object]:
    """Options that share a field, each read as its text on a command line is."""
    for name, form in forms.items():
        for text in _texts(name, keywords.pop(name, None) or (), form["metavar"]):
            yield _read(name, form["type"], text)


def _value(name: str, hint: Any, value: Any) -> object:
    """A value as its option has it.

    Raises: InputError where the option does not take it.
    """
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if str in parts:  # True stands for a flag without its value, which no keyword is
        parts = tuple(part for part in parts if part is not bool)
    for part in parts:
        if get_origin(part) is Annotated and _is_no_truth_value(value):
            if get_args(part)[0] is float and isinstance(value, Real):
                return _read(name, part.__metadata__[0], repr(float(value)))
            if isinstance(value, Integral):
                return _read(name, part.__metadata__[0], str(int(value)))
        if get_origin(part) is Literal and value in get_args(part):
            return value
        if part is bool and isinstance(value, bool):
            return value
        if part is str and isinstance(value, str | PathLike):
            return fspath(value)
    raise InputError(
        f"{name} is {value!r}{HELP_MARK}it takes {' or '.join(filter(None, map(_words, parts)))}"
    )


def _words(part: Any) -> str:
    """What a part of a type stands for."""
    if get_origin(part) is Annotated:
        return "a number" if get_args(part)[0] is float else "an integer"
    if get_origin(part) is Literal:
        return ", ".join(map(repr, get_args(part)))
    return {bool: "True, False", str: "a text"}.get(part, "")


def _is_no_truth_value(value: object) -> bool:
    """Python counts those among the integers."""
    return not isinstance(value, bool)


def _read(name: str, read: Any, text: str) -> object:
    try:
        return read(text)
    except ArgumentTypeError as error:
        raise InputError(f"{name}: {error}") from None


def _texts(name: str, value: object, metavar: str) -> tuple[str, ...]:
    """The texts of an option that may be repeated: of names and values, of several texts or of one.

    Raises: InputError for anything else.
    """
    has_names = "=" in metavar
    if isinstance(value, Mapping) and has_names:
        return tuple(f"{key}={_value_text(name, key, one)}" for key, one in value.items())
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and all(isinstance(one, str) for one in value):
        return tuple(value)
    wanted = "a dictionary" if has_names else "a text or several"
    raise InputError(f"{name} is {value!r}{HELP_MARK}it takes {wanted}")


def _value_text(name: str, key: object, value: object) -> str:
    """A number or a text as it stands behind the name on a command line."""
    if isinstance(value, str):
        return value
    if isinstance(value, Real) and _is_no_truth_value(value):
        return repr(int(value) if isinstance(value, Integral) else float(value))
    raise InputError(f"{name} {key}: {value!r} is no number")
