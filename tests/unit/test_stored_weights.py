"""Parts of weights of fewer bits: random ones, and those of checkpoints."""

from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import save
from numpy.testing import assert_array_equal

from kl.backends.interpreter import weight_specs
from kl.backends.numerics_stored import dequantize
from kl.backends.safetensors import CheckpointError
from kl.backends.tensors import Array, TensorSpec, rounded
from kl.backends.weights import load_weights, random_weights
from kl.frontends import load_model

KINDS = {
    "f8e4m3": "f8e4m3 scale[32, 64]",
    "i8": "i8 scale[256, 1] zeros",
    "i4": "i4 scale[64, 1]: f16 zeros",
    "mxfp4": "f4e2m1 scale[32, 1]: f8e8m0",
    "nvfp4": "f4e2m1 scale[16, 1]: f8e4m3",
}


def parts(text: str, path: Path | None = None) -> dict[str, Array]:
    """The parts of the weight `w` that a text declares: random, or those of a checkpoint."""
    module = load_model(f"model m\n{text}\nstep(x[1, 8]) {{ return x }}\n", "m.kl")
    specs = weight_specs(module)
    return random_weights(specs, 0) if path is None else dict(load_weights(path, specs).arrays)


@pytest.mark.parametrize("kind", KINDS)
def test_random_parts_stand_for_numbers_like_other_random_weights(kind: str):
    given = parts(f"weight w[256, 200]: {KINDS[kind]}")
    format_, _, rest = KINDS[kind].partition(" scale[")
    block = tuple(int(number) for number in rest.partition("]")[0].split(","))
    attributes = {f"format_{format_}": 1, "block": block}
    wide = dequantize([*given.values()], attributes, TensorSpec((256, 200), "f64"))
    assert np.isfinite(wide).all()
    assert 0.5 / 16 < wide.std() < 2 / 16


DISK = rounded(np.arange(24.0).reshape(4, 6) - 12, "f8E4M3FN")
SCALES = np.array([[0.5, 2.0, 3.0], [1.0, 4.0, 5.0]], np.float32)


def test_codes_and_scales_are_turned_alike(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"w": DISK, "s": SCALES})
    found = parts('weight w[6, 4]: f8e4m3 scale[2, 2] from transposed "w" scales "s"', path)
    assert_array_equal(found["w"], DISK.T.view(np.int8))
    assert_array_equal(found["w.scale"], SCALES.T)


def test_a_part_of_a_tensor_has_its_own_scales(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"w": DISK, "s": SCALES})
    text = 'weight {}[6, 2]: f8e4m3 scale[2, 2] from transposed "w" scales "s" rows {}'
    found = parts("\n".join([text.format("w", "2..4"), text.format("v", "0..2")]), path)
    assert_array_equal(found["w"], DISK[2:].T.view(np.int8))
    assert_array_equal(found["w.scale"], SCALES[1:].T)


@pytest.mark.parametrize(
    ("block", "shape"), [("6, 1", (4,)), ("6, 1", (4, 1)), ("6, 4", ()), ("6, 4", (1,)), ("6, 4", (1, 1))]
)
def test_scales_may_leave_out_axes_of_one(tmp_path: Path, block: str, shape: tuple[int, ...]):
    scales = rounded(np.arange(1.0, 5.0)[: int(np.prod(shape))].reshape(shape), "bf16")
    path = save(tmp_path / "m.safetensors", {"w": DISK, "s": scales})
    found = parts(f'weight w[6, 4]: f8e4m3 scale[{block}] from transposed "w" scales "s"', path)["w.scale"]
    assert (found.dtype, found.shape) == (np.float32, (1, scales.size))
    assert_array_equal(found.ravel(), scales.ravel())


def test_whole_numbers_and_zero_points_are_read_as_they_are(tmp_path: Path):
    codes, zeros = DISK.view(np.int8), np.array([[1, -2, 3], [0, 5, -6]], np.int8)
    path = save(tmp_path / "m.safetensors", {"w": codes, "s": SCALES, "z": zeros})
    found = parts('weight w[4, 6]: i8 scale[2, 2] zeros from "w" scales "s" zeros "z"', path)
    assert_array_equal(found["w"], codes)
    assert_array_equal(found["w.zero"], zeros)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"w": DISK.astype(np.float32), "s": SCALES}, r"'w' of .* is F32; codes of f8e4m3 are F8_E4M3"),
        ({"w": DISK[:3], "s": SCALES}, r"has shape \(3, 6\); weight w takes \(4, 6\)"),
        ({"w": DISK, "s": SCALES[:1]}, r"has shape \(1, 3\); weight w.scale takes \(2, 3\)"),
        ({"w": DISK, "s": DISK.view(np.int8)}, r"is I8; scales of f8e4m3 are BF16, F16, F32"),
        ({"w": DISK}, "the checkpoint has no tensor 's' for weight w.scale"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, tensors: dict[str, Array], message: str):
    path = save(tmp_path / "m.safetensors", tensors)
    with pytest.raises(CheckpointError, match=message):
        parts('weight w[4, 6]: f8e4m3 scale[2, 2] from "w" scales "s"', path)


def test_codes_are_no_floats(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"w": DISK})
    with pytest.raises(CheckpointError, match="is F8_E4M3; weights are read from"):
        parts('weight w[4, 6] from "w"', path)
