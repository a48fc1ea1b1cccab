"""Closed vocabularies of the levels and the program, each written once; plain data without xDSL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

IrLevel = Literal["nn", "kernel", "dataflow", "rdu"]
IR_LEVELS: tuple[IrLevel, ...] = get_args(IrLevel)
"""The levels of the IR, from the model to the machine."""

Rate = str
"""How often a unit of a kernel runs: in each iteration of the loop of that name, or once in a call."""
CALL: Rate = "call"
"""The rate of what runs once in a call."""
STEP: Rate = "step"
"""The name of the loop over decode steps."""
ITERATION: Rate = "iteration"
"""The name of the first loop over layers; those behind it have a number more."""

Granularity = Literal["op", "block", "layer"]
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
"""How much one kernel holds: an operator, a block of a layer, a layer."""

ExpertSharding = Literal["ffn", "sockets"]
EXPERT_SHARDINGS: tuple[ExpertSharding, ...] = get_args(ExpertSharding)
"""What of the experts each socket has: a part of the feed-forward network of each, or some whole ones."""

Exchange = Literal["all_reduce", "all_gather"]
EXCHANGES: tuple[Exchange, ...] = get_args(Exchange)
"""What sockets make of their tiles: the sum, or one behind the other."""

Algorithm = Literal["one_shot", "ring", "tree"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
"""How tiles go from socket to socket: each to all others at once, from neighbour to neighbour, or up and down
trees."""

Orchestration = Literal["hardware", "software"]
ORCHESTRATIONS: tuple[Orchestration, ...] = get_args(Orchestration)
"""Who issues launch commands: the machine's own hardware, or the host's software."""

Tier = Literal["hbm", "ddr", "sram"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""The memories of a socket; SRAM holds weights that are resident in PMUs from step to step."""

RegionKind = Literal["weight", "state", "input", "value"]
REGION_KINDS: tuple[RegionKind, ...] = get_args(RegionKind)
"""What lies in a region of memory; a value is a result of a call."""

FusionRole = Literal[
    "lookup",
    "socket_sum",
    "selection",
    "rotation",
    "append",
    "norm",
    "elementwise",
    "residual",
    "bias",
    "conversion",
    "socket_gather",
    "attention",
    "projection",
    "routing",
    "slices",
]
FUSION_ROLES: tuple[FusionRole, ...] = get_args(FusionRole)
"""What an operation is to the rules of fusion; of several in a kernel, the first names it.

- `lookup` reads rows of a table, `selection` picks from a row, `norm` works on whole rows of its operand 0;
- `elementwise` works element by element, and so do `residual`, the sum of a value and of something made
  from it, `bias`, the sum of a value and of what its rows have in common, and `conversion`, to another
  element type;
- `projection` multiplies its operand 0 by a weight, `rotation` turns its operand 0 by a position;
- `append` writes to the cache that is its operand 0, `attention` reads those that are its operands 1 and 2;
- `socket_sum` and `socket_gather` are what sockets exchange;
- `routing` chooses experts for rows, and weighs them;
- `slices` is a view of weights, and always in the kernel of its reader.
"""

STORED_FLOATS: Mapping[str, str] = {"BF16": "bf16", "F16": "f16", "F32": "f32", "F64": "f64"}
"""Our name of each type of safetensors files that weights are read from."""

HELP_MARK = "\nhelp: "
"""Text behind this mark in an exception's message is the way out."""
