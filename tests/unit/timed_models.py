"""Small models and machines at random, and what a decode step of them takes as `kl time` would say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st

from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.launch import time_step
from kl.backends.targets import Choice
from kl.dialects.rdu_machine import machine_of, set_machine
from kl.frontends import load_model
from kl.tools.feedback import Feedback
from kl.tools.pipelines import Edit
from kl.tools.universe import find_target, make_context

TEXT = (Path(__file__).parents[2] / "examples" / "llama3_tiny.kl").read_text(encoding="utf-8")
CONTEXT = 64

ROUNDING = 0.005
"""So much faster something may be that ought to be slower: tiles are whole, and orders of requests change."""

LOOPED = Choice()
CHOICES: Mapping[str, Choice] = {
    "unfused": Choice("op", loop=False),
    "fused": Choice(loop=False),
    "looped": LOOPED,
    "single": Choice(single_call=True),
    "stepped": Choice(steps_per_call=4),
    "resident": Choice(resident=True),
}


def examples(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The same few examples in each run: they take a second each."""
    return settings(
        max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
    )


@dataclass(frozen=True)
class Case:
    """A model of the shape of Llama and a machine; what is not said is as usual."""

    extents: Mapping[str, int]
    machine: Mapping[str, int] = field(default_factory=dict[str, int])

    def with_machine(self, **machine: int) -> Case:
        """The model on another machine."""
        return replace(self, machine={**self.machine, **machine})

    def with_extents(self, **extents: int) -> Case:
        """Another model on the machine."""
        return replace(self, extents={**self.extents, **extents})


@dataclass(frozen=True)
class Timed:
    """What a step takes, and what the passes have said."""

    cycles: float
    remarks: tuple[str, ...]


@st.composite
def cases(draw: st.DrawFn, sockets: tuple[int, ...] = (1, 2, 4, 8)) -> Case:
    """Models of one to four layers, with heads for eight sockets, on machines with fast and slow links."""

    def one(*values: int) -> int:
        return draw(st.sampled_from(values))

    hidden = one(128, 256, 512)
    extents = {
        "batch": one(1, 2, 4, 16),
        "context": CONTEXT,
        "layers": one(1, 2, 3, 4),
        "hidden": hidden,
        "heads": 8,
        "kv_heads": one(1, 2, 8),
        "head_dim": one(16, 32, 64),
        "ffn": hidden * one(2, 4),
        "vocab": one(256, 1024),
    }
    machine = {
        "sockets": draw(st.sampled_from(sockets)),
        "p2p_latency_ns": one(20, 100, 500, 2000),
        "p2p_bandwidth": draw(st.integers(2 * 10**9, 10**12)),
        "hbm_bandwidth": one(3 * 10**11, 18 * 10**11),
    }
    return Case(extents, machine)


def step_time(case: Case, choice: Choice = LOOPED, algorithm: str = "auto") -> Timed:
    """What a step takes, the last of the context, by a choice and with the algorithm of all exchanges."""
    return _timed(tuple(case.extents.items()), tuple(case.machine.items()), choice, algorithm)


@cache
def _timed(
    extents: tuple[tuple[str, int], ...], machine: tuple[tuple[str, int], ...], choice: Choice, algorithm: str
) -> Timed:
    module, context = load_model(TEXT, "small.kl", dict(extents)), make_context()
    set_machine(module, machine_of(module).with_values(dict(machine)))
    name = "overlap-collectives"
    edits = (Edit("after", name, f"{name}{{algorithm={algorithm}}}"),) if algorithm != "auto" else ()
    feedback = Feedback(context, find_target(None), frozenset(), edits)
    lowered = feedback.lower(module, "nn", "rdu", choice)
    program = emit_program(module, "small")
    report = time_step(program, {"position": CONTEXT - program.steps})
    return Timed(report.cycles / program.steps, tuple(remark.message for remark in lowered.remarks))
