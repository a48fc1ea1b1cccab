"""Configs and headers that are wrong: one message each, with the key or the tensor and the way out."""

from __future__ import annotations

from typing import Any

import pytest
from import_configs import GPT, SIZES, config

from kl.frontends.importing import Source, import_model
from kl.frontends.importing.checks import Tensor, expected
from kl.frontends.importing.models import make_model
from kl.frontends.importing.recipes import RECIPES
from kl.frontends.importing.writer import compose
from kl.frontends.source_errors import SourceError

LLAMA = {"model_type": "llama", **SIZES}
GEMMA2 = {"model_type": "gemma2", **SIZES, "head_dim": 16, "sliding_window": 8}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no architecture": ({}, "the config has no model_type"),
    "an architecture of images": ({"model_type": "clip"}, "there is no recipe for the architecture 'clip'"),
    "a mixture of experts": (
        {"model_type": "dbrx", "ffn_config": {"moe_num_experts": 16}},
        "there is no recipe for the architecture 'dbrx'",
    ),
    "an unknown key": (LLAMA | {"attention_sink_size": 4}, "does not know the key attention_sink_size (4)"),
    "two unknown keys": (LLAMA | {"alpha": 1, "beta": 2}, "does not know the key alpha (1), nor beta"),
    "a key of another architecture": (LLAMA | {"sliding_window": 8}, "does not know the key sliding_window"),
    "an unknown key of the scaling": (
        LLAMA | {"rope_scaling": {"type": "linear", "factor": 2.0, "alpha": 3}},
        "does not know the key rope_scaling.alpha",
    ),
    "weights of few bits": (
        LLAMA | {"quantization_config": {"quant_method": "bitsandbytes"}},
        "quantization_config.quant_method is 'bitsandbytes', which is not read",
    ),
    "a size that is a text": (LLAMA | {"hidden_size": "64"}, "hidden_size is '64', not a whole number"),
    "a fraction of layers": (
        LLAMA | {"num_hidden_layers": 2.5},
        "num_hidden_layers is 2.5, not a whole number",
    ),
    "no layers": (LLAMA | {"num_hidden_layers": 0}, "num_hidden_layers is 0"),
    "a negative vocabulary": (LLAMA | {"vocab_size": -5}, "vocab_size is -5"),
    "eps that is a flag": (LLAMA | {"rms_norm_eps": True}, "rms_norm_eps is true, not a number"),
    "a flag that is a text": (
        LLAMA | {"tie_word_embeddings": "yes"},
        "tie_word_embeddings is 'yes', not true or false",
    ),
    "heads that share no KV heads": (LLAMA | {"num_key_value_heads": 3}, "4 heads cannot share 3 KV heads"),
    "heads that do not divide": (
        LLAMA | {"num_attention_heads": 6},
        "the hidden size 64 is no multiple of 6 heads",
    ),
    "an odd head": (LLAMA | {"head_dim": 15}, "rope would rotate 15 of the 15 dimensions of a head"),
    "an unknown activation": (LLAMA | {"hidden_act": "mish"}, "hidden_act is 'mish'"),
    "an unknown type": (LLAMA | {"torch_dtype": "float8_e4m3fn"}, "torch_dtype is 'float8_e4m3fn'"),
    "two types": (
        LLAMA | {"torch_dtype": "float16", "dtype": "float32"},
        "torch_dtype is float16, dtype is float32",
    ),
    "two sizes": (
        {"model_type": "gpt2", **GPT, "hidden_size": 32},
        "hidden_size is 32, n_embd is 64",
    ),
    "an unknown scaling": (LLAMA | {"rope_scaling": {"type": "mrope"}}, "rope_scaling.rope_type is 'mrope'"),
    "a scaling without factor": (
        LLAMA | {"rope_scaling": {"type": "linear"}},
        "rope_scaling.factor is missing",
    ),
    "a negative factor": (
        LLAMA | {"rope_scaling": {"type": "dynamic", "factor": -2.0}},
        "rope_scaling.factor is -2",
    ),
    "both forms of scaling": (
        LLAMA | {"rope_scaling": {"type": "default"}, "rope_parameters": {"rope_theta": 1e4}},
        "the config has rope_parameters and rope_scaling",
    ),
    "a scaling that is a number": (LLAMA | {"rope_scaling": 2}, "rope_scaling is 2, not an object"),
    "a table of another length": (
        {"model_type": "phi3", **SIZES}
        | {"rope_scaling": {"type": "longrope", "short_factor": [1.0], "long_factor": [1.0] * 8}},
        "rope_scaling.short_factor is of 1 numbers",
    ),
    "a table of texts": (
        {"model_type": "phi3", **SIZES}
        | {"rope_scaling": {"type": "longrope", "short_factor": ["1"], "long_factor": [1.0] * 8}},
        "rope_scaling.short_factor is ['1'], not a list of numbers",
    ),
    "too many rotated dimensions": (
        {"model_type": "gptj", **GPT, "rotary_dim": 32},
        "rope would rotate 32 of the 16 dimensions of a head",
    ),
    "part of a head where all is rotated": (
        LLAMA | {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
        "rope_parameters.partial_rotary_factor is 0.5",
    ),
    "layer types of another length": (
        GEMMA2 | {"layer_types": ["full_attention"]},
        "layer_types has 1 entries for 4 layers",
    ),
    "an unknown layer type": (
        GEMMA2 | {"layer_types": ["chunked_attention"] * 4},
        "layer_types has 'chunked_attention'",
    ),
    "layer types without a window": (
        {"model_type": "qwen3", **SIZES, "use_sliding_window": True, "sliding_window": 0},
        "sliding_window is 0",
    ),
    "a window in a model without": (
        LLAMA | {"layer_types": ["sliding_attention"] * 4},
        "does not know the key layer_types",
    ),
    "no rope for too few layers": (
        {"model_type": "smollm3", **SIZES, "no_rope_layers": [1, 1]},
        "no_rope_layers has 2 entries for 4 layers",
    ),
    "attention that is not causal": (
        {"model_type": "gemma", **SIZES, "use_bidirectional_attention": True},
        "use_bidirectional_attention is true, which the recipe of gemma does not know",
    ),
    "an encoder": (LLAMA | {"is_encoder_decoder": True}, "is_encoder_decoder is true"),
    "a part of attention": (
        {"model_type": "mpt", "attn_config": {"prefix_lm": True}},
        "attn_config.prefix_lm is true",
    ),
}


def message(source: Source) -> str:
    """What is said of a source that is wrong."""
    with pytest.raises(SourceError) as caught:
        import_model(source)
    return str(caught.value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_config_is_an_error_that_names_the_key(name: str):
    values, wanted = WRONG[name]
    assert wanted in message(Source("model", values))


def test_there_are_thirty_of_them():
    assert len(WRONG) >= 30


@pytest.mark.parametrize("name", ["an unknown key", "an unknown key of the scaling", "weights of few bits"])
def test_the_way_out_is_to_ignore_the_key(name: str):
    values, _ = WRONG[name]
    said = message(Source("model", values))
    flags = said.partition("--ignore ")[2].split()[0]
    assert import_model(Source("model", values, ignored=(flags,))).notes == (f"ignored: {flags}",)


def test_a_parameter_that_the_text_does_not_have():
    assert "no parameter contxt" in message(Source("model", LLAMA, parameters={"contxt": 8}))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (LLAMA | {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "dynamic scaling"),
        ({"model_type": "gpt2", **GPT}, "the model has learned no further position"),
    ],
)
def test_a_context_that_the_text_would_get_wrong(values: dict[str, Any], why: str):
    assert why in message(Source("model", values, parameters={"context": 129}))
    assert "param context = 128" in import_model(Source("model", values, parameters={"context": 128})).text


def headers(name: str, **changed: tuple[int, ...] | None) -> dict[str, Tensor]:
    """The tensors of a checkpoint of a config, with some shapes changed, or without some."""
    values = config(name)
    recipe = next(one for one in RECIPES if one.name == values["model_type"])
    text = compose(make_model("model", recipe, values, None, None))
    shapes = {name: forms[0].shape for name, forms in expected(text).items()}
    shapes |= {name.replace("__", "."): shape for name, shape in changed.items()}
    return {name: Tensor(shape, "F32") for name, shape in shapes.items() if shape is not None}


@pytest.mark.parametrize(
    "name", ["llama", "gemma3", "gpt2", "falcon 40b", "opt with projections", "internlm2"]
)
def test_a_checkpoint_that_fits(name: str):
    found = import_model(Source(name, config(name), headers(name)))
    assert found.notes == ()
    assert "dtype f32" in found.text


@pytest.mark.parametrize(
    ("name", "changed", "wanted"),
    [
        (
            "llama",
            {"model__layers__3__mlp__up_proj__weight": None},
            "the checkpoint has no tensor 'model.layers.3.mlp.up_proj.weight'",
        ),
        (
            "llama",
            {"model__layers__4__mlp__up_proj__weight": (96, 64)},
            "the checkpoint's tensor 'model.layers.4.mlp.up_proj.weight' would not be used",
        ),
        (
            "llama",
            {"model__layers__0__self_attn__q_proj__bias": (64,)},
            "the checkpoint's tensor 'model.layers.0.self_attn.q_proj.bias' would not be used",
        ),
        (
            "llama",
            {"model__layers__1__self_attn__q_proj__weight": (128, 64)},
            "has shape [128, 64], the config makes it [64, 64]",
        ),
        (
            "falcon 40b",
            {"transformer__h__0__self_attention__query_key_value__weight": (192, 64)},
            "has shape [192, 64], the config makes it [128, 64]",
        ),
        (
            "opt",
            {"model__decoder__embed_positions__weight": (128, 64)},
            "has shape [128, 64], the config makes it [130, 64]",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit(name: str, changed: dict[str, Any], wanted: str):
    assert wanted in message(Source(name, config(name), headers(name, **changed)))


def test_an_unused_tensor_is_ignored_where_the_user_says_so():
    tensors = headers("llama", extra__weight=(3,))
    found = import_model(Source("llama", config("llama"), tensors, ignored=("extra.*",)))
    assert found.notes == ("skipped tensors: extra.weight",)
    assert found.unread == ("extra.weight",)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("llama", "model.layers.0.self_attn.rotary_emb.inv_freq"),
        ("gpt2", "transformer.h.1.attn.bias"),
        ("gpt_neox", "gpt_neox.layers.2.attention.masked_bias"),
        ("gpt2", "lm_head.weight"),
    ],
)
def test_tables_and_copies_are_skipped_and_said(name: str, tensor: str):
    tensors = headers(name) | {tensor: Tensor((131, 64), "F32")}
    found = import_model(Source(name, config(name), tensors))
    assert found.notes == (f"skipped tensors: {tensor}",)
    assert found.tied_copy == ((tensor, "transformer.wte.weight") if tensor == "lm_head.weight" else None)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("gpt2", "transformer.", ""), ("llama", "model.", "language_model.model."), ("opt", "model.", "")],
)
def test_other_prefixes_of_names_are_found(name: str, old: str, new: str):
    tensors = {
        key.replace(old, new, 1)
        if key.startswith(old)
        else key.replace("lm_head", f"{new.removesuffix(old)}lm_head"): one
        for key, one in headers(name).items()
    }
    assert f'from "{new}' in import_model(Source(name, config(name), tensors)).text


def test_the_type_of_a_checkpoint_is_taken_where_the_config_says_none():
    tensors = {name: Tensor(one.shape, "BF16") for name, one in headers("llama").items()}
    assert "dtype bf16" in import_model(Source("llama", config("llama"), tensors)).text


def bare(name: str, architecture: str, **parameters: float) -> Source:
    """A checkpoint without a config."""
    return Source("bare", {}, headers(name), parameters=parameters, architecture=architecture)


def test_a_checkpoint_without_config_asks_for_what_no_shape_says():
    assert "--architecture" in message(bare("llama", ""))
    assert "--param heads=N" in message(bare("llama", "llama"))
    said = message(bare("llama", "llama", heads=4))
    assert "a header does not say rms_norm_eps, rope_theta" in said
    assert "--param rms_norm_eps=… --param rope_theta=…" in said
    assert "a header does not say sliding_window" in message(
        bare("mistral", "mistral", heads=4, eps=1e-6, theta=1e4)
    )


@pytest.mark.parametrize("name", ["llama", "llama with biases, tied", "llama with head_dim"])
def test_a_checkpoint_without_config_makes_the_text_of_its_config(name: str):
    found = import_model(bare(name, "llama", heads=4, eps=1e-6, theta=1e4, context=64))
    with_config = import_model(Source("bare", config(name), headers(name), parameters={"context": 64}))
    same = [line for line in with_config.text.splitlines() if not line.startswith(("//", "param"))]
    assert [line for line in found.text.splitlines() if not line.startswith(("//", "param"))] == same
    assert found.parameters == with_config.parameters
    assert "rope is not scaled" in found.notes[0]


def test_a_checkpoint_of_another_architecture():
    said = message(bare("gpt2", "llama", heads=4))
    assert "the checkpoint has no matrix 'model.embed_tokens.weight'" in said
