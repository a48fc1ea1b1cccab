"""Closed vocabularies of the levels and the program, each written once; plain data without xDSL."""

from __future__ import annotations

from typing import Literal, get_args

IrLevel = Literal["nn", "kernel", "dataflow", "rdu"]
IR_LEVELS: tuple[IrLevel, ...] = get_args(IrLevel)
"""The levels of the IR, from the model to the machine."""

Rate = Literal["iteration", "step", "call"]
RATES: tuple[Rate, ...] = get_args(Rate)
"""How often a unit of a kernel runs: in each iteration, in each decode step, or once in a call."""

Granularity = Literal["op", "block", "layer"]
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
"""How much one kernel holds: an operator, a block of a layer, a layer."""

Exchange = Literal["all_reduce", "all_gather"]
EXCHANGES: tuple[Exchange, ...] = get_args(Exchange)
"""What sockets make of their tiles: the sum, or one behind the other."""

Algorithm = Literal["one_shot", "ring"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
"""How tiles go from socket to socket: each to all others at once, or from neighbour to neighbour."""

Orchestration = Literal["hardware", "software"]
ORCHESTRATIONS: tuple[Orchestration, ...] = get_args(Orchestration)
"""Who issues launch commands: the machine's own hardware, or the host's software."""

Tier = Literal["hbm", "ddr", "sram"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""The memories of a socket; SRAM holds weights that are resident in PMUs from step to step."""

RegionKind = Literal["weight", "state", "input", "value"]
REGION_KINDS: tuple[RegionKind, ...] = get_args(RegionKind)
"""What lies in a region of memory; a value is a result of a call."""
