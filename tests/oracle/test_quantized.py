"""Models whose matrices are stored in few bits, against transformers on what codes and scales stand for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from cases import LATENT, Case, case
from measured import error_of
from subject import VARIANTS, Subject, forced

pytestmark = [
    pytest.mark.skipif(
        find_spec("torch") is None or find_spec("transformers") is None,
        reason="transformers is the oracle: the extra `oracle`, or `make oracle`",
    ),
    pytest.mark.filterwarnings("ignore"),  # of torch and transformers
]

NAMES = (
    *("fp8 blocks", "fp8 modelopt", "fp8 channels", "gptq", "gptq symmetric", "gptq 8 bits", "awq", "w4a16"),
    *("int8", "nvfp4", "mxfp4"),
)
MOST_ERROR = 1e-5
MODELS = {
    "llama": case("llama quantized", hidden_size=64, intermediate_size=96, num_key_value_heads=2),
    "qwen3": case("qwen3 quantized", head_dim=16, tie_word_embeddings=True),
    "phi3": case("phi3 quantized"),
    "gpt_oss": case(
        "gpt_oss quantized",
        num_local_experts=4,
        num_experts_per_tok=2,
        intermediate_size=32,
        head_dim=16,
        sliding_window=5,
    ),
    "deepseek_v3": case(
        "deepseek_v3 quantized",
        {**LATENT, "qk_nope_head_dim": 32, "v_head_dim": 32, "moe_intermediate_size": 32},
        n_group=4,
        topk_group=2,
    ),
    "qwen3_moe": case(
        "qwen3_moe quantized",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
        head_dim=16,
        norm_topk_prob=True,
    ),
}


RUNS = (
    *(("llama", name) for name in NAMES if name != "mxfp4"),
    *(("qwen3", name) for name in ("fp8 blocks", "gptq", "int8")),
    *(
        ("phi3", name)
        for name in ("fp8 blocks", "fp8 modelopt", "fp8 channels", "gptq", "awq", "w4a16", "nvfp4")
    ),
    ("gpt_oss", "mxfp4"),
    *(("deepseek_v3", name) for name in ("fp8 blocks", "fp8 channels")),
    *(("qwen3_moe", name) for name in ("fp8 blocks", "fp8 modelopt", "awq", "nvfp4")),
)
"""Models, and how they are stored: fused matrices, and stacks of experts."""


@pytest.mark.parametrize(("model", "name"), RUNS)
def test_a_stored_model(model: str, name: str, tmp_path: Path) -> None:
    import judge
    import packed

    form = next(one for one in packed.FORMS if one.name == name)
    found: Case = MODELS[model]
    saved = judge.save_model(found, "f32", tmp_path / "saved")
    packed.store(form, saved, tmp_path / "packed", tmp_path / "wide")
    tokens = judge.tokens_of(found, 2)
    exact = judge.logits(tmp_path / "wide", "f64", tokens)
    subject = Subject(tmp_path / "packed", 1, 2)
    text, logits = forced(subject.reference(), tokens)
    assert error_of(logits.astype(np.float64), exact) < MOST_ERROR
    assert forced(subject.variant(VARIANTS["looped"]), tokens)[1].tobytes() == logits.tobytes()
    assert np.count_nonzero(text == exact.argmax(-1)) == text.size


def test_every_form_is_run() -> None:
    import packed

    assert [one.name for one in packed.FORMS] == [*NAMES]


def test_gpt_oss_is_unpacked_as_transformers_does() -> None:
    import torch
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    from kl.backends.numerics_stored import code_values, unpacked_codes
    from kl.backends.stored_layouts import unpacked
    from kl.dialects.stored_layouts import StoredMatrix

    rng = np.random.default_rng(7)
    blocks, scales = rng.integers(256, size=(3, 6, 2, 16)), rng.integers(100, 150, size=(3, 6, 2))
    wanted = convert_moe_packed_tensors(
        *(torch.from_numpy(one.astype(np.uint8)) for one in (blocks, scales)), dtype=torch.float64
    )
    tensors = {"_blocks": blocks.astype(np.uint8), "_scales": scales.astype(np.uint8)}
    found = unpacked("mxfp4", tensors, StoredMatrix((3, 64, 6), "f4e2m1", (32, 1)))
    numbers = code_values("f4e2m1")[unpacked_codes(found.codes, "f4e2m1")]
    numbers = numbers * found.scales.astype(np.float64).repeat(32, 1)
    assert np.array_equal(numbers, wanted.numpy())


def test_8_bit_floats_are_those_of_torch() -> None:
    import torch

    from kl.backends.numerics_stored import code_values

    codes = torch.arange(256).to(torch.uint8).view(torch.float8_e4m3fn)
    assert np.array_equal(codes.double().numpy(), code_values("f8e4m3"), equal_nan=True)
