"""Whole experts on each socket take as long without data as with it: the socket that reads most decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.backends.routing import Routing
from kl.backends.runs import RunOptions
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import start_run
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.units.indexed import IndexedLoadRun
from kl.backends.targets import Choice
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

MIXTURE = Path(__file__).parents[2] / "examples/mixture.kl"
SOCKETS, OWN, LAYERS = 4, 2, 3


def test_the_slowest_socket_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"batch": 3, "layers": LAYERS, "hidden": 256, "ffn": 256}
    module = load_model(MIXTURE.read_text(encoding="utf-8"), str(MIXTURE), sizes)
    set_machine(module, SN40L.with_values({"sockets": SOCKETS}))
    lower(make_context(), module, "rdu", Choice(expert_sharding="sockets"))
    program = emit_program(module, "mixture")
    seen: dict[int, list[list[int]]] = {}
    named = IndexedLoadRun._named  # pyright: ignore[reportPrivateUsage]

    def noted(run: IndexedLoadRun, now: int) -> list[int]:
        ids = named(run, now)
        if "w_gate" in run.unit.name:
            seen.setdefault(run.around.socket, []).append([one for one in ids if one >= 0])
        return ids

    monkeypatch.setattr(IndexedLoadRun, "_named", noted)
    run = start_run(program, RunOptions(seed=2))
    (step,) = run.steps(1, lambda done, total: None)
    counts = [[len(seen[socket][layer]) for socket in range(SOCKETS)] for layer in range(LAYERS)]
    assert any(max(layer) > min(layer) for layer in counts)
    given = tuple(
        tuple(one + socket * OWN for socket in range(SOCKETS) for one in seen[socket][layer])
        for layer in range(LAYERS)
    )
    timed = time_step(program, run.position_inputs(0), routing=Routing("given", given=given))
    assert timed.cycles == step.cycles
    assert timed.experts is not None
    assert timed.experts.counts == tuple(map(max, counts))
