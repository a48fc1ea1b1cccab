"""The `rdu` dialect: the program for the machine.

**Invariants.** The program fits the machine (`#rdu.machine` on the module): no PCU or PMU has two tasks in
one kernel, every buffer fits its PMUs, no memory region overlaps another one that is alive, streams walk
through memory by explicit byte strides, and what is launched is a list of the machine's three commands:
program load, argument load, execute.
"""

from __future__ import annotations

from xdsl.ir import Dialect

from .rdu_kernel import (
    BufferOp,
    CarryOp,
    CollectiveOp,
    CounterOp,
    GatherOp,
    KernelOp,
    LoadOp,
    StageOp,
    StoreOp,
    StreamOp,
)
from .rdu_launch import (
    REGION_KINDS,
    TIERS,
    ExecuteOp,
    LoadArgumentsOp,
    LoadProgramOp,
    ObserveOp,
    RegionOp,
    ScheduleOp,
)
from .rdu_machine import (
    MACHINE_ATTRIBUTE,
    MachineAttr,
    machine_of,
    set_machine,
)

__all__ = [
    "MACHINE_ATTRIBUTE",
    "RDU",
    "REGION_KINDS",
    "TIERS",
    "BufferOp",
    "CarryOp",
    "CollectiveOp",
    "CounterOp",
    "ExecuteOp",
    "GatherOp",
    "KernelOp",
    "LoadArgumentsOp",
    "LoadOp",
    "LoadProgramOp",
    "MachineAttr",
    "ObserveOp",
    "RegionOp",
    "ScheduleOp",
    "StageOp",
    "StoreOp",
    "StreamOp",
    "machine_of",
    "set_machine",
]

RDU = Dialect(
    "rdu",
    [
        RegionOp,
        KernelOp,
        BufferOp,
        StageOp,
        CarryOp,
        CounterOp,
        CollectiveOp,
        GatherOp,
        LoadOp,
        StoreOp,
        ScheduleOp,
        LoadProgramOp,
        LoadArgumentsOp,
        ExecuteOp,
        ObserveOp,
    ],
    [MachineAttr],
)
