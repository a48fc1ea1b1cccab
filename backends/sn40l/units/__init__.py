"""The kinds of units: a file each, with its data, ports, checks, emission from the IR and behaviour.

`kernel.Unit` is what the rest of the backend asks of a kind, `firing.UnitRun` what it sees of it at run time.
A new kind is a file here and a line in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..firing import UnitRun
from ..kernel import Unit
from .body import Instruction
from .carry import Carry, CarryRun
from .collective import Collective, CollectiveRun
from .counter import Counter, CounterRun
from .gather import Gather, GatherRun
from .index import Index
from .indexed import start_load
from .load import Gate, Load
from .patterns import AddressPattern
from .stage import InputPort, OutputPort, Stage, StageRun
from .store import Store, StoreRun

__all__ = [
    "KINDS",
    "AddressPattern",
    "Carry",
    "Collective",
    "Counter",
    "Gate",
    "Gather",
    "Index",
    "InputPort",
    "Instruction",
    "Load",
    "OutputPort",
    "Stage",
    "Store",
]

KINDS: Mapping[type[Unit], Callable[..., UnitRun]] = {
    Load: start_load,
    Gather: GatherRun,
    Store: StoreRun,
    Stage: StageRun,
    Carry: CarryRun,
    Counter: CounterRun,
    Collective: CollectiveRun,
}
"""Each kind with its behaviour at run time, which is made from a unit and its place."""
