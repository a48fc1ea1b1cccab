"""The `sequence` dialect: the machine of a module that runs one kernel after another, `#sequence.machine`.

It has no operations: such a machine takes the kernel level as it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from xdsl.dialects.builtin import DictionaryAttr, ModuleOp
from xdsl.ir import Dialect, Operation
from xdsl.irdl import irdl_attr_definition
from xdsl.utils.exceptions import VerifyException

from .module_machine import (
    MachineAttribute,
    changes_from,
    machine_attribute,
    put_machine,
    sockets_of,
    values_of,
)
from .parameters import MachineParameters
from .sequence_machine import H100, SequenceMachine


@irdl_attr_definition
class SequenceMachineAttr(MachineAttribute):
    """The machine of a module: what differs from one H100, `#sequence.machine<{sockets = 8 : i64}>`."""

    name = "sequence.machine"

    KEY: ClassVar[str] = "sequence.machine"
    TARGET: ClassVar[str] = "sequence"

    changes: DictionaryAttr

    def machine(self) -> SequenceMachine:
        return _changed(self.changes)

    def verify(self) -> None:
        self.machine()

    @classmethod
    def of(cls, machine: MachineParameters) -> SequenceMachineAttr:
        return SequenceMachineAttr(changes_from(H100, machine))


@lru_cache(maxsize=64)
def _changed(changes: DictionaryAttr) -> SequenceMachine:
    """The default machine with these changes, made once."""
    try:
        return H100.with_values(values_of(changes))
    except ValueError as error:
        raise VerifyException(str(error)) from error


def sequence_machine_of(op: Operation) -> SequenceMachine:
    """The machine of the module around an operation; H100s on its sockets where it is of no such class."""
    attribute = machine_attribute(op)
    if isinstance(attribute, SequenceMachineAttr):
        return attribute.machine()
    return H100.with_values({"sockets": sockets_of(op)})


def set_sequence_machine(module: ModuleOp, machine: SequenceMachine) -> None:
    """Make `machine` the machine of the module."""
    put_machine(module, SequenceMachineAttr.of(machine))


SEQUENCE = Dialect("sequence", [], [SequenceMachineAttr])
