"""Values of configs: defaults of absent keys, nulls, and numbers that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from import_configs import GPT, SIZES

from kl.frontends.importing import Source, import_model
from kl.frontends.source_errors import SourceError

LLAMA = {"model_type": "llama", **SIZES}
MISTRAL = {"model_type": "mistral", **SIZES, "max_position_embeddings": 32768}
GEMMA2 = {"model_type": "gemma2", **SIZES, "head_dim": 16, "sliding_window": 8}
GEMMA3 = GEMMA2 | {"model_type": "gemma3_text"}
FALCON = {"model_type": "falcon", "vocab_size": 131, "hidden_size": 64, "num_hidden_layers": 3}
MPT = {"model_type": "mpt", "vocab_size": 131, "d_model": 64, "n_layers": 3, "n_heads": 4}
PHI3 = {"model_type": "phi3", **SIZES}
DEEPSEEK = {
    **{"model_type": "deepseek_v3", "vocab_size": 131, "hidden_size": 64, "intermediate_size": 96},
    **{"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 40},
    **{"kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 24},
    **{"n_routed_experts": 16, "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 24},
    **{"n_group": 4, "topk_group": 2},
}
ONES = [1.0] * 8


def scaled(kind: str, **more: Any) -> dict[str, Any]:
    """A Llama with a scaling of rope."""
    return LLAMA | {"rope_scaling": {"rope_type": kind, **more}}


def longrope(**more: Any) -> dict[str, Any]:
    """A Phi-3 with factors."""
    scaling = {"type": "longrope", "short_factor": ONES, "long_factor": ONES}
    return PHI3 | {"rope_scaling": scaling | more}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a list where a word is": (LLAMA | {"hidden_act": ["silu"]}, "hidden_act is ['silu']"),
    "eps below zero": (LLAMA | {"rms_norm_eps": -1e-6}, "rms_norm_eps is -1e-06\nhelp: it is at least 0"),
    "eps that is no number": (LLAMA | {"rms_norm_eps": float("nan")}, "rms_norm_eps is nan"),
    "eps without end": (LLAMA | {"rms_norm_eps": float("inf")}, "rms_norm_eps is inf\nhelp: it is a finite"),
    "eps beyond all floats": (LLAMA | {"rms_norm_eps": 10**400}, "rms_norm_eps is inf"),
    "theta zero": (LLAMA | {"rope_theta": 0}, "rope_theta is 0.0\nhelp: it is above zero"),
    "theta without end": (LLAMA | {"rope_theta": float("inf")}, "rope_theta is inf"),
    "layers beyond 64 bits": (
        LLAMA | {"num_hidden_layers": 2**63},
        "num_hidden_layers is 9223372036854775808",
    ),
    "more layers than are read": (
        LLAMA | {"num_hidden_layers": 10**18},
        "the model has 1000000000000000000 layers\nhelp: at most 8192 are read",
    ),
    "more layers with those that predict further tokens": (
        DEEPSEEK | {"num_nextn_predict_layers": 10**9},
        "layers\nhelp: at most 8192 are read",
    ),
    "a factor of scores without end": (
        DEEPSEEK | {"rope_scaling": {"type": "yarn", "factor": 4.0, "mscale_all_dim": 1e308}},
        "rope_scaling.mscale_all_dim is 1e+308, which makes scores infinite",
    ),
    "more heads than have slopes": (
        {"model_type": "bloom", "hidden_size": 4 * 10**8, "n_layer": 2, "n_head": 10**8},
        "the model has 100000000 heads with a slope each",
    ),
    "a float beyond 64 bits": (LLAMA | {"vocab_size": 1e300}, "it is below 2^63"),
    "no positions": (LLAMA | {"max_position_embeddings": 0}, "max_position_embeddings is 0"),
    "a period of none": (
        {"model_type": "smollm3", **SIZES, "no_rope_layer_interval": 0},
        "no_rope_layer_interval is 0",
    ),
    "a softcap of none": (GEMMA2 | {"final_logit_softcapping": 0}, "final_logit_softcapping is 0.0"),
    "a clamp that is upside down": (
        MPT | {"attn_config": {"clip_qkv": -1.0}},
        "attn_config.clip_qkv is -1.0",
    ),
    "a divisor of zero": (
        {"model_type": "granite", **SIZES, "logits_scaling": 0},
        "logits_scaling is 0.0\nhelp: it is above zero",
    ),
    "an empty layer type": (GEMMA2 | {"layer_types": ["", *["full_attention"] * 3]}, "layer_types has ''"),
    "layer types that are a number": (LLAMA | {"layer_types": 5}, "layer_types"),
    "yarn with theta 1": (scaled("yarn", factor=2.0) | {"rope_theta": 1.0}, "rope_theta is 1"),
    "yarn without context": (
        scaled("yarn", factor=2.0, original_max_position_embeddings=0),
        "rope_scaling.original_max_position_embeddings is 0",
    ),
    "yarn of factor 0": (scaled("yarn", factor=0.0), "rope_scaling.factor is 0.0\nhelp: it is above zero"),
    "yarn that turns back": (scaled("yarn", factor=2.0, beta_fast=-1.0), "rope_scaling.beta_fast is -1.0"),
    "longrope of zeros": (longrope(long_factor=[0.0] * 8), "rope_scaling.long_factor has 0"),
    "longrope without end": (longrope(long_factor=[float("inf")] * 8), "rope_scaling.long_factor has inf"),
    "longrope of context 1": (
        longrope() | {"original_max_position_embeddings": 1},
        "original_max_position_embeddings is 1",
    ),
    "longrope of a factor below zero": (longrope(factor=-1.0), "rope_scaling.factor is -1.0"),
    "slopes that transformers ignores": (
        MPT | {"attn_config": {"alibi_bias_max": 16}},
        "attn_config.alibi_bias_max is 16",
    ),
    "a ratio that transformers ignores": (MPT | {"expansion_ratio": 2}, "expansion_ratio is 2"),
    "a softcap that transformers ignores": (
        GEMMA3 | {"attn_logit_softcapping": 50.0},
        "attn_logit_softcapping is 50.0",
    ),
    "null for a choice": (
        FALCON | {"num_attention_heads": 4, "multi_query": None},
        "multi_query is null\nhelp: leave it out for true",
    ),
    "null for a number": (LLAMA | {"rope_theta": None}, "rope_theta is null"),
    "null for a flag": (GEMMA2 | {"tie_word_embeddings": None}, "tie_word_embeddings is null"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_an_error_that_names_the_key(name: str):
    values, wanted = WRONG[name]
    with pytest.raises(SourceError) as caught:
        import_model(Source("model", values))
    assert wanted in str(caught.value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400"])
def test_what_json_reads_beyond_numbers_is_refused(text: str):
    values = json.loads(json.dumps(LLAMA)[:-1] + f', "rope_theta": {text}}}')
    with pytest.raises(SourceError, match=r"rope_theta is (nan|inf)"):
        import_model(Source("model", values))


def text(values: dict[str, Any], **parameters: int) -> str:
    """The text of a config."""
    return import_model(Source("model", values, parameters=parameters)).text


def test_mistral_has_a_window_unless_it_says_null():
    assert "param window = 4096" in text(MISTRAL, context=8192)
    assert "window" not in text(MISTRAL | {"sliding_window": None}, context=8192)


def test_nulls_that_mean_none_or_what_is_absent():
    assert "softcap" not in text(
        GEMMA2 | dict.fromkeys(("attn_logit_softcapping", "final_logit_softcapping"))
    )
    assert "gelu(gate)" in text(GEMMA2 | {"hidden_activation": None})
    assert "param kv_heads = 4" in text(LLAMA | {"num_key_value_heads": None})
    assert text(LLAMA | {"attention_bias": None}) == text(LLAMA)
    assert text(GEMMA3 | {"attn_logit_softcapping": None}) == text(GEMMA3)
    assert text(MPT | {"expansion_ratio": 4, "attn_config": {"alibi_bias_max": 8}}) == text(MPT)
    assert text({"model_type": "gpt2", **GPT, "n_inner": None}) == text({"model_type": "gpt2", **GPT})
