"""The machine that a module is for, as command lines change it."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from ..backends.targets import AnyTarget
from ..dialects.module_machine import parameters_of
from .values import HELP_MARK, InputError


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


def precision_values(target: AnyTarget, *, fast: bool, exact: bool) -> dict[str, int]:
    """The parameters of fast or of exact sums.

    Raises: InputError where both are asked for, and for fast ones of a target all of whose sums are exact.
    """
    if fast and exact:
        raise InputError(f"--fast and --exact are both given{HELP_MARK}give one of them")
    if target.precision is not None:
        name, *values = target.precision
        return {name: values[fast]}
    if fast:
        raise InputError(f"on the target {target.name} all sums are exact{HELP_MARK}leave out --fast")
    return {}


def machine_values(name: str, target: AnyTarget) -> dict[str, int]:
    """The parameters of a machine in a file, or known by name.

    Raises: InputError where there is no such machine, and for values that no machine of the target has; it
        names their source. OSError for a path to nothing.
    """
    from .machine_files import check_whole, find_machine

    machine, fresh = find_machine(name), ModuleOp([])
    try:
        set_parameters(target, fresh, machine.values)
    except InputError as error:
        raise InputError(f"{machine.source}: {error}") from None
    if target.whole_machines:
        check_whole(machine, dict(target.machine(fresh).items()))
    return dict(machine.values)
