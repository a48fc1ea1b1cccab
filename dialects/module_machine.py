"""The machine of a module, of whatever class: what passes and tools ask that need its sockets alone."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Self, TypeVar

from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation, ParametrizedAttribute
from xdsl.utils.exceptions import VerifyException

from .machine import SN40L
from .parameters import MachineParameters

M = TypeVar("M", bound=MachineParameters)


class MachineAttribute(ParametrizedAttribute):
    """What the attributes of all classes of machines have in common: how a module carries its machine."""

    KEY: ClassVar[str]
    """The name under which a module has it."""
    TARGET: ClassVar[str]
    """The target that compiles for such machines."""
    DEFAULT: ClassVar[MachineParameters]
    """The machine that an attribute without changes stands for."""

    changes: DictionaryAttr

    def machine(self) -> MachineParameters:
        """The machine with all its parameters.

        Raises: VerifyException for an unknown parameter or a value that is no positive integer.
        """
        return _changed(type(self), self.changes)

    def verify(self) -> None:
        self.machine()

    @classmethod
    def of(cls, machine: MachineParameters) -> Self:
        """The attribute that stands for a machine."""
        return cls(changes_from(cls.DEFAULT, machine))


@lru_cache(maxsize=64)
def _changed(kind: type[MachineAttribute], changes: DictionaryAttr) -> MachineParameters:
    """The default machine with these changes, made once: every operation of a module may ask for it."""
    try:
        return kind.DEFAULT.with_values(values_of(changes))
    except ValueError as error:
        raise VerifyException(str(error)) from error


def machine_as(kind: type[M], op: Operation) -> M | None:
    """The machine of the module around an operation; None where it says nothing, or one of another class."""
    attribute = machine_attribute(op)
    machine = None if attribute is None else attribute.machine()
    return machine if isinstance(machine, kind) else None


def changes_from(default: MachineParameters, machine: MachineParameters) -> DictionaryAttr:
    """What a machine has other than the default one."""
    usual = dict(default.items())
    return DictionaryAttr(
        {name: IntegerAttr(value, i64) for name, value in machine.items() if value != usual[name]}
    )


def values_of(changes: DictionaryAttr) -> dict[str, int]:
    """The parameters that an attribute changes.

    Raises: VerifyException for what is no integer.
    """
    values: dict[str, int] = {}
    for name, value in changes.data.items():
        if not isinstance(value, IntegerAttr):
            raise VerifyException(f"machine parameter {name} is {value}, not an integer")
        values[name] = value.value.data
    return values


def machine_attribute(op: Operation) -> MachineAttribute | None:
    """The machine that the module around an operation says it is for; None where it says nothing."""
    module = op
    while (parent := module.parent_op()) is not None:
        module = parent
    found = (one for one in module.attributes.values() if isinstance(one, MachineAttribute))
    return next(found, None)


def parameters_of(op: Operation) -> MachineParameters:
    """The parameters of the machine of the module around an operation, of whatever class it is."""
    attribute = machine_attribute(op)
    return SN40L if attribute is None else attribute.machine()


def sockets_of(op: Operation) -> int:
    """The sockets of the machine of the module around an operation."""
    return parameters_of(op).sockets


def put_machine(module: ModuleOp, attribute: MachineAttribute) -> None:
    """Make a machine that of a module; one of another class makes room."""
    for name in [name for name, one in module.attributes.items() if isinstance(one, MachineAttribute)]:
        del module.attributes[name]
    module.attributes[attribute.KEY] = attribute


def set_sockets(module: ModuleOp, sockets: int, usual: type[MachineAttribute]) -> None:
    """Give the machine of a module so many sockets; one that names none gets the usual one.

    Raises: ValueError for a number that no machine has.
    """
    attribute = machine_attribute(module)
    kind = usual if attribute is None else type(attribute)
    put_machine(module, kind.of(parameters_of(module).with_values({"sockets": sockets})))
