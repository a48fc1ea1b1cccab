"""The `cpu` dialect: the machine of a module that is compiled for this computer, `#cpu.machine`.

It has no operations: the kernel level becomes C.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Dialect, Operation
from xdsl.irdl import irdl_attr_definition

from .cpu_machine import THIS_COMPUTER, CpuMachine
from .module_machine import MachineAttribute, machine_as, put_machine, sockets_of
from .parameters import MachineParameters


@irdl_attr_definition
class CpuMachineAttr(MachineAttribute):
    """The machine of a module: what differs from this computer, `#cpu.machine<{threads = 2 : i64}>`."""

    name = "cpu.machine"

    KEY: ClassVar[str] = "cpu.machine"
    TARGET: ClassVar[str] = "cpu"
    DEFAULT: ClassVar[MachineParameters] = THIS_COMPUTER


def cpu_machine_of(op: Operation) -> CpuMachine:
    """The machine of the module around an operation; all cores and exact sums where it is of no such class.

    Raises: ValueError for a module of several sockets.
    """
    machine = machine_as(CpuMachine, op)
    return THIS_COMPUTER.with_values({"sockets": sockets_of(op)}) if machine is None else machine


def set_cpu_machine(module: ModuleOp, machine: CpuMachine) -> None:
    """Make `machine` the machine of the module."""
    put_machine(module, CpuMachineAttr.of(machine))


CPU = Dialect("cpu", [], [CpuMachineAttr])
