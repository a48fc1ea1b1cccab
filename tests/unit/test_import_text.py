"""The texts that `kl import` writes: golden ones, all architectures, and what makes which part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from import_configs import CASES, SIZES, config

from kl.frontends.importing import Source, import_model
from kl.frontends.importing.recipes import RECIPES

IMPORTS = Path(__file__).parents[1] / "imports"
"""Configs with the texts that become of them."""


def text_of(values: dict[str, Any], **more: Any) -> str:
    """The text of a config."""
    return import_model(Source("model", values, **more)).text


def llama(**values: Any) -> dict[str, Any]:
    """A small Llama with some keys changed."""
    return {"model_type": "llama", **SIZES, **values}


@pytest.mark.parametrize("path", sorted(IMPORTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_text_is_as_a_person_would_write_it(path: Path):
    found = import_model(Source(path.stem, json.loads(path.read_text(encoding="utf-8"))))
    assert found.text == path.with_suffix(".kl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_every_parameter_of_a_model_is_counted(name: str):
    assert import_model(Source(name, config(name))).parameters == CASES[name][2]


def test_every_architecture_has_a_case():
    assert {architecture for architecture, _, _ in CASES.values()} == {recipe.name for recipe in RECIPES}


def test_both_forms_of_a_rope_scaling_make_one_text():
    scaling = {"factor": 4.0, "original_max_position_embeddings": 16}
    old = llama(rope_theta=5000.0, rope_scaling={"type": "yarn", **scaling}, torch_dtype="float16")
    new = llama(rope_parameters={"rope_type": "yarn", "rope_theta": 5000.0, **scaling}, dtype="float16")
    assert text_of(old) == text_of(new)
    assert "dtype f16" in text_of(old)


def test_a_rope_of_each_layer_type_in_both_forms_makes_one_text():
    gemma = {"model_type": "gemma3_text", **SIZES, "head_dim": 16, "sliding_window": 8}
    old = gemma | {"rope_theta": 3e5, "rope_local_base_freq": 7e3}
    old |= {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}
    new = gemma | {
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 3e5},
            "sliding_attention": {"rope_type": "default", "rope_theta": 7e3},
        }
    }
    new |= {"num_hidden_layers": 6}
    old |= {"num_hidden_layers": 6}
    assert text_of(old) == text_of(new)
    assert "/ global_rope_factor" in text_of(old)


def test_absent_keys_take_the_defaults_of_the_architecture():
    text = text_of({"model_type": "qwen3"})
    for line in (
        "hidden = 4096",
        "head_dim = hidden / heads",
        "ffn = 22016",
        "vocab = 151936",
        "kv_heads = 32",
    ):
        assert f"param {line}\n" in text


def test_null_is_absent():
    assert text_of(llama(rope_scaling=None, head_dim=None)) == text_of(llama())


def test_the_language_part_of_a_larger_model():
    outer = {
        "model_type": "llava",
        "text_config": llama(),
        "vision_config": {"hidden_size": 12},
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }
    found = import_model(Source("model", outer))
    assert found.notes == ("left out: vision_config",)
    assert "dtype bf16" in found.text
    assert "@ transposed(embedding)" in found.text


def test_a_window_becomes_a_ring():
    text = text_of({"model_type": "mistral", **SIZES, "sliding_window": 8})
    assert "param window = 8" in text
    assert text.count("[batch, kv_heads, window, head_dim] ring\n") == 2


def test_a_window_beyond_the_context_that_is_asked_for_masks():
    values = {"model_type": "mistral", **SIZES, "sliding_window": 8}
    text = import_model(Source("model", values, parameters={"context": 6})).text
    assert "[batch, kv_heads, context, head_dim]\n" in text
    assert "attention(q, keys, values, position, window = window)" in text


@pytest.mark.parametrize("window", [128, 4096])
def test_a_window_that_is_never_felt_is_none(window: int):
    text = text_of({"model_type": "mistral", **SIZES, "sliding_window": window})
    assert "window" not in text
    assert "ring" not in text


def test_a_window_that_is_switched_off_is_none():
    text = text_of(config("qwen2"))
    assert "window" not in text
    assert text_of(config("qwen2 with windows")).count("ring\n") == 2


def test_layer_types_win_over_the_period():
    listed = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]
    gemma = {"model_type": "gemma2", **SIZES, "head_dim": 16, "sliding_window": 8, "layer_types": listed}
    text = text_of(gemma)
    assert "layer global[2](x[batch, hidden], position: i32) at 3 * layer {" in text
    assert "layer local[2](x[batch, hidden], position: i32) at layer + 1 {" in text


def test_a_parameter_is_changed():
    text = text_of(llama(), parameters={"context": 64, "batch": 2, "eps": 1e-7})
    assert "param context = 64" in text
    assert "param eps = 1e-7\n" in text


def test_head_dim_is_a_number_where_it_is_not_the_quotient():
    assert "param head_dim = hidden / heads\n" in text_of(llama())
    assert "param head_dim = 32\n" in text_of(llama(head_dim=32))


@pytest.mark.parametrize(
    ("hidden", "dtype", "factor"),
    [
        (80, "bfloat16", "8.9375"),
        (80, "float16", "8.9453125"),
        (64, "float32", "8.0"),
        (2304, "bfloat16", "48.0"),
    ],
)
def test_the_factor_of_gemmas_embedding_is_rounded_to_its_type(hidden: int, dtype: str, factor: str):
    gemma = {"model_type": "gemma", **SIZES, "hidden_size": hidden, "head_dim": 16, "torch_dtype": dtype}
    assert f"param embedding_factor = {factor}  //" in text_of(gemma)


def test_gemmas_norms_add_one_in_f32():
    gemma = {"model_type": "gemma", **SIZES, "head_dim": 16}
    assert "rms_norm(x, 1.0 + f32(final_norm), eps)" in text_of(gemma | {"torch_dtype": "bfloat16"})
    assert "rms_norm(x, 1.0 + final_norm, eps)" in text_of(gemma | {"torch_dtype": "float32"})


def test_slopes_of_heads_that_are_no_power_of_two_are_numbers():
    assert "constant slopes[h in 0..heads]: f32 = 2.0 ^ (-8.0 * (h + 1) / heads)\n" in text_of(
        config("bloom")
    )
    assert "constant slopes[heads]: f32 = [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]\n" in text_of(
        config("bloom of 6 heads")
    )


def test_what_the_user_ignores_is_said():
    found = import_model(Source("model", llama(attention_sink_size=4), ignored=("attention_*",)))
    assert found.notes == ("ignored: attention_sink_size",)
    assert "// ignored: attention_sink_size\n" in found.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Llama-3.1-8B", "model llama_3_1_8b\n"),
        ("7b", "model model_7b\n"),
        ("step", "model model_step\n"),
        ("–", "model model_model\n"),
    ],
)
def test_any_name_of_a_folder_becomes_a_name(name: str, expected: str):
    assert expected in import_model(Source(name, llama())).text
