"""Configs of models whose matrices are stored in few bits: what their texts say."""

from __future__ import annotations

from typing import Any

import pytest
from quantized import (
    AWQ,
    FP8,
    GPTQ,
    LLAMA,
    Config,
    compressed,
    headers,
    line_of,
    modelopt,
    quantized,
    text_of,
    wide_headers,
)

from kl.frontends import load_model
from kl.frontends.importing import Source, import_model
from kl.frontends.importing.checks import Tensor
from kl.frontends.importing.quantization import METHODS, STORED
from kl.frontends.source_errors import SourceError

Q = "model.layers.{layer}.self_attn.q_proj"
WQ = "weight wq[hidden, heads * head_dim]: "
PLAIN = f'from transposed "{Q}.weight" scales "{Q}.'
GROUPED = {"strategy": "group", "group_size": 32, "num_bits": 4}


def as_disk(i: int, o: int) -> tuple[int, int]:
    return o, i


def scalar(i: int, o: int) -> tuple[int, ...]:
    return ()


CASES: dict[str, tuple[Config, str, dict[str, tuple[str, Any]]]] = {
    "fp8 in blocks": (
        FP8,
        f'{WQ}f8e4m3 scale[32, 64] {PLAIN}weight_scale_inv"',
        {
            "weight": ("F8_E4M3", as_disk),
            "weight_scale_inv": ("F32", lambda i, o: (o // 64, i // 32)),
        },
    ),
    "fp8 with scales of 16 bits": (
        FP8 | {"modules_to_not_convert": ["lm_head"]},
        f'{WQ}f8e4m3 scale[32, 64]: bf16 {PLAIN}weight_scale_inv"',
        {
            "weight": ("F8_E4M3", as_disk),
            "weight_scale_inv": ("BF16", lambda i, o: (o // 64, i // 32)),
        },
    ),
    "fp8 of whole matrices": (
        FP8 | {"weight_block_size": None, "activation_scheme": "static"},
        f'{WQ}f8e4m3 scale[hidden, heads * head_dim] {PLAIN}weight_scale"',
        {
            "weight": ("F8_E4M3", as_disk),
            "weight_scale": ("F32", scalar),
            "input_scale": ("F32", scalar),
        },
    ),
    "fbgemm": (
        {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "modules_to_not_convert": ["lm_head"]},
        f'{WQ}f8e4m3 scale[hidden, 1] {PLAIN}weight_scale"',
        {"weight": ("F8_E4M3", as_disk), "weight_scale": ("F32", lambda i, o: (o, 1))},
    ),
    "gptq": (
        GPTQ,
        f'{WQ}i4 scale[32, 1]: f16 from gptq "{Q}"',
        {
            "qweight": ("I32", lambda i, o: (i // 8, o)),
            "qzeros": ("I32", lambda i, o: (i // 32, o // 8)),
            "scales": ("F16", lambda i, o: (i // 32, o)),
            "g_idx": ("I32", lambda i, o: (i,)),
        },
    ),
    "gptq of 8 bits with zero points, in one group": (
        GPTQ | {"bits": 8, "sym": False, "group_size": -1, "checkpoint_format": "gptq_v2", "desc_act": True},
        f'{WQ}i8 scale[hidden, 1]: f16 zeros from gptq_v2 "{Q}"',
        {
            "qweight": ("I32", lambda i, o: (i // 4, o)),
            "qzeros": ("I32", lambda i, o: (1, o // 4)),
            "scales": ("F16", lambda i, o: (1, o)),
        },
    ),
    "awq": (
        AWQ | {"modules_to_not_convert": None},
        f'{WQ}i4 scale[64, 1]: f16 zeros from awq "{Q}"',
        {
            "qweight": ("I32", lambda i, o: (i, o // 8)),
            "qzeros": ("I32", lambda i, o: (i // 64, o // 8)),
            "scales": ("F16", lambda i, o: (i // 64, o)),
        },
    ),
    "compressed-tensors of 8-bit whole numbers": (
        compressed(activations={"num_bits": 8, "dynamic": True}),
        f'{WQ}i8 scale[hidden, 1]: bf16 {PLAIN}weight_scale"',
        {"weight": ("I8", as_disk), "weight_scale": ("BF16", lambda i, o: (o, 1))},
    ),
    "compressed-tensors of fp8": (
        compressed("float-quantized", type="float", strategy="tensor"),
        f'{WQ}f8e4m3 scale[hidden, heads * head_dim] {PLAIN}weight_scale"',
        {"weight": ("F8_E4M3", as_disk), "weight_scale": ("F32", lambda i, o: (1,))},
    ),
    "compressed-tensors of fp8 in blocks": (
        compressed("float-quantized", type="float", strategy="block", block_structure=[64, 32]),
        f'{WQ}f8e4m3 scale[32, 64]: bf16 {PLAIN}weight_scale"',
        {"weight": ("F8_E4M3", as_disk), "weight_scale": ("BF16", lambda i, o: (o // 64, i // 32))},
    ),
    "compressed-tensors of 4 bits": (
        compressed("pack-quantized", **GROUPED),
        f'{WQ}i4 scale[32, 1]: bf16 from packed "{Q}"',
        {
            "weight_packed": ("I32", lambda i, o: (o, i // 8)),
            "weight_scale": ("BF16", lambda i, o: (o, i // 32)),
            "weight_shape": ("I64", lambda i, o: (2,)),
        },
    ),
    "compressed-tensors of 4 bits with zero points": (
        compressed("pack-quantized", **GROUPED, symmetric=False),
        f'{WQ}i4 scale[32, 1]: bf16 zeros from packed "{Q}"',
        {
            "weight_packed": ("I32", lambda i, o: (o, i // 8)),
            "weight_scale": ("BF16", lambda i, o: (o, i // 32)),
            "weight_zero_point": ("I32", lambda i, o: (o // 8, i // 32)),
        },
    ),
    "modelopt's fp8": (
        modelopt(),
        f'{WQ}f8e4m3 scale[hidden, heads * head_dim] {PLAIN}weight_scale"',
        {
            "weight": ("F8_E4M3", as_disk),
            "weight_scale": ("F32", scalar),
            "input_scale": ("F32", scalar),
        },
    ),
    "modelopt's fp4": (
        modelopt("NVFP4", group_size=16, producer={"name": "modelopt"}),
        f'{WQ}f4e2m1 scale[16, 1]: f8e4m3 from nvfp4 "{Q}"',
        {
            "weight": ("U8", lambda i, o: (o, i // 2)),
            "weight_scale": ("F8_E4M3", lambda i, o: (o, i // 16)),
            "weight_scale_2": ("F32", scalar),
            "input_scale": ("F32", scalar),
        },
    ),
}
"""A scheme, what the text says of queries, and the tensors of a checkpoint."""


@pytest.mark.parametrize("name", CASES)
def test_a_scheme_of_a_config_with_its_checkpoint(name: str):
    scheme, wanted, forms = CASES[name]
    text = text_of(quantized(scheme), tensors=headers(**forms))
    assert line_of(text) == wanted
    assert line_of(text, "head") == 'weight head[hidden, vocab] from transposed "lm_head.weight"'
    assert line_of(text, "w_down").startswith(f"weight w_down[ffn, hidden]: {wanted.split()[5]}")
    load_model(text, "m.kl")


@pytest.mark.parametrize("name", CASES)
def test_a_scheme_of_a_config_alone_is_that_of_its_checkpoint(name: str):
    scheme, wanted, _ = CASES[name]
    found = line_of(text_of(quantized(scheme)))
    assert found.replace("]: bf16", "]") == wanted.replace("]: bf16", "]")


def fp4_headers(axes: tuple[int, ...]) -> dict[str, Any]:
    """Those of modelopt's fp4 whose scales of tensors have a shape."""
    _, _, forms = CASES["modelopt's fp4"]
    return headers(**(forms | {"weight_scale_2": ("F32", lambda i, o: axes)}))


def test_the_one_number_of_a_tensor_may_have_an_axis():
    scheme, wanted, _ = CASES["modelopt's fp4"]
    assert line_of(text_of(quantized(scheme), tensors=fp4_headers((1,)))) == wanted
    two = fp4_headers((2,))
    with pytest.raises(SourceError, match=r"weight_scale_2' has shape \[2\]"):
        text_of(quantized(scheme), tensors=two)


def test_every_method_has_a_case():
    assert {scheme["quant_method"] for scheme, _, _ in CASES.values()} | {"mxfp4"} == {*METHODS}


def test_what_is_stored_is_said_and_what_is_not_modelled():
    found = import_model(Source("m", quantized(modelopt())))
    assert found.notes == (
        "14 matrices are stored as f8e4m3",
        "activations are not rounded to f8e4m3, which the checkpoint is made for",
    )
    assert "// 14 matrices are stored as f8e4m3\n" in found.text
    assert found.parameters == import_model(Source("m", LLAMA)).parameters


def test_modules_that_stay_wide():
    names = ["self_attn", "model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj", "lm_head"]
    text = text_of(quantized(FP8 | {"modules_to_not_convert": names}))
    assert " scale[" not in line_of(text)
    assert " scale[" not in line_of(text, "w_down")
    assert " scale[" in line_of(text, "w_up")


def test_layers_that_store_their_weights_differently_are_kinds():
    names = ["lm_head", "model.layers.0", "model.layers.3.mlp"]
    text = text_of(quantized(FP8 | {"modules_to_not_convert": names}, num_hidden_layers=6))
    first, others, third = (text[text.index(f"layer decoder_{n}[") :] for n in (1, 2, 3))
    assert first.startswith("layer decoder_1[1](")
    assert others.startswith(
        "layer decoder_2[4](x[batch, hidden], position: i32) at layer + 1 + floor(layer / 2.0) {"
    )
    assert third.startswith("layer decoder_3[1](x[batch, hidden], position: i32) at layer + 3 {")
    assert " scale[" not in line_of(first)
    assert " scale[" in line_of(others)
    assert (" scale[" in line_of(third), " scale[" in line_of(third, "w_up")) == (True, False)
    assert "x = decoder_1[0](x, position)" in text
    load_model(text, "m.kl")


PATTERNS = {
    "a part of the path": ["self_attn"],
    "a suffix": ["q_proj"],
    "a star": ["*.q_proj"],
    "a star within": ["model.layers.*.self_attn*"],
    "a regular expression that is a star": ["model.layers.*.self_attn"],
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_of_modules(name: str):
    text = text_of(quantized(modelopt(exclude_modules=PATTERNS[name])))
    assert " scale[" not in line_of(text)
    assert " scale[" in line_of(text, "w_up")
    assert " scale[" in line_of(text, "head")


def test_a_name_does_not_hold_for_a_longer_one():
    text = text_of(quantized(FP8 | {"modules_to_not_convert": ["mlp.gate", "lm_head"]}))
    assert " scale[" in line_of(text, "w_gate")


def test_regular_expressions_of_compressed_tensors():
    text = text_of(quantized(compressed() | {"ignore": ["lm_head", "re:.*self_attn.*"]}))
    assert " scale[" not in line_of(text)
    assert " scale[" in line_of(text, "w_up")


def test_groups_of_modules_with_forms_of_their_own():
    scheme = compressed("pack-quantized", **GROUPED)
    other = compressed("float-quantized", type="float", strategy="tensor")["config_groups"]["group_0"]
    other |= {"targets": ["re:.*mlp.*"], "format": "float-quantized"}
    scheme["config_groups"] = {"mlp": other, **scheme["config_groups"]}
    text = text_of(quantized(scheme))
    assert ": i4 scale[32, 1]" in line_of(text)
    assert ": f8e4m3 scale[hidden, ffn]" in line_of(text, "w_up")


def test_a_tied_head_and_norms_stay_wide():
    text = text_of(quantized(FP8 | {"modules_to_not_convert": []}, tie_word_embeddings=True))
    assert "x @ transposed(embedding)" in text.replace("rms_norm(x, final_norm, eps)", "x")
    assert line_of(text, "embedding") == 'weight embedding[vocab, hidden] from "model.embed_tokens.weight"'
    assert line_of(text, "final_norm") == 'weight final_norm[hidden] from "model.norm.weight"'


def test_a_head_that_is_stored():
    text = text_of(quantized(FP8 | {"modules_to_not_convert": []}))
    assert line_of(text, "head").startswith("weight head[hidden, vocab]: f8e4m3 scale[32, 64] from")
    assert " scale[" in line_of(text_of(quantized(GPTQ | {"lm_head": True}, vocab_size=136)), "head")


def test_blocks_that_are_cut_off_at_the_end_of_a_matrix():
    forms: dict[str, tuple[str, Any]] = {
        "weight": ("F8_E4M3", as_disk),
        "weight_scale_inv": ("F32", lambda i, o: (-(-o // 96), -(-i // 48))),
    }
    text = text_of(quantized(FP8 | {"weight_block_size": [96, 48]}), tensors=headers(**forms))
    assert ": f8e4m3 scale[48, 96] " in line_of(text)


def test_fused_matrices_are_parts_with_their_scales():
    phi = {"model_type": "phi3", **{name: LLAMA[name] for name in LLAMA if name != "model_type"}}
    text = text_of(phi | {"quantization_config": FP8})
    tensor = "model.layers.{layer}.self_attn.qkv_proj"
    assert line_of(text, "wk") == (
        f'weight wk[hidden, kv_heads * head_dim]: f8e4m3 scale[32, 64] from transposed "{tensor}.weight"'
        f' scales "{tensor}.weight_scale_inv" rows heads * head_dim..(heads + kv_heads) * head_dim'
    )
    packed = text_of(phi | {"quantization_config": AWQ})
    assert line_of(packed, "wk").endswith(
        f'from awq "{tensor}" columns heads * head_dim..(heads + kv_heads) * head_dim'
    )


# Models of text and images, and what their outer part says.


def test_the_scheme_of_a_model_of_several_parts():
    inner = {"text_config": LLAMA, "model_type": "llava", "quantization_config": FP8}
    assert ": f8e4m3 scale[32, 64] " in line_of(text_of(inner))


def test_the_old_name_of_the_key():
    assert ": i8 scale[hidden, 1]" in line_of(text_of(LLAMA | {"compression_config": compressed()}))


# What if.


@pytest.mark.parametrize("name", STORED)
def test_what_if_all_matrices_were_stored_so(name: str):
    found = import_model(Source("m", LLAMA, quantize=name))
    storage = STORED[name]
    assert found.notes == (f"14 matrices are stored as {storage.format}",)
    line = line_of(found.text)
    assert line.startswith(f"{WQ}{storage.format} scale[")
    assert " from " not in line
    assert " scale[" not in line_of(found.text, "head")
    load_model(found.text, "m.kl")


def test_caches_of_8_bits():
    for config, more in (
        (LLAMA, {"cache_type": "f8e4m3"}),
        (quantized(modelopt(kv_cache_quant_algo="FP8")), {}),
        (quantized(modelopt(kv_cache_scheme={"num_bits": 8, "type": "float", "dynamic": False})), {}),
        (
            quantized(
                compressed() | {"kv_cache_scheme": {"num_bits": 8, "type": "float", "strategy": "tensor"}}
            ),
            {},
        ),
    ):
        found = import_model(Source("m", config, **more))
        assert line_of(found.text, "keys") == "cache keys[batch, kv_heads, context, head_dim]: f8e4m3"
        assert line_of(found.text, "values") == "cache values[batch, kv_heads, context, head_dim]: f8e4m3"
        assert "caches are f8e4m3, with a scale of 1" in found.notes


def test_a_cache_of_the_models_own_type_is_as_it_was():
    found = text_of(quantized(modelopt(kv_cache_quant_algo="FP8")), cache_type="bf16")
    assert line_of(found, "keys") == "cache keys[batch, kv_heads, context, head_dim]"


def test_a_ring_of_8_bits():
    mistral = {**LLAMA, "model_type": "mistral", "sliding_window": 32}
    text = text_of(mistral, cache_type="f8e4m3")
    assert line_of(text, "keys") == "cache keys[batch, kv_heads, window, head_dim]: f8e4m3 ring"


def test_scales_of_caches_that_are_wide_are_left_out():
    scales = {
        f"model.layers.{n}.self_attn.{x}_proj.{x}_scale": Tensor((), "F32") for n in (0, 1) for x in "kv"
    }
    tensors = headers(weight=("F8_E4M3", as_disk), weight_scale=("F32", scalar)) | scales
    found = import_model(Source("m", quantized(modelopt()), tensors))
    assert {*scales} <= {*found.unread}


def test_a_wide_checkpoint_is_read_as_it_was():
    assert "scale[" not in text_of(LLAMA, tensors=wide_headers())
