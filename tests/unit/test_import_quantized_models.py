"""Published models that are stored in few bits: what their configs say, in sizes, and what becomes of it.

Sizes, methods and lists of modules are those that the publishers' configs state.
"""

from __future__ import annotations

from typing import Any

import pytest
from expert_configs import PUBLISHED
from quantized import line_of

from kl.backends.specs import weight_specs
from kl.frontends import load_model
from kl.frontends.importing import Imported, Source, import_model
from kl.frontends.source_errors import SourceError

Config = dict[str, Any]
BLOCKS: Config = {
    "quant_method": "fp8",
    "activation_scheme": "dynamic",
    "fmt": "e4m3",
    "weight_block_size": [128, 128],
}


def deepseek(layers: int, dense: int, heads: int, experts: int, vocab: int, **more: Any) -> Config:
    """DeepSeek-V3 and Kimi K2, which differ in these sizes."""
    return {
        "hidden_size": 7168,
        "intermediate_size": 18432,
        "moe_intermediate_size": 2048,
        "num_hidden_layers": layers,
        "first_k_dense_replace": dense,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "n_routed_experts": experts,
        "n_shared_experts": 1,
        "num_experts_per_tok": 8,
        "q_lora_rank": 1536,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "vocab_size": vocab,
        "norm_topk_prob": True,
        "scoring_func": "sigmoid",
        "torch_dtype": "bfloat16",
        "quantization_config": BLOCKS,
        **more,
    }


LLAMA_70B: Config = {
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
    "quantization_config": {
        "quant_method": "modelopt",
        "quant_algo": "FP8",
        "kv_cache_quant_algo": "FP8",
        "exclude_modules": ["lm_head"],
    },
}
QWEN_WIDE = [f"model.layers.{n}.{one}" for n in range(48) for one in ("input_layernorm", "mlp.gate")]
GPT_OSS_WIDE = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]

MODELS: dict[str, tuple[str, Config]] = {
    "Llama-3.1-70B-Instruct-FP8": ("llama", LLAMA_70B),
    "Qwen3-30B-A3B-FP8": (
        "qwen3_moe",
        PUBLISHED["Qwen3-30B-A3B"][1]
        | {"torch_dtype": "bfloat16", "norm_topk_prob": True}
        | {"quantization_config": BLOCKS | {"modules_to_not_convert": ["lm_head", *QWEN_WIDE]}},
    ),
    "gpt-oss-20b": (
        "gpt_oss",
        PUBLISHED["gpt-oss-20b"][1]
        | {"torch_dtype": "bfloat16"}
        | {"quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": GPT_OSS_WIDE}},
    ),
    "DeepSeek-V3": ("deepseek_v3", deepseek(61, 3, 128, 256, 129280, n_group=8, topk_group=4)),
    "Kimi-K2-Instruct": ("kimi_k2", deepseek(61, 1, 64, 384, 163840, n_group=1, topk_group=1)),
}
MATRICES = {
    "Llama-3.1-70B-Instruct-FP8": 80 * 7,
    "Qwen3-30B-A3B-FP8": 48 * (4 + 3),
    "gpt-oss-20b": 24 * 3,
    "DeepSeek-V3": 61 * 6 + 3 * 3 + 58 * (3 + 3),
    "Kimi-K2-Instruct": 61 * 6 + 3 + 60 * (3 + 3),
}
"""Matrices of few bits, a stack of experts as one: of latents there are queries down and up, the latent, keys
and values of heads, and what goes out."""


def imported(name: str) -> Imported:
    """The import of a published model."""
    architecture, values = MODELS[name]
    return import_model(Source(name, {"model_type": architecture, **values}))


@pytest.mark.parametrize("name", MODELS)
def test_all_that_the_publisher_stores_is_stored(name: str):
    found, format_ = imported(name), "f4e2m1" if name == "gpt-oss-20b" else "f8e4m3"
    assert f"{MATRICES[name]} matrices are stored as {format_}" in found.notes
    assert "scale[" not in line_of(found.text, "embedding")
    assert "scale[" not in line_of(found.text, "head")
    if "router[" in found.text:
        assert "scale[" not in line_of(found.text, "router")


def held(name: str) -> tuple[int, int]:
    """Bytes of the weights of a model: of codes and scales, and of what is wide."""
    specs = weight_specs(load_model(imported(name).text, "model.kl"))
    sizes = [(spec.tensor.size_bytes, spec.stored is not None) for spec in specs if spec.values is None]
    return sum(size for size, stored in sizes if stored), sum(size for size, stored in sizes if not stored)


def test_llama_70b_takes_a_byte_for_each_number_of_its_layers():
    numbers = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    assert held("Llama-3.1-70B-Instruct-FP8")[0] == numbers + 560 * 4
    text = imported("Llama-3.1-70B-Instruct-FP8").text
    assert line_of(text, "keys").endswith("]: f8e4m3")


def test_gpt_oss_takes_17_bytes_for_32_numbers_of_its_experts():
    experts, wide = held("gpt-oss-20b")
    assert experts == 24 * 32 * 3 * 2880 * 2880 * 17 // 32
    assert 13.7e9 < experts + wide < 13.8e9  # its three files have 13.76 GB
    text = imported("gpt-oss-20b").text
    assert line_of(text, "w_up").endswith(
        'from mxfp4 "model.layers.{layer}.mlp.experts.gate_up_proj" columns 1..2 each 2'
    )


def test_qwen3_30b_stores_each_expert_with_blocks_of_its_own():
    line = line_of(imported("Qwen3-30B-A3B-FP8").text, "w_down")
    name = "model.layers.{layer}.mlp.experts.{expert}.down_proj.weight"
    assert line == (
        "weight w_down[experts, expert_ffn, hidden]: f8e4m3 scale[1, 128, 128]"
        f' from transposed "{name}" scales "{name}_scale_inv"'
    )
    assert held("Qwen3-30B-A3B-FP8")[0] < 30.0e9


def test_deepseek_v3_fits_in_its_published_size():
    codes, wide = held("DeepSeek-V3")
    assert 670e9 < codes + wide < 676e9  # 671 billion numbers, of which 1.9 billion take two bytes
    line = line_of(imported("DeepSeek-V3").text, "wv")
    name = "model.layers.{layer}.self_attn.kv_b_proj.weight"
    assert line == (
        "weight wv[heads * value_dim, kv_rank]: f8e4m3 scale[128, 128]"
        f' from "{name}" scales "{name}_scale_inv" rows nope_dim..up_dim each up_dim'
    )
    assert "kv_a_proj_with_mqa.weight_scale_inv" in line_of(imported("DeepSeek-V3").text, "wc_down")


def test_latents_are_not_read_from_words():
    scheme = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
    config = {"model_type": "deepseek_v3", **MODELS["DeepSeek-V3"][1], "quantization_config": scheme}
    with pytest.raises(
        SourceError, match="kv_b_proj' is stored as awq, and the text reads it by its outputs"
    ):
        import_model(Source("m", config))
    wide = scheme | {"modules_to_not_convert": ["kv_b_proj"]}
    assert " from awq " in line_of(
        import_model(Source("m", config | {"quantization_config": wide})).text, "wo"
    )


def test_some_experts_of_a_stack_cannot_be_wide():
    architecture, values = MODELS["Qwen3-30B-A3B-FP8"]
    scheme = BLOCKS | {"modules_to_not_convert": ["lm_head", "model.layers.0.mlp.experts.3"]}
    config = {"model_type": architecture, **values, "quantization_config": scheme}
    with pytest.raises(SourceError, match=r"'model\.layers\.0\.mlp\.experts\.3' is of single experts"):
        import_model(Source("m", config))
