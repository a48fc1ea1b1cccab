"""Saved models with their matrices stored in few bits: as each package writes them, and widened again.

Codes and scales are near the model's numbers; what they stand for is computed here, by the formula of each
package, and is what transformers runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import stored_packing as packing
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch
from safetensors.torch import save_file

Array = NDArray[Any]
Tensors = dict[str, torch.Tensor]
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])


@dataclass(frozen=True)
class Packed:
    """How the matrices of a model are stored."""

    name: str
    config: Mapping[str, Any]
    """Its `quantization_config`."""
    pack: Callable[[Array, np.random.Generator], tuple[Tensors, Array]]
    """From a matrix `[out, in]` to its tensors, by what stands behind the module, and what they stand for."""
    endings: tuple[str, ...] = ("_proj.weight", "_proj_with_mqa.weight")
    """How the names of matrices end that are stored so."""


def rows_of(codes: Array) -> list[list[int]]:
    """Codes `[in, out]` of a matrix `[out, in]`, as lists."""
    return codes.T.astype(int).tolist()


def spread(scales: Array, shape: tuple[int, ...], block: tuple[int, int]) -> Array:
    """Scales `[out blocks, in blocks]` for each number of a matrix `[out, in]`."""
    wide = scales.repeat(block[0], 0).repeat(block[1], 1)
    return wide[: shape[0], : shape[1]]


def largest(matrix: Array, block: tuple[int, int]) -> Array:
    """The largest size in each block."""
    outputs, inputs = matrix.shape
    rows = [
        [np.abs(matrix[o : o + block[0], i : i + block[1]]).max() for i in range(0, inputs, block[1])]
        for o in range(0, outputs, block[0])
    ]
    return np.array(rows)


def tensors(arrays: Mapping[str, Array]) -> Tensors:
    """Arrays as tensors."""
    return {name: torch.from_numpy(np.array(one, order="C")) for name, one in arrays.items()}


def fp8(
    matrix: Array, block: tuple[int, int], scales_name: str, form: tuple[int, ...] | None
) -> tuple[Tensors, Array]:
    """Codes of torch's float8_e4m3fn."""
    scales = (largest(matrix, block) / 448).astype(np.float32)
    wide = spread(scales.astype(np.float64), matrix.shape, block)
    codes = torch.from_numpy(matrix / wide).to(torch.float8_e4m3fn)
    found = {".weight": codes, scales_name: torch.from_numpy(scales)}
    if form is not None:
        found[scales_name] = found[scales_name].reshape(form)
    return found, codes.double().numpy() * wide


def fp8_blocks(matrix: Array, _: np.random.Generator) -> tuple[Tensors, Array]:
    return fp8(matrix, (32, 40), ".weight_scale_inv", None)


def fp8_tensor(matrix: Array, _: np.random.Generator) -> tuple[Tensors, Array]:
    found, wide = fp8(matrix, matrix.shape, ".weight_scale", ())
    return found | {".input_scale": torch.tensor(0.5)}, wide


def fp8_channels(matrix: Array, _: np.random.Generator) -> tuple[Tensors, Array]:
    return fp8(matrix, (1, matrix.shape[1]), ".weight_scale", None)


def whole_numbers(
    matrix: Array, group: int, bits: int, rng: np.random.Generator, low: int
) -> tuple[Array, ...]:
    """Codes from 0 `[out, in]`, zero points from `low`, scales in f16, and what they stand for."""
    top = (1 << bits) - 1
    scales = (2 * largest(matrix, (1, group)) / top).astype(np.float16)
    zeros = rng.integers(max(low, top // 3), top - top // 3, scales.shape)
    wide, shift = (spread(one.astype(np.float64), matrix.shape, (1, group)) for one in (scales, zeros))
    codes = np.clip(np.round(matrix / wide + shift), 0, top)
    return codes, zeros, scales, (codes - shift) * wide


def gptq(matrix: Array, rng: np.random.Generator) -> tuple[Tensors, Array]:
    codes, zeros, scales, wide = whole_numbers(matrix, 32, 4, rng, 1)
    return tensors(packing.gptq(rows_of(codes), rows_of(zeros), scales.T, 4, 1)), wide


def gptq_8(matrix: Array, rng: np.random.Generator) -> tuple[Tensors, Array]:
    codes, zeros, scales, wide = whole_numbers(matrix, matrix.shape[1], 8, rng, 0)
    return tensors(packing.gptq(rows_of(codes), rows_of(zeros), scales.T, 8, 0)), wide


def gptq_symmetric(matrix: Array, rng: np.random.Generator) -> tuple[Tensors, Array]:
    codes, zeros, scales, _ = whole_numbers(matrix, 32, 4, rng, 1)
    zeros = np.full_like(zeros, 8)
    wide = (codes - 8) * spread(scales.astype(np.float64), matrix.shape, (1, 32))
    return tensors(packing.gptq(rows_of(codes), rows_of(zeros), scales.T, 4, 1)), wide


def awq(matrix: Array, rng: np.random.Generator) -> tuple[Tensors, Array]:
    codes, zeros, scales, wide = whole_numbers(matrix, 32, 4, rng, 0)
    return tensors(packing.awq(rows_of(codes), rows_of(zeros), scales.T)), wide


def w4a16(matrix: Array, rng: np.random.Generator) -> tuple[Tensors, Array]:
    codes, zeros, scales, wide = whole_numbers(matrix, 32, 4, rng, 0)
    return tensors(packing.packed(rows_of(codes), rows_of(zeros), scales.T, 4)), wide


def int8(matrix: Array, _: np.random.Generator) -> tuple[Tensors, Array]:
    scales = torch.from_numpy(largest(matrix, (1, matrix.shape[1])) / 127).to(torch.bfloat16)
    wide = scales.double().numpy()
    codes = np.clip(np.round(matrix / wide), -128, 127)
    return {".weight": torch.from_numpy(codes.astype(np.int8)), ".weight_scale": scales}, codes * wide


def nvfp4(matrix: Array, _: np.random.Generator) -> tuple[Tensors, Array]:
    whole = np.float32(np.abs(matrix).max() / (6 * 448))
    scales = torch.from_numpy(largest(matrix, (1, 16)) / 6 / float(whole)).to(torch.float8_e4m3fn)
    wide = spread(scales.double().numpy() * float(whole), matrix.shape, (1, 16))
    codes = np.abs((matrix / wide)[..., None] - E2M1).argmin(-1)
    found = packing.nvfp4(rows_of(codes), scales.view(torch.uint8).numpy().T.tolist(), float(whole))
    made = tensors(found)
    return made | {".weight_scale": made[".weight_scale"].view(torch.float8_e4m3fn)}, E2M1[codes] * wide


def mxfp4(stack: Array, _: np.random.Generator) -> tuple[Tensors, Array]:
    """Experts `[experts, in, out]` of gpt-oss, whose tensors say what is in them behind an underscore."""
    parts, wide = [], []
    for matrix in stack.swapaxes(-1, -2):
        exponents = np.floor(np.log2(largest(matrix, (1, 32)))) - 2
        scales = spread(2.0**exponents, matrix.shape, (1, 32))
        codes = np.abs((matrix / scales)[..., None] - E2M1).argmin(-1)
        parts.append(packing.mxfp4(rows_of(codes), (exponents + 127).T.astype(int).tolist()))
        wide.append(E2M1[codes] * scales)
    found = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    return tensors(found), np.stack(wide).swapaxes(-1, -2)


def _compressed(format_: str, **weights: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": {"symmetric": True, "dynamic": False} | weights}
    return {
        "quant_method": "compressed-tensors",
        "format": format_,
        "config_groups": {"group_0": group},
        "ignore": ["lm_head"],
    }


_LISTED = {"modules_to_not_convert": ["lm_head"]}
_GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": False, "sym": False}
FORMS = (
    Packed("fp8 blocks", {"quant_method": "fp8", "weight_block_size": [32, 40], **_LISTED}, fp8_blocks),
    Packed("fp8 modelopt", {"quant_method": "modelopt", "quant_algo": "FP8"}, fp8_tensor),
    Packed("fp8 channels", {"quant_method": "fbgemm_fp8", **_LISTED}, fp8_channels),
    Packed("gptq", _GPTQ, gptq),
    Packed("gptq symmetric", _GPTQ | {"sym": True}, gptq_symmetric),
    Packed("gptq 8 bits", _GPTQ | {"bits": 8, "group_size": -1, "checkpoint_format": "gptq_v2"}, gptq_8),
    Packed("awq", {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True}, awq),
    Packed(
        "w4a16",
        _compressed(
            "pack-quantized", num_bits=4, type="int", strategy="group", group_size=32, symmetric=False
        ),
        w4a16,
    ),
    Packed("int8", _compressed("int-quantized", num_bits=8, type="int", strategy="channel"), int8),
    Packed("nvfp4", {"quant_method": "modelopt", "quant_algo": "NVFP4"}, nvfp4),
    Packed(
        "mxfp4",
        {"quant_method": "mxfp4", "modules_to_not_convert": ["self_attn", "router", "lm_head"]},
        mxfp4,
        ("experts.gate_up_proj", "experts.down_proj"),
    ),
)


def store(form: Packed, saved: Path, packed: Path, wide: Path) -> None:
    """Write a saved model twice: with its matrices stored, and with what they stand for, in f64."""
    rng = np.random.default_rng(len(form.name))
    held: Tensors = {}
    widened = {name: one.double() for name, one in load_torch(saved / "model.safetensors").items()}
    for name, array in load_file(saved / "model.safetensors").items():
        if not name.endswith(form.endings):
            held[name] = torch.from_numpy(array)
            continue
        found, numbers = form.pack(array.astype(np.float64), rng)
        held |= {f"{name.removesuffix('.weight')}{ending}": one.contiguous() for ending, one in found.items()}
        widened[name] = torch.from_numpy(np.ascontiguousarray(numbers))
    config = json.loads((saved / "config.json").read_text())
    for folder, tensors_, more in ((packed, held, {"quantization_config": form.config}), (wide, widened, {})):
        folder.mkdir()
        save_file(tensors_, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(config | more))
