"""Small configs of every architecture that `kl import` knows, with the parameters that transformers counts.

The counts are those of transformers 5.24: `AutoModelForCausalLM.from_config` on the meta device, each
parameter once. InternLM2, which it lacks, is counted by hand.
"""

from __future__ import annotations

from typing import Any

from expert_configs import small

Config = dict[str, Any]

SIZES: Config = {
    "vocab_size": 131,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
ALL_HEADS: Config = {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}
GPT: Config = {"vocab_size": 131, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128}
OPT: Config = {
    "vocab_size": 131,
    "hidden_size": 64,
    "ffn_dim": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
FALCON: Config = {"vocab_size": 131, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
FACTORS = [1 + n / 7 for n in range(8)]


def scaled(kind: str, **values: Any) -> Config:
    """A Llama with a scaling of rope, in the form since transformers 5."""
    return SIZES | {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **values}}


CASES: dict[str, tuple[str, Config, int]] = {
    "llama": ("llama", SIZES, 140224),
    "llama with biases, tied": (
        "llama",
        SIZES | {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
        133632,
    ),
    "llama with head_dim": ("llama", SIZES | {"head_dim": 32}, 189376),
    "linear": ("llama", scaled("linear", factor=4.0), 140224),
    "dynamic": ("llama", scaled("dynamic", factor=4.0), 140224),
    "llama3": (
        "llama",
        scaled(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        ),
        140224,
    ),
    "yarn": ("llama", scaled("yarn", factor=4.0, original_max_position_embeddings=16), 140224),
    "mistral": ("mistral", SIZES | {"sliding_window": 8}, 140224),
    "mistral without window": ("mistral", SIZES | {"sliding_window": None}, 140224),
    "qwen2": ("qwen2", SIZES | {"sliding_window": 8, "use_sliding_window": False}, 140736),
    "qwen2 with windows": (
        "qwen2",
        SIZES | {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 2},
        140736,
    ),
    "qwen3": ("qwen3", SIZES | {"head_dim": 32}, 189632),
    "qwen3 tied": ("qwen3", SIZES | {"head_dim": 32, "tie_word_embeddings": True}, 181248),
    "gemma": ("gemma", SIZES | {"head_dim": 32, "num_key_value_heads": 1, "hidden_act": "gelu"}, 164608),
    "gemma2": (
        "gemma2",
        SIZES | {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 24},
        181504,
    ),
    "gemma3": (
        "gemma3_text",
        SIZES | {"head_dim": 32, "sliding_window": 8, "num_hidden_layers": 8, "sliding_window_pattern": 3},
        355072,
    ),
    "phi": ("phi", ALL_HEADS, 133891),
    "phi with norms": ("phi", ALL_HEADS | {"qk_layernorm": True}, 134147),
    "phi3": ("phi3", SIZES, 140224),
    "phi3 longrope": (
        "phi3",
        SIZES
        | {
            "original_max_position_embeddings": 12,
            "rope_scaling": {"type": "longrope", "short_factor": FACTORS, "long_factor": FACTORS},
        },
        140224,
    ),
    "gpt2": ("gpt2", GPT, 166656),
    "gpt2 untied": (
        "gpt2",
        GPT
        | {
            "activation_function": "relu",
            "n_inner": 96,
            "tie_word_embeddings": False,
            "scale_attn_weights": False,
        },
        113120,
    ),
    "gpt_bigcode": ("gpt_bigcode", GPT, 147936),
    "gpt_bigcode with all heads": ("gpt_bigcode", GPT | {"multi_query": False}, 166656),
    "gptj": ("gptj", GPT | {"rotary_dim": 8}, 165827),
    "gpt_neox": ("gpt_neox", ALL_HEADS, 134272),
    "gpt_neox in sequence": (
        "gpt_neox",
        ALL_HEADS | {"use_parallel_residual": False, "attention_bias": False, "rotary_pct": 1.0},
        133248,
    ),
    "opt": ("opt", OPT, 104864),
    "opt with projections": ("opt", OPT | {"word_embed_proj_dim": 32, "do_layer_norm_before": False}, 104640),
    "falcon 7b": ("falcon", FALCON, 137920),
    "falcon 40b": ("falcon", FALCON | {"num_kv_heads": 2, "new_decoder_architecture": True}, 144448),
    "falcon 11b": (
        "falcon",
        FALCON
        | {
            "num_kv_heads": 2,
            "new_decoder_architecture": True,
            "num_ln_in_parallel_attn": 1,
            "tie_word_embeddings": False,
        },
        152448,
    ),
    "falcon rw": (
        "falcon",
        FALCON | {"alibi": True, "bias": True, "multi_query": False, "parallel_attn": False},
        158464,
    ),
    "bloom": ("bloom", {"vocab_size": 131, "hidden_size": 64, "n_layer": 3, "n_head": 4}, 158592),
    "bloom of 6 heads": ("bloom", {"vocab_size": 131, "hidden_size": 96, "n_layer": 3, "n_head": 6}, 348480),
    "mpt": ("mpt", {"vocab_size": 131, "d_model": 64, "n_layers": 3, "n_heads": 4}, 156288),
    "mpt of 6 heads": (
        "mpt",
        {
            "vocab_size": 131,
            "d_model": 96,
            "n_layers": 3,
            "n_heads": 6,
            "attn_config": {"alibi": True, "clip_qkv": 0.5},
        },
        345024,
    ),
    "stablelm": ("stablelm", SIZES | {"use_qkv_bias": True}, 141312),
    "stablelm in parallel": ("stablelm", SIZES | {"use_parallel_residual": True}, 140288),
    "starcoder2": ("starcoder2", SIZES | {"sliding_window": 8}, 109248),
    "cohere": ("cohere", SIZES, 131584),
    "cohere with norms": ("cohere", SIZES | {"use_qk_norm": True}, 131968),
    "olmo2": ("olmo2", SIZES, 140608),
    "smollm3": ("smollm3", SIZES | {"num_hidden_layers": 8}, 255232),
    "smollm3 with windows": (
        "smollm3",
        SIZES | {"num_hidden_layers": 8, "use_sliding_window": True, "sliding_window": 8},
        255232,
    ),
    "granite": (
        "granite",
        SIZES
        | {
            "embedding_multiplier": 12.0,
            "logits_scaling": 8.0,
            "residual_multiplier": 0.22,
            "attention_multiplier": 0.1,
        },
        140224,
    ),
    "internlm2": ("internlm2", SIZES | {"bias": False}, 140224),
    **small(SIZES),
}
"""Architecture, config and parameters, by a name for the test."""


def config(name: str) -> Config:
    """A config as a file would have it."""
    architecture, values, _ = CASES[name]
    return {"model_type": architecture, **values}
