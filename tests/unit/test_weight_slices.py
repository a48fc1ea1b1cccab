"""Slices of weights: the numbers of whole arrays, views of the file where they can be, and never written."""

from collections.abc import Iterator
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import save_aligned as save
from numpy.testing import assert_array_equal

from kl.backends.parts import Part
from kl.backends.safetensors import is_mapped, map_file, read_header
from kl.backends.tensors import Array, TensorSpec, dtypes, rounded
from kl.backends.weights import Weights, WeightSpec, load_weights, random_weights, seeded_weights
from kl.dialects.stored_formats import CODES, SCALES, ZEROS, StoredPart


def spec(
    name="w", shape: tuple[int, ...] = (4, 6), dtype="bf16", checkpoint: str | None = "t", **flags: Any
) -> WeightSpec:
    """A weight that takes the tensor `t` of a checkpoint."""
    return WeightSpec(name, TensorSpec(shape, dtype), checkpoint, **flags)


def tensor_of(shape: tuple[int, ...], dtype: str = "bf16", seed: int = 0) -> Array:
    """Random numbers of a type."""
    return rounded(np.random.default_rng(seed).standard_normal(shape, np.float32), dtype)


def bits(array: Array) -> bytes:
    """The elements in C order."""
    return np.ascontiguousarray(array).tobytes()


def check_slices(weights: Weights, specs: list[WeightSpec]) -> None:
    """Slices have a layer's shape, the numbers of the whole, lie as they should, and are read-only."""
    for one in specs:
        slices, whole = weights.slices[one.name], weights.arrays[one.name]
        assert one.tensor.fits(whole)
        assert whole.flags.c_contiguous
        layers = [whole[n, ...] for n in range(len(whole))] if one.stacked else [whole]
        for slice_, layer in zip(slices, layers, strict=True):
            assert (slice_.shape, slice_.dtype) == (one.layer_shape, one.tensor.numpy_dtype)
            assert bits(slice_) == bits(layer)
            swapped = (
                slice_.swapaxes(-1, -2)
                if one.transposed and one.values is None and one.tensor_shape
                else slice_
            )
            assert swapped.flags.c_contiguous
            with pytest.raises(ValueError, match="read-only"):
                slice_[...] = 0


# Random weights.


def drawn_at_once(one: WeightSpec, seed: int) -> Array:
    """A random weight by its definition: all of it drawn in one call."""
    rng = np.random.default_rng([seed, *one.name.encode()])
    numbers = rng.standard_normal(one.tensor.shape, np.float32)
    shape = one.layer_shape
    return rounded(numbers / sqrt(shape[-2]) if len(shape) > 1 else 1 + numbers / 8, one.tensor.dtype)


SHAPES = [
    spec(shape=(1000, 1201)),
    spec(shape=(3, 700, 601), stacked=True, checkpoint="l.{layer}.t"),
    spec(shape=(3, 700, 601), stacked=True, checkpoint="l.{layer}.t", transposed=True),
    spec(shape=(2, 3, 11, 7), stacked=True, checkpoint="l.{layer}.{expert}.t", transposed=True),
    spec(shape=(5, 33), stacked=True, dtype="f32", checkpoint="l.{layer}.t"),
    spec(shape=(5,), stacked=True, dtype="f16", checkpoint="l.{layer}.t"),
    spec(shape=(77,)),
    spec(shape=()),
]


@pytest.mark.parametrize("one", SHAPES, ids=str)
def test_random_numbers_are_those_of_one_drawing(one: WeightSpec):
    wanted = drawn_at_once(one, 5)
    assert bits(random_weights([one], 5)["w"]) == bits(wanted)
    weights = seeded_weights([one], 5)
    assert bits(weights.arrays["w"]) == bits(wanted)
    check_slices(weights, [one])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("format_", ["f8e4m3", "i8", "i4"])
def test_random_parts_of_stored_weights_are_layers_of_their_stack(format_: str, transposed: bool):
    half = 2 if format_ == "i4" else 1
    shapes = {CODES: (64 // half, 48), SCALES: (2, 48), ZEROS: (2, 48)}
    types = {CODES: "i8", SCALES: "f32", ZEROS: "i8"}
    specs = [
        spec(part, (3, *shape), types[part], "l.{layer}", stacked=True, transposed=transposed, stored=stored)
        for part, shape in shapes.items()
        for stored in [StoredPart(part, format_, (64, 48), (32, 1))]
    ]
    weights, whole = seeded_weights(specs, 1), random_weights(specs, 1)
    check_slices(weights, specs)
    for one in specs:
        assert bits(weights.arrays[one.name]) == bits(whole[one.name])
    zeros = np.random.default_rng([1, *ZEROS.encode()]).integers(-1, 2, (3, 2, 48), np.int8)
    assert_array_equal(whole[ZEROS], zeros)


# Checkpoints.


def cases() -> Iterator[tuple[str, WeightSpec, tuple[int, ...], bool]]:
    """Name, weight, shape of its tensors, and whether it can be a view."""
    stack: dict[str, Any] = {"stacked": True, "checkpoint": "l.{layer}.t"}
    yield "plain", spec(), (4, 6), True
    yield "scalar", spec(shape=()), (), True
    yield "vector", spec(shape=(5,)), (5,), True
    yield "transposed", spec(transposed=True), (6, 4), True
    yield "stack", spec(shape=(3, 4, 6), **stack), (4, 6), True
    yield "transposed stack", spec(shape=(3, 4, 6), transposed=True, **stack), (6, 4), True
    yield "layers", spec(shape=(2, 4, 6), layers=(0, 2), **stack), (4, 6), True
    yield "rows", spec(rows=Part(2, 6)), (9, 6), True
    yield "rows of a vector", spec(shape=(4,), rows=Part(2, 6)), (9,), True
    yield "transposed rows", spec(transposed=True, rows=Part(1, 7)), (9, 4), True
    yield "rows of each", spec(rows=Part(1, 3, 4)), (8, 6), False
    yield "columns", spec(columns=Part(2, 8)), (4, 9), False
    yield "transposed columns", spec(transposed=True, columns=Part(1, 5)), (6, 9), False
    yield "rows of experts in one", spec(shape=(2, 4, 6), rows=Part(1, 5)), (2, 9, 6), False
    yield "experts in one", spec(shape=(2, 4, 6), transposed=True), (2, 6, 4), True
    yield "converted", spec(dtype="f32"), (4, 6), False
    yield "converted transposed", spec(dtype="f32", transposed=True), (6, 4), False
    experts = "l.{layer}.{expert}.t"
    yield "experts", spec(shape=(2, 3, 4, 6), stacked=True, checkpoint=experts), (4, 6), True
    yield "experts transposed", spec(shape=(3, 4, 6), transposed=True, checkpoint="{expert}.t"), (6, 4), True
    yield (
        "columns of experts",
        spec(shape=(3, 4, 6), checkpoint="{expert}.t", columns=Part(0, 6)),
        (4, 7),
        False,
    )


def wanted_of(one: WeightSpec, tensors: dict[str, Array]) -> Array:
    """The whole weight by its definition."""
    parts: list[Array] = []
    for name in one.tensor_names:
        array = tensors[name]
        for part, axis in ((one.rows, max(array.ndim - 2, 0)), (one.columns, array.ndim - 1)):
            if part is not None:
                array = np.compress(part.mask(array.shape[axis]), array, axis)
        parts.append(array.swapaxes(-1, -2) if one.transposed else array)
    return rounded(np.stack(parts).reshape(one.tensor.shape), one.tensor.dtype)


CASES = [pytest.param(one, shape, view, id=name) for name, one, shape, view in cases()]


@pytest.mark.parametrize(("one", "shape", "view"), CASES)
def test_slices_of_a_checkpoint_are_views_where_they_can_be(
    tmp_path: Path, one: WeightSpec, shape: tuple[int, ...], view: bool
):
    tensors = {name: tensor_of(shape, seed=n) for n, name in enumerate(one.tensor_names)}
    path = save(tmp_path / "m.safetensors", {**tensors, "more": np.zeros(4, np.float32)})
    weights = load_weights(path, [one], ["*"])
    check_slices(weights, [one])
    assert bits(weights.arrays["w"]) == bits(wanted_of(one, tensors))
    assert [is_mapped(slice_) for slice_ in weights.slices["w"]] == [view] * len(weights.slices["w"])


def test_a_file_is_mapped_once(tmp_path: Path):
    stack = spec(shape=(3, 4, 6), stacked=True, transposed=True, checkpoint="l.{layer}.t")
    path = save(tmp_path / "m.safetensors", {f"l.{n}.t": tensor_of((6, 4), seed=n) for n in range(3)})
    slices = load_weights(path, [stack]).slices["w"]
    owners = {id(owner_of(slice_)) for slice_ in slices}
    assert len(owners) == 1
    places = [slice_.__array_interface__["data"][0] for slice_ in slices]
    firsts = [read_header(path)[f"l.{n}.t"].first for n in range(3)]
    assert [place - places[0] for place in places] == [first - firsts[0] for first in firsts]


def owner_of(array: Array) -> object:
    """What holds the memory of an array."""
    owner: object = array
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    return owner


def test_experts_that_lie_apart_are_read(tmp_path: Path):
    tensors = {f"{n}.{which}": tensor_of((4, 6), seed=n) for n in range(3) for which in ("a", "t")}
    one = spec(shape=(3, 4, 6), checkpoint="{expert}.t")
    weights = load_weights(save(tmp_path / "m.safetensors", tensors), [one], ["*.a"])
    check_slices(weights, [one])
    assert not is_mapped(weights.slices["w"][0])
    assert_array_equal(weights.arrays["w"], np.stack([tensors[f"{n}.t"] for n in range(3)]))


def test_numbers_between_the_bytes_of_a_word_are_read(tmp_path: Path):
    """A tensor may begin at any byte: what is no place for its type is copied."""
    tensors = {"c": np.zeros(3, np.int8), "t": tensor_of((4, 6))}
    path = save(tmp_path / "m.safetensors", tensors)
    assert read_header(path)["t"].first % 2, "the case that is meant"
    (slice_,) = load_weights(path, [spec()], ["c"]).slices["w"]
    assert slice_.flags.aligned
    assert not is_mapped(slice_)
    assert bits(slice_) == bits(tensors["t"])


def test_constants_have_their_layers():
    values = tuple(float(n) for n in range(6))
    specs = [
        spec("a", (2, 3), checkpoint=None, values=values, stacked=True),
        spec("b", (2, 3), checkpoint=None, values=values),
        spec("c", (6,), checkpoint=None, values=values, stacked=True),
    ]
    weights = seeded_weights(specs, 0)
    check_slices(weights, specs)
    assert all(weights.arrays[one.name].reshape(-1).tolist() == [*values] for one in specs)


def test_a_whole_array_is_made_only_where_there_is_none(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": tensor_of((4, 6)), "u": tensor_of((4, 6))})
    weights = load_weights(path, [spec(), spec("v", (6, 4), checkpoint="u", transposed=True)])
    assert np.shares_memory(weights.arrays["w"], weights.slices["w"][0])
    assert not np.shares_memory(weights.arrays["v"], weights.slices["v"][0])
    assert (len(weights.arrays), [*weights.arrays]) == (2, ["w", "v"])
    with pytest.raises(KeyError):
        weights.arrays["x"]


def test_a_mapping_is_no_copy(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": tensor_of((4, 6))})
    tensor, file = read_header(path)["t"], map_file(path)
    assert np.shares_memory(tensor.read(file), file)
    assert bits(tensor.read(file)) == bits(tensor.read())
    assert not is_mapped(np.zeros(3))
    assert not is_mapped(tensor.read() + tensor.read())
    assert prod(tensor.shape) * dtypes()["bf16"].itemsize == tensor.size_bytes
