"""Random weights and checkpoints: what they give, and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from kl.backends.tensors import DTYPES, TensorSpec, rounded
from kl.backends.weights import WeightError, WeightSpec, load_safetensors, random_weights

CODES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "int64": "I64"}


def save(path: Path, tensors: dict[str, NDArray]) -> Path:
    """Write a safetensors file, with metadata as real ones have it."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in tensors.items():
        offsets = [len(data), len(data) + array.nbytes]
        entry = {"dtype": CODES[str(array.dtype)], "shape": array.shape, "data_offsets": offsets}
        header[name], data = entry, data + array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def spec(name="w", shape=(2, 3), dtype="f32", checkpoint="t", **flags) -> WeightSpec:
    """A weight that takes the tensor `t` of a checkpoint."""
    return WeightSpec(name, TensorSpec(shape, dtype), checkpoint, **flags)


MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


# Random weights.


def test_random_weights_depend_on_name_and_seed_alone():
    a, b = spec("a", (4, 5), "bf16"), spec("b", (4, 5), "bf16")
    weights, again = random_weights([a, b], 1), random_weights([b, a], 1)
    assert_array_equal(weights["a"], again["a"])
    assert_array_equal(weights["b"], again["b"])
    assert not np.array_equal(weights["a"], weights["b"])
    assert not np.array_equal(weights["a"], random_weights([a], 2)["a"])


def test_more_layers_leave_the_first_as_they_are():
    few = random_weights([spec(shape=(2, 4, 5), stacked=True)], 0)["w"]
    many = random_weights([spec(shape=(7, 4, 5), stacked=True)], 0)["w"]
    assert_array_equal(few, many[:2])


def test_random_weights_keep_activations_near_one():
    matrix = random_weights([spec(shape=(400, 50))], 0)["w"]
    norms = random_weights([spec(shape=(8, 400), stacked=True)], 0)["w"]
    assert matrix.std() == pytest.approx(1 / 20, rel=0.05)
    assert norms.mean() == pytest.approx(1, rel=0.05)
    assert (norms > 0).all()


def test_random_weights_have_their_type():
    weight = random_weights([spec(dtype="bf16")], 0)["w"]
    assert TensorSpec((2, 3), "bf16").fits(weight)


# Checkpoints.


@pytest.mark.parametrize("held", ["bf16", "f16", "f32"])
@pytest.mark.parametrize("wanted", ["bf16", "f16", "f32"])
def test_floats_are_converted(tmp_path: Path, held: str, wanted: str):
    tensor = rounded(MATRIX / 7, held)
    path = save(tmp_path / "m.safetensors", {"other": MATRIX, "t": tensor})
    weight = load_safetensors(path, [spec(dtype=wanted)])["w"]
    assert weight.tobytes() == rounded(tensor, wanted).tobytes()
    assert TensorSpec((2, 3), wanted).fits(weight)


def test_a_transposed_weight_is_turned(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": MATRIX})
    weight = load_safetensors(path, [spec(shape=(3, 2), transposed=True)])["w"]
    assert_array_equal(weight, MATRIX.T)
    assert weight.flags.c_contiguous


def test_a_stack_is_read_layer_by_layer(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {f"l.{i}.t": MATRIX + i for i in range(12)})
    stack = spec(shape=(12, 3, 2), checkpoint="l.{layer}.t", transposed=True, stacked=True)
    weight = load_safetensors(path, [stack])["w"]
    assert_array_equal(weight, np.stack([MATRIX.T + i for i in range(12)]))


def test_a_folder_holds_several_files(tmp_path: Path):
    save(tmp_path / "model-1.safetensors", {"t": MATRIX})
    save(tmp_path / "model-2.safetensors", {"u": MATRIX + 1})
    weights = load_safetensors(tmp_path, [spec(), spec("v", checkpoint="u")])
    assert_array_equal(weights["v"], MATRIX + 1)
    assert_array_equal(weights["w"], MATRIX)


def test_a_constant_is_neither_random_nor_read(tmp_path: Path):
    constant = spec("c", (3,), "bf16", None, values=(1.0, 0.1, 1.00390625000001))
    wanted = np.array([1.0, 0.1, 1.0078125]).astype(DTYPES["bf16"])
    save(tmp_path / "m.safetensors", {"t": np.zeros((2, 3), np.float32)})
    for given in (random_weights([constant], 3), load_safetensors(tmp_path, [spec(), constant])):
        assert given["c"].dtype == wanted.dtype
        np.testing.assert_array_equal(given["c"], wanted)


def test_layers_have_the_numbers_that_they_are_given(tmp_path: Path):
    tensors = {f"l.{n}": np.full((2,), n, np.float32) for n in range(6)}
    save(tmp_path / "m.safetensors", tensors)
    stack = spec(shape=(3, 2), checkpoint="l.{layer}", stacked=True, layers=(5, 1, 3))
    assert load_safetensors(tmp_path, [stack])["w"].tolist() == [[5, 5], [1, 1], [3, 3]]


def refused(path: Path, wanted: WeightSpec, message: str) -> None:
    """Loading fails with a message that matches."""
    with pytest.raises(WeightError, match=message):
        load_safetensors(path, [wanted])


def test_what_does_not_fit_the_model_is_refused(tmp_path: Path):
    ints = np.zeros((2, 3), np.int64)
    path = save(tmp_path / "m.safetensors", {"layers.0.t": MATRIX, "n": ints})
    refused(path, spec(checkpoint=None), "weight w has no name in a checkpoint; give it one")
    refused(
        path,
        spec(checkpoint="layer.0.t"),
        "has no tensor 'layer.0.t' for weight w; it has 'layers.0.t'",
    )
    refused(path, spec(checkpoint="zzz"), "has no tensor 'zzz' for weight w$")
    refused(
        path,
        spec(shape=(3, 2), checkpoint="layers.0.t"),
        r"has shape \(2, 3\), weight w takes \(3, 2\)",
    )
    refused(
        path,
        spec(checkpoint="layers.0.t", transposed=True),
        r"has shape \(2, 3\), weight w takes \(3, 2\)",
    )
    refused(path, spec(checkpoint="n"), "tensor 'n' of .* is I64, not of floats")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no safetensors file or cut short: its header takes 0 bytes, the file has 0"),
        (b"#!/bin/sh\nexit 0\n", "no safetensors file or cut short"),
        (b"\x02\0\0\0\0\0\0\0[]", "no safetensors file: its header is malformed"),
        (b"\x02\0\0\0\0\0\0\0{]", "no safetensors file: its header is malformed"),
        (b'\x0a\0\0\0\0\0\0\0{"t": {} }', "no safetensors file: its header is malformed"),
        (b"\x03\0\0\0\0\0\0\0\xff\xff\xff", "no safetensors file: its header is malformed"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    refused(path, spec(), message)


def test_a_file_cut_short_is_refused(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": MATRIX})
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refused(path, spec(), f"tensor 't' ends at byte {len(whole)}, the file has {len(whole) - 1}")


def test_a_size_that_is_not_the_shapes_is_refused(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": MATRIX})
    path.write_bytes(path.read_bytes().replace(b"[2, 3]", b"[2, 4]"))
    refused(path, spec(), "takes 24 bytes, its shape and type 32")


def test_a_folder_without_files_is_refused(tmp_path: Path):
    refused(tmp_path, spec(), "is a folder without .safetensors files")


def test_a_missing_file_is_an_operating_system_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        load_safetensors(tmp_path / "m.safetensors", [spec()])
