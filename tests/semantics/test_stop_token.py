"""A stop token: rows of a batch end one by one, as in single steps that leave alone what has ended."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.targets import Choice
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.passes import PASSES, load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.lowering import lower
from kl.tools.universe import make_context

STEPS, CALLS, POSITION = 4, 2, 3

TO_KERNELS = "shard-tensors,outline-kernels,merge-identical-kernels,loop-kernels"
TO_NETWORKS = (
    "convert-kernel-to-dataflow",
    "tile-stages,overlap-collectives",
    "allocate-units,schedule-stages",
)


@dataclass(frozen=True)
class Decoded:
    """What a run of several calls gives."""

    tokens: Array
    """Of all steps."""
    states: list[dict[str, Array]]
    """Of each socket, at the end."""


@dataclass(frozen=True)
class Case:
    """A random small model with a token at which its rows end at different steps."""

    module: ModuleOp
    weights: dict[str, Array]
    first: Array
    """The tokens that the run begins with."""
    stop: int
    ends: list[int]
    """Per row, the step that makes the stop token; the number of steps where none does."""


@pytest.fixture
def case(pytestconfig: pytest.Config, llama_sizes: dict[str, int]) -> Callable[..., Case]:
    """Makes cases; with `all_end`, all rows end, and before the last step of a call."""
    text = (pytestconfig.rootpath / "examples" / "llama3_8b.kl").read_text()

    def make(number: int, sockets: int, *, all_end: bool) -> Case:
        random = Random(number)
        while True:
            sizes = {
                "batch": random.choice([3, 4]),
                "layers": random.choice([1, 3]),
                "kv_heads": 4,
                "ffn": 64,
            }
            sizes |= {"vocab": random.choice([8, 16])}
            module = load_model(text, "llama", llama_sizes | sizes)
            set_machine(module, SN40L.with_values({"sockets": sockets}))
            weights = random_weights(weight_specs(module), seed=random.randrange(1000))
            first = np.array(random.sample(range(8), sizes["batch"]), np.int32)
            free = by_steps(module, first, weights, stop=-1).tokens
            for stop in sorted({*range(8)} - {*first.tolist()}):
                rows = [column.tolist() for column in free.T]
                ends = [row.index(stop) if stop in row else len(row) for row in rows]
                early = max(ends) % STEPS < STEPS - 1 and max(ends) < len(free)
                if len({*ends}) >= 2 and min(ends) < STEPS and early == all_end:
                    return Case(module, weights, first, stop, ends)

    return make


def lowered(module: ModuleOp, pipeline: str) -> ModuleOp:
    """The module behind some passes."""
    run_passes(
        make_context(), module, parse_passes({name: partial(load_pass, name) for name in PASSES}, pipeline)
    )
    return module


def by_steps(module: ModuleOp, tokens: Array, weights: dict[str, Array], stop: int) -> Decoded:
    """Single steps of the model, after each of which rows that had ended get back what they had before."""
    interpreter = Interpreter(lowered(module.clone(), "shard-tensors"), weights)
    made: list[Array] = []
    for number in range(CALLS * STEPS):
        before = [{name: state.copy() for name, state in one.items()} for one in interpreter.socket_states]
        (following,) = interpreter.step([tokens, POSITION + number]).outputs
        for row in np.flatnonzero(tokens == stop).tolist():
            following[row] = stop
            for states, old in zip(interpreter.socket_states, before, strict=True):
                for name, state in states.items():
                    # A state of all layers has the batch behind the layers.
                    state.reshape(-1, *state.shape[-4:])[:, row] = old[name].reshape(-1, *state.shape[-4:])[
                        :, row
                    ]
        made.append(tokens := following)
    return Decoded(np.stack(made), interpreter.socket_states)


def assert_same(given: Decoded, wanted: Decoded) -> None:
    assert given.tokens.tolist() == wanted.tokens.tolist()
    for socket, (mine, states) in enumerate(zip(given.states, wanted.states, strict=True)):
        for name, state in states.items():
            assert mine[name].tobytes() == state.tobytes(), f"{name} of socket {socket} differs"


def by_calls(module: ModuleOp, case: Case) -> Decoded:
    """Calls of a module that makes several steps at once."""
    interpreter, tokens, made = Interpreter(module, case.weights), case.first, list[Array]()
    assert interpreter.steps == STEPS
    for number in range(CALLS):
        (stacked,) = interpreter.step([tokens, POSITION + number * STEPS]).outputs
        made.append(stacked)
        tokens = stacked[-1]
    return Decoded(np.concatenate(made), interpreter.socket_states)


@pytest.mark.parametrize("all_end", [False, True])
@pytest.mark.parametrize(("number", "sockets"), [(0, 1), (1, 1), (2, 2)])
def test_each_level_ends_rows_as_single_steps_do(number: int, sockets: int, all_end: bool, case) -> None:
    one: Case = case(number, sockets, all_end=all_end)
    wanted = by_steps(one.module, one.first, one.weights, one.stop)
    module = one.module.clone()
    lowered(module, f"{TO_KERNELS},loop-steps{{steps={STEPS} stop={one.stop}}}")
    assert_same(by_calls(module, one), wanted)
    for passes in TO_NETWORKS:
        lowered(module, passes)
        assert_same(by_calls(module, one), wanted)


@pytest.mark.parametrize("all_end", [False, True])
@pytest.mark.parametrize(
    ("number", "sockets", "fusion", "resident"),
    [
        (3, 1, "layer", False),
        (4, 1, "block", True),
        (5, 1, "layer", False),
        (6, 2, "layer", False),
        (7, 2, "block", True),
    ],
)
def test_programs_end_rows_as_single_steps_do(
    number: int, sockets: int, fusion: str, resident: bool, all_end: bool, case
) -> None:
    one: Case = case(number, sockets, all_end=all_end)
    wanted = by_steps(one.module, one.first, one.weights, one.stop)
    lower(
        make_context(),
        one.module,
        "rdu",
        Choice(fusion, resident=resident, steps_per_call=STEPS, stop_token=one.stop),
    )
    program = emit_program(one.module, "llama")
    check_program(program)
    assert parse_program(dump_program(program)) == program
    assert program.stop_token == one.stop
    executor, tokens, made = Executor(program, one.weights), one.first, list[Array]()
    for number_of_call in range(CALLS):
        at, begins = POSITION + number_of_call * STEPS, number_of_call * STEPS
        result = executor.step({"token": tokens, "position": np.array(at, np.int32)})
        timed, report = time_step(program, {"position": at}), result.report
        steps = min(STEPS, max(0, max(one.ends) + 1 - begins))
        assert report.steps == steps
        assert report.tokens == sum(min(steps, max(0, end + 1 - begins)) for end in one.ends)
        if steps == STEPS:
            assert (report.ledger, report.traffic, report.flops) == (timed.ledger, timed.traffic, timed.flops)
        else:
            assert report.cycles < timed.cycles
            assert report.flops <= timed.flops * steps // STEPS
            assert report.traffic.hbm < timed.traffic.hbm
        (stacked,) = result.outputs.values()
        made.append(stacked)
        tokens = stacked[-1]
    names = [region.name for region in program.regions if region.kind == "state"]
    states = [{name: executor.read(name, socket) for name in names} for socket in range(sockets)]
    assert_same(Decoded(np.concatenate(made), states), wanted)
    assert min(one.ends) < max(one.ends)


def test_a_call_whose_rows_have_all_ended_makes_no_step(case) -> None:
    one: Case = case(8, 1, all_end=True)
    lower(make_context(), one.module, "rdu", Choice(steps_per_call=STEPS, stop_token=one.stop))
    program = emit_program(one.module, "llama")
    executor = Executor(program, one.weights)
    result = executor.step({"token": np.full_like(one.first, one.stop), "position": np.array(0, np.int32)})
    (stacked,) = result.outputs.values()
    assert stacked.tolist() == [[one.stop] * len(one.first)] * STEPS
    assert (result.report.steps, result.report.tokens, result.report.flops) == (0, 0, 0)
    assert not any(executor.read(region.name).any() for region in program.regions if region.kind == "state")
