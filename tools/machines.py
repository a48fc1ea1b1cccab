"""Machines: files of parameters, and machines by name, which packages bring through entry points."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from ..backends.targets import AnyTarget
from ..dialects.module_machine import parameters_of
from .values import HELP_MARK, InputError, parse_toml, read_toml, whole

GROUP = "kl.machines"
"""The entry points: `NAME = "package:file.toml"`, a file of the package, or an object that is a mapping."""


def machine_values(name: str, check: Callable[[dict[str, int]], object]) -> dict[str, int]:
    """The parameters in a file or, where there is none, of the machine that a package brings by this name.

    Raises: InputError where there is no such machine, or `check` refuses the values; it names their source.
        OSError for a path to nothing.
    """
    entry = None if _is_file(name) else find_machine(name)
    source = name if entry is None else f"machine '{name}' of the package {package_of(entry)}"
    values = read_toml(name) if entry is None else _loaded(entry, source)
    try:
        numbers = {parameter: whole(parameter, value) for parameter, value in values.items()}
        check(numbers)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return numbers


def _is_file(name: str) -> bool:
    """Whether it can only be the path of a file, if it is none already."""
    path = Path(name)
    return (os.path.exists(name) and not path.is_dir()) or path.name != name or path.suffix != ""


def find_machine(name: str) -> EntryPoint:
    """Where the machine of a name comes from.

    Raises: InputError where no package brings it, or several do.
    """
    found = entry_points(group=GROUP, name=name)
    if len(found) > 1:
        packages = " and ".join(sorted(map(package_of, found)))
        raise InputError(
            f"the packages {packages} have a machine '{name}' each{HELP_MARK}give the file of one"
        )
    if not found:
        known = sorted(entry_points(group=GROUP).names)
        close = get_close_matches(name, known, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        there = f"known are {', '.join(known)}" if known else "no installed package brings any"
        raise InputError(
            f"there is no machine '{name}', and no such file{HELP_MARK}{meant}{there}; a file is TOML"
        )
    return next(iter(found))


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


def set_parameters(target: AnyTarget, module: ModuleOp, changes: Mapping[str, int]) -> None:
    """Change parameters of the machine that a module is for.

    Raises: InputError for an impossible machine.
    """
    try:
        machine = target.machine(module).with_values({**changes})
        if changes:
            target.set_machine(module, machine)
        parameters_of(module)
    except (ValueError, VerifyException) as error:
        raise InputError(str(error)) from None


def check_parameters(target: AnyTarget) -> Callable[[Mapping[str, int]], None]:
    """What raises an InputError for parameters that no machine of a target has."""
    return lambda changes: set_parameters(target, ModuleOp([]), changes)
