"""The end of a call at a stop token, in a program of a few units: rows, times, checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.ending import Ending, check_alike
from kl.backends.sn40l.errors import ExecutionError, HazardError, ProgramError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.ledger import Made
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.servers import Server
from kl.backends.sn40l.units import AddressPattern, InputPort, OutputPort, carry
from kl.backends.tensors import Array, TensorSpec

STEPS, ROWS, CONTEXT, STOP = 3, 2, 4, 5
IDS, TILE = TensorSpec((ROWS,), "i32"), TensorSpec((1, 4), "f32")
TABLE = np.arange(1, 33, dtype=np.float32).reshape(8, 4)


def build(network: Any, *, early: bool = False, latency: int = 10, calls: int = 1, **machine: int) -> Program:
    """Each step makes the tokens that it takes, and appends rows of a table that they name.

    Where it is `early` it appends rows of a weight, which are there before the tokens are.
    """
    net = network(STEPS, **machine)
    net.steps = STEPS
    token, position = (
        net.memory("token", "input", ROWS, dtype="i32"),
        net.memory("position", "input", dtype="i32"),
    )
    table, x = net.memory("table", "weight", 8, 4), net.memory("x", "weight", ROWS, 4)
    cache = net.memory("cache", "state", ROWS, 1, CONTEXT, 4)
    y = net.memory("y", "value", STEPS, ROWS, dtype="i32", output=True)
    first, current, following, made = (net.channel(ROWS, dtype="i32") for _ in range(4))
    rows = net.channel(ROWS, 4)
    ids = () if early else (net.channel(ROWS, dtype="i32"),)
    net.load("load token", token, first, once=True)
    net.carry("tokens", 1, first, following, None, current, *ids)
    net.once_a_step()
    net.units[-1] = replace(net.units[-1], made=(made,), stop=STOP)
    weights = net.channel(1, 4, depth=8 * STEPS)
    net.load("weights", table, weights)
    net.once_a_step()
    ports = [InputPort(current, IDS, 8), InputPort(weights, TILE)]
    net.stage("same", 8, ports, [OutputPort(following, 0, 8)], [], latency=latency)
    net.once_a_step()
    if early:
        net.load("rows", x, rows)
    else:
        net.gather("rows", *ids, table, rows)
    net.once_a_step()
    tile, strides = TensorSpec((ROWS, 1, 4), "f32"), (16 * CONTEXT, 16 * CONTEXT, 4)
    walk = AddressPattern(cache, tile, strides, 1, 0, position_parameter=position, position_stride=16)
    net.store("append", rows, cache, pattern=walk)
    net.once_a_step()
    net.store("store y", made, y, stacked=True)
    net.once_a_step()
    return net.program(calls)


def edited(program: Program, name: str, **fields: Any) -> Program:
    """The program with some fields of a unit changed."""
    (kernel,) = program.kernels
    units = tuple(replace(unit, **fields) if unit.name == name else unit for unit in kernel.units)
    assert units != kernel.units
    return replace(program, kernels=(replace(kernel, units=units),))


def run(program: Program, *tokens: int) -> tuple[Any, Array]:
    """What a call at position 1 gives, and the cache behind it."""
    executor = Executor(program, {"table": TABLE, "x": np.ones((ROWS, 4), np.float32)})
    result = executor.step({"token": np.array(tokens, np.int32), "position": np.array(1, np.int32)})
    return result, executor.read("cache")


def test_a_row_that_has_ended_appends_nothing(network: Any) -> None:
    program = build(network)
    check_program(program)
    assert parse_program(dump_program(program)) == program
    result, cache = run(program, STOP, 2)
    assert result.outputs["y"].tolist() == [[STOP, 2]] * STEPS
    assert not cache[0].any()
    assert cache[1, 0].tolist() == [[0] * 4, *[TABLE[2].tolist()] * STEPS]
    assert (result.report.steps, result.report.tokens) == (STEPS, STEPS)
    assert result.report.cycles == time_step(program, {"position": 1}).cycles


def test_without_ends_the_report_is_that_of_a_run_without_data(network: Any) -> None:
    program = replace(build(network), tokens_per_step=STEPS * ROWS)
    result, cache = run(program, 1, 2)
    assert result.report == time_step(program, {"position": 1})
    assert result.report == time_step(program, {"position": 1}, jump=False)
    assert cache[:, 0, 1:].tolist() == [[TABLE[1].tolist()] * STEPS, [TABLE[2].tolist()] * STEPS]


def test_a_stop_token_takes_no_time(network: Any) -> None:
    ended, _ = run(build(network), STOP, STOP)
    assert ended.outputs["y"].tolist() == [[STOP, STOP]] * STEPS
    assert (ended.report.steps, ended.report.tokens, ended.report.flops) == (0, 0, 0)
    assert ended.report.cycles < time_step(build(network), {"position": 1}).cycles


def test_loads_that_wait_are_given_up_at_the_end(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # There is room for the weights of all steps, and the memory is slow.
    program = build(network, hbm_bandwidth=10**9)
    given_up, _ = run(program, STOP, STOP)
    monkeypatch.setattr(Server, "drop_abandoned", lambda server: None)
    kept, _ = run(program, STOP, STOP)
    assert given_up.outputs["y"].tolist() == kept.outputs["y"].tolist()
    assert given_up.report.traffic.hbm_read < kept.report.traffic.hbm_read == 8 + 8 * STEPS * 16
    assert given_up.report.cycles < kept.report.cycles


def test_what_is_appended_depends_on_which_rows_are_done(network: Any) -> None:
    program = build(network, early=True, latency=5000)
    with pytest.raises(ProgramError, match="store 'append' stores rows that do not depend on the token of"):
        check_program(program)


def test_what_is_appended_before_the_rows_are_known_is_a_hazard(network: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(carry, "_behind", lambda kernel, of: {*range(len(kernel.channels))})
    with pytest.raises(
        HazardError, match="store 'append' stores rows of step 1 before it is known which are"
    ):
        run(build(network, early=True, latency=5000), 1, 2)


def test_two_calls_that_end_early_are_refused(network: Any) -> None:
    with pytest.raises(ProgramError, match="2 calls end at a stop token"):
        check_program(build(network, calls=2))


def position(program: Program, **fields: Any) -> Program:
    (append,) = (unit for unit in program.kernels[0].units if unit.name == "append")
    return edited(program, "append", pattern=replace(append.pattern, **fields))


WRONG: dict[str, tuple[Callable[[Program], Program], str]] = {
    "nothing made": (lambda p: edited(p, "tokens", stop=None), "`stop` and `made` go together"),
    "a negative token": (
        lambda p: edited(p, "tokens", stop=-1),
        "the stop token is -1; a token of tensor<2xi32>",
    ),
    "a large token": (lambda p: edited(p, "tokens", stop=2**31), "the stop token is 2147483648"),
    "a carry of layers": (
        lambda p: edited(p, "tokens", rate="iteration"),
        "rate 'iteration'; its kernel has call, step",
    ),
    "rows in two tiles": (
        lambda p: edited(p, "tokens", tiles=2),
        "a stop token in 2 tiles; it takes all rows",
    ),
    "a final value": (lambda p: edited(p, "tokens", final=3), "a carry with a stop token has no `final`"),
    "a store of all rows": (
        lambda p: position(p, position_parameter=None),
        "store 'append' stores in decode steps, neither at a position nor `made`",
    ),
    "other rows": (
        lambda p: position(p, tile=TensorSpec((1, 2, 4), "f32")),
        "store 'append' stores [1] rows at a position, tokens are tensor<2xi32>",
    ),
    "a stage behind the end": (
        lambda p: edited(edited(p, "tokens", made=(1,), current=(3,)), "store y", channel=4),
        "stage 'same' takes `made`, which goes on when steps have ended; stores do",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_stop_token_is_found_before_a_run(name: str, network: Any) -> None:
    edit, message = WRONG[name]
    with pytest.raises(ProgramError) as caught:
        check_program(edit(build(network)))
    assert message in str(caught.value)


def test_sockets_must_agree_on_the_rows_that_are_done(network: Any) -> None:
    (kernel,) = build(network).kernels
    first, second = Ending(kernel), Ending(kernel)
    assert first.made is None
    first.begin_step(np.array([False, False]))
    second.begin_step(np.array([False, False]))
    check_alike([first, second])
    assert first.made is None
    first.begin_step(np.array([False, True]))
    with pytest.raises(
        ExecutionError, match=r"decode step 1 begins with other rows .* on socket 1 than on 0"
    ):
        check_alike([first, second])
    second.begin_step(np.array([True, False]))
    with pytest.raises(ExecutionError, match="decode step 1 begins with other rows"):
        check_alike([first, second])
    first.end(())
    assert (first.steps, first.made) == (2, Made(2, 3))
