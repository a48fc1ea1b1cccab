"""Collectives and split weights that are inconsistent are refused with the place and both numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.kernel import Channel
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.tensors import TensorSpec


def program(net: Any) -> Program:
    """On four sockets: put the two parts of a weight together, add up what the sockets have."""
    w, y = net.memory("w", "weight", 1, 8, split=(1, 2)), net.memory("y", "value", 1, 16, output=True)
    part, whole, total = net.channel(1, 8), net.channel(1, 16), net.channel(1, 16)
    net.load("load", w, part)
    net.collective("gather", "all_gather", part, whole, axis=1)
    net.collective("sum", "all_reduce", whole, total)
    net.store("store", total, y)
    return net.program()


def edit(name: str, **fields: object) -> Callable[[Program], Program]:
    """Change fields of a unit."""

    def change(old: Program) -> Program:
        (kernel,) = old.kernels
        units = tuple(replace(u, **fields) if u.name == name else u for u in kernel.units)
        return replace(old, kernels=(replace(kernel, units=units),))

    return change


def edit_channel(index: int, tile: TensorSpec | None) -> Callable[[Program], Program]:
    """Change the tile of a channel."""

    def change(old: Program) -> Program:
        (kernel,) = old.kernels
        channels = [*kernel.channels]
        channels[index] = replace(channels[index], tile=tile)
        return replace(old, kernels=(replace(kernel, channels=tuple(channels)),))

    return change


def edit_region(name: str, **fields: object) -> Callable[[Program], Program]:
    """Change fields of a region."""
    return lambda old: replace(
        old, regions=tuple(replace(r, **fields) if r.name == name else r for r in old.regions)
    )


def sockets(count: int) -> Callable[[Program], Program]:
    """Change the number of sockets."""
    return lambda old: replace(old, machine=replace(old.machine, sockets=count))


def bare_source(old: Program) -> Program:
    """Let the sum read a channel of bare tokens."""
    (kernel,) = old.kernels
    kernel = replace(kernel, channels=(*kernel.channels, Channel("tokens", None, 1)))
    return edit("sum", source=3)(replace(old, kernels=(kernel,)))


WRONG: list[tuple[Callable[[Program], Program], str]] = [
    (
        edit("sum", operation="all_to_all"),
        "kernel 'kernel': collective 'sum': operation 'all_to_all'; known: all_reduce, all_gather",
    ),
    (edit("sum", algorithm="star"), "collective 'sum': algorithm 'star'; known: one_shot, ring, tree"),
    (edit("sum", tiles=0), "collective 'sum': it has 0 steps; it takes one at least"),
    (edit("sum", channels=()), "collective 'sum': it feeds no channel"),
    (edit("sum", source=9), "collective 'sum': channel 9 of a kernel with 3 channels"),
    (bare_source, "collective 'sum': its source holds bare tokens"),
    (edit_channel(1, None), "collective 'gather': channel 'c1' holds None, no parts of tensor<1x8xf32>"),
    (
        edit_channel(2, TensorSpec((1, 17), "f32")),
        "collective 'sum': it makes a tensor<1x16xf32>, channel 'c2' holds tensor<1x17xf32>",
    ),
    (edit("gather", axis=None), "collective 'gather': axis None of a tensor<1x8xf32>"),
    (edit("gather", axis=2), "collective 'gather': axis 2 of a tensor<1x8xf32>"),
    (
        edit_channel(1, TensorSpec((1, 24), "f32")),
        "collective 'gather': it puts 3 parts together; 4 sockets cannot share them evenly",
    ),
    (
        edit_channel(1, TensorSpec((1, 4), "f32")),
        "collective 'gather': channel 'c1' holds tensor<1x4xf32>, no parts of tensor<1x8xf32>",
    ),
    (
        edit_channel(1, TensorSpec((1, 17), "f32")),
        "collective 'gather': it makes a tensor<1x16xf32>, channel 'c1' holds tensor<1x17xf32>",
    ),
    (sockets(3), "region 'w': split in 2 parts; 3 sockets cannot share them evenly"),
    (sockets(1), "region 'w': split in 2 parts; 1 socket cannot share them evenly"),
    (edit_region("w", shard_parts=0), "region 'w': split in 0 parts; 4 sockets cannot"),
    (edit_region("w", shard_runs=(17, -1)), "region 'w': shard_runs [17, -1], which are numbers from 0"),
    (edit_region("w", shard_runs=(12, 3)), "region 'w': shard_runs make 15 elements, the parts 16"),
    (edit_region("w", shard_axis=2), "region 'w': split along axis 2 of a tensor<1x8xf32>"),
    (edit_region("y", shard_axis=0), "region 'y': a value is split over the sockets, not a weight"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_an_inconsistent_program_is_refused(
    network: Any, change: Callable[[Program], Program], message: str
) -> None:
    good = program(network(sockets=4))
    check_program(good)
    wrong = change(good)
    with pytest.raises(ProgramError) as caught:
        check_program(wrong)
    assert message in str(caught.value)
    with pytest.raises(ProgramError):
        time_step(wrong, {})


def test_the_unit_at_fault_has_a_place(network: Any) -> None:
    with pytest.raises(ProgramError) as caught:
        check_program(edit("sum", algorithm="star")(program(network(sockets=4))))
    assert caught.value.location == "model.kl:3:1"


def test_as_many_tiles_go_into_a_collective_as_come_out(network: Any) -> None:
    with pytest.raises(ProgramError, match="'gather' puts 1 tiles a call into channel 'c1', 'sum' takes 2"):
        check_program(edit("sum", tiles=2)(program(network(sockets=4))))


def test_collectives_and_whole_weights_are_fine_on_one_socket(network: Any) -> None:
    net = network()
    w, y = net.memory("w", "weight", 1, 8, split=(1, 1)), net.memory("y", "value", 1, 8, output=True)
    part, whole = net.channel(1, 8), net.channel(1, 8)
    net.load("load", w, part)
    net.collective("gather", "all_gather", part, whole, axis=1)
    net.store("store", whole, y)
    check_program(net.program())
