"""Programs as JSON: `{"format": "kl-program", "version": 3, "program": {…}}`.

The fields of the dataclasses in `program.py` are the keys. Where several classes can stand, `kind` names the
one that does. Fields with a default may be left out. Documents of versions 1 and 2 are read, too.

cattrs does not pay here: it takes 7 for a string, 1.5 and true for an integer and {} for a list, and its
messages lack what was expected and what was found, so each check below would come back as a hook of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ...dialects.loop_tree import LoopTree
from ...dialects.vocabulary import ITERATION, STEP
from .errors import ProgramError
from .kernel import Unit
from .program import VERSION, Command, Program
from .units import KINDS

FORMAT = "kl-program"
"""Says what a document is."""


def save_program(program: Program, path: str | Path) -> None:
    """Write a program to a file."""
    Path(path).write_text(dump_program(program), encoding="utf-8")


def load_program(path: str | Path) -> Program:
    """Read a program from a file.

    Raises: ProgramError as `decode_program` does, OSError if the file cannot be read.
    """
    return decode_program(Path(path).read_bytes())


def decode_program(data: bytes) -> Program:
    """The program in what a file holds.

    Raises: ProgramError as `parse_program` does, and for what is no text.
    """
    try:
        return parse_program(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProgramError(f"not a {FORMAT} document: no UTF-8 text at byte {error.start}") from None


def dump_program(program: Program) -> str:
    """A program as text."""
    document = {"format": FORMAT, "version": VERSION, "program": _encode(program)}
    return json.dumps(document, indent=1) + "\n"


def parse_program(text: str) -> Program:
    """The program in a text; `check_program` says whether it makes sense.

    Raises: ProgramError if the text is no such document, has another version, or a field is missing,
        unknown or of the wrong type.
    """
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ProgramError(f"not a {FORMAT} document: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProgramError(f'not a {FORMAT} document: it has no "format": "{FORMAT}"')
    version = document.get("version")
    if version not in (1, 2, VERSION):
        raise ProgramError(f"version {version!r} of {FORMAT}; this reader knows versions 1 to {VERSION}")
    program = document.get("program")
    if version == 1:
        for path, unit in _units(program):
            _set_rate(unit, path)
    if version in (1, 2):
        for path, kernel in _members(program, "kernels", "program"):
            _set_loops(kernel, path)
    return _decode(Program, program, "program")


def _units(program: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The units of a document and their paths, as far as there are any."""
    for path, kernel in _members(program, "kernels", "program"):
        yield from _members(kernel, "units", path)


def _members(owner: Any, name: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list in a document and their paths."""
    found: Any = owner.get(name) if isinstance(owner, dict) else None
    members: list[Any] = found if isinstance(found, list) else []
    for number, member in enumerate(members):
        if isinstance(member, dict):
            yield f"{path}.{name}[{number}]", member


def _set_rate(unit: dict[str, Any], path: str) -> None:
    """Turn the flags `once` and `per_step` of version 1 into a rate.

    Raises: ProgramError if they are no flags, or both are set.
    """
    names = {"once": "call", "per_step": "step"}
    rates = [names[name] for name in names if _decode(bool, unit.pop(name, False), f"{path}.{name}")]
    if len(rates) > 1:
        raise ProgramError(f"{path}: it runs once a call, and once a decode step; it can do one")
    if rates:
        unit["rate"] = rates[0]


def _set_loops(kernel: dict[str, Any], path: str) -> None:
    """Turn the `iterations` and `steps` of versions 1 and 2 into loops.

    Raises: ProgramError if they are no numbers, or iterations make no equal steps.
    """
    if "iterations" not in kernel:
        raise ProgramError(f"{path}: field 'iterations' of Kernel is missing")
    names = ("iterations", "steps")
    iterations, steps = (_decode(int, kernel.pop(name, 1), f"{path}.{name}") for name in names)
    if steps < 1 or iterations % steps:
        raise ProgramError(f"{path}: {iterations} iterations do not make {steps} equal decode steps")
    units = [unit for _, unit in _members(kernel, "units", path)]
    own = {kind.__name__: kind.rate for kind in KINDS}
    rates = {unit.get("rate") or own.get(str(unit.get("kind"))) or ITERATION for unit in units}
    counts = ((STEP, steps, steps > 1 or STEP in rates), (ITERATION, iterations // steps, ITERATION in rates))
    kernel["loops"] = _encode(LoopTree.chain([(name, count) for name, count, used in counts if used]).loops)
    for unit in units:
        if unit.get("rate") == ITERATION:
            del unit["rate"]


def _encode(value: Any) -> Any:
    if is_dataclass(value):
        kind = {"kind": type(value).__name__} if isinstance(value, _TAGGED) else {}
        return kind | {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_encode(element) for element in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls)


_TAGGED: tuple[type, ...] = (Unit, *get_args(Command))
"""The classes that stand where several can."""


def _decode(hint: Any, value: Any, path: str) -> Any:
    """The value that JSON stands for where `hint` is expected."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Unit:
        return _decode_union(tuple(KINDS), value, path)
    if origin is UnionType:
        return _decode_union(arguments, value, path)
    if origin is Literal:
        if value not in arguments:
            raise _wrong(path, f"one of {', '.join(arguments)}", value)
        return value
    if origin is tuple:
        return _decode_tuple(arguments, value, path)
    if origin is Mapping:
        return _decode_mapping(arguments[1], value, path)
    if is_dataclass(hint):
        assert isinstance(hint, type), "hints name classes, not instances"
        return _decode_dataclass(hint, value, path)
    if type(value) is not hint and not (hint is float and type(value) is int):
        raise _wrong(path, _NAMES[hint], value)
    return value


_NAMES = {int: "an integer", str: "a string", bool: "true or false", float: "a number", NoneType: "null"}


def _wrong(path: str, wanted: str, value: Any) -> ProgramError:
    text = json.dumps(value)
    found = text if len(text) <= 40 else f"{text[:40]}…"
    return ProgramError(f"{path}: expected {wanted}, found {found}")


def _decode_union(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and NoneType in choices:
        return None
    choices = tuple(choice for choice in choices if choice is not NoneType)
    if len(choices) == 1:
        return _decode(choices[0], value, path)
    if not is_dataclass(choices[0]):
        matching = next((choice for choice in choices if type(value) is choice), choices[0])
        return _decode(matching, value, path)
    by_name = {choice.__name__: choice for choice in choices}
    if not isinstance(value, dict):
        raise _wrong(path, f"an object ({', '.join(by_name)})", value)
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in by_name:
        raise _wrong(f"{path}.kind", f"one of {', '.join(by_name)}", kind)
    return _decode(by_name[kind], {k: v for k, v in value.items() if k != "kind"}, path)


def _decode_tuple(elements: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong(path, "a list", value)
    if elements[-1] is ...:
        elements = (elements[0],) * len(value)
    if len(elements) != len(value):
        raise _wrong(path, f"a list of {len(elements)}", value)
    pairs = enumerate(zip(elements, value, strict=True))
    return tuple(_decode(hint, element, f"{path}[{index}]") for index, (hint, element) in pairs)


def _decode_mapping(hint: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(path, "an object", value)
    return {key: _decode(hint, element, f"{path}.{key}") for key, element in value.items()}


def _decode_dataclass(cls: type, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(path, f"an object ({cls.__name__})", value)
    known: dict[str, Field[Any]] = {field.name: field for field in fields(cls)}
    for key in value:
        if key not in known:
            raise ProgramError(f"{path}: unknown field '{key}'; {cls.__name__} has {', '.join(known)}")
    for name, field in known.items():
        if name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ProgramError(f"{path}: field '{name}' of {cls.__name__} is missing")
    hints = _hints(cls)
    arguments = {key: _decode(hints[key], element, f"{path}.{key}") for key, element in value.items()}
    try:
        return cls(**arguments)
    except ValueError as error:
        raise ProgramError(f"{path}: {error}") from None
