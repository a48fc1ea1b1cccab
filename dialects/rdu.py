"""The `rdu` dialect: what is the machine's own in a program for it.

**Invariants.** What is launched is a list of the machine's three commands: program load, argument load,
execute. No memory region overlaps another one that is alive. A kernel that is launched is a planned
`dataflow.kernel`: it fits the machine (`#rdu.machine` on the module), no PCU or PMU has two tasks in it,
every channel fits its PMUs, and its streams walk through memory by explicit byte strides (`#rdu.walk`).
"""

from __future__ import annotations

from xdsl.ir import Dialect

from .rdu_launch import (
    ExecuteOp,
    LoadArgumentsOp,
    LoadProgramOp,
    ObserveOp,
    ScheduleOp,
)
from .rdu_machine import (
    MACHINE_ATTRIBUTE,
    MachineAttr,
    RegionOp,
    machine_of,
    set_machine,
)
from .rdu_planned import (
    WALK_ATTRIBUTE,
    Walk,
    WalkAttr,
    missing_plan,
    set_walk,
    verify_planned,
    walk_of,
)

__all__ = [
    "MACHINE_ATTRIBUTE",
    "RDU",
    "WALK_ATTRIBUTE",
    "ExecuteOp",
    "LoadArgumentsOp",
    "LoadProgramOp",
    "MachineAttr",
    "ObserveOp",
    "RegionOp",
    "ScheduleOp",
    "Walk",
    "WalkAttr",
    "machine_of",
    "missing_plan",
    "set_machine",
    "set_walk",
    "verify_planned",
    "walk_of",
]

RDU = Dialect(
    "rdu",
    [
        RegionOp,
        ScheduleOp,
        LoadProgramOp,
        LoadArgumentsOp,
        ExecuteOp,
        ObserveOp,
    ],
    [MachineAttr, WalkAttr],
)
