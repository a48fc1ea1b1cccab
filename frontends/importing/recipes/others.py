"""Families of their own: BLOOM, Cohere, Falcon, MPT, Phi, StableLM, StarCoder2."""

from __future__ import annotations

from typing import Any

from ..keys import choice, flag, inside, number, whole
from ..recipe import (
    ACTIVATIONS,
    Attention,
    Embedding,
    FeedForward,
    Head,
    HeadNorm,
    Norm,
    Recipe,
    Residual,
    Rope,
    Sizes,
    Window,
)
from .common import ATTENTION_BIAS, INV_FREQ, LAYER_NORM, TIED, sizes

ONE_NORM = Residual("parallel", ("input_layernorm",))
EPS = {"layer_norm_eps": 1e-5}

BLOOM = Recipe(
    "bloom",
    attention=Attention(
        fused="self_attention.query_key_value",
        layout="by head",
        out="self_attention.dense",
        bias=True,
        out_bias=True,
        slopes="alibi",
    ),
    feed_forward=FeedForward(
        None, "mlp.dense_h_to_4h", "mlp.dense_4h_to_h", activation=ACTIVATIONS["gelu_new"], bias=True
    ),
    norm=LAYER_NORM,
    embedding=Embedding("word_embeddings", norm="word_embeddings_layernorm"),
    head=Head(tied=TIED, norm="ln_f"),
    sizes=Sizes(ffn_times=4, positions=whole("seq_length")),
    rope=None,
    body=("transformer.", ""),
    layer="h.{layer}.",
    defaults={"vocab_size": 250880, "hidden_size": 64, "n_layer": 2, "n_head": 8, "layer_norm_epsilon": 1e-5},
    fixed={"apply_residual_connection_post_layernorm": (False,)},
    harmless=("bias_dropout_fusion", "masked_softmax_fusion", "skip_bias_add*", "offset_alibi"),
)

COHERE = Recipe(
    "cohere",
    attention=Attention(
        bias=ATTENTION_BIAS,
        out_bias=ATTENTION_BIAS,
        norm=choice("use_qk_norm", of={False: None, True: HeadNorm(over="each head")}, default=False),
    ),
    residual=ONE_NORM,
    norm=Norm("layer"),
    head=Head(tied=TIED, factor=number("logit_scale", default=0.0625)),
    rope=Rope(theta=number("rope_theta", default=500000.0), interleaved=True),
    defaults=sizes(256000, 8192, 22528, 40, 64, 8192, hidden_act="silu", **EPS),
    harmless=("model_max_length",),
    skipped=INV_FREQ,
)


def of_falcon(new: Any, multi_query: Any, other: Any) -> Any:
    """A choice by the two keys that say how Falcon's heads share keys and values."""
    older = choice("multi_query", of={True: multi_query, False: other}, default=True)
    return choice("new_decoder_architecture", of={True: new, False: older}, default=False)


FALCON = Recipe(
    "falcon",
    attention=Attention(
        fused="self_attention.query_key_value",
        layout=of_falcon("by group", "stacked", "by head"),
        out="self_attention.dense",
        bias=flag("bias", default=False),
        out_bias=flag("bias", default=False),
        slopes=choice("alibi", of={False: None, True: "alibi scaled"}, default=False),
    ),
    feed_forward=FeedForward(
        None,
        "mlp.dense_h_to_4h",
        "mlp.dense_4h_to_h",
        activation=choice("activation", of=ACTIVATIONS, default="gelu"),
        bias=flag("bias", default=False),
    ),
    residual=choice(
        "new_decoder_architecture",
        of={
            True: choice(
                "num_ln_in_parallel_attn",
                of={2: Residual("parallel", ("ln_attn", "ln_mlp")), 1: ONE_NORM},
                default=2,
            ),
            False: choice("parallel_attn", of={True: ONE_NORM, False: Residual()}, default=True),
        },
        default=False,
    ),
    norm=LAYER_NORM,
    embedding=Embedding("word_embeddings"),
    head=Head(tied=TIED, norm="ln_f"),
    sizes=Sizes(
        kv_heads=of_falcon(whole("num_kv_heads", "n_head_kv"), 1, None),
        ffn_times=whole("ff_factor", default=4),
    ),
    rope=choice("alibi", of={False: Rope(), True: None}, default=False),
    body=("transformer.",),
    layer="h.{layer}.",
    model_types=("RefinedWeb", "RefinedWebModel"),
    defaults=sizes(65024, 4544, None, 32, 71, 2048, layer_norm_epsilon=1e-5),
    fixed={"apply_residual_connection_post_layernorm": (False,), "num_ln_in_parallel_attn": (1, 2)},
    harmless=(
        "multi_query",
        "parallel_attn",
        "ff_factor",
        "num_kv_heads",
        "n_head_kv",
        "rope_theta",
        "rope_parameters",
    ),
    skipped=("rotary_emb.inv_freq", "maybe_rotary.inv_freq"),
)

MPT = Recipe(
    "mpt",
    attention=Attention(
        fused="attn.Wqkv",
        out="attn.out_proj",
        clip=inside("attn_config", number("clip_qkv", above=0)),
        scale=inside("attn_config", number("softmax_scale")),
        slopes="alibi of mpt",
    ),
    feed_forward=FeedForward(None, "ffn.up_proj", "ffn.down_proj", activation=ACTIVATIONS["gelu"]),
    residual=Residual("pre", ("norm_1", "norm_2")),
    norm=Norm("layer"),
    embedding=Embedding("wte"),
    head=Head(tied=TIED, norm="norm_f"),
    sizes=Sizes(ffn_times=4),
    rope=None,
    body=("transformer.",),
    layer="blocks.{layer}.",
    defaults=sizes(50368, 2048, None, 24, 16, 2048, layer_norm_epsilon=1e-5),
    fixed={
        "no_bias": (True,),
        "norm_type": ("low_precision_layernorm", "layernorm"),
        "logit_scale": (),
        "embedding_fraction": (1.0,),
        "expansion_ratio": (4,),  # transformers computes with 4, whatever it says; so with the next one
        "attn_config.alibi_bias_max": (8,),
        "attn_config.alibi": (True,),
        "attn_config.attn_type": ("multihead_attention",),
        "attn_config.prefix_lm": (False,),
        "attn_config.qk_ln": (False,),
        "attn_config.attn_uses_sequence_id": (False,),
    },
    harmless=(
        *("learned_pos_emb", "verbose", "init_config*", "attn_config.attn_impl", "attn_config.model_type"),
        *("attn_config.dtype", "attn_config.is_encoder_decoder"),
    ),
)

PHI = Recipe(
    "phi",
    attention=Attention(
        out="self_attn.dense",
        bias=True,
        out_bias=True,
        norm=choice(
            "qk_layernorm",
            of={False: None, True: HeadNorm("self_attn.q_layernorm", "self_attn.k_layernorm", bias=True)},
            default=False,
        ),
    ),
    feed_forward=FeedForward(None, "mlp.fc1", "mlp.fc2", bias=True),
    residual=ONE_NORM,
    norm=LAYER_NORM,
    head=Head(norm="final_layernorm", bias=True),
    rope=Rope(fraction=number("partial_rotary_factor", default=0.5)),
    defaults=sizes(51200, 2048, 8192, 24, 32, 2048, hidden_act="gelu_new", **EPS),
    skipped=INV_FREQ,
)

PHI3 = Recipe(
    "phi3",
    attention=Attention(fused="self_attn.qkv_proj"),
    feed_forward=FeedForward(up="mlp.gate_up_proj", fused=True),
    rope=Rope(
        fraction=number("partial_rotary_factor", default=1.0),
        original_context=whole("original_max_position_embeddings", default=4096),
        renamed={"su": "longrope", "yarn": "longrope"},
    ),
    window=Window(listed=False),
    defaults=sizes(32064, 3072, 8192, 32, 32, 4096, hidden_act="silu", rms_norm_eps=1e-5),
    fixed={
        **dict.fromkeys(("attention_bias", "mlp_bias", "lm_head_bias"), (False,)),
        **dict.fromkeys(("full_attn_mod", "interpolate_factor"), (1,)),
    },
    skipped=INV_FREQ,
)

STABLELM = Recipe(
    "stablelm",
    attention=Attention(bias=flag("use_qkv_bias", default=False)),
    residual=choice("use_parallel_residual", of={True: ONE_NORM, False: Residual()}, default=False),
    norm=LAYER_NORM,
    rope=Rope(fraction=number("partial_rotary_factor", "rope_pct", default=0.25)),
    defaults=sizes(50304, 2560, 6912, 32, 32, 4096, num_key_value_heads=32, hidden_act="silu", **EPS),
    fixed={"qk_layernorm": (False,)},
    model_types=("stablelm_epoch",),
    skipped=INV_FREQ,
)

STARCODER2 = Recipe(
    "starcoder2",
    attention=Attention(bias=flag("use_bias", default=True), out_bias=flag("use_bias", default=True)),
    feed_forward=FeedForward(None, "mlp.c_fc", "mlp.c_proj", bias=flag("use_bias", default=True)),
    norm=LAYER_NORM,
    head=Head(tied=TIED),
    window=Window(listed=False),
    defaults=sizes(49152, 3072, 12288, 30, 24, 4096, num_key_value_heads=2, norm_epsilon=1e-5)
    | {"hidden_act": "gelu_pytorch_tanh"},
    fixed={"mlp_type": ("default",), "norm_type": ("layer_norm",), "scale_attn_weights": (True,)},
    harmless=("activation_function",),
    skipped=INV_FREQ,
)
