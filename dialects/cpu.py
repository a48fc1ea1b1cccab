"""The `cpu` dialect: the machine of a module that is compiled for this computer, `#cpu.machine`.

It has no operations: the kernel level becomes C.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from xdsl.dialects.builtin import DictionaryAttr, ModuleOp
from xdsl.ir import Dialect, Operation
from xdsl.irdl import irdl_attr_definition
from xdsl.utils.exceptions import VerifyException

from .cpu_machine import THIS_COMPUTER, CpuMachine
from .module_machine import (
    MachineAttribute,
    changes_from,
    machine_attribute,
    put_machine,
    sockets_of,
    values_of,
)
from .parameters import MachineParameters


@irdl_attr_definition
class CpuMachineAttr(MachineAttribute):
    """The machine of a module: what differs from this computer, `#cpu.machine<{threads = 2 : i64}>`."""

    name = "cpu.machine"

    KEY: ClassVar[str] = "cpu.machine"
    TARGET: ClassVar[str] = "cpu"

    changes: DictionaryAttr

    def machine(self) -> CpuMachine:
        return _changed(self.changes)

    def verify(self) -> None:
        self.machine()

    @classmethod
    def of(cls, machine: MachineParameters) -> CpuMachineAttr:
        return CpuMachineAttr(changes_from(THIS_COMPUTER, machine))


@lru_cache(maxsize=64)
def _changed(changes: DictionaryAttr) -> CpuMachine:
    """The default machine with these changes, made once."""
    try:
        return THIS_COMPUTER.with_values(values_of(changes))
    except ValueError as error:
        raise VerifyException(str(error)) from error


def cpu_machine_of(op: Operation) -> CpuMachine:
    """The machine of the module around an operation; all cores and exact sums where it is of no such class.

    Raises: ValueError for a module of several sockets.
    """
    attribute = machine_attribute(op)
    if isinstance(attribute, CpuMachineAttr):
        return attribute.machine()
    return THIS_COMPUTER.with_values({"sockets": sockets_of(op)})


def set_cpu_machine(module: ModuleOp, machine: CpuMachine) -> None:
    """Make `machine` the machine of the module."""
    put_machine(module, CpuMachineAttr.of(machine))


CPU = Dialect("cpu", [], [CpuMachineAttr])
