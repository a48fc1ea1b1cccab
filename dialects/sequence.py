"""The `sequence` dialect: the machine of a module that runs one kernel after another, `#sequence.machine`.

It has no operations: such a machine takes the kernel level as it is.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Dialect, Operation
from xdsl.irdl import irdl_attr_definition

from .module_machine import MachineAttribute, machine_as, put_machine, sockets_of
from .parameters import MachineParameters
from .sequence_machine import H100, SequenceMachine


@irdl_attr_definition
class SequenceMachineAttr(MachineAttribute):
    """The machine of a module: what differs from one H100, `#sequence.machine<{sockets = 8 : i64}>`."""

    name = "sequence.machine"

    KEY: ClassVar[str] = "sequence.machine"
    TARGET: ClassVar[str] = "sequence"
    DEFAULT: ClassVar[MachineParameters] = H100


def sequence_machine_of(op: Operation) -> SequenceMachine:
    """The machine of the module around an operation; H100s on its sockets where it is of no such class."""
    machine = machine_as(SequenceMachine, op)
    return H100.with_values({"sockets": sockets_of(op)}) if machine is None else machine


def set_sequence_machine(module: ModuleOp, machine: SequenceMachine) -> None:
    """Make `machine` the machine of the module."""
    put_machine(module, SequenceMachineAttr.of(machine))


SEQUENCE = Dialect("sequence", [], [SequenceMachineAttr])
