"""Mixtures of experts: Mixtral, Qwen's, OLMoE, gpt-oss, Llama 4."""

from __future__ import annotations

from ..experts import Clamped, Experts, Router, Shared, Sparse, Stacks
from ..keys import choice, flag, number, whole
from ..recipe import Attention, Chunks, FeedForward, HeadNorm, Recipe, Rope, Sizes, Unrotated, Window
from .common import ATTENTION_BIAS, INV_FREQ, sizes
from .llama import COMMON, USES_WINDOW

TRAINING = ("router_aux_loss_coef", "router_jitter_noise", "aux_loss_alpha", "seq_aux", "ep_size")
"""Keys of what is lost and gained in training, and of where experts lie then."""
NORMALISED = flag("norm_topk_prob", default=False)
QWEN_LAYERS = Sparse(period=whole("decoder_sparse_step", default=1), without="mlp_only_layers")
OF_ONE_SIZE = whole("intermediate_size", required=True)
"""The size of an expert where the config has no other."""

MIXTRAL = Recipe(
    "mixtral",
    experts=Experts(
        size=OF_ONE_SIZE,
        router=Router("block_sparse_moe.gate", normalised=True),
        stacks=Stacks(
            "block_sparse_moe.experts.{expert}.w1.weight",
            "block_sparse_moe.experts.{expert}.w3.weight",
            "block_sparse_moe.experts.{expert}.w2.weight",
        ),
    ),
    window=Window(listed=False),
    defaults=sizes(
        *(32000, 4096, 14336, 32, 32, 131072),
        num_key_value_heads=8,
        hidden_act="silu",
        rms_norm_eps=1e-5,
        rope_theta=1e6,
        num_local_experts=8,
        num_experts_per_tok=2,
    ),
    harmless=TRAINING,
    skipped=INV_FREQ,
)

QWEN2_MOE = Recipe(
    "qwen2_moe",
    attention=Attention(bias=flag("qkv_bias", default=True)),
    experts=Experts(
        router=Router(normalised=NORMALISED),
        layers=QWEN_LAYERS,
        shared=Shared(
            size=whole("shared_expert_intermediate_size", default=5632), gate="mlp.shared_expert_gate"
        ),
    ),
    defaults=sizes(151936, 2048, 5632, 24, 16, 32768, num_key_value_heads=16, **COMMON)
    | {"num_experts": 60, "num_experts_per_tok": 4, "moe_intermediate_size": 1408},
    fixed={"use_sliding_window": (False,)},  # which layers then slide differs between releases
    harmless=(*TRAINING, "sliding_window", "max_window_layers"),
    skipped=INV_FREQ,
)

QWEN3_MOE = Recipe(
    "qwen3_moe",
    attention=Attention(norm=HeadNorm(), bias=ATTENTION_BIAS, out_bias=ATTENTION_BIAS),
    experts=Experts(router=Router(normalised=NORMALISED), layers=QWEN_LAYERS),
    window=Window(enabled=USES_WINDOW, listed=False),
    defaults=sizes(151936, 2048, 6144, 24, 32, 32768, num_key_value_heads=4, **COMMON)
    | {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "sliding_window": 4096},
    harmless=(*TRAINING, "max_window_layers"),
)

OLMOE = Recipe(
    "olmoe",
    attention=Attention(
        norm=HeadNorm(over="row"),
        bias=ATTENTION_BIAS,
        out_bias=ATTENTION_BIAS,
        clip=number("clip_qkv", above=0),
    ),
    experts=Experts(size=OF_ONE_SIZE, router=Router(normalised=NORMALISED)),
    defaults=sizes(50304, 2048, 2048, 16, 16, 4096, hidden_act="silu", rms_norm_eps=1e-5)
    | {"num_experts": 64, "num_experts_per_tok": 8},
    harmless=TRAINING,
)

GPT_OSS = Recipe(
    "gpt_oss",
    attention=Attention(
        bias=flag("attention_bias", default=True),
        out_bias=flag("attention_bias", default=True),
        sinks="self_attn.sinks",
    ),
    experts=Experts(
        per_token=whole("num_experts_per_tok", "experts_per_token", required=True),
        size=OF_ONE_SIZE,
        router=Router("mlp.router", "softmax of chosen", bias=True),
        stacks=Stacks(
            up="mlp.experts.gate_up_proj",
            down="mlp.experts.down_proj",
            fused="alternating",
            transposed=False,
            bias="_bias",
        ),
        clamped=Clamped(),
    ),
    rope=Rope(
        theta=number("rope_theta", default=150000.0, above=0),
        original_context=whole("initial_context_length"),
    ),
    window=Window(period=2),
    defaults=sizes(201088, 2880, 2880, 36, 64, 131072, num_key_value_heads=8, head_dim=64)
    | {"num_local_experts": 128, "num_experts_per_tok": 4, "sliding_window": 128}
    | {"hidden_act": "silu", "rms_norm_eps": 1e-5},
    fixed={"hidden_act": ("silu",)},
    harmless=TRAINING,
)

LLAMA4 = Recipe(
    "llama4_text",
    attention=Attention(
        bias=ATTENTION_BIAS,
        out_bias=ATTENTION_BIAS,
        norm=choice(
            "use_qk_norm", of={True: HeadNorm(gain=False, behind_rope=True), False: None}, default=True
        ),
    ),
    feed_forward=FeedForward("feed_forward.gate_proj", "feed_forward.up_proj", "feed_forward.down_proj"),
    experts=Experts(
        size=OF_ONE_SIZE,
        router=Router("feed_forward.router", "sigmoid of chosen"),
        stacks=Stacks(
            up="feed_forward.experts.gate_up_proj",
            down="feed_forward.experts.down_proj",
            fused="halves",
            transposed=False,
        ),
        layers=Sparse(period=whole("interleave_moe_layer_step", default=1), listed="moe_layers"),
        shared=Shared("feed_forward.shared_expert", size=OF_ONE_SIZE),
        scales_input=True,
    ),
    sizes=Sizes(ffn=whole("intermediate_size_mlp", default=16384)),
    rope=Rope(theta=number("rope_theta", default=500000.0, above=0), interleaved=True),
    unrotated=Unrotated(),
    chunks=Chunks(),
    defaults=sizes(202048, 5120, 8192, 48, 40, 131072, num_key_value_heads=8, head_dim=128)
    | {"num_local_experts": 16, "num_experts_per_tok": 1, "attention_chunk_size": 8192}
    | {"hidden_act": "silu", "rms_norm_eps": 1e-5},
    harmless=(*TRAINING, "for_llm_compressor"),
    model_types=("llama4",),
)
