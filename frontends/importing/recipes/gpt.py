"""GPT-2 and what came of it: layer norms with biases, plain feed-forwards."""

from __future__ import annotations

from ..keys import choice, flag, number, whole
from ..recipe import (
    ACTIVATIONS,
    Attention,
    Embedding,
    FeedForward,
    Head,
    Norm,
    Recipe,
    Residual,
    Rope,
    Sizes,
)

LAYER_NORM = Norm("layer", bias=True)
MASKS = ("attn.bias", "attn.masked_bias")
"""Tables of the causal mask that older checkpoints hold."""
TIED = flag("tie_word_embeddings", default=True)
GPT_SIZES = {
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "layer_norm_epsilon": 1e-5,
    "activation_function": "gelu_new",
}
GPT_FEED_FORWARD = FeedForward(
    gate=None,
    up="mlp.c_fc",
    down="mlp.c_proj",
    activation=choice("activation_function", of=ACTIVATIONS),
    bias=True,
)
SCALE = choice("scale_attn_weights", of={True: None, False: 1.0}, default=True)
SEQUENTIAL = Residual("pre", ("ln_1", "ln_2"))

GPT2 = Recipe(
    "gpt2",
    attention=Attention(
        fused="attn.c_attn", out="attn.c_proj", bias=True, out_bias=True, transposed=False, scale=SCALE
    ),
    feed_forward=FeedForward(
        gate=None,
        up="mlp.c_fc",
        down="mlp.c_proj",
        activation=choice("activation_function", of=ACTIVATIONS),
        bias=True,
        transposed=False,
    ),
    residual=SEQUENTIAL,
    norm=LAYER_NORM,
    embedding=Embedding("wte", positions="wpe"),
    head=Head(tied=TIED, norm="ln_f"),
    sizes=Sizes(ffn_times=4),
    rope=None,
    body=("transformer.", ""),
    layer="h.{layer}.",
    defaults=GPT_SIZES,
    fixed={"scale_attn_by_inverse_layer_idx": (False,)},
    skipped=MASKS,
)

GPT_BIGCODE = Recipe(
    "gpt_bigcode",
    attention=Attention(
        fused="attn.c_attn",
        layout=choice("multi_query", of={True: "stacked", False: "by head"}, default=True),
        out="attn.c_proj",
        bias=True,
        out_bias=True,
        scale=SCALE,
    ),
    feed_forward=GPT_FEED_FORWARD,
    residual=SEQUENTIAL,
    norm=LAYER_NORM,
    embedding=Embedding("wte", positions="wpe"),
    head=Head(tied=TIED, norm="ln_f"),
    sizes=Sizes(kv_heads=choice("multi_query", of={True: 1, False: None}, default=True), ffn_times=4),
    rope=None,
    body=("transformer.", ""),
    layer="h.{layer}.",
    defaults=GPT_SIZES | {"activation_function": "gelu_pytorch_tanh"},
    harmless=("attention_softmax_in_fp32", "inference_runner", "max_batch_size", "max_sequence_length"),
    fixed={"num_key_value_heads": (1,)},
    skipped=MASKS,
)

GPTJ = Recipe(
    "gptj",
    attention=Attention("attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.out_proj"),
    feed_forward=FeedForward(
        gate=None,
        up="mlp.fc_in",
        down="mlp.fc_out",
        activation=choice("activation_function", of=ACTIVATIONS),
        bias=True,
    ),
    residual=Residual("parallel", ("ln_1",)),
    norm=LAYER_NORM,
    embedding=Embedding("wte"),
    head=Head(norm="ln_f", bias=True),
    sizes=Sizes(ffn_times=4),
    rope=Rope(dims=whole("rotary_dim", default=64), interleaved=True),
    body=("transformer.", ""),
    layer="h.{layer}.",
    defaults=GPT_SIZES
    | {"vocab_size": 50400, "n_positions": 2048, "n_embd": 4096, "n_layer": 28, "n_head": 16},
    fixed={"rotary": (True,), "scale_attn_weights": (True,)},
    skipped=MASKS,
)

GPT_NEOX = Recipe(
    "gpt_neox",
    attention=Attention(
        fused="attention.query_key_value",
        layout="by head",
        out="attention.dense",
        bias=flag("attention_bias", default=True),
        out_bias=flag("attention_bias", default=True),
    ),
    feed_forward=FeedForward(gate=None, up="mlp.dense_h_to_4h", down="mlp.dense_4h_to_h", bias=True),
    residual=choice(
        "use_parallel_residual",
        of={True: Residual("parallel"), False: Residual()},
        default=True,
    ),
    norm=LAYER_NORM,
    embedding=Embedding("embed_in"),
    head=Head(("embed_out", "lm_head"), norm="final_layer_norm"),
    rope=Rope(
        theta=number("rotary_emb_base", "rope_theta", default=10000.0),
        fraction=number("rotary_pct", "partial_rotary_factor", default=0.25),
    ),
    body=("gpt_neox.",),
    defaults={
        "vocab_size": 50432,
        "hidden_size": 6144,
        "num_hidden_layers": 44,
        "num_attention_heads": 64,
        "intermediate_size": 24576,
        "hidden_act": "gelu",
        "max_position_embeddings": 2048,
        "layer_norm_eps": 1e-5,
    },
    skipped=("attention.bias", "attention.masked_bias", "rotary_emb.inv_freq"),
)

OPT = Recipe(
    "opt",
    attention=Attention(
        out="self_attn.out_proj",
        bias=flag("enable_bias", default=True),
        out_bias=flag("enable_bias", default=True),
    ),
    feed_forward=FeedForward(
        gate=None,
        up="fc1",
        down="fc2",
        activation=choice("activation_function", of=ACTIVATIONS),
        bias=flag("enable_bias", default=True),
    ),
    residual=choice(
        "do_layer_norm_before",
        of={
            True: Residual("pre", ("self_attn_layer_norm", "final_layer_norm")),
            False: Residual("after", ("self_attn_layer_norm", "final_layer_norm")),
        },
        default=True,
    ),
    norm=Norm("layer", eps=1e-5, gain=flag("layer_norm_elementwise_affine", default=True), bias=True),
    embedding=Embedding(positions="embed_positions", first_row=2, width=whole("word_embed_proj_dim")),
    head=Head(
        tied=TIED,
        norm=choice(
            "do_layer_norm_before",
            of={
                True: choice(
                    "_remove_final_layer_norm", of={False: "final_layer_norm", True: None}, default=False
                ),
                False: None,
            },
            default=True,
        ),
    ),
    rope=None,
    body=("model.decoder.", "decoder."),
    defaults={
        "vocab_size": 50272,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "ffn_dim": 3072,
        "max_position_embeddings": 2048,
        "num_attention_heads": 12,
        "activation_function": "relu",
    },
    harmless=("_remove_final_layer_norm",),
)
