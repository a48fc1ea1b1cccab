"""Programs of the loops of `steady_loops`, and of the examples; what they take, and what is jumped over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from steady_loops import WIDTH, Block, Loop, machine_of

from kl.backends.sn40l import fast_forward
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.errors import ExecutionError
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.units import AddressPattern, Gate, InputPort, Instruction, OutputPort
from kl.backends.targets import Choice
from kl.backends.tensors import TensorSpec
from kl.dialects.cuts import cuts_fit
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

SOCKETS = {"llama3_70b": 8, "llama3_405b": 16}
"""Of the machines on which larger examples fit."""
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.kl"))


def row(width: int = WIDTH) -> TensorSpec:
    return TensorSpec((1, width), "f32")


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
    gathered, slices = -(-wanted // width), -(-width // wanted)
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
    net.stage(name, -(-WIDTH // width), inputs, ports, body, ii=ii, latency=latency)


def add_block(net: Any, loop: Loop, block: Block, number: int, before: int, width: int) -> int:
    """A block behind a channel; the channel of its results."""
    wide, firings = block.width, -(-WIDTH // block.width)
    if not cuts_fit(WIDTH, width, wide):
        collected = net.channel(1, WIDTH, depth=1 + loop.depth)
        add_stage(net, f"collect {number}", [take(before, width, WIDTH)], [collected], WIDTH, 1, 5)
        before, width = collected, WIDTH
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
"""Turns of each period that was repeated, and how often it was."""


def skipped(jumps: Jumps) -> int:
    """All iterations that were not replayed."""
    return sum(iterations * times for iterations, times in jumps)


def note_jumps(monkeypatch: pytest.MonkeyPatch) -> Jumps:
    """What runs jump over, from now on."""
    found = Jumps()
    repeat = fast_forward.fast_forward

    def noted(run: Any, period: Any, observers: Any) -> None:
        found.append((period.turns, period.times))
        repeat(run, period, observers)

    monkeypatch.setattr(fast_forward, "fast_forward", noted)
    return found


def compiled(path: Path, layers: int | None, choice: Choice | None = None, **parameters: int) -> Program:
    """An example's looped program, with all its layers or fewer."""
    if layers is not None:
        parameters["layers"] = layers
    module = load_model(path.read_text(encoding="utf-8"), path.name, parameters)
    set_machine(module, SN40L.with_values({"sockets": SOCKETS.get(path.stem, 1)}))
    lower(make_context(), module, "rdu", choice or Choice())
    return emit_program(module, path.stem)
