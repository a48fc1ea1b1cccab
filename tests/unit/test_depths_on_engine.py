"""With the depths of `schedule-loop`, programs take not a cycle more than with room for whole iterations."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64

from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.launch import time_step
from kl.backends.targets import Choice
from kl.dialects.dataflow import ChannelOp
from kl.dialects.rdu_machine import machine_of, set_machine
from kl.frontends import load_model
from kl.passes import PASSES, load_pass
from kl.passes.pacing import loop_problem
from kl.tools.driver import parse_passes, run_passes
from kl.tools.lowering import lower
from kl.tools.universe import make_context

EXAMPLES = Path(__file__).parents[2] / "examples"
CHOICES = {"unfused": Choice("op", False), "fused": Choice("layer", False), "looped": Choice()}


def run(module: ModuleOp, passes: str) -> None:
    """Run passes by name."""
    available = {name: lambda name=name: load_pass(name) for name in PASSES}
    run_passes(make_context(), module, parse_passes(available, passes))


def placed(model: str, sockets: int, choice: Choice, extents: dict[str, int]) -> ModuleOp:
    """An example whose units have their places, and whose channels hold iterations."""
    path = EXAMPLES / f"{model}.kl"
    module = load_model(path.read_text(encoding="utf-8"), path.name, extents)
    set_machine(module, machine_of(module).with_values({"sockets": sockets}))
    lower(make_context(), module, "dataflow", choice)
    run(module, "place-units")
    return module


def depths(module: ModuleOp) -> list[int]:
    """The depths of all channels."""
    return [op.depth.value.data for op in module.walk() if isinstance(op, ChannelOp)]


def cycles(module: ModuleOp, position: int) -> int:
    """The time of a step."""
    run(module, "route-channels,plan-memory,convert-dataflow-to-rdu")
    return time_step(emit_program(module, "step"), {"position": position}).cycles


@pytest.mark.parametrize("variant", CHOICES)
@pytest.mark.parametrize(
    ("model", "sockets", "extents"),
    [
        ("llama3_tiny", 1, {"context": 64}),
        ("llama3_8b", 8, {"layers": 3, "context": 512}),
        ("llama3_8b", 1, {"layers": 2, "context": 512}),
        ("llama3_8b", 8, {"layers": 6, "context": 512, "batch": 256}),
        ("mixture", 1, {"hidden": 2048, "ffn": 768, "experts": 64, "context": 512, "batch": 4}),
        ("mixture", 8, {"hidden": 2048, "ffn": 768, "experts": 64, "heads": 16, "context": 512, "batch": 8}),
    ],
)
def test_fewer_tiles_take_no_longer(model: str, sockets: int, extents: dict[str, int], variant: str):
    module = placed(model, sockets, CHOICES[variant], extents)
    before = depths(module)
    run(module, "schedule-loop")
    planned = depths(module)
    deep = module.clone()
    for channel, depth in zip((op for op in deep.walk() if isinstance(op, ChannelOp)), before, strict=True):
        channel.depth = IntegerAttr(depth, i64)
    assert all(now <= then for now, then in zip(planned, before, strict=True))
    assert planned != before or model == "llama3_tiny"
    assert cycles(module, extents["context"] - 1) == cycles(deep, extents["context"] - 1)


def test_iterations_of_very_many_tiles_keep_their_room():
    module = placed("llama3_2_1b", 1, CHOICES["unfused"], {"layers": 1})
    before = depths(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop_problem, "MOST_TOKENS", 3)
        kept = module.clone()
        run(kept, "schedule-loop")
    assert depths(kept) == before
    run(module, "schedule-loop")
    assert depths(module) != before
