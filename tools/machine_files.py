"""Machine files: TOML with the class of a machine, its parameters and their sources."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

from .values import HELP_MARK, InputError, parse_toml, read_toml, whole

GROUP = "kl.machines"
"""The entry points: `NAME = "package:file.toml"`, a file of the package, or an object that is a mapping."""
OURS = "kl.backends.machines"
"""The package whose files are our own machines."""
CLASS, BASE, SOURCES, CLAIMS = "class", "base", "sources", "claims"
"""The keys that are no parameters: the class, which is the name of a target; the machine that this one is but
for what it says itself; a table of texts, where each parameter comes from; a table of what is published of it
against other machines."""

KEYS = (CLASS, BASE, SOURCES, CLAIMS)


@dataclass(frozen=True)
class Claim:
    """What somebody has published of a machine, with looped kernels, against another one."""

    times: float
    """At most so many times as fast."""
    source: str


@dataclass(frozen=True)
class MachineFile:
    """What a file says of a machine, with what it takes from those that it is based on."""

    source: str
    """What messages call it."""
    kind: str | None
    """The name of the target that compiles for it; None where nothing is said."""
    values: Mapping[str, int]
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where parameters come from, by name."""
    claims: Mapping[str, Claim] = field(default_factory=dict[str, Claim])
    """By the name of the other machine."""
    is_whole: bool = False
    """Whether it is based on no other one, and says what its class is: then it says all of it."""


def find_machine(name: str) -> MachineFile:
    """The machine in a file or, where there is none, ours or that of a package by this name.

    Raises: InputError where there is no such machine, or it says something wrong; OSError for a path to
        nothing.
    """
    return _found(name, ())


def machine_names() -> list[str]:
    """The machines that are known by name."""
    return sorted({*_ours(), *entry_points(group=GROUP).names})


def origin_of(name: str) -> str:
    """Where a machine is from: `kl`, the package that brings it, or the path of its file."""
    if _is_file(name):
        return name
    return next((package_of(entry) for entry in entry_points(group=GROUP, name=name)), "kl")


def _ours() -> dict[str, Any]:
    """Our machines, by name."""
    folder = files(OURS).iterdir()
    return {one.name.removesuffix(".toml"): one for one in folder if one.name.endswith(".toml")}


def _found(name: str, above: tuple[str, ...]) -> MachineFile:
    source, values = _read(name)
    try:
        return _file(source, values, (*above, name))
    except InputError as error:
        raise InputError(str(error) if above else f"{source}: {error}") from None


def _read(name: str) -> tuple[str, Mapping[str, Any]]:
    """What messages call a machine, and what is said of it."""
    if _is_file(name):
        return name, read_toml(name)
    ours, entries = _ours().get(name), list(entry_points(group=GROUP, name=name))
    packages = (["kl"] if ours is not None else []) + sorted(map(package_of, entries))
    if len(packages) > 1:
        both = " and ".join(packages)
        raise InputError(f"the packages {both} have a machine '{name}' each{HELP_MARK}give the file of one")
    if not packages:
        known = machine_names()
        close = get_close_matches(name, known, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        there = f"known are {', '.join(known)}; a file is TOML"
        raise InputError(f"there is no machine '{name}', and no such file{HELP_MARK}{meant}{there}")
    if ours is not None:
        return f"machine '{name}'", parse_toml(ours.read_bytes(), f"{name}.toml")
    source = f"machine '{name}' of the package {package_of(entries[0])}"
    return source, _loaded(entries[0], source)


def _is_file(name: str) -> bool:
    """Whether it can only be the path of a file, if it is none already."""
    path = Path(name)
    return (os.path.exists(name) and not path.is_dir()) or path.name != name or path.suffix != ""


def package_of(entry: EntryPoint) -> str:
    """The name of the distribution that an entry point stands in."""
    return entry.dist.name if entry.dist is not None else entry.module


def _loaded(entry: EntryPoint, source: str) -> Mapping[str, Any]:
    """The values that an entry point names.

    Raises: InputError where they cannot be read.
    """
    try:
        if not entry.attr.endswith(".toml"):
            values = entry.load()
        else:
            values = parse_toml((files(entry.module) / entry.attr).read_bytes(), entry.attr)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    except (Exception, SystemExit) as error:  # whatever another package does when it is imported
        raise InputError(f"{source} cannot be read: {type(error).__name__}: {error}") from None
    if not isinstance(values, Mapping):
        raise InputError(f"{source}: {entry.value} is no mapping of parameters, and no file.toml")
    return values


def _file(source: str, said: Mapping[str, Any], names: tuple[str, ...]) -> MachineFile:
    """What is said of a machine, on top of what it is based on.

    Raises: InputError for a key that has no meaning, and for machines that are based on one another.
    """
    kind, base = _word(CLASS, said), _word(BASE, said)
    numbers = {name: whole(name, value) for name, value in said.items() if name not in KEYS}
    sources = dict(_sources(said.get(SOURCES, {}), numbers))
    claims = dict(_claims(said.get(CLAIMS, {})))
    if base is None:
        return MachineFile(source, kind, numbers, sources, claims, kind is not None)
    if base in names:
        raise InputError(f"{BASE} is '{base}', and that machine is based on this one{HELP_MARK}leave one out")
    below = _found(base, names)
    if kind not in (None, below.kind):
        raise InputError(f"{CLASS} is '{kind}', its {BASE} '{base}' is of the class '{below.kind}'")
    kept = {name: text for name, text in below.sources.items() if name not in numbers}
    values, texts = {**below.values, **numbers}, {**kept, **sources}
    return MachineFile(source, below.kind, values, texts, claims, below.is_whole)


def _word(key: str, said: Mapping[str, Any]) -> str | None:
    """Raises: InputError for what is no text."""
    value = said.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f'{key} is {value!r}; it is a name, as in {key} = "h100"')
    return value


def _sources(said: object, numbers: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Where parameters come from.

    Raises: InputError for what is no text, and for the source of a number that is not there.
    """
    if not isinstance(said, Mapping):
        raise InputError(f"{SOURCES} is {said!r}; it is a table with a text for each parameter")
    for name, text in said.items():
        if name not in numbers:
            raise InputError(f"{SOURCES} has {name}, which the file does not set{HELP_MARK}leave it out")
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"the source of {name} is {text!r}; it is a text")
        yield name, text


def _claims(said: object) -> Iterator[tuple[str, Claim]]:
    """What is published against other machines.

    Raises: InputError for what is no such table.
    """
    claims: Mapping[str, Any] = said if isinstance(said, Mapping) else {CLAIMS: said}
    for name, claim in claims.items():
        fields: Mapping[str, Any] = claim if isinstance(claim, Mapping) else {}
        times, text = fields.get("times"), fields.get("source")
        if not isinstance(times, int | float) or not isinstance(text, str):
            way_out = '[claims] has lines like h100 = { times = 2.0, source = "who says so" }'
            raise InputError(f"the claim {name} is {claim!r}{HELP_MARK}{way_out}")
        yield name, Claim(float(times), text)


def kind_of(name: str, target: str | None) -> str | None:
    """The target that a machine is for, which is asked for as well if it is not None.

    Raises: InputError where the two do not agree, for a class that nobody knows, and as `find_machine`.
    """
    from .universe import find_target

    machine = find_machine(name)
    if machine.kind is None:
        return target
    if target not in (None, machine.kind):
        what = f"{machine.source} is of the class {machine.kind}, --target says {target}"
        raise InputError(f"{what}{HELP_MARK}leave out --target")
    try:
        return find_target(machine.kind).name
    except InputError as error:
        raise InputError(f"{machine.source}: {CLASS}: {error}") from None


def check_whole(machine: MachineFile, parameters: Iterable[str]) -> None:
    """Raises: InputError for a machine that stands alone and leaves parameters of its class open."""
    missing = [name for name in parameters if name not in machine.values]
    if machine.is_whole and missing:
        what = f"{machine.source}: a machine of the class {machine.kind} also has {', '.join(missing)}"
        way_out = f'say these too, or what it is like otherwise: {BASE} = "NAME" (`kl machines` lists names)'
        raise InputError(f"{what}{HELP_MARK}{way_out}")
