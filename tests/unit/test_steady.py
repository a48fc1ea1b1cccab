"""Jumping over iterations changes nothing: every number is that of the full replay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from kl.backends.sn40l import steady
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.engine import KernelRun, resolve
from kl.backends.sn40l.errors import ExecutionError
from kl.backends.sn40l.executor import Executor, time_step
from kl.backends.sn40l.memory import MemoryMap
from kl.backends.sn40l.program import AddressPattern, Gate, InputPort, Instruction, Load, OutputPort, Program
from kl.backends.sn40l.stretch import Marker
from kl.backends.tensors import TensorSpec
from kl.dialects.machine import SN40L
from kl.dialects.rdu import set_machine
from kl.frontends import load_model
from kl.tools.driver import Choice, lower
from kl.tools.execution import position_inputs
from kl.tools.universe import make_context

WIDTH = 16
"""Elements of a row."""
SOCKETS = {"llama3_70b": 8, "llama3_405b": 16}
"""Of the machines on which larger examples fit."""
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.kl"))


def row(width: int = WIDTH) -> TensorSpec:
    return TensorSpec((1, width), "f32")


@dataclass(frozen=True)
class Block:
    """A stage of a loop's chain and the streams at its side."""

    width: int
    """Of the tiles that it makes; what comes in is cut or gathered to it."""
    ii: int
    latency: int
    weights: str | None
    """The memory of weights that it multiplies by: a row per iteration."""
    depth: int
    """Of the weights' channel; beyond one row they run ahead of the loop."""
    held: int
    """Iterations for which it holds a tile that is loaded once; 0 for none."""
    stored: str | None
    """The memory in which its results are put away, in each iteration."""
    reduced: bool
    """Whether its results go through a collective."""


@dataclass(frozen=True)
class Loop:
    """A looped kernel: a chain of blocks that is carried from iteration to iteration, and more."""

    blocks: tuple[Block, ...]
    iterations: int
    """In a decode step."""
    depth: int
    """Of the channels of the chain, beyond the least."""
    cache: bool
    """Whether a cache is appended to and read, where the position says."""
    position: int
    aside: int
    """II of a chain of its own, which no carry holds back; 0 for none."""
    aside_reduced: bool
    """Whether that has a collective."""
    bandwidth: int
    """Of the memories, in bytes per cycle."""
    latency: int
    """Of the memories."""
    steps: int = 1
    """Decode steps; with several, there are stages and weights around the loop, once a step."""
    head: tuple[int, int] = (5, 4)
    """Of the weights of such a stage: its II, and the tiles that their channel holds."""
    rows: int = 1
    """Of the cache in a tile."""


blocks = st.builds(
    Block,
    st.sampled_from([4, 8, 16]),
    st.integers(1, 30),
    st.integers(0, 40),
    st.sampled_from(["hbm", "hbm", "ddr", "sram", None]),
    st.integers(1, 40),
    st.sampled_from([0, 0, 0, 1, 2, -1]),
    st.sampled_from([None, None, "hbm", "ddr"]),
    st.booleans(),
)
loops = st.builds(
    Loop,
    st.lists(blocks, min_size=1, max_size=3).map(tuple),
    st.integers(1, 40),
    st.integers(0, 20),
    st.booleans(),
    st.integers(0, 7),
    st.sampled_from([0, 0, 1, 7, 30]),
    st.booleans(),
    st.sampled_from([2, 8, 64]),
    st.integers(0, 200),
)
step_loops = st.builds(
    lambda loop, **fields: replace(loop, **fields),
    loops,
    iterations=st.integers(1, 16),
    steps=st.integers(2, 8),
    head=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    rows=st.sampled_from([1, 4, 8]),
)


def machine_of(loop: Loop) -> dict[str, int]:
    bandwidth = loop.bandwidth * 1_000_000_000
    return {
        "clock_hz": 1_000_000_000,
        "hbm_bandwidth": bandwidth,
        "ddr_bandwidth": bandwidth // 2,
        "p2p_bandwidth": bandwidth,
        "p2p_latency_ns": loop.latency,
        "hbm_latency_cycles": loop.latency,
        "sockets": 2,
    }


def build(network: Any, loop: Loop) -> Program:
    """The program of a loop."""
    net = network(loop.iterations * loop.steps, **machine_of(loop))
    net.steps = loop.steps
    x = net.memory("x", "input", 1, WIDTH)
    init, current, final = net.channel(1, WIDTH), net.channel(1, WIDTH, latency=2), net.channel(1, WIDTH)
    result = None
    if loop.steps == 1:
        net.load("load x", x, init, once=True)
    else:
        result = begin_step(net, x, init)
    before, width = current, WIDTH
    for number, block in enumerate(loop.blocks):
        before = add_block(net, loop, block, number, before, width)
        width = block.width
    if loop.cache:
        before, width = add_cache(net, loop, before, width), WIDTH
    following = net.channel(1, WIDTH, depth=1 + loop.depth)
    add_stage(net, "last", [take(before, width, WIDTH)], [following], WIDTH, 3, 10)
    net.carry("carry", 1, init, following, final, current)
    if result is None:
        net.store("store y", final, net.memory("y", "value", 1, WIDTH, output=True), once=True)
    if loop.aside:
        add_aside(net, loop)
    if result is not None:
        end_step(net, loop, final, result)
    return net.program()


def begin_step(net: Any, x: int, init: int) -> int:
    """The value that goes from step to step, up to the loop; the channel from which the next step gets it."""
    first, following, current = net.channel(1, WIDTH), net.channel(1, WIDTH), net.channel(1, WIDTH)
    net.load("load x", x, first, once=True)
    net.carry("outer carry", 1, first, following, None, current)
    net.once_a_step()
    add_stage(net, "begin", [take(current, WIDTH, WIDTH)], [init], WIDTH, 3, 7)
    net.once_a_step()
    return following


def end_step(net: Any, loop: Loop, final: int, following: int) -> None:
    """What comes behind the loop: a stage with weights of its own, which also counts the steps."""
    ii, depth = loop.head
    w = net.memory("head", "weight", 1, WIDTH)
    y = net.memory("y", "value", loop.steps, 1, WIDTH, output=True)
    weights, made, kept = net.channel(1, 4, depth=depth), net.channel(1, 4, depth=4), net.channel(1, WIDTH)
    net.load("load head", w, weights)
    net.once_a_step()
    inputs = [take(final, WIDTH, 4), take(weights, 4, 4)]
    add_stage(net, "head", inputs, [made], 4, ii, 15)
    net.once_a_step()
    ports = [take(made, 4, WIDTH)]
    if loop.cache:
        count = net.channel(dtype="i32", depth=1)
        names = [region.name for region in net.regions]
        net.counter("count", names.index("position"), count)
        ports.append(InputPort(count, TensorSpec((), "i32")))
    body = [Instruction("nn.add", (0, 0), row())]
    outputs = [OutputPort(following, len(ports)), OutputPort(kept, len(ports))]
    net.stage("end", 1, ports, outputs, body, ii=2, latency=9)
    net.once_a_step()
    net.store("store y", kept, y, stacked=True)
    net.once_a_step()


def take(channel: int, width: int, wanted: int) -> InputPort:
    """Tiles of `wanted` elements from tiles of `width`."""
    gathered, slices = max(1, wanted // width), max(1, width // wanted)
    axis = 1 if gathered * slices > 1 else None
    return InputPort(channel, row(wanted), slices, gathered, slices, axis)


def add_stage(net: Any, name: str, inputs: list[InputPort], outputs: list[int], width: int, *timing: int):
    """A stage that adds up its inputs."""
    value, body = 0, list[Instruction]()
    for number in range(1, len(inputs)):
        body.append(Instruction("nn.add", (value, number), row(width)))
        value = len(inputs) + number - 1
    body = body or [Instruction("nn.add", (0, 0), row(width))]
    ports = [OutputPort(channel, len(inputs) + len(body) - 1) for channel in outputs]
    ii, latency = timing
    net.stage(name, WIDTH // width, inputs, ports, body, ii=ii, latency=latency)


def add_block(net: Any, loop: Loop, block: Block, number: int, before: int, width: int) -> int:
    """A block behind a channel; the channel of its results."""
    wide, firings = block.width, WIDTH // block.width
    inputs = [take(before, width, wide)]
    if block.weights is not None:
        w = net.memory(f"w{number}", "weight", loop.iterations, 1, WIDTH, tier=block.weights)
        channel = net.channel(1, wide, depth=block.depth)
        net.load(f"load w{number}", w, channel, stacked=True)
        inputs.append(InputPort(channel, row(wide)))
    if block.held:
        total = loop.iterations * loop.steps
        iterations = total if block.held < 0 else block.held
        tiles = -(-total // iterations)
        held = net.memory(f"held{number}", "weight", tiles, wide)
        channel = net.channel(1, wide, depth=1)
        net.load(f"load held{number}", held, channel, once=True)
        inputs.append(InputPort(channel, row(wide), iterations * firings))
    results = net.channel(1, wide, depth=firings + loop.depth, latency=number)
    outputs = [results]
    if block.stored is not None:
        kept = net.memory(f"kept{number}", "value", loop.iterations, 1, WIDTH, tier=block.stored)
        outputs.append(net.channel(1, wide))
        store = outputs[-1], kept
    add_stage(net, f"stage {number}", inputs, outputs, wide, block.ii, block.latency)
    if block.stored is not None:
        net.store(f"store {number}", *store, stacked=True)
    if not block.reduced:
        return results
    summed = net.channel(1, wide, depth=firings + loop.depth)
    net.collective(f"reduce {number}", "all_reduce", results, summed, tiles=firings)
    return summed


def add_cache(net: Any, loop: Loop, before: int, width: int) -> int:
    """Append a row to a cache of eight, read all of them, add them up; the channel of the sum."""
    cache = net.memory("cache", "state", loop.iterations, 8, WIDTH)
    position = net.memory("position", "input", dtype="i32")
    new, done = net.channel(1, WIDTH), net.token()
    add_stage(net, "new", [take(before, width, WIDTH)], [new], WIDTH, 2, 5)
    place = AddressPattern(
        cache,
        row(),
        (4 * WIDTH, 4),
        tiles=1,
        tile_stride=0,
        pass_stride=4 * 8 * WIDTH,
        position_parameter=position,
        position_stride=4 * WIDTH,
    )
    net.store("append", new, cache, done=(done,), pattern=place)
    rows, total = net.channel(loop.rows, WIDTH, depth=5), net.channel(1, WIDTH)
    net.load("load rows", cache, rows, stacked=True, gate=Gate(done, position, loop.rows))
    body = [Instruction("nn.add", (0, 1), row())]
    axis = 0 if loop.rows > 1 else None
    ports = [InputPort(rows, row(), loop.rows, 1, loop.rows, axis)], [OutputPort(total, 2, 8)]
    net.stage("sum", 8, *ports, body, states=(row(),), next_states=(2,), ii=3, latency=9)
    return total


def add_aside(net: Any, loop: Loop) -> None:
    """Rows that are loaded, changed and stored, as fast as it goes."""
    a = net.memory("a", "weight", loop.iterations, 1, WIDTH)
    b = net.memory("b", "value", loop.iterations, 1, WIDTH)
    read, changed = net.channel(1, 4, depth=9), net.channel(1, 4, depth=3)
    net.load("load a", a, read, stacked=True)
    add_stage(net, "aside", [take(read, 4, 4)], [changed], 4, loop.aside, 4)
    if loop.aside_reduced:
        summed = net.channel(1, 4, depth=9)
        net.collective("reduce", "all_reduce", changed, summed, tiles=4)
        changed = summed
    net.store("store b", changed, b, stacked=True)


def outcome(program: Program, loop: Loop, *, jump: bool) -> Any:
    """The report with all details, or what is wrong."""
    scalars = {"position": min(loop.position, 8 - loop.steps)} if loop.cache else {}
    try:
        return time_step(program, scalars, jump=jump, details=True)
    except ExecutionError as error:
        return str(error)


Jumps = list[tuple[int, int]]
"""Iterations of each period that was repeated, and how often it was."""


def skipped(jumps: Jumps) -> int:
    """All iterations that were not replayed."""
    return sum(iterations * times for iterations, times in jumps)


@pytest.fixture
def jumps(monkeypatch: pytest.MonkeyPatch) -> Jumps:
    """What runs jump over."""
    found = Jumps()
    move_on = steady.move_on

    def noted(run: Any, period: Any, books: Any) -> None:
        found.append((period.iterations, period.times))
        move_on(run, period, books)

    monkeypatch.setattr(steady, "move_on", noted)
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loops)
def test_every_number_is_that_of_the_full_replay(network: Any, jumps: Jumps, loop: Loop) -> None:
    program = build(network, loop)
    before = len(jumps)
    report = outcome(program, loop, jump=True)
    event(f"{len(jumps) - before} jumps, {'an error' if isinstance(report, str) else 'no error'}")
    assert report == outcome(program, loop, jump=False)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step_loops)
def test_every_number_of_several_steps_is_that_of_the_full_replay(
    network: Any, jumps: Jumps, loop: Loop
) -> None:
    program = build(network, loop)
    before = len(jumps)
    report = outcome(program, loop, jump=True)
    event(f"{len(jumps) - before} jumps, {'an error' if isinstance(report, str) else 'no error'}")
    assert report == outcome(program, loop, jump=False)


def block(**changes: Any) -> Block:
    plain = Block(WIDTH, 5, 20, "hbm", depth=2, held=0, stored=None, reduced=False)
    return replace(plain, **changes)


def loop_of(*blocks: Block, **changes: Any) -> Loop:
    plain = Loop(
        blocks, 100, 0, cache=False, position=0, aside=0, aside_reduced=False, bandwidth=64, latency=100
    )
    return replace(plain, **changes)


JUMPED = {
    "weights that keep up": loop_of(block()),
    "weights that do not": loop_of(block(), bandwidth=1),
    "weights of all iterations at once": loop_of(block(depth=100)),
    "far ahead, and never waiting": loop_of(block(depth=40, ii=30)),
    "a tile held for the whole call": loop_of(block(held=-1)),
    "a cache behind a gate": loop_of(block(), cache=True, position=3),
    "a store in each iteration": loop_of(block(stored="hbm")),
    "weights in SRAM": loop_of(block(weights="sram"), block()),
    "collectives": loop_of(block(reduced=True), block(reduced=True)),
    "tiles on their way all the time": loop_of(
        block(), aside=1, aside_reduced=True, bandwidth=2, latency=200
    ),
    "no memory at all": loop_of(block(weights=None)),
    "collectives without memory": loop_of(block(weights=None, reduced=True)),
}


@pytest.mark.parametrize("loop", JUMPED.values(), ids=JUMPED)
def test_a_steady_loop_is_not_replayed(network: Any, jumps: Jumps, loop: Loop) -> None:
    program = build(network, loop)
    report = outcome(program, loop, jump=True)
    assert skipped(jumps) >= 40
    assert report == outcome(program, loop, jump=False)


def test_what_changes_every_other_iteration_is_a_period_of_two(network: Any, jumps: Jumps) -> None:
    # The weights' channel holds two rows, and the load comes round to it late: one iteration finds its row
    # there, the next one waits for it.
    chain = block(width=4, ii=8, latency=9, depth=8)
    loop = loop_of(chain, depth=17, bandwidth=8, latency=200)
    report = outcome(build(network, loop), loop, jump=True)
    assert [iterations for iterations, _ in jumps] == [2]
    assert report == outcome(build(network, loop), loop, jump=False)


def test_chains_that_do_not_keep_step_are_replayed(network: Any, jumps: Jumps) -> None:
    # The chain at the side is faster, and nothing holds it back: it is further ahead in each iteration.
    # When it has come to its end, the other one is alone and steady.
    loop = loop_of(block(ii=90), iterations=400, aside=20)
    report = outcome(build(network, loop), loop, jump=True)
    assert 0 < skipped(jumps) < 300
    assert report == outcome(build(network, loop), loop, jump=False)


def test_a_stream_that_is_half_through_its_one_pass_is_waited_for(network: Any, jumps: Jumps) -> None:
    # A load that runs once brings a tile for each iteration: no state is like another one.
    loop = loop_of(block(held=1))
    report = outcome(build(network, loop), loop, jump=True)
    assert jumps == []
    assert report == outcome(build(network, loop), loop, jump=False)


def test_the_layers_of_each_step_are_not_replayed(network: Any, jumps: Jumps) -> None:
    loop = loop_of(block(), iterations=60, steps=3)
    report = outcome(build(network, loop), loop, jump=True)
    assert [iterations * times for iterations, times in jumps] == [52, 52, 52]
    assert report == outcome(build(network, loop), loop, jump=False)


def test_whole_steps_are_not_replayed(network: Any, jumps: Jumps) -> None:
    loop = loop_of(block(), iterations=6, steps=60)
    report = outcome(build(network, loop), loop, jump=True)
    assert jumps == [(1, 56)]
    assert report == outcome(build(network, loop), loop, jump=False)


def test_a_position_in_the_next_tile_ends_what_steps_have_in_common(jumps: Jumps) -> None:
    # A tile of the cache has 16 positions: of 56 steps from position 4 on, 12, 16, 16 and 12 lie in one tile.
    path = next(path for path in EXAMPLES if path.stem == "llama3_tiny")
    program = compiled(path, 3, Choice(steps_per_call=56), context=128)
    scalars = position_inputs(program, 4)
    report = time_step(program, scalars, details=True)
    assert len(jumps) >= 3
    assert 20 <= skipped(jumps) < 56
    assert report == time_step(program, scalars, jump=False, details=True)


def compiled(path: Path, layers: int | None, choice: Choice | None = None, **parameters: int) -> Program:
    """An example's looped program, with all its layers or fewer."""
    if layers is not None:
        parameters["layers"] = layers
    module = load_model(path.read_text(encoding="utf-8"), path.name, parameters)
    set_machine(module, SN40L.with_values({"sockets": SOCKETS.get(path.stem, 1)}))
    lower(make_context(), module, "rdu", choice or Choice())
    return emit_program(module, path.stem)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("layers", [None, 5])
def test_examples_take_the_cycles_of_the_full_replay(path: Path, layers: int | None, jumps: Jumps) -> None:
    program = compiled(path, layers)
    scalars = position_inputs(program, 0)
    details = layers is not None
    report = time_step(program, scalars, details=details)
    assert report == time_step(program, scalars, jump=False, details=details)
    longest = max(kernel.iterations for kernel in program.kernels)
    if longest >= 16:
        assert skipped(jumps) > longest // 2


@pytest.mark.parametrize("stem", ["llama3_8b", "llama3_2_1b"])
def test_steps_of_examples_take_the_cycles_of_the_full_replay(stem: str, jumps: Jumps) -> None:
    path = next(path for path in EXAMPLES if path.stem == stem)
    program = compiled(path, 5, Choice(steps_per_call=8))
    scalars = position_inputs(program, 508)  # the tiles of its caches have 512 positions
    report = time_step(program, scalars, details=True)
    assert report == time_step(program, scalars, jump=False, details=True)
    assert jumps


def test_data_is_never_jumped_over(decoder: Any, decoder_data: Any, jumps: Jumps) -> None:
    weights, inputs = decoder_data
    Executor(decoder(), weights).step(inputs)
    assert jumps == []


def kernel_run(program: Program) -> KernelRun:
    """The run of the program's only kernel, at its beginning."""
    memory = MemoryMap(program)
    memory.begin_step({})
    addresses = tuple(region.address for region in program.regions)
    return KernelRun(resolve(program.kernels[0], addresses, memory), program.machine, memory)


def test_an_iteration_begins_with_the_first_carry_else_the_first_stage(network: Any) -> None:
    marker = Marker.of(kernel_run(build(network, loop_of(block()))))
    assert marker is not None
    assert str(marker.run) == "carry 'carry'"
    net = network(3)
    add_aside(net, loop_of(block(), iterations=3, aside=4))
    marker = Marker.of(kernel_run(net.program()))
    assert marker is not None
    assert str(marker.run) == "stage 'aside'"
    once = network(1)
    add_aside(once, loop_of(block(), iterations=1, aside=4))
    assert Marker.of(kernel_run(once.program())) is None


def test_an_error_after_a_jump_is_that_of_the_full_replay(network: Any, jumps: Jumps) -> None:
    # The tile that is held for the whole call is loaded twice, and nobody takes the second one.
    loop = loop_of(block(held=-1))
    program = build(network, loop)
    (kernel,) = program.kernels
    units, channels = list(kernel.units), list(kernel.channels)
    at, load = next((i, unit) for i, unit in enumerate(units) if unit.name == "load held0")
    assert isinstance(load, Load)
    units[at] = replace(load, pattern=replace(load.pattern, tiles=2, tile_stride=0))
    (channel,) = load.channels
    channels[channel] = replace(channels[channel], depth=2)
    kernel = replace(kernel, units=tuple(units), channels=tuple(channels))
    program = replace(program, kernels=(kernel,))
    message = outcome(program, loop, jump=True)
    assert skipped(jumps) >= 80
    assert "unread tokens" in message
    assert message == outcome(program, loop, jump=False)
