"""The models that are compared with transformers: one entry each, tiny, and as odd as their family allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STEPS = 24
"""Decode steps: more than any window, ring or original context below."""
BATCH: Mapping[str, int] = {"f32": 2, "bf16": 8}
"""Rows of a batch by type: what is rounded coarsely takes more numbers to be told from chance."""
WINDOW = 5
TRAINED = 12
"""Positions that a model with longrope is trained for; it switches its table within the steps."""

PLAIN: Mapping[str, Any] = {
    "vocab_size": 101,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
"""What every config has unless it says otherwise; 101 is prime, so a vocabulary splits over no sockets."""

SMALL: Mapping[str, Any] = {
    **PLAIN,
    "intermediate_size": 96,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
"""What those of the families since Llama have."""


@dataclass(frozen=True)
class Case:
    """A model by its config in transformers."""

    name: str
    family: str
    """Its `model_type`, as it is published."""
    config: Mapping[str, Any]
    sharded: bool = False
    """Whether its checkpoint is several files and an index."""

    @property
    def chooses(self) -> bool:
        """Whether tokens choose among experts."""
        return "num_experts_per_tok" in self.config


def case(name: str, base: Mapping[str, Any] = SMALL, *, sharded: bool = False, **config: Any) -> Case:
    """An entry: what differs from a base; the family is the name's first word."""
    return Case(name, name.partition(" ")[0], {**base, **config}, sharded)


def rope(kind: str, **values: Any) -> dict[str, Any]:
    """A scaling of rotary embeddings, as a config has it."""
    return {"rope_type": kind, "rope_theta": 10_000.0, **values}


LLAMA3 = rope(
    "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16
)
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16)
LONG = rope(
    "longrope",
    short_factor=[1.0, 1.1, 1.3, 1.6, 2.0, 2.5, 3.1, 3.8],
    long_factor=[1.5, 2.5, 4.0, 6.0, 9.0, 13.0, 18.0, 24.0],
    original_max_position_embeddings=TRAINED,
)
EXPERTS: Mapping[str, Any] = {**SMALL, "num_experts_per_tok": 2}
"""What mixtures of experts have besides."""
OF_EIGHT = {**EXPERTS, "num_experts": 8, "moe_intermediate_size": 24}
LATENT = {
    **EXPERTS,
    "first_k_dense_replace": 1,
    "num_hidden_layers": 3,
    "num_key_value_heads": 4,
    "q_lora_rank": 40,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 24,
    "n_routed_experts": 16,
    "n_shared_experts": 2,
    "moe_intermediate_size": 24,
}
"""What those with latent attention have."""
CHUNK = 32
"""Positions of a chunk of Llama 4, more than there are steps."""
GEMMA3 = {
    "sliding_attention": rope("default"),
    "full_attention": rope("linear", factor=8.0) | {"rope_theta": 1e6},
}

CASES = (
    case("llama", sharded=True, num_hidden_layers=3),
    case("llama tied", tie_word_embeddings=True),
    case("llama biases", attention_bias=True, mlp_bias=True),
    case("llama head_dim", head_dim=8, num_key_value_heads=1),
    case("llama linear", rope_parameters=rope("linear", factor=4.0)),
    case("llama llama3", rope_parameters=LLAMA3),
    case("llama yarn", rope_parameters=YARN, num_hidden_layers=3),
    case("mistral", sliding_window=WINDOW),
    case("mistral full", sliding_window=None, head_dim=8),
    case("qwen2"),
    case(
        "qwen2 window",
        use_sliding_window=True,
        sliding_window=WINDOW,
        max_window_layers=2,
        num_hidden_layers=4,
        tie_word_embeddings=True,
    ),
    case("qwen3", head_dim=24, sharded=True, num_hidden_layers=3),
    case("qwen3 tied", head_dim=16, tie_word_embeddings=True),
    case("gemma", head_dim=16),
    case(
        "gemma2",
        head_dim=16,
        sliding_window=WINDOW,
        query_pre_attn_scalar=12,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
        num_hidden_layers=4,
    ),
    case(
        "gemma2 uncapped",
        head_dim=8,
        sliding_window=WINDOW,
        attn_logit_softcapping=None,
        final_logit_softcapping=None,
    ),
    case(
        "gemma3_text",
        head_dim=16,
        sliding_window=WINDOW,
        query_pre_attn_scalar=20,
        num_hidden_layers=8,
        rope_parameters=GEMMA3,
    ),
    case("phi", partial_rotary_factor=0.5),
    case("phi3"),
    case("phi3 window", sliding_window=WINDOW, partial_rotary_factor=0.5),
    case(
        "phi3 longrope",
        rope_parameters=LONG,
        original_max_position_embeddings=TRAINED,
        max_position_embeddings=4 * TRAINED,
    ),
    case("gpt2", PLAIN, n_positions=64),
    case("gpt_bigcode", PLAIN, n_positions=64),
    case("gptj", PLAIN, n_positions=64, rotary_dim=8),
    case("gpt_neox", PLAIN, intermediate_size=96, max_position_embeddings=64),
    case("gpt_neox serial", PLAIN, intermediate_size=96, use_parallel_residual=False),
    case("opt", PLAIN, ffn_dim=96, word_embed_proj_dim=64, max_position_embeddings=64),
    case("falcon", PLAIN, ffn_hidden_size=96),
    case("falcon groups", PLAIN, new_decoder_architecture=True, num_kv_heads=2),
    case("bloom", PLAIN),
    case("mpt", PLAIN, num_attention_heads=6, hidden_size=48, max_seq_len=64),
    case("stablelm"),
    case("stablelm biases", use_qkv_bias=True, use_parallel_residual=True),
    case("starcoder2", sliding_window=None),
    case("starcoder2 window", sliding_window=WINDOW),
    case("cohere", logit_scale=0.25),
    case("cohere norms", logit_scale=0.25, use_qk_norm=True),
    case("olmo2", num_hidden_layers=3),
    case("smollm3", num_hidden_layers=4),
    case("internlm2", attention_bias=True),
    case("mixtral", EXPERTS, num_local_experts=4, sharded=True),
    case("mixtral window", EXPERTS, num_local_experts=8, num_experts_per_tok=3, sliding_window=WINDOW),
    case("qwen2_moe", OF_EIGHT, shared_expert_intermediate_size=40),
    case(
        "qwen2_moe sparse",
        OF_EIGHT,
        shared_expert_intermediate_size=32,
        norm_topk_prob=True,
        decoder_sparse_step=2,
        num_hidden_layers=4,
        mlp_only_layers=[1],
    ),
    case("qwen3_moe", OF_EIGHT, head_dim=24, norm_topk_prob=True, sharded=True),
    case("qwen3_moe all", {**OF_EIGHT, "num_experts_per_tok": 8}, head_dim=16, tie_word_embeddings=True),
    case("olmoe", {**EXPERTS, "num_experts": 16, "intermediate_size": 24}, num_experts_per_tok=4),
    case(
        "olmoe clip",
        {**EXPERTS, "num_experts": 8, "intermediate_size": 24},
        clip_qkv=0.5,
        norm_topk_prob=True,
    ),
    case(
        "gpt_oss",
        EXPERTS,
        num_local_experts=8,
        num_hidden_layers=4,
        head_dim=16,
        sliding_window=WINDOW,
        rope_parameters={**YARN, "truncate": False, "beta_fast": 8.0},
        swiglu_limit=1.5,
    ),
    case(
        "llama4_text",
        {**EXPERTS, "num_experts_per_tok": 1, "num_local_experts": 4},
        head_dim=16,
        intermediate_size_mlp=48,
        num_hidden_layers=4,
        attention_chunk_size=CHUNK,
        no_rope_layer_interval=2,
    ),
    case(
        "llama4_text dense",
        {**EXPERTS, "num_experts_per_tok": 2, "num_local_experts": 4},
        head_dim=16,
        intermediate_size_mlp=48,
        num_hidden_layers=4,
        interleave_moe_layer_step=2,
        use_qk_norm=False,
        attention_chunk_size=CHUNK,
    ),
    case(
        "granite",
        embedding_multiplier=3.0,
        attention_multiplier=0.2,
        residual_multiplier=0.4,
        logits_scaling=2.0,
    ),
    case("deepseek_v2", LATENT, q_lora_rank=None, sharded=True),
    case(
        "deepseek_v2 groups",
        LATENT,
        topk_method="group_limited_greedy",
        n_group=4,
        topk_group=2,
        routed_scaling_factor=1.5,
        rope_parameters={**YARN, "mscale": 0.7, "mscale_all_dim": 0.7, "beta_fast": 8.0},
    ),
    case("deepseek_v3", LATENT, n_group=4, topk_group=2, rope_parameters={**YARN, "mscale_all_dim": 1.0}),
    case(
        "deepseek_v3 one group",
        {**LATENT, "num_experts_per_tok": 3, "n_shared_experts": 1, "first_k_dense_replace": 2},
        n_group=1,
        topk_group=1,
        norm_topk_prob=False,
        rope_interleave=False,
    ),
)
