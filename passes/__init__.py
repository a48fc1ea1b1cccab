"""The passes of `kl`, one file each.

One name everywhere: the pass `loop-kernels` is the class `LoopKernelsPass` in `loop_kernels.py`,
tested by `tests/filecheck/passes/loop-kernels.mlir`. So a new pass is its file, its test and one
line in `PASSES`. The default pipeline (`tools/driver.py`) says where each pass stands and why.
"""

from __future__ import annotations

from importlib import import_module

from xdsl.passes import ModulePass

PASSES: tuple[str, ...] = (
    "shard-tensors",
    "outline-kernels",
    "merge-identical-kernels",
    "loop-kernels",
    "loop-steps",
    "convert-kernel-to-dataflow",
    "tile-stages",
    "overlap-collectives",
    "retain-weights",
    "allocate-units",
    "schedule-stages",
    "prefetch-weights",
    "place-units",
    "schedule-loop",
    "route-channels",
    "plan-memory",
    "convert-dataflow-to-rdu",
)
"""The name of every pass, in the order of the levels."""


def load_pass(name: str) -> type[ModulePass]:
    """The class of a pass of ours. It is imported here and no sooner, so that tools start
    quickly."""
    module = import_module(f".{name.replace('-', '_')}", __name__)
    return getattr(module, f"{name.title().replace('-', '')}Pass")
