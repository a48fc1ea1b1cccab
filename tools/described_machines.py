"""Machines with all their parameters, and where each of them comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import ModuleOp

from ..backends.targets import AnyTarget
from .machine_files import MachineFile, find_machine, kind_of, origin_of
from .machines import machine_values
from .parameters import Parameter, parameters_of, standing
from .universe import find_target

UNSAID = "the file does not say"


@dataclass(frozen=True)
class Described:
    """A machine for people to read."""

    name: str
    kind: str
    """The name of its target."""
    origin: str
    """`kl`, the package that brings it, or the path of its file."""
    parameters: tuple[Parameter, ...]

    def value(self, name: str) -> int:
        """Of a parameter; 1 where the machine has none of this name."""
        return next((one.value for one in self.parameters if one.name == name), 1)

    def standings(self, names: Iterable[str]) -> Iterator[int]:
        """How many parameters there are of each standing."""
        return (sum(one.standing == name for one in self.parameters) for name in names)


def described(name: str) -> Described:
    """The machine in a file, or known by name.

    Raises: InputError where there is no such machine, and where something is wrong with it; OSError.
    """
    machine = find_machine(name)
    target = find_target(kind_of(name, None))
    values = machine_values(name, target)
    whole = target.machine(ModuleOp([])).with_values(values)
    parameters = tuple(_sourced(one, machine, target) for one in parameters_of(whole))
    return Described(name, target.name, origin_of(name), parameters)


def _sourced(parameter: Parameter, machine: MachineFile, target: AnyTarget) -> Parameter:
    """A parameter with what the machine's file says of it; the class speaks of its own default alone."""
    source = machine.sources.get(parameter.name)
    if source is None and (target.whole_machines or parameter.is_changed):
        source = UNSAID if parameter.name in machine.values else parameter.source
    if source is None:
        return parameter
    return replace(parameter, source=source, standing="unknown" if source == UNSAID else standing(source))
