"""Recipes with latent attention: which texts they become, and which configs are refused."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt
from typing import Any

import pytest

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.weights import random_weights
from kl.dialects.nn import AttentionOp
from kl.dialects.tensors import shape_of
from kl.frontends import load_model
from kl.frontends.importing import Source, import_model
from kl.frontends.importing.keys import flag, whole
from kl.frontends.importing.recipe import Latent, Recipe, Rope
from kl.frontends.source_errors import SourceError

RECIPE = Recipe(
    "dense",
    attention=Latent(bias=flag("attention_bias", default=False)),
    rope=Rope(dims=whole("qk_rope_head_dim"), interleaved=flag("rope_interleave", default=True)),
)
CONFIG: dict[str, Any] = {
    "model_type": "dense",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 61,
    "q_lora_rank": 20,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 12,
    "qk_rope_head_dim": 8,
    "v_head_dim": 10,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 100.0,
    "factor": 4.0,
    "mscale": 1.0,
    "mscale_all_dim": 0.5,
    "beta_fast": 2,
    "beta_slow": 0.5,
    "original_max_position_embeddings": 64,
}


def imported(**changes: Any):
    """The import of the config with changes."""
    return import_model(Source("dense", CONFIG | changes, recipes=(RECIPE,)))


def test_the_cache_holds_the_latent_and_the_key_for_rope():
    text = imported().text
    assert "cache latents[batch, 1, context, entry_dim]" in text
    assert "append(latents, concat(c, k_rope), position)" in text
    assert 'self_attn.kv_b_proj.weight" rows 0..nope_dim each up_dim' in text
    assert "interleaved_rope(k_rope, position, frequencies)" in text
    assert "param attention_scale = 1.0 / sqrt(head_dim)" in text
    assert "kv_heads" not in text


@pytest.mark.parametrize(
    ("changes", "attention"),
    [
        ({}, 32 * 20 + 20 + 20 * 80),
        ({"q_lora_rank": None}, 32 * 80),
        ({"attention_bias": True}, 32 * 20 + 20 + 20 * 80 + 20 + 24 + 32),
        ({"attention_bias": True, "q_lora_rank": None}, 32 * 80 + 24 + 32),
    ],
)
def test_every_tensor_of_a_layer_is_read(changes: dict[str, Any], attention: int):
    """By the shapes of transformers' `DeepseekV3Attention`, dense feed-forward and two norms."""
    found = imported(**changes)
    layer = attention + 32 * 24 + 16 + 16 * 4 * 22 + 40 * 32 + 3 * 32 * 48 + 2 * 32
    assert found.parameters == 2 * layer + 2 * 61 * 32 + 32
    module = load_model(found.text, "dense.kl", {"context": 8})
    made = Interpreter(module, random_weights(weight_specs(module), seed=0)).step([[3], 0])
    assert made.outputs[0].shape == (1,)


def test_yarn_scales_the_scores():
    found = imported(rope_parameters=YARN)
    assert "param score_factor = (0.1 * 0.5 * log(rope_factor) + 1.0) ^ 2" in found.text
    assert "param attention_scale = score_factor / sqrt(head_dim)" in found.text
    module = load_model(found.text, "dense.kl", {})
    scales = {op.scale.value.data for op in module.walk() if isinstance(op, AttentionOp)}
    assert [*scales] == [pytest.approx((0.05 * log(4) + 1) ** 2 / sqrt(20), rel=1e-15)]


def test_norms_of_ranks_have_an_eps_of_their_own():
    assert "c = rms_norm(c, c_norm, eps)" in imported().text
    text = imported(rms_norm_eps=1e-5).text
    assert "param latent_eps = 1e-6" in text
    assert "c = rms_norm(c, c_norm, latent_eps)" in text


def test_halves_are_turned_where_the_config_says_so():
    assert "k_rope = rope(k_rope, position, frequencies)" in imported(rope_interleave=False).text


def test_without_rope_both_parts_stay_as_they_are():
    found = import_model(Source("dense", CONFIG, recipes=(replace(RECIPE, rope=None),)))
    assert "position, frequencies" not in found.text
    assert "append(latents, concat(c, k_rope), position)" in found.text
    module = load_model(found.text, "dense.kl", {"context": 8})
    assert {shape_of(op.result)[1] for op in module.walk() if isinstance(op, AttentionOp)} == {4 * 16}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qk_head_dim": 24}, "qk_head_dim is 24, qk_nope_head_dim + qk_rope_head_dim is 20"),
        ({"head_dim": 20}, "head_dim is 20, qk_rope_head_dim is 8"),
        ({"num_key_value_heads": 2}, "num_key_value_heads is 2, num_attention_heads is 4"),
        ({"kv_lora_rank": None}, "kv_lora_rank is null"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], message: str):
    with pytest.raises(SourceError) as raised:
        imported(**changes)
    assert message in str(raised.value)
