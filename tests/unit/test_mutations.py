"""Programs and runs with one thing wrong: the engine reports it, or the numbers show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.engine import KernelRun, resolve
from kl.backends.sn40l.errors import DeadlockError, ExecutionError, HazardError, ProgramError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.firing import EMPTY
from kl.backends.sn40l.kernel import Unit
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.memory import Data, MemoryMap
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.units import AddressPattern, Stage
from kl.backends.tensors import TensorSpec

POSITION = 3
"""Of the first step; the probabilities there and at the next one are not zero."""


TILE = TensorSpec((1, 8), "f32")


def change(program: Program, unit: str, edit: Callable[[Any], Unit]) -> Program:
    """The program with one unit of its kernel edited."""
    (kernel,) = program.kernels
    units = tuple(edit(old) if old.name == unit else old for old in kernel.units)
    assert units != kernel.units, "the edit changes something"
    return replace(program, kernels=(replace(kernel, units=units),))


def change_pattern(program: Program, unit: str, **fields: int) -> Program:
    """The program with the address pattern of one stream edited."""
    return change(program, unit, lambda old: replace(old, pattern=replace(old.pattern, **fields)))


def pattern_of(program: Program, unit: str) -> AddressPattern:
    """The address pattern of a stream."""
    return next(u.pattern for u in program.kernels[0].units if u.name == unit)


def time_two_steps(program: Program) -> None:
    """The steps that `outcome` runs, without data."""
    for position in (POSITION, POSITION + 1):
        time_step(program, {"position": position})


@pytest.fixture
def outcome(decoder_data: Any, decoder_result: Any) -> Callable[[Program], str]:
    """What running a program with data shows: the name of the error, `wrong numbers` or `right`.

    The cache is filled by the first steps of the untouched program's numpy meaning. A run without data must
    end in the same error.
    """

    def run(program: Program) -> str:
        weights, inputs = decoder_data
        try:
            executor = Executor(program, weights)
            cache = np.zeros((3, 1, 1, 8, 8), np.float32)
            for position in (POSITION, POSITION + 1):
                inputs = inputs | {"position": np.array(position, np.int32)}
                wanted = decoder_result(weights, inputs, cache, position)
                if not np.array_equal(executor.step(inputs).outputs["y"], wanted):
                    return "wrong numbers"
        except ExecutionError as error:
            with pytest.raises(type(error)):
                time_two_steps(program)
            return type(error).__name__
        return "right"

    return run


def test_the_untouched_program_is_right(decoder: Any, outcome: Any) -> None:
    check_program(decoder())
    assert outcome(decoder()) == "right"


# A dropped token.


def running(program: Program, until: int, weights: Any) -> KernelRun:
    """A run with data, stopped at a cycle."""
    memory, data = MemoryMap(program), Data(program)
    memory.begin_step({"position": POSITION})
    data.write_region(memory.regions["w"], weights["w"])
    addresses = tuple(region.address for region in program.regions)
    run = KernelRun(resolve(program.kernels[0], addresses, memory), program.machine, memory, data)
    run.run(until=until)
    return run


def deliveries(run: KernelRun, channel: int) -> list[Any]:
    """The tokens on their way into a channel."""
    deliver = run.channels[channel].deliver
    return sorted(event for event in run.calendar.events if event[2] == deliver)


def test_a_token_lost_on_its_way_is_a_hazard(decoder: Any, decoder_data: Any) -> None:
    # The first tile of layer 0's weights never arrives; the second one lands in its slot.
    run = running(decoder(), 100, decoder_data[0])
    columns = 4
    run.calendar.events.remove(deliveries(run, columns)[0])
    with pytest.raises(HazardError) as caught:
        run.run()
    assert "channel 'c4' from load 'load w' to stage 'project'" in str(caught.value)
    assert "token 0 of iteration 0 is due, its slot holds token 1 of iteration 0" in str(caught.value)
    assert caught.value.location == "model.kl:5:1"


def test_the_last_token_lost_is_a_deadlock(decoder: Any, decoder_data: Any) -> None:
    # The row of probabilities is the only token of its channel: nothing comes after it.
    run = running(decoder(), 100, decoder_data[0])
    chances = 7
    run.calendar.events.remove(deliveries(run, chances)[0])
    with pytest.raises(DeadlockError) as caught:
        run.run()
    assert "stage 'combine' waits for a token of load 'load p' on channel 'c7'" in str(caught.value)
    assert "load 'load p' has taken all its steps" in str(caught.value)


def test_a_producer_that_puts_too_few_tokens_is_a_deadlock(decoder: Any, outcome: Any) -> None:
    def put_every_second(stage: Stage) -> Stage:
        stored, row = stage.outputs
        return replace(stage, outputs=(stored, replace(row, period=2)))

    program = change(decoder(), "project", put_every_second)
    assert outcome(program) == "DeadlockError"
    with pytest.raises(
        ProgramError, match="'project' puts 3 tiles a call into channel 'c6', 'combine' takes 6"
    ):
        check_program(program)


def test_tokens_that_nobody_reads_are_a_hazard(decoder: Any, outcome: Any) -> None:
    # Room for all of them, so that nobody waits: the kernel ends, and tokens are left.
    program = change_pattern(decoder(), "load p", tiles=2, tile_stride=0)
    (kernel,) = program.kernels
    channels = tuple(replace(channel, depth=8) for channel in kernel.channels)
    program = replace(program, kernels=(replace(kernel, channels=channels),))
    assert outcome(program) == "HazardError"
    with pytest.raises(HazardError, match="ends with 1 unread tokens of load 'load p' in channel 'c7'"):
        time_step(program, {"position": POSITION})


# A halved channel depth.


def test_a_halved_depth_is_a_deadlock_that_names_the_depth(decoder: Any, outcome: Any) -> None:
    program = decoder(row_depth=1)
    check_program(program)
    assert outcome(program) == "DeadlockError"
    with pytest.raises(DeadlockError) as caught:
        time_step(program, {"position": POSITION})
    message = str(caught.value)
    assert (
        "stage 'combine' waits for 2 tokens (1 there) of stage 'project' on channel 'c6', depth 1" in message
    )
    assert "stage 'project' waits for stage 'combine' to free a slot of channel 'c6', depth 1" in message
    assert message.endswith("depth 2 of channel 'c6' breaks the circle")
    assert time_step(decoder(row_depth=2), {"position": POSITION}).cycles > 0


# A shifted address stride.


@pytest.mark.parametrize(
    ("unit", "field", "shift", "found"),
    [
        ("load w", "tile_stride", 4, "wrong numbers"),
        ("load w", "pass_stride", -4, "wrong numbers"),
        ("load w", "pass_stride", 64, "HazardError"),
        ("load p", "start", 4, "HazardError"),
        ("append", "tile_stride", 4, "wrong numbers"),
        ("append", "position_stride", 4, "wrong numbers"),
        ("append", "pass_stride", 32, "wrong numbers"),
        ("append", "start", -(1 << 20), "HazardError"),
        ("load values", "tile_stride", -32, "wrong numbers"),
        ("load values", "pass_stride", -4, "wrong numbers"),
        ("store y", "start", -64, "HazardError"),
        ("store y", "start", -512, "HazardError"),
    ],
)
def test_a_shifted_address_is_seen(
    decoder: Any, outcome: Any, unit: str, field: str, shift: int, found: str
) -> None:
    program = decoder()
    value = getattr(pattern_of(program, unit), field) + shift
    assert outcome(change_pattern(program, unit, **{field: value})) == found


def test_a_shifted_stride_inside_a_tile_is_seen(decoder: Any, outcome: Any) -> None:
    program = decoder()
    pattern = replace(pattern_of(program, "load w"), strides=(36, 4))
    wrong = change(program, "load w", lambda unit: replace(unit, pattern=pattern))
    assert outcome(wrong) in ("wrong numbers", "HazardError")


# A swapped iteration.


@pytest.mark.parametrize("unit", ["load w", "append", "load values"])
def test_iterations_in_reverse_are_seen(decoder: Any, outcome: Any, unit: str) -> None:
    program = decoder()
    pattern = pattern_of(program, unit)
    start, stride = pattern.start + 2 * pattern.pass_stride, -pattern.pass_stride
    found = outcome(change_pattern(program, unit, start=start, pass_stride=stride))
    assert found in ("wrong numbers", "HazardError")


def test_two_tokens_of_different_iterations_swapped_are_a_hazard(decoder: Any, decoder_data: Any) -> None:
    # Both tiles of layer 1's weights wait in their slots, and change places.
    run = running(decoder(), 700, decoder_data[0])
    channel = run.channels[4]
    assert channel.tags == [2, 3]
    channel.tags.reverse()
    with pytest.raises(HazardError, match="token 2 of iteration 1 is due, its slot holds token 3"):
        run.run()


def test_a_carry_that_begins_with_the_result_is_a_deadlock(decoder: Any, outcome: Any) -> None:
    program = change(decoder(), "carry", lambda old: replace(old, init=old.next, next=old.init))
    assert outcome(program) == "DeadlockError"


# Memory in the wrong order.


def test_a_load_that_overtakes_the_store_it_depends_on_is_a_hazard(decoder: Any, outcome: Any) -> None:
    program = decoder(gated=False)
    check_program(program)
    assert outcome(program) == "HazardError"
    with pytest.raises(HazardError) as caught:
        time_step(program, {"position": POSITION})
    message = str(caught.value)
    assert "load 'load values' of iteration 0 reads address" in message
    assert "before store 'append' of iteration 0 writes address" in message
    assert message.count("of 'cache') at cycle") == 2
    assert caught.value.location == "model.kl:7:1"


def test_a_store_into_a_weight_is_a_hazard(decoder: Any) -> None:
    program = decoder()
    (kernel,) = program.kernels
    w = next(n for n, parameter in enumerate(kernel.parameters) if parameter.name == "w")
    wrong = change_pattern(program, "store y", parameter=w)
    with pytest.raises(HazardError, match=r"store 'store y' writes address 128 \(byte 0 of 'w'\), a weight"):
        time_step(wrong, {"position": POSITION})


# Broken rings: what the engine itself keeps.


def test_a_slot_that_is_overwritten_is_a_hazard(decoder: Any, decoder_data: Any) -> None:
    run = running(decoder(), 10, decoder_data[0])
    tile = np.zeros((8, 4), np.float32)
    run.channels[4].deliver(run.now, 0, tile)
    run.channels[4].deliver(run.now, 1, tile)
    with pytest.raises(HazardError, match="token 2 of iteration 1 overwrites token 0 of iteration 0"):
        run.channels[4].deliver(run.now, 2, tile)


def test_an_empty_slot_that_is_read_is_a_hazard(decoder: Any, decoder_data: Any) -> None:
    run = running(decoder(), 327, decoder_data[0])
    run.channels[4].tags[0] = EMPTY
    with pytest.raises(HazardError, match="token 0 of iteration 0 is due, its slot holds nothing"):
        run.run()
