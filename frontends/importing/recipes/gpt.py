"""GPT-2 and what came of it: layer norms with biases, plain feed-forwards."""

from __future__ import annotations

from dataclasses import replace

from ..keys import choice, flag, number, whole
from ..recipe import Attention, Embedding, FeedForward, Head, Norm, Recipe, Residual, Rope, Sizes
from .common import FUNCTION, LAYER_NORM, MASKS, TIED, sizes

SCALE = choice("scale_attn_weights", of={True: None, False: 1.0}, default=True)
EPS = {"layer_norm_epsilon": 1e-5}
ENABLED = flag("enable_bias", default=True)
OPT_NORMS = ("self_attn_layer_norm", "final_layer_norm")

PLAIN = FeedForward(None, "mlp.c_fc", "mlp.c_proj", activation=FUNCTION, bias=True)

GPT2 = Recipe(
    "gpt2",
    attention=Attention(
        fused="attn.c_attn", out="attn.c_proj", bias=True, out_bias=True, transposed=False, scale=SCALE
    ),
    feed_forward=replace(PLAIN, transposed=False),
    residual=Residual("pre", ("ln_1", "ln_2")),
    norm=LAYER_NORM,
    embedding=Embedding("wte", positions="wpe"),
    head=Head(tied=TIED, norm="ln_f"),
    sizes=Sizes(ffn_times=4),
    rope=None,
    body=("transformer.", ""),
    layer="h.{layer}.",
    defaults=sizes(50257, 768, None, 12, 12, 1024, activation_function="gelu_new", **EPS),
    fixed={"scale_attn_by_inverse_layer_idx": (False,)},
    skipped=MASKS,
)

GPT_BIGCODE = replace(
    GPT2,
    name="gpt_bigcode",
    attention=Attention(
        fused="attn.c_attn",
        layout=choice("multi_query", of={True: "stacked", False: "by head"}, default=True),
        out="attn.c_proj",
        bias=True,
        out_bias=True,
        scale=SCALE,
    ),
    feed_forward=PLAIN,
    sizes=Sizes(kv_heads=choice("multi_query", of={True: 1, False: None}, default=True), ffn_times=4),
    defaults=sizes(50257, 768, None, 12, 12, 1024, activation_function="gelu_pytorch_tanh", **EPS),
    harmless=(
        *("inference_runner", "max_batch_size", "max_sequence_length", "num_key_value_heads"),
        *("pad_key_length", "pre_allocate_kv_cache", "validate_runner_input"),
    ),
)

GPTJ = Recipe(
    "gptj",
    attention=Attention("attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.out_proj"),
    feed_forward=FeedForward(None, "mlp.fc_in", "mlp.fc_out", activation=FUNCTION, bias=True),
    residual=Residual("parallel", ("ln_1",)),
    norm=LAYER_NORM,
    embedding=Embedding("wte"),
    head=Head(norm="ln_f", bias=True),
    sizes=Sizes(ffn_times=4),
    rope=Rope(dims=whole("rotary_dim", default=64), interleaved=True),
    body=("transformer.", ""),
    layer="h.{layer}.",
    defaults=sizes(50400, 4096, None, 28, 16, 2048, activation_function="gelu_new", **EPS),
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
    feed_forward=FeedForward(None, "mlp.dense_h_to_4h", "mlp.dense_4h_to_h", bias=True),
    residual=choice(
        "use_parallel_residual", of={True: Residual("parallel"), False: Residual()}, default=True
    ),
    norm=LAYER_NORM,
    embedding=Embedding("embed_in"),
    head=Head(("embed_out", "lm_head"), norm="final_layer_norm"),
    rope=Rope(fraction=number("rotary_pct", "partial_rotary_factor", default=0.25)),
    body=("gpt_neox.",),
    defaults=sizes(50432, 6144, 24576, 44, 64, 2048, hidden_act="gelu", layer_norm_eps=1e-5),
    skipped=("attention.bias", "attention.masked_bias", "rotary_emb.inv_freq"),
)

OPT = Recipe(
    "opt",
    attention=Attention(out="self_attn.out_proj", bias=ENABLED, out_bias=ENABLED),
    feed_forward=FeedForward(None, "fc1", "fc2", activation=FUNCTION, bias=ENABLED),
    residual=choice(
        "do_layer_norm_before",
        of={True: Residual("pre", OPT_NORMS), False: Residual("after", OPT_NORMS)},
        default=True,
    ),
    norm=Norm("layer", 1e-5, gain=flag("layer_norm_elementwise_affine", default=True), bias=True),
    embedding=Embedding(positions="embed_positions", first_row=2, width=whole("word_embed_proj_dim")),
    head=Head(
        tied=TIED,
        norm=choice(
            "do_layer_norm_before",
            of={
                True: choice("_remove_final_layer_norm", of={False: OPT_NORMS[1], True: None}, default=False),
                False: None,
            },
            default=True,
        ),
    ),
    rope=None,
    body=("model.decoder.", "decoder."),
    defaults=sizes(50272, 768, 3072, 12, 12, 2048, activation_function="relu"),
    harmless=("_remove_final_layer_norm",),
)
