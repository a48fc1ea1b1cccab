"""Weights that a checkpoint packs into several tensors: whole ones, columns of them, and what is refused."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from random import Random

import ml_dtypes
import numpy as np
import pytest
import stored_packing as packing
from checkpoint_files import save
from numpy.testing import assert_array_equal
from quantized import GPTQ as GPTQ_CONFIG
from quantized import quantized, wide_headers

from kl.backends.numerics_stored import dequantize
from kl.backends.parts import Part
from kl.backends.safetensors import CheckpointError
from kl.backends.specs import weight_specs
from kl.backends.stored_layouts import unpacked
from kl.backends.tensors import Array, TensorSpec
from kl.backends.weights import WeightSpec, load_weights
from kl.dialects.stored_formats import (
    CODES,
    LAYOUTS,
    SCALES,
    SUFFIXES,
    TENSOR_SCALE,
    ZEROS,
    StoredPart,
    codes_shape,
    scales_shape,
)
from kl.dialects.stored_layouts import LAYOUTS as KNOWN
from kl.dialects.stored_layouts import StoredMatrix
from kl.tools.inputs import ModuleInput, read_input
from kl.tools.kl import main
from kl.tools.universe import make_context

GPTQ = StoredMatrix((32, 24), "i4", (16, 1))
TYPES = {CODES: "i8", SCALES: "f16", ZEROS: "i8"}


def gptq(seed: int = 0, zero: int | None = None) -> dict[str, Array]:
    """A matrix of 32 inputs and 24 outputs."""
    rng = Random(seed)
    codes = [[rng.randint(0, 15) for _ in range(24)] for _ in range(32)]
    zeros = [[rng.randint(1, 15) if zero is None else zero for _ in range(24)] for _ in range(2)]
    scales = np.array([[rng.random() for _ in range(24)] for _ in range(2)], np.float16)
    return packing.gptq(codes, zeros, scales, 4, 1)


def specs(
    name: str = "w", outputs: int = 24, columns: Part | None = None, *, zeros: bool = True, **more: bool | int
) -> list[WeightSpec]:
    """The parts of a weight `[layers, 32, outputs]`, or of one."""
    shape, block = (32, outputs), (16, 1)
    shapes = {
        part: codes_shape(shape, "i4") if part == CODES else scales_shape(shape, block) for part in TYPES
    }
    layers = more.get("layers")
    leading, prefix = ((), "m") if layers is None else ((int(layers),), "l.{layer}.m")
    return [
        WeightSpec(
            f"{name}{SUFFIXES[part]}",
            TensorSpec((*leading, *own), TYPES[part]),
            prefix,
            stacked=layers is not None,
            columns=columns,
            stored=StoredPart(part, "i4", shape, block, "gptq"),
        )
        for part, own in shapes.items()
        if zeros or part != ZEROS
    ]


def named(tensors: dict[str, Array], prefix: str = "m") -> dict[str, Array]:
    """Tensors of a prefix."""
    return {f"{prefix}{ending}": one for ending, one in tensors.items()}


def test_layouts_of_the_language_are_those_that_can_be_unpacked():
    assert {*LAYOUTS} == {*KNOWN}


def test_a_whole_matrix(tmp_path: Path):
    tensors = gptq()
    arrays = load_weights(save(tmp_path / "m.safetensors", named(tensors)), specs()).arrays
    found = unpacked("gptq", tensors, GPTQ)
    assert_array_equal(arrays["w"], found.codes)
    assert_array_equal(arrays["w.scale"], found.scales)
    assert_array_equal(arrays["w.zero"], found.zeros)


def test_a_stack_of_layers(tmp_path: Path):
    layers = [gptq(seed) for seed in range(3)]
    tensors = {name: one for n, layer in enumerate(layers) for name, one in named(layer, f"l.{n}.m").items()}
    arrays = load_weights(save(tmp_path / "m.safetensors", tensors), specs(layers=3)).arrays
    for number, layer in enumerate(layers):
        assert_array_equal(arrays["w"][number], unpacked("gptq", layer, GPTQ).codes)


def test_columns_of_a_matrix(tmp_path: Path):
    tensors = gptq()
    path = save(tmp_path / "m.safetensors", named(tensors))
    both = [*specs("a", 8, Part(0, 1, 3)), *specs("b", 16, Part(1, 3, 3))]
    arrays, found = load_weights(path, both).arrays, unpacked("gptq", tensors, GPTQ)
    assert_array_equal(arrays["a"], found.codes[:, ::3])
    assert_array_equal(arrays["a.scale"], found.scales[:, ::3])
    which = [n for n in range(24) if n % 3]
    assert_array_equal(arrays["b"], found.codes[:, which])
    assert found.zeros is not None
    assert_array_equal(arrays["b.zero"], found.zeros[:, which])


def nvfp4_specs(outputs: int, inputs: int = 16, columns: Part | None = None) -> list[WeightSpec]:
    """The parts of a weight `[inputs, outputs]`."""
    shape, block = (inputs, outputs), (16, 1)
    kinds = {
        CODES: ((inputs // 2, outputs), "i8"),
        SCALES: ((inputs // 16, outputs), "f8E4M3FN"),
        TENSOR_SCALE: ((1, 1), "f32"),
    }
    return [
        WeightSpec(
            f"{part}",
            TensorSpec(*kind),
            "m",
            columns=None if part == TENSOR_SCALE else columns,
            stored=StoredPart(part, "f4e2m1", shape, block, "nvfp4"),
        )
        for part, kind in kinds.items()
    ]


def nvfp4(codes: packing.Rows, scales: packing.Rows, whole: float) -> dict[str, Array]:
    """The tensors of `m`, with scales of the type that safetensors files have."""
    tensors = named(packing.nvfp4(codes, scales, whole))
    tensors["m.weight_scale"] = tensors["m.weight_scale"].view("float8_e4m3fn")
    return tensors


def test_the_scale_of_a_tensor_belongs_to_all_columns(tmp_path: Path):
    codes, scales = [[n % 16 for n in range(6)]] * 16, [[60 + n for n in range(6)]]
    path = save(tmp_path / "m.safetensors", nvfp4(codes, scales, 0.25))
    arrays = load_weights(path, nvfp4_specs(2, columns=Part(2, 4)), ("m",)).arrays
    assert arrays[TENSOR_SCALE].tolist() == [[0.25]]
    assert (arrays[CODES].view(np.uint8) == [2 * 17, 3 * 17]).all()


@pytest.mark.parametrize("axes", [(), (1,)])
def test_the_numbers_of_nvfp4_with_a_scale_that_has_an_axis_or_none(axes: tuple[int, ...], tmp_path: Path):
    rng = Random(1)
    codes = [[rng.randint(0, 15) for _ in range(6)] for _ in range(48)]
    scales = [[rng.randint(0, 126) for _ in range(6)] for _ in range(3)]
    tensors = nvfp4(codes, scales, 0.37)
    tensors["m.weight_scale_2"] = tensors["m.weight_scale_2"].reshape(axes)
    arrays = load_weights(save(tmp_path / "m.safetensors", tensors), nvfp4_specs(6, 48)).arrays
    found = dequantize(
        [arrays[part] for part in (CODES, SCALES, TENSOR_SCALE)],
        {"format_f4e2m1": 1, "block": (16, 1)},
        TensorSpec((48, 6), "f32"),
    )
    sizes = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    numbers = np.concatenate([sizes, -sizes])[np.array(codes)]
    wide = np.array(scales, np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    wanted = numbers * np.repeat(wide, 16, axis=0) * np.float64(np.float32(0.37))
    assert_array_equal(found, wanted.astype(np.float32))


def test_two_scales_of_a_tensor(tmp_path: Path):
    tensors = nvfp4([[0] * 6] * 16, [[60] * 6], 0.5)
    tensors["m.weight_scale_2"] = np.ones(2, np.float32)
    refused(
        tmp_path, tensors, nvfp4_specs(6), r"weight_scale_2.* is F32 of shape \(2,\), not F32 of shape \(\)"
    )


def refused(folder: Path, tensors: dict[str, Array], wanted: list[WeightSpec], message: str) -> str:
    """Loading fails with a message that matches; the way out."""
    with pytest.raises(CheckpointError, match=message) as caught:
        load_weights(save(folder / "m.safetensors", tensors), wanted)
    return caught.value.way_out


def test_zero_points_that_the_weight_does_not_have(tmp_path: Path):
    without = specs(zeros=False)
    way_out = refused(tmp_path, named(gptq(zero=7)), without, "'m' has zero points that are not 0")
    assert "zeros" in way_out
    arrays = load_weights(save(tmp_path / "m.safetensors", named(gptq(zero=8))), without).arrays
    assert {*arrays} == {"w", "w.scale"}


def test_columns_that_no_weight_reads(tmp_path: Path):
    wanted = specs("a", 8, Part(0, 8))
    refused(tmp_path, named(gptq()), wanted, "no weight reads columns 8..24 of 24 of tensor 'm'")


def test_columns_that_are_not_there(tmp_path: Path):
    wanted = specs("a", 8, Part(20, 28))
    refused(
        tmp_path, named(gptq()), wanted, r"'m' has 24 outputs, columns 20\.\.28 of them; the weight takes 8"
    )


def test_another_number_of_outputs(tmp_path: Path):
    refused(tmp_path, named(gptq()), specs(outputs=16), "'m' has 24 outputs; the weight takes 16")


def test_a_tensor_that_is_missing(tmp_path: Path):
    tensors = named(gptq())
    del tensors["m.qzeros"]
    refused(tmp_path, tensors, specs(), "the checkpoint has no tensor 'm.qzeros', which gptq has")
    refused(tmp_path, {}, specs(), "no tensor 'm.qweight'")


def test_a_tensor_of_another_shape_or_type(tmp_path: Path):
    other = named(gptq()) | {"m.qzeros": np.zeros((2, 4), np.int32)}
    refused(tmp_path, other, specs(), r"is I32 of shape \(2, 4\), not I32 of shape \(2, 3\)")
    other = named(gptq()) | {"m.g_idx": np.zeros(32, np.int64)}
    refused(tmp_path, other, specs(), r"is I64 of shape \(32,\), not I32")


def test_inputs_in_another_order(tmp_path: Path):
    other = named(gptq()) | {"m.g_idx": np.zeros(32, np.int32)}
    refused(tmp_path, other, specs(), "'m': '.g_idx' puts inputs into groups in another order")


# Scales of parts of tensors whose codes are not packed.


def of_part(rows: Part | None, outputs: int, block: tuple[int, int], scales: Part | None) -> list[WeightSpec]:
    """A weight `[32, outputs]` from rows of `t`, and its scales."""
    shape = (32, outputs)
    kinds = {CODES: (shape, "i8", "t", rows), SCALES: (scales_shape(shape, block), "f32", "s", scales)}
    return [
        WeightSpec(
            part,
            TensorSpec(own, dtype),
            name,
            transposed=True,
            rows=some,
            stored=StoredPart(part, "i8", shape, block),
        )
        for part, (own, dtype, name, some) in kinds.items()
    ]


def scales_of(folder: Path, scales: Array, *spec: WeightSpec) -> Array:
    """The scales that are read for rows 8 to 16 of 24."""
    tensors = {"t": np.zeros((24, 32), np.int8), "s": scales}
    return load_weights(save(folder / "m.safetensors", tensors), spec, ("t", "s")).arrays[SCALES]


@pytest.mark.parametrize("shape", [(24, 1), (24,)])
def test_scales_of_some_outputs(tmp_path: Path, shape: tuple[int, ...]):
    scales = np.arange(24, dtype=np.float32).reshape(shape)
    part = Part(8, 16)
    found = scales_of(tmp_path, scales, *of_part(part, 8, (32, 1), part))
    assert found.tolist() == [[*range(8, 16)]]


def test_the_scales_of_a_single_block_of_several(tmp_path: Path):
    scales = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = scales_of(tmp_path, scales, *of_part(Part(8, 16), 8, (16, 8), Part(1, 2)))
    assert found.tolist() == [[2.0], [3.0]]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_the_scale_of_a_whole_tensor_is_that_of_its_parts(tmp_path: Path, shape: tuple[int, ...]):
    tensors = {"t": np.zeros((24, 32), np.int8), "s": np.full(shape, 3.0, np.float32)}
    path = save(tmp_path / "m.safetensors", tensors)
    found = load_weights(path, of_part(Part(8, 16), 8, (32, 8), Part(1, 2)), ("t",)).arrays
    assert found[SCALES].tolist() == [[3.0]]


def test_one_scale_where_blocks_have_several(tmp_path: Path):
    tensors = {"t": np.zeros((24, 32), np.int8), "s": np.full((1,), 3.0, np.float32)}
    wanted = of_part(Part(8, 16), 8, (16, 4), Part(2, 4))
    refused(tmp_path, tensors, wanted, r"has shape \(1,\).* weight scales takes \(2, 2\)")


# A folder as it is published.


def published(folder: Path, zero: int) -> Path:
    """A small Llama of GPTQ, with zero points of a number; its config says that they are all 8."""
    rng, scheme = Random(5), GPTQ_CONFIG | {"group_size": 32, "sym": True}
    tensors: dict[str, Array] = {}
    config = quantized(scheme, torch_dtype="float32", num_hidden_layers=1)
    for name, one in wide_headers(config).items():
        module = name.removesuffix(".weight")
        if "proj" not in name:
            numbers = np.array([rng.gauss(0.0, 0.1) for _ in range(prod(one.shape))])
            tensors[name] = (numbers.reshape(one.shape) + (len(one.shape) == 1)).astype(np.float32)
            continue
        outputs, inputs = one.shape
        codes = [[rng.randint(0, 15) for _ in range(outputs)] for _ in range(inputs)]
        scales = np.full((inputs // 32, outputs), 1 / 64, np.float16)
        zeros = [[zero] * outputs] * (inputs // 32)
        tensors |= named(packing.gptq(codes, zeros, scales, 4, 1), module)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save(folder / "model.safetensors", tensors)
    return folder


def test_a_published_folder_is_read(tmp_path: Path):
    folder = published(tmp_path, 8)
    found = read_input(make_context(), str(folder), {"context": 4})
    assert isinstance(found, ModuleInput)
    assert found.published is not None
    arrays = load_weights(folder, weight_specs(found.module), found.published.unread).arrays
    assert arrays["decoder.wq"].shape == (1, 64, 128)
    assert arrays["decoder.wq.scale"].tolist() == np.full((1, 4, 128), 1 / 64).tolist()
    assert "decoder.wq.zero" not in arrays


def test_a_published_folder_that_contradicts_its_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(published(tmp_path, 7)), "--param", "context=8"]) == 1
    said = capsys.readouterr().err
    assert "'model.layers.0.self_attn.q_proj' has zero points that are not 0, and the weight has none" in said
    assert "help: declare it with them: scale[…] zeros" in said
