"""The machine as the command line says it: `--machine FILE`, `--set name=value`, `--sockets N`."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping
from pathlib import Path

from xdsl.utils.exceptions import VerifyException

from ..dialects.nn import WeightOp
from ..dialects.rdu import MachineAttr, machine_of, set_machine
from .diagnostics import HELP_MARK, InputError
from .inputs import ModuleInput, ProgramInput
from .options import assignments


def apply_machine_options(arguments: argparse.Namespace, given: ModuleInput | ProgramInput) -> None:
    """Give a module the machine that the options ask for.

    Raises: InputError for an impossible machine, and where it comes too late to have an effect.
    """
    changes = machine_changes(arguments)
    if isinstance(given, ProgramInput):
        if changes:
            raise InputError(_too_late(given.path))
        return
    change_machine(given, changes)


def change_machine(given: ModuleInput, changes: Mapping[str, int]) -> None:
    """Change parameters of a module's machine.

    Raises: InputError for an impossible machine, and where it comes too late to have an effect.
    """
    if changes and given.level not in ("nn", "kernel"):
        raise InputError(_too_late(given.path))
    try:
        machine = machine_of(given.module).with_values({**changes})
        MachineAttr.of(machine)
    except (ValueError, VerifyException) as error:
        raise InputError(str(error)) from None
    _check_sockets(given, machine.sockets)
    if changes:
        set_machine(given.module, machine)


def _check_sockets(given: ModuleInput, sockets: int) -> None:
    """Raises: InputError where the work is shared out already, among another number of sockets."""
    before = machine_of(given.module).sockets
    weights = (op for op in given.module.ops if isinstance(op, WeightOp))
    is_shared = given.level != "nn" or any(op.shard_parts is not None for op in weights)
    if is_shared and sockets != before:
        raise InputError(
            f"{given.path} is made for {before} socket{'s' if before > 1 else ''} already{HELP_MARK}"
            "give another number to the model, or to IR at the nn level before shard-tensors"
        )


def machine_changes(arguments: argparse.Namespace) -> dict[str, int]:
    """The parameters that the options change; a later kind of option wins over an earlier one."""
    changes: dict[str, object] = {}
    if isinstance(arguments.machine, str):  # `kl tune` has a bare --machine, too
        changes |= _read_file(arguments.machine)
    changes |= assignments("--set", arguments.set)
    if arguments.sockets is not None:
        changes["sockets"] = arguments.sockets
    return {name: _whole(name, value) for name, value in changes.items()}


def _read_file(path: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        way_out = f"{HELP_MARK}a machine file has lines like `hbm_bandwidth = 1_800_000_000_000`"
        raise InputError(f"{path} is no TOML: {error}{way_out}") from None


def _whole(name: str, value: object) -> int:
    """A number as an integer, `1.8e12` too.

    Raises: InputError for any other value.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise InputError(f"machine parameter {name} is {value!r}; it must be an integer")
    return value


def _too_late(path: str) -> str:
    return (
        f"{path} is planned for its machine already{HELP_MARK}"
        "give another machine to the model, or to IR at the nn or kernel level"
    )
