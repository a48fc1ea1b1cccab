"""A cache that is read once for keys and values: how deep its channels have to be, tried on the engine."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64

from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.errors import DeadlockError
from kl.backends.sn40l.launch import time_step
from kl.dialects.dataflow import ChannelOp, KernelOp
from kl.frontends import load_model
from kl.passes import PASSES, load_pass
from kl.passes.units.traffic import needed_depth, pass_tiles
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import make_context

MODEL = """model m
layer l[3](x[1, 12], position: i32) {
  weight w[12, 6]
  weight o[10, 12]
  cache c[1, 1, CONTEXT, 6]
  append(c, x @ w, position)
  return x + attention(x, c, c, position, value_dim = 5) @ o
}
step(x[1, 12], position: i32) {
  for i in 0..3 { x = l[i](x, position) }
  return x
}"""
TILED = "tile-stages{tile-bytes=48 least-tiles=1 least-run-bytes=1}"


def run(module: ModuleOp, passes: str) -> None:
    """Run passes by name."""
    available = {name: lambda name=name: load_pass(name) for name in PASSES}
    run_passes(make_context(), module, parse_passes(available, passes))


def network(context: int, kernels: str) -> ModuleOp:
    """A model with tiles of four positions, scheduled with the depths that are needed."""
    module = load_model(MODEL.replace("CONTEXT", str(context)), "model.kl")
    run(
        module,
        f"{kernels},convert-kernel-to-dataflow,{TILED},allocate-units,schedule-stages,place-units,schedule-loop",
    )
    return module


def channel(module: ModuleOp, name: str) -> ChannelOp:
    """The first channel of a name."""
    found = (op for op in module.walk() if isinstance(op, ChannelOp) and op.result.name_hint == name)
    return next(found)


KERNELS = {
    "alone": "outline-kernels{granularity=layer},merge-identical-kernels",
    "looped": "outline-kernels{granularity=layer},merge-identical-kernels,loop-kernels",
}


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("context", [4, 8, 20, 27])
def test_values_need_a_whole_pass_and_keys_do_not(kernels: str, context: int):
    module = network(context, KERNELS[kernels])
    tiles, looped = pass_tiles(channel(module, "values")), kernels == "looped"
    assert tiles == pass_tiles(channel(module, "keys")) == (9 if context == 27 else context // 4)
    assert needed_depth(channel(module, "values"), looped=looped) == max(tiles, 1 + looped)
    assert needed_depth(channel(module, "keys"), looped=looped) == 1 + looped


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("context", [8, 20])
def test_with_a_tile_less_nothing_goes_on(kernels: str, context: int):
    module = network(context, KERNELS[kernels])
    for kernel in (op for op in module.ops if isinstance(op, KernelOp)):
        for one in kernel.channels():
            if one.result.name_hint in ("keys", "values"):
                one.depth = IntegerAttr(context // 4 if one.result.name_hint == "values" else 1, i64)
    less = module.clone()
    channel(less, "values").depth = IntegerAttr(context // 4 - 1, i64)
    assert cycles(module) > 0
    with pytest.raises(DeadlockError):
        cycles(less)


def cycles(module: ModuleOp) -> int:
    """The time of a step."""
    run(module, "route-channels,plan-memory,convert-dataflow-to-rdu")
    return time_step(emit_program(module, "m"), {"position": 3}).cycles
