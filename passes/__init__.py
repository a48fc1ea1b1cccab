"""The passes of `kl`, by subject: a folder holds all that decides one thing.

One name everywhere: the pass `loop-kernels` is the class `LoopKernelsPass` in `looping/loop_kernels.py`,
tested by `tests/filecheck/passes/loop-kernels.mlir`. So a new pass is its file, its test and one line in
`PASSES`. A target (`backends/sn40l/target.py`) says where each pass stands and why.

    sharding ─► outlining ─► looping ─► network ─► tiling ─► units ─► pacing, placing ─► memory ─► machine
    a socket's  kernels and  loops in   stages,    pieces    PMUs,    cycles, places,    addresses regions and
    part        calls        kernels    channels   of work   PCUs     depths, routes               commands

Those of `decoding` change a model before all others: how its steps end.
"""

from __future__ import annotations

from importlib import import_module

from xdsl.passes import ModulePass

PASSES: dict[str, str] = {
    "sample-tokens": "decoding",
    "observe-logits": "decoding",
    "shard-tensors": "sharding",
    "outline-kernels": "outlining",
    "merge-identical-kernels": "outlining",
    "loop-kernels": "looping",
    "join-calls": "looping",
    "loop-steps": "looping",
    "convert-kernel-to-dataflow": "network",
    "tile-stages": "tiling",
    "overlap-collectives": "tiling",
    "retain-weights": "units",
    "allocate-units": "units",
    "schedule-stages": "pacing",
    "prefetch-weights": "pacing",
    "place-units": "placing",
    "schedule-loop": "pacing",
    "route-channels": "placing",
    "plan-memory": "memory",
    "convert-dataflow-to-rdu": "machine",
}
"""The subject of every pass, in the order of the levels."""


def load_pass(name: str) -> type[ModulePass]:
    """The class of a pass of ours. It is imported here and no sooner, so that tools start
    quickly."""
    module = import_module(f".{PASSES[name]}.{name.replace('-', '_')}", __name__)
    return getattr(module, f"{name.title().replace('-', '')}Pass")
