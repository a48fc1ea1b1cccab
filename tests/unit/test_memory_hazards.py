"""Accesses of memory that cannot be right, or that come in the wrong order, are reported as hazards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kl.backends.sn40l.errors import HazardError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.units import InputPort, OutputPort
from kl.backends.tensors import TensorSpec

TILE = TensorSpec((1, 8), "f32")


def test_a_store_that_overtakes_a_load_is_a_hazard(network: Any) -> None:
    # Program order: a load of two tiles, then a store over the second one. The slot of the first tile is free
    # after 1000 cycles, so the second one is read when the store has long landed.
    net = network()
    old, new = net.memory("old", "state", 1, 16), net.memory("new", "input", 1, 8)
    two = net.memory("two", "value", 1, 16)
    slow, quick, copied = net.channel(1, 8, depth=1), net.channel(1, 8), net.channel(1, 8)
    net.load("load old", old, slow)
    net.load("load new", new, quick)
    after = net.pattern(new, net.channels[quick].tile)
    net.store("overwrite", quick, old, pattern=replace(after, parameter=old, start=32))
    net.stage("copy", 2, [InputPort(slow, TILE)], [OutputPort(copied, 0)], [], ii=1000)
    net.store("store", copied, two)
    with pytest.raises(HazardError) as caught:
        time_step(net.program(), {})
    assert "store 'overwrite' of iteration 0 writes address 32 (byte 32 of 'old')" in str(caught.value)
    assert "before load 'load old' of iteration 0 reads address 32" in str(caught.value)


def test_a_read_before_any_write_is_a_hazard(network: Any) -> None:
    net = network()
    middle, y = net.memory("middle", "value", 1, 8), net.memory("y", "value", 1, 8, output=True)
    channel = net.channel(1, 8)
    net.load("load middle", middle, channel)
    net.store("store", channel, y)
    with pytest.raises(HazardError) as caught:
        time_step(net.program(), {})
    assert "load 'load middle' reads address 0 (byte 0 of 'middle') in iteration 0" in str(caught.value)
    assert "nothing has written it in this step" in str(caught.value)


def test_a_value_of_the_last_step_is_not_one_of_this_step(network: Any) -> None:
    # The first half is written and read; the second half is never written.
    net = network()
    x, y = net.memory("x", "input", 1, 8), net.memory("y", "value", 1, 16, output=True)
    channel = net.channel(1, 8)
    net.load("load", x, channel)
    net.store("store", channel, y, pattern=replace(net.pattern(x, net.channels[channel].tile), parameter=y))
    executor = Executor(net.program(), {})
    for _ in range(2):
        with pytest.raises(HazardError, match="the host reads address 96 \\(byte 32 of 'y'\\)"):
            executor.step({"x": np.ones((1, 8), np.float32)})


def test_a_value_that_takes_over_an_address_begins_unwritten(network: Any) -> None:
    # y lies where x's copy was and lives from the second call on, which does not write it.
    net = network()
    x, first = net.memory("x", "input", 1, 8), net.memory("first", "value", 1, 8)
    channel = net.channel(1, 8)
    net.load("load", x, channel)
    net.store("store", channel, first)
    program = net.program()
    old = replace(program.regions[1], live=(1, 2))
    new = replace(old, name="second", live=(3, 9))
    commands = (*program.commands, program.commands[0])
    program = replace(program, regions=(program.regions[0], old, new), commands=commands, outputs=("second",))
    with pytest.raises(HazardError, match=r"of 'second'\); nothing has written it in this step"):
        time_step(program, {})


def test_an_index_outside_the_table_is_a_hazard(network: Any) -> None:
    net = network()
    ids = net.memory("ids", "input", 1, dtype="i32")
    table, rows = net.memory("table", "weight", 4, 16), net.memory("rows", "value", 1, 16, output=True)
    wanted, found = net.channel(1, dtype="i32"), net.channel(1, 16)
    net.load("load ids", ids, wanted)
    net.gather("gather", wanted, table, found)
    net.store("store", found, rows)
    executor = Executor(net.program(), {"table": np.zeros((4, 16), np.float32)})
    with pytest.raises(HazardError, match="gather 'gather' reads row 100; its table has rows 0 to 3"):
        executor.step({"ids": np.array([100], np.int32)})
