"""Configs of mixtures of experts: small ones, and the sizes of published models.

Parameters are those of transformers 5.24 on the meta device: the numbers of the `state_dict`, each once. It
has corrections of routers, too, which are no parameters of PyTorch.
"""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]


def small(sizes: Config) -> dict[str, tuple[str, Config, int]]:
    """Architecture, config and parameters of small models with these sizes."""
    some = sizes | {"num_experts_per_tok": 2}
    qwen = some | {"num_experts": 8, "moe_intermediate_size": 24}
    shared = qwen | {"shared_expert_intermediate_size": 40}
    llama = some | {"num_local_experts": 4, "head_dim": 32, "intermediate_size_mlp": 80}
    return {
        "mixtral": ("mixtral", some | {"num_local_experts": 4, "sliding_window": 8}, 362432),
        "qwen2_moe": ("qwen2_moe", shared, 247488),
        "qwen2_moe with dense layers": (
            "qwen2_moe",
            shared | {"decoder_sparse_step": 2, "mlp_only_layers": [3], "qkv_bias": False},
            166912,
        ),
        "qwen3_moe": ("qwen3_moe", qwen | {"head_dim": 32, "norm_topk_prob": True}, 265408),
        "olmoe": ("olmoe", some | {"num_experts": 16, "clip_qkv": 0.5}, 1250624),
        "gpt_oss": ("gpt_oss", some | {"num_local_experts": 8, "head_dim": 32, "sliding_window": 8}, 717040),
        "llama4": ("llama4_text", llama, 485312),
        "llama4 with dense layers": (
            "llama4_text",
            llama | {"interleave_moe_layer_step": 2, "use_qk_norm": False},
            331200,
        ),
    }


def sized(
    vocab: int, hidden: int, ffn: int, layers: int, heads: tuple[int, int], experts: int, **more: Any
) -> Config:
    """A config by its sizes; heads are those of queries and of keys."""
    return {
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "num_experts_per_tok": experts,
        **more,
    }


PUBLISHED: dict[str, tuple[str, Config, int, int]] = {
    "Mixtral 8x7B": (
        "mixtral",
        sized(32000, 4096, 14336, 32, (32, 8), 2, num_local_experts=8, sliding_window=None),
        46_702_792_704,
        12_879_925_248,
    ),
    "Qwen1.5-MoE-A2.7B": (
        "qwen2_moe",
        sized(151936, 2048, 5632, 24, (16, 16), 4, num_experts=60, moe_intermediate_size=1408),
        14_315_784_192,
        2_689_173_504,
    ),
    "Qwen3-30B-A3B": (
        "qwen3_moe",
        sized(151936, 2048, 6144, 48, (32, 4), 8, num_experts=128, moe_intermediate_size=768, head_dim=128),
        30_532_122_624,
        3_353_032_704,
    ),
    "OLMoE": (
        "olmoe",
        sized(50304, 2048, 2048, 16, (16, 16), 8, num_experts=64),
        13_361_612_800,
        2_087_323_648,
    ),
    "gpt-oss-20b": (
        "gpt_oss",
        sized(201088, 2880, 2880, 24, (64, 8), 4, num_local_experts=32, head_dim=64),
        20_914_757_184,
        4_187_440_704,
    ),
    "Llama 4 Scout": (
        "llama4_text",
        sized(202048, 5120, 8192, 48, (40, 8), 1, num_local_experts=16, intermediate_size_mlp=16384),
        107_769_861_120,
        17_172_894_720,
    ),
}
"""Architecture, sizes, parameters, and those that a token needs: without the experts that it leaves out."""
