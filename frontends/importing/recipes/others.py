"""Families of their own: BLOOM, Cohere, Falcon, MPT, Phi, StableLM, StarCoder2."""

from __future__ import annotations

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

LAYER_NORM = Norm("layer", bias=True)
TIED = flag("tie_word_embeddings", default=True)

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
        gate=None,
        up="mlp.dense_h_to_4h",
        down="mlp.dense_4h_to_h",
        activation=ACTIVATIONS["gelu_new"],
        bias=True,
    ),
    norm=LAYER_NORM,
    embedding=Embedding("word_embeddings", norm="word_embeddings_layernorm"),
    head=Head(tied=TIED, norm="ln_f"),
    sizes=Sizes(ffn_times=4, positions=whole("seq_length")),
    rope=None,
    body=("transformer.", ""),
    layer="h.{layer}.",
    defaults={
        "vocab_size": 250880,
        "hidden_size": 64,
        "n_layer": 2,
        "n_head": 8,
        "layer_norm_epsilon": 1e-5,
    },
    fixed={"apply_residual_connection_post_layernorm": (False,)},
    harmless=("attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion", "skip_bias_add"),
)

COHERE = Recipe(
    "cohere",
    attention=Attention(
        bias=flag("attention_bias", default=False),
        out_bias=flag("attention_bias", default=False),
        norm=choice("use_qk_norm", of={False: None, True: HeadNorm(over="each head")}, default=False),
    ),
    residual=Residual("parallel", ("input_layernorm",)),
    norm=Norm("layer"),
    head=Head(tied=TIED, factor=number("logit_scale", default=0.0625)),
    rope=Rope(theta=number("rope_theta", default=500000.0), interleaved=True),
    defaults={
        "vocab_size": 256000,
        "hidden_size": 8192,
        "intermediate_size": 22528,
        "num_hidden_layers": 40,
        "num_attention_heads": 64,
        "hidden_act": "silu",
        "max_position_embeddings": 8192,
        "layer_norm_eps": 1e-5,
    },
    harmless=("model_max_length",),
    skipped=("rotary_emb.inv_freq",),
)

FALCON_KV = choice(
    "new_decoder_architecture",
    of={
        True: whole("num_kv_heads", "n_head_kv"),
        False: choice("multi_query", of={True: 1, False: None}, default=True),
    },
    default=False,
)
FALCON = Recipe(
    "falcon",
    attention=Attention(
        fused="self_attention.query_key_value",
        layout=choice(
            "new_decoder_architecture",
            of={
                True: "by group",
                False: choice("multi_query", of={True: "stacked", False: "by head"}, default=True),
            },
            default=False,
        ),
        out="self_attention.dense",
        bias=flag("bias", default=False),
        out_bias=flag("bias", default=False),
        slopes=choice("alibi", of={False: None, True: "alibi scaled"}, default=False),
    ),
    feed_forward=FeedForward(
        gate=None,
        up="mlp.dense_h_to_4h",
        down="mlp.dense_4h_to_h",
        activation=choice("activation", of=ACTIVATIONS, default="gelu"),
        bias=flag("bias", default=False),
    ),
    residual=choice(
        "parallel_attn",
        of={
            True: choice(
                "new_decoder_architecture",
                of={
                    True: choice(
                        "num_ln_in_parallel_attn",
                        of={
                            2: Residual("parallel", ("ln_attn", "ln_mlp")),
                            1: Residual("parallel", ("input_layernorm",)),
                        },
                        default=2,
                    ),
                    False: Residual("parallel", ("input_layernorm",)),
                },
                default=False,
            ),
            False: choice("new_decoder_architecture", of={False: Residual()}, default=False),
        },
        default=True,
    ),
    norm=LAYER_NORM,
    embedding=Embedding("word_embeddings"),
    head=Head(tied=TIED, norm="ln_f"),
    sizes=Sizes(kv_heads=FALCON_KV, ffn_times=4),
    rope=choice("alibi", of={False: Rope(), True: None}, default=False),
    body=("transformer.",),
    layer="h.{layer}.",
    model_types=("RefinedWeb", "RefinedWebModel"),
    defaults={
        "vocab_size": 65024,
        "hidden_size": 4544,
        "num_hidden_layers": 32,
        "num_attention_heads": 71,
        "layer_norm_epsilon": 1e-5,
        "max_position_embeddings": 2048,
    },
    fixed={"apply_residual_connection_post_layernorm": (False,), "num_ln_in_parallel_attn": (1, 2)},
    harmless=("multi_query", "num_kv_heads", "n_head_kv", "rope_theta", "rope_parameters*", "rope_scaling"),
    skipped=("rotary_emb.inv_freq", "maybe_rotary.inv_freq"),
)

MPT = Recipe(
    "mpt",
    attention=Attention(
        fused="attn.Wqkv",
        out="attn.out_proj",
        clip=inside("attn_config", number("clip_qkv")),
        scale=inside("attn_config", number("softmax_scale")),
        slopes="alibi of mpt",
        slopes_max=inside("attn_config", whole("alibi_bias_max", default=8)),
    ),
    feed_forward=FeedForward(
        gate=None, up="ffn.up_proj", down="ffn.down_proj", activation=ACTIVATIONS["gelu"]
    ),
    residual=Residual("pre", ("norm_1", "norm_2")),
    norm=Norm("layer"),
    embedding=Embedding("wte"),
    head=Head(tied=TIED, norm="norm_f"),
    sizes=Sizes(ffn_times=whole("expansion_ratio", default=4)),
    rope=None,
    body=("transformer.",),
    layer="blocks.{layer}.",
    defaults={
        "vocab_size": 50368,
        "d_model": 2048,
        "n_heads": 16,
        "n_layers": 24,
        "max_seq_len": 2048,
        "layer_norm_epsilon": 1e-5,
    },
    fixed={
        "no_bias": (True,),
        "norm_type": ("low_precision_layernorm", "layernorm"),
        "logit_scale": (),
        "embedding_fraction": (1.0,),
        "attn_config.alibi": (True,),
        "attn_config.attn_type": ("multihead_attention",),
        "attn_config.prefix_lm": (False,),
        "attn_config.qk_ln": (False,),
        "attn_config.attn_uses_sequence_id": (False,),
    },
    harmless=("learned_pos_emb", "verbose", "init_config*", "*.attn_impl", "*.attn_pdrop", "*.model_type"),
)

PHI = Recipe(
    "phi",
    attention=Attention(
        out="self_attn.dense",
        bias=True,
        out_bias=True,
        norm=choice(
            "qk_layernorm",
            of={
                False: None,
                True: HeadNorm("self_attn.q_layernorm", "self_attn.k_layernorm", bias=True),
            },
            default=False,
        ),
    ),
    feed_forward=FeedForward(gate=None, up="mlp.fc1", down="mlp.fc2", bias=True),
    residual=Residual("parallel", ("input_layernorm",)),
    norm=LAYER_NORM,
    head=Head(norm="final_layernorm", bias=True),
    rope=Rope(fraction=number("partial_rotary_factor", default=0.5)),
    defaults={
        "vocab_size": 51200,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 24,
        "num_attention_heads": 32,
        "hidden_act": "gelu_new",
        "max_position_embeddings": 2048,
        "layer_norm_eps": 1e-5,
    },
    skipped=("rotary_emb.inv_freq",),
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
    defaults={
        "vocab_size": 32064,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
    },
    fixed={
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "lm_head_bias": (False,),
        "full_attn_mod": (1,),
        "interpolate_factor": (1,),
    },
    skipped=("rotary_emb.inv_freq",),
)

STABLELM = Recipe(
    "stablelm",
    attention=Attention(bias=flag("use_qkv_bias", default=False)),
    residual=choice(
        "use_parallel_residual",
        of={True: Residual("parallel", ("input_layernorm",)), False: Residual()},
        default=False,
    ),
    norm=LAYER_NORM,
    rope=Rope(fraction=number("partial_rotary_factor", "rope_pct", default=0.25)),
    defaults={
        "vocab_size": 50304,
        "hidden_size": 2560,
        "intermediate_size": 6912,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "layer_norm_eps": 1e-5,
    },
    fixed={"qk_layernorm": (False,)},
    model_types=("stablelm_epoch",),
    skipped=("rotary_emb.inv_freq",),
)

STARCODER2 = Recipe(
    "starcoder2",
    attention=Attention(bias=flag("use_bias", default=True), out_bias=flag("use_bias", default=True)),
    feed_forward=FeedForward(
        gate=None, up="mlp.c_fc", down="mlp.c_proj", bias=flag("use_bias", default=True)
    ),
    norm=LAYER_NORM,
    head=Head(tied=TIED),
    window=Window(listed=False),
    defaults={
        "vocab_size": 49152,
        "hidden_size": 3072,
        "intermediate_size": 12288,
        "num_hidden_layers": 30,
        "num_attention_heads": 24,
        "num_key_value_heads": 2,
        "hidden_act": "gelu_pytorch_tanh",
        "max_position_embeddings": 4096,
        "norm_epsilon": 1e-5,
    },
    fixed={
        "mlp_type": ("default",),
        "norm_type": ("layer_norm",),
        "scale_attn_weights": (True,),
    },
    harmless=("activation_function", "scale_attention_softmax_in_fp32"),
    skipped=("rotary_emb.inv_freq",),
)
