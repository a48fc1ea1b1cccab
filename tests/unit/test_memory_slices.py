"""Weights that stay where the caller has them: reads are those of flat memory, whatever the strides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kl.backends.sn40l.address import Layout, packed
from kl.backends.sn40l.errors import ExecutionError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.memory import ByteStore, Data, Spans
from kl.backends.sn40l.program import Region
from kl.backends.sn40l.weight_slices import SliceStore, weight_slices
from kl.backends.tensors import Array, TensorSpec
from kl.backends.weights import WholeArrays

FIRST = 16
"""The address of the slices in these tests; flat memory goes on on both sides."""


def numbered(shape: tuple[int, ...], kind: str) -> Array:
    """An array all of whose bytes differ from their neighbours."""
    count = int(np.prod(shape)) * np.dtype(kind).itemsize
    return (np.arange(count) * 37 % 251).astype(np.uint8).view(kind).reshape(shape)


def stored(shape: tuple[int, ...], kind: str, form: str) -> Array:
    """An array of a shape in one of the forms that weights have."""
    if form == "transposed":
        return numbered((*shape[:-2], *shape[:-3:-1]), kind).swapaxes(-1, -2)
    if form == "columns":
        return numbered((*shape[:-1], shape[-1] + 3), kind)[..., 2:-1]
    return numbered(shape, kind)


@st.composite
def placed(draw: st.DrawFn) -> list[Array]:
    """One to three slices of one shape and form, one behind the other in memory."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=3)))
    kind, form = (
        draw(st.sampled_from(["u1", "u2", "f4"])),
        draw(st.sampled_from(["packed", "transposed", "columns"])),
    )
    slices = [stored(shape, kind, form) for _ in range(draw(st.integers(1, 3)))]
    for number, one in enumerate(slices):
        one += np.dtype(kind).type(number)
    return slices


tiles = st.lists(st.tuples(st.integers(1, 4), st.integers(-9, 24)), max_size=3)


def flat_memory(slices: list[Array], spans: Spans) -> tuple[ByteStore, ByteStore]:
    """A store with the slices between two spans, and one of bytes alone that holds the same."""
    mixed = ByteStore(spans, {FIRST: tuple(slices)})
    flat = ByteStore(Spans([(0, spans.ends[-1])]))
    for store in (mixed, flat):
        for view in store.views(0, packed((FIRST,), 1)):
            view[...] = np.arange(FIRST)
    content = np.concatenate([np.frombuffer(one.tobytes(), np.uint8) for one in slices])
    for view in flat.views(FIRST, packed((len(content),), 1)):
        view[...] = content
    return mixed, flat


@example([stored((2, 3), "u1", "transposed")], [(2, -1)], FIRST + 3, 1)
@given(placed(), tiles, st.integers(0, 80), st.sampled_from([1, 2, 4]))
def test_tiles_of_slices_are_those_of_flat_memory(
    slices: list[Array], dims: list[tuple[int, int]], address: int, size: int
) -> None:
    end = FIRST + sum(one.nbytes for one in slices)
    layout = Layout(tuple(n for n, _ in dims), tuple(stride for _, stride in dims), size)
    assume(address + layout.low >= 0 and address + layout.high <= end + 50)
    mixed, flat = flat_memory(slices, Spans([(0, FIRST), (end, end + 50)]))
    found = [view.tobytes() for view in mixed.views(address, layout)]
    wanted = [view.tobytes() for view in flat.views(address, layout)]
    assert b"".join(found) == b"".join(wanted)


@pytest.mark.parametrize("form", ["packed", "transposed", "columns"])
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7)])
def test_tiles_inside_a_slice_are_views(form: str, shape: tuple[int, ...]) -> None:
    """Rows, columns and blocks of a slice, as the tiles of streams are, need no copy."""
    slices = tuple(stored(shape, "u2", form) for _ in range(2))
    store = SliceStore([(FIRST, slices)])
    for layer, one in enumerate(slices):
        blocks = [one, one[..., 1:4, :], one[..., 2:], one[..., 1:4, 2:6]]
        flat = np.arange(one.size).reshape(shape) * 2
        for block, places in zip(
            blocks, [flat, flat[..., 1:4, :], flat[..., 2:], flat[..., 1:4, 2:6]], strict=True
        ):
            layout = Layout(block.shape, packed(shape, 2).strides, 2)
            found = store.view(FIRST + layer * one.nbytes + int(places.flat[0]), layout)
            assert found is not None
            assert found.tobytes() == block.tobytes()
            assert np.shares_memory(found, one)
            assert not found.flags.writeable


@pytest.mark.parametrize("given_as", ["array", "layers", "transposed layers"])
def test_weights_of_a_program_are_not_copied(decoder: Any, decoder_data: Any, given_as: str) -> None:
    program, (weights, inputs) = decoder(), decoder_data
    wanted = Executor(program, weights).step(inputs).outputs
    whole = weights["w"]
    layers = tuple(whole)
    if given_as == "transposed layers":
        layers = tuple(np.ascontiguousarray(one.T).T for one in whole)
    in_layers = WholeArrays({name: (one,) for name, one in weights.items()} | {"w": layers}, frozenset({"w"}))
    executor = Executor(program, weights if given_as == "array" else in_layers)
    region = next(region for region in program.regions if region.name == "w")
    tile = executor._sockets[0].read(
        region.address, packed(whole.shape[1:], 4), TensorSpec(whole.shape[1:], "f32")
    )
    assert np.shares_memory(tile, whole if given_as == "array" else layers[0])
    assert np.array_equal(executor.read("w"), whole)
    found = executor.step(inputs).outputs
    assert {name: value.tobytes() for name, value in found.items()} == {
        name: value.tobytes() for name, value in wanted.items()
    }


def test_bytes_behind_a_weight_are_zeros(network: Any) -> None:
    net = network()
    net.memory("w", "weight", 4)
    program = net.program()
    region = replace(program.regions[0], size_bytes=program.regions[0].size_bytes + 8)
    data = Data(replace(program, regions=(region,)), {"w": (np.ones(4, np.float32),)})
    tile = data.read(region.address, packed((6,), 4), TensorSpec((6,), "f32"))
    assert tile.tolist() == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("axis", "shape", "rest"),
    [
        (None, (4, 6, 8), {}),
        (0, (2, 6, 8), {}),
        (1, (4, 3, 8), {}),
        (2, (4, 6, 4), {}),
        (1, (4, 4, 8), {"shard_runs": (3, 1, 3, 1)}),
        (1, (4, 6, 8), {"shard_repeats": 2}),
    ],
)
def test_sockets_have_the_same_parts_of_layers_as_of_the_whole(
    axis: int | None, shape: tuple[int, ...], rest: dict[str, Any]
) -> None:
    tensor = TensorSpec(shape, "f32")
    split = {"shard_axis": axis, "shard_parts": 1 if axis is None else 2, **rest}
    region = Region("w", "weight", "hbm", 0, tensor.size_bytes, tensor, stacked=True, **split)
    whole = np.arange(4 * 6 * 8, dtype=np.float32).reshape(4, 6, 8)
    layers = tuple(np.ascontiguousarray(layer.T).T for layer in whole)
    of_whole, of_layers = (weight_slices(region, {"w": one}, 4) for one in (whole, layers))
    for (wanted,), slices in zip(of_whole, of_layers, strict=True):
        assert wanted.shape == shape
        assert np.array_equal(np.concatenate(slices).reshape(shape), wanted)
        if axis != 0 and not rest:
            assert all(np.shares_memory(one, layer) for one, layer in zip(slices, layers, strict=True))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((np.zeros((6, 8), np.float32),) * 3, "a tensor<4x6x8xf32>, 3 layers are given"),
        ((np.zeros((6, 8), np.float16),) * 4, r"a tensor<6x8xf32>, the value given is float16\[6, 8\]"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers: tuple[Array, ...], message: str) -> None:
    tensor = TensorSpec((4, 6, 8), "f32")
    region = Region("w", "weight", "hbm", 0, tensor.size_bytes, tensor, stacked=True)
    with pytest.raises(ExecutionError, match=message):
        weight_slices(region, {"w": layers}, 1)
