"""A mixture of experts takes as long without data as with it, where as many experts are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.backends.routing import Routing
from kl.backends.runs import RunOptions
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import start_run
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.selections import selections_of
from kl.backends.sn40l.units.indexed import IndexedLoadRun
from kl.backends.targets import Choice
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

MIXTURE = Path(__file__).parents[2] / "examples" / "mixture.kl"


@pytest.mark.parametrize(
    ("choice", "sockets"),
    [
        (Choice(), 1),
        (Choice(fusion="op", loop=False), 1),
        (Choice(single_call=True, resident=True), 1),
        (Choice(), 2),
    ],
    ids=["looped", "unfused", "in one call", "on two sockets"],
)
def test_as_many_experts_take_as_long(monkeypatch: pytest.MonkeyPatch, choice: Choice, sockets: int) -> None:
    text = MIXTURE.read_text(encoding="utf-8")
    module = load_model(text, MIXTURE.name, {"batch": 3, "layers": 3, "context": 8})
    set_machine(module, SN40L.with_values({"sockets": sockets}))
    lower(make_context(), module, "rdu", choice)
    program = emit_program(module, "mixture")
    seen: list[tuple[int, ...]] = []
    named = IndexedLoadRun._named  # pyright: ignore[reportPrivateUsage]

    def noted(run: IndexedLoadRun, now: int) -> list[int]:
        ids = named(run, now)
        if "w_gate" in run.unit.name and run.around.socket == 0:
            seen.append(tuple(one for one in ids if one >= 0))
        return ids

    monkeypatch.setattr(IndexedLoadRun, "_named", noted)
    run = start_run(program, RunOptions(seed=2))
    (step,) = run.steps(1, lambda done, total: None)
    assert len(seen) == 3
    assert any(len(ids) < 6 for ids in seen)
    selections = selections_of(program)
    assert selections is not None
    assert all(one.chooser is not None for one in selections.made)
    timed = time_step(program, run.position_inputs(0), routing=Routing("given", given=tuple(seen)))
    assert timed.cycles == step.cycles
    every = time_step(program, run.position_inputs(0), every_socket=True, routing=Routing("worst"))
    assert every == time_step(program, run.position_inputs(0), routing=Routing("worst"))
