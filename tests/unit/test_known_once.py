"""What is remembered is what is found anew: ends of channels, symbols, names, machines, plans, routes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.traits import SymbolTable

from kl.backends.sn40l.address import Layout
from kl.backends.sn40l.arguments import calls_of
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.engine import Resolver, resolve
from kl.backends.sn40l.memory import MemoryMap, Spans
from kl.backends.sn40l.program import LoadArguments
from kl.backends.targets import Choice
from kl.dialects import dataflow, kernel
from kl.dialects.alike import walk
from kl.dialects.dataflow_kernel import ChannelOp
from kl.dialects.dataflow_units import UnitOp
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import machine_of, set_machine
from kl.dialects.symbols import UniqueNames, find_symbol
from kl.frontends import load_model
from kl.passes.diagnostics import NoRoom
from kl.passes.pacing import depths
from kl.passes.pacing.depths import Actor, Queue, plan_depths
from kl.passes.placing import floorplan
from kl.passes.placing.floorplan import Flow, route
from kl.tools.diagnostics import PassError, failing_operation
from kl.tools.lowering import lower
from kl.tools.universe import make_context

TINY = Path(__file__).parents[2] / "examples/llama3_tiny.kl"


def lowered(level: str, choice: Choice | None = None) -> ModuleOp:
    """The tiny model at a level."""
    module = load_model(TINY.read_text(encoding="utf-8"), TINY.name, {})
    lower(make_context(), module, level, choice or Choice())  # pyright: ignore[reportArgumentType]
    return module


def searched(channel: ChannelOp) -> tuple[list[UnitOp], list[UnitOp]]:
    """The producers and consumers of a channel, looked for among all units of its kernel."""
    network = channel.parent_op()
    assert isinstance(network, dataflow.KernelOp)
    units = network.units()
    makers = [unit for unit in units for value in unit.outputs() if value is channel.result]
    takers = [unit for unit in units for value in unit.inputs() if value is channel.result]
    return makers, takers


def assert_ends_are_known(module: ModuleOp) -> None:
    """Each channel knows the ends that a search finds."""
    channels = [op for op in module.walk() if isinstance(op, ChannelOp)]
    assert channels
    for channel in channels:
        assert (channel.producers(), channel.consumers()) == searched(channel)


def test_channels_know_their_ends_whatever_becomes_of_their_units():
    module = lowered("dataflow")
    assert_ends_are_known(module)
    assert_ends_are_known(module.clone())
    stages = [op for op in module.walk() if isinstance(op, dataflow.StageOp) and len(op.ins) > 1]
    for stage in stages:
        swapped = [*stage.operands]
        swapped[0], swapped[1] = swapped[1], swapped[0]
        stage.operands = swapped
        assert_ends_are_known(module)
        stage.operands[0] = stage.operands[1]
        assert_ends_are_known(module)
    for unit in [op for op in module.walk() if isinstance(op, UnitOp)][::2]:
        unit.detach()
        unit.drop_all_references()
        assert_ends_are_known(module)


def test_a_symbol_is_the_one_that_xdsl_finds():
    module = lowered("kernel", Choice("op", loop=False))
    calls = [op for op in module.walk() if isinstance(op, kernel.CallOp)]
    assert len(calls) > 1
    for call in calls:
        assert find_symbol(call, call.callee) is SymbolTable.lookup_symbol(call, call.callee)
    called = find_symbol(calls[0], calls[0].callee)
    assert called is not None
    called.detach()
    assert find_symbol(calls[0], calls[0].callee) is None
    assert find_symbol(called, calls[0].callee) is None, "it stands in no module"


def test_a_symbol_is_one_of_its_own_module_and_has_the_name_now():
    calls = [next(op for op in lowered("kernel").walk() if isinstance(op, kernel.CallOp)) for _ in range(2)]
    found = [find_symbol(call, call.callee) for call in calls]
    assert found[0] is not found[1]
    assert isinstance(found[1], kernel.FuncOp)
    found[1].sym_name = StringAttr("another")
    assert find_symbol(calls[1], calls[1].callee) is None


@given(st.lists(st.sampled_from(["a", "a_1", "a_2", "a_1_1", "b"]), max_size=30))
def test_a_name_gets_the_first_free_number(wanted: list[str]):
    names, taken = UniqueNames(ModuleOp([])), set[str]()
    for name in wanted:
        numbers = (f"{name}_{number}" for number in range(1, 100))
        free = next(one for one in (name, *numbers) if one not in taken)
        taken.add(free)
        assert names.take(name) == free


def test_a_module_has_the_machine_that_was_set_last():
    module = ModuleOp([])
    for values in ({"pmus": 500}, {"pmus": 600}, {"pmus": 500, "sockets": 2}, {}):
        machine = SN40L.with_values(values)
        set_machine(module, machine)
        assert machine_of(module) == machine


def test_equal_problems_have_one_plan_and_others_their_own():
    actors = (Actor("make", (3, 3), 5), Actor("use", (4, 4), 5))
    queues = (Queue(0, 1, (0, 1), (0, 1), (0, 1), 2, 64),)
    solve = depths._planned.__wrapped__  # pyright: ignore[reportPrivateUsage]
    for interval in (None, 1, 10):
        assert plan_depths([*actors], [*queues], interval) == solve(actors, queues, interval)
    assert plan_depths(actors, queues, 10) is plan_depths([*actors], [*queues], 10)
    assert plan_depths(actors, queues, 10) != plan_depths(actors, queues, 20)


def test_equal_flows_have_one_route_and_others_their_own():
    flow = Flow("f", ((0, 0), (0, 1)), ((2, 3),), 8.0)
    assert route([flow]) is route([Flow("f", ((0, 0), (0, 1)), ((2, 3),), 8.0)])
    assert route([flow]) == floorplan._routed.__wrapped__((flow,))  # pyright: ignore[reportPrivateUsage]
    assert route([flow]) != route([Flow("f", ((0, 0), (0, 1)), ((2, 3),), 4.0)])


def test_layouts_that_are_alike_are_one():
    assert Layout((2,), (4,), 4).repeated(3, 8) is Layout((2,), (4,), 4).repeated(3, 8)
    assert Layout((2,), (4,), 4).repeated(3, 8) == Layout((3, 2), (8, 4), 4)
    assert Layout((2,), (4,), 2).repeated(3, 8) != Layout((2,), (4,), 4).repeated(3, 8)


def test_what_is_remembered_is_bounded():
    for known in (depths._planned, floorplan._routed):  # pyright: ignore[reportPrivateUsage]
        assert known.cache_info().maxsize is not None


def test_a_refusal_names_its_operation_without_a_copy_of_the_module(monkeypatch: pytest.MonkeyPatch):
    def printed(*_: object) -> None:
        raise AssertionError("the module is printed")

    module = load_model(TINY.read_text(encoding="utf-8"), TINY.name, {})
    set_machine(module, SN40L.with_values({"pmus": 1}))
    monkeypatch.setattr(Operation, "emit_error", printed)
    with pytest.raises(PassError) as caught:
        lower(make_context(), module, "rdu", Choice("op", loop=False))
    refusal = caught.value.__cause__
    assert isinstance(refusal, NoRoom)
    assert not hasattr(refusal, "__notes__")
    assert isinstance(failing_operation(refusal), dataflow.KernelOp)


UNFUSED = Choice(fusion="op", loop=False)


@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow", "rdu"])
def test_a_walk_meets_what_that_of_xdsl_meets(level: str) -> None:
    module = lowered(level)
    assert list(walk(module)) == list(module.walk())


@pytest.mark.parametrize("choice", [UNFUSED, Choice(fusion="block", loop=False), Choice(steps_per_call=3)])
def test_calls_that_are_moved_are_those_that_are_resolved(choice: Choice) -> None:
    program = emit_program(lowered("rdu", choice), "tiny")
    memory, kernels = MemoryMap(program), {kernel.name: kernel for kernel in program.kernels}
    memory.begin_step({region.name: 5 for region in program.regions if region.is_scalar})
    moved, loads = Resolver(memory), [op for op in program.commands if isinstance(op, LoadArguments)]
    for load in loads:
        found = moved(kernels[load.kernel], load.addresses, {})
        wanted = resolve(kernels[load.kernel], load.addresses, memory)
        assert found == wanted
        assert [one.span for one in found.walks] == [one.span for one in wanted.walks]
    assert len({load.kernel for load in loads}) < len(loads) or choice.loop


TWO_POSITIONS = """
model m
dtype f32
layer l[2](x[1, 8], position: i32) {
  cache keys[1, 1, 4, 8]
  append(keys, x, position)
  return attention(x, keys, keys, position)
}
step(x[1, 8], here: i32, there: i32) { return l[1](l[0](x, here), there) }
"""


def test_calls_at_other_positions_are_others() -> None:
    module = load_model(TWO_POSITIONS, "m.kl", {})
    lower(make_context(), module, "rdu", Choice(loop=False))
    program = emit_program(module, "m")
    (decoder,), memory = program.kernels, MemoryMap(program)
    memory.begin_step({"here": 3, "there": 1})
    moved, loads = Resolver(memory), [op for op in program.commands if isinstance(op, LoadArguments)]
    found = [moved(decoder, load.addresses, {}) for load in loads]
    assert found == [resolve(decoder, load.addresses, memory) for load in loads]
    assert found[0].moved(loads[1].addresses) != found[1]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9))), st.integers(-5, 50), st.integers(0, 20))
def test_a_range_touches_spans_that_it_has_pieces_of(
    ranges: list[tuple[int, int]], start: int, length: int
) -> None:
    spans = Spans((first, first + count) for first, count in ranges)
    assert spans.touches(start, start + length) == any(True for _ in spans.pieces(start, start + length))


def test_calls_are_those_of_the_program_that_is_asked_for() -> None:
    program = emit_program(lowered("rdu", UNFUSED), "tiny")
    calls = list(calls_of(program))
    shorter = replace(program, commands=program.commands[:-3])
    assert list(calls_of(program)) == calls
    assert list(calls_of(shorter)) == calls[:-1]
    assert list(calls_of(program)) == calls
