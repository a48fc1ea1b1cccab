"""Mixtures of experts that `kl import` reads: routers, layers with and without experts, what is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import save, save_index
from expert_configs import PUBLISHED
from import_configs import CASES, SIZES, config
from xdsl.utils.exceptions import ParseError

from kl.frontends import load_model
from kl.frontends.importing import Source, import_model
from kl.frontends.importing.checks import Tensor, expected
from kl.frontends.importing.models import make_model
from kl.frontends.importing.recipes import RECIPES
from kl.frontends.importing.writer import compose
from kl.frontends.source_errors import SourceError
from kl.tools.kl import main

MIXTURES = [name for name in CASES if "num_experts_per_tok" in CASES[name][1]]


def text(name: str, **more: Any) -> str:
    """The text of a small config with some keys changed."""
    return import_model(Source("model", config(name) | more)).text


def refused(name: str, **more: Any) -> str:
    """What is said of a small config with some keys changed."""
    with pytest.raises(SourceError) as caught:
        text(name, **more)
    return str(caught.value)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_of_published_models_and_those_of_a_token(name: str):
    architecture, values, parameters, active = PUBLISHED[name]
    found = import_model(Source("model", {"model_type": architecture, **values}))
    assert (found.parameters, found.active) == (parameters, active)
    assert f"{parameters:,} parameters, {active:,} of them for each token" in found.text.splitlines()[0]


@pytest.mark.parametrize("name", MIXTURES)
def test_a_text_is_a_model(name: str):
    load_model(text(name), "model.kl")


def test_a_model_without_experts_needs_all_of_its_parameters():
    found = import_model(Source("model", config("llama")))
    assert (found.active, found.counted) == (found.parameters, f"{found.parameters:,} parameters")


def layers(found: str) -> dict[str, str]:
    """How many layers each kind has, and which."""
    lines = [line for line in found.splitlines() if line.startswith("layer ")]
    return {line.split()[1].partition("[")[0]: line.partition(" at ")[2].removesuffix(" {") for line in lines}


@pytest.mark.parametrize(
    ("name", "keys", "kinds"),
    [
        ("qwen3_moe", {}, {"decoder": ""}),
        ("qwen3_moe", {"mlp_only_layers": [0, 3]}, {"dense": "3 * layer", "sparse": "layer + 1"}),
        ("qwen3_moe", {"decoder_sparse_step": 2}, {"dense": "2 * layer", "sparse": "2 * layer + 1"}),
        (
            "qwen3_moe",
            {"decoder_sparse_step": 2, "mlp_only_layers": [1]},
            {"dense": "", "sparse": "layer + 3"},
        ),
        (
            "llama4",
            {"interleave_moe_layer_step": 2},
            {
                "rotary_dense": "2 * layer",
                "rotary_sparse": "layer + 1",
                "unrotated_sparse": "layer + 3",
            },
        ),
        (
            "llama4",
            {"moe_layers": [0], "no_rope_layers": [1, 1, 1, 1]},
            {"sparse": "", "dense": "layer + 1"},
        ),
        ("llama4", {"no_rope_layers": []}, {"rotary": "", "unrotated": "layer + 3"}),
        ("deepseek_v3", {"first_k_dense_replace": 1}, {"dense": "", "sparse": "layer + 1"}),
        ("deepseek_v2", {"first_k_dense_replace": 0}, {"decoder": ""}),
        (
            "deepseek_v2",
            {"first_k_dense_replace": 1, "moe_layer_freq": 2},
            {"dense": "layer + floor(layer / 2.0)", "sparse": "layer + 2"},
        ),
    ],
)
def test_which_layers_have_experts(name: str, keys: dict[str, Any], kinds: dict[str, str]):
    assert layers(text(name, **keys)) == kinds


@pytest.mark.parametrize(
    ("name", "keys", "lines"),
    [
        (
            "mixtral",
            {},
            (
                "scores = softmax(h @ router)",
                "chosen = top_k(scores, experts_per_token)",
                "weights = take(scores, chosen)",
                "weights = weights / sum(weights)",
            ),
        ),
        ("mixtral", {"dtype": "bfloat16"}, ("scores = softmax(f32(h @ router))",)),
        (
            "qwen2_moe",
            {},
            ("weights = take(scores, chosen)\n  places", "shared = shared * sigmoid(h @ shared_router)"),
        ),
        ("qwen3_moe", {"norm_topk_prob": False}, ("weights = take(scores, chosen)\n  places",)),
        (
            "gpt_oss",
            {},
            (
                "scores = h @ router + router_bias",
                "weights = softmax(take(scores, chosen))",
                "gate = clamp(gate, lowest, swiglu_limit)",
                "y = y + gates @ rows_of(b_down, places)",
                "attention(q, keys, values, position, sinks = sinks)",
            ),
        ),
        (
            "deepseek_v2",
            {"dtype": "bfloat16"},
            (
                "scores = softmax(f32(h) @ router)",
                "chosen = top_k(scores, experts_per_token)",
                "weights = take(scores, chosen)\n  places",
                "x = x + y",
            ),
        ),
        (
            "deepseek_v2 in groups",
            {"routed_scaling_factor": 16},
            (
                "groups = expert_groups, kept = kept_groups, best = 1)",
                "weights = weights * routed_factor",
                "param routed_factor = 16.0",
            ),
        ),
        (
            "deepseek_v3",
            {"dtype": "bfloat16"},
            (
                "weight correction[experts]: f32 from "
                '"model.layers.{layer}.mlp.gate.e_score_correction_bias"',
                "scores = sigmoid(f32(h) @ router)",
                "top_k(scores + correction, experts_per_token, "
                "groups = expert_groups, kept = kept_groups, best = 2)",
                "weights = take(scores, chosen)",
                "weights = weights / (sum(weights) + 1e-20)",
                "param shared_ffn = 48",
            ),
        ),
        (
            "llama4",
            {},
            (
                "weights = sigmoid(take(scores, chosen))",
                "gate = scale(h @ columns_of(w_gate, places), gates)",
                "inner = silu(gate) * up",
            ),
        ),
    ],
)
def test_each_kind_of_router(name: str, keys: dict[str, Any], lines: tuple[str, ...]):
    found = text(name, **keys)
    assert [line for line in lines if line not in found] == []


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("mixtral", {"num_experts_per_tok": 5}, "a token takes 5 of 4 experts"),
        ("mixtral", {"num_local_experts": None}, "num_local_experts is null"),
        ("qwen3_moe", {"mlp_only_layers": [4]}, "mlp_only_layers has 4, of 4 layers"),
        ("qwen2_moe", {"use_sliding_window": True}, "use_sliding_window is true, which the recipe of"),
        ("gpt_oss", {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ("gpt_oss", {"experts_per_token": 3}, "num_experts_per_tok is 2, experts_per_token is 3"),
        (
            "gpt_oss",
            {
                "initial_context_length": 8,
                "rope_scaling": {
                    "rope_type": "yarn",
                    "factor": 2.0,
                    "original_max_position_embeddings": 16,
                },
            },
            "initial_context_length is 8",
        ),
        ("qwen3_moe", {"quantization_config": {"quant_method": "fp8"}}, "quantization_config"),
        ("qwen3_moe", {"n_shared_experts": 1}, "does not know the key n_shared_experts"),
        ("deepseek_v3", {"scoring_func": "softmax"}, "scoring_func is 'softmax'"),
        ("deepseek_v3", {"topk_method": "greedy"}, "topk_method is 'greedy'"),
        ("deepseek_v3", {"n_group": 3}, "16 experts do not make 3 groups"),
        ("deepseek_v3", {"n_group": 16, "topk_group": 4}, "16 experts do not make 16 groups"),
        ("deepseek_v3", {"topk_group": 5}, "a token takes 2 experts of 5 of 4 groups with 4 each"),
        ("deepseek_v3", {"num_experts_per_tok": 9}, "a token takes 9 experts of 2 of 4 groups"),
        ("deepseek_v2", {"norm_topk_prob": True}, "norm_topk_prob is true"),
        ("deepseek_v2 in groups", {"n_group": None}, "n_group is null"),
        ("llama4", {"attn_temperature_tuning": 3}, "attn_temperature_tuning is 3"),
        ("llama4", {"layer_types": ["sliding_attention"] * 4}, "layer_types has 'sliding_attention'"),
    ],
)
def test_a_wrong_mixture_is_an_error_that_names_the_key(name: str, keys: dict[str, Any], said: str):
    assert said in refused(name, **keys)


def test_the_first_spelling_of_a_method_is_read():
    assert text("deepseek_v2", topk_method="gready") == text("deepseek_v2", topk_method="greedy")


def test_keys_of_training_are_harmless():
    assert text("mixtral", router_aux_loss_coef=0.02, router_jitter_noise=0.1) == text("mixtral")


# Attention of Llama 4, which changes with the position.


@pytest.mark.parametrize(
    ("keys", "longest", "why"),
    [
        ({"attention_chunk_size": 16}, 16, "attention_chunk_size is 16"),
        ({"attention_chunk_size": 64, "floor_scale": 20}, 19, "floor_scale is 20"),
        ({"attention_chunk_size": 24, "floor_scale": 20, "attn_temperature_tuning": False}, 24, "chunk"),
        ({"attention_chunk_size": None, "floor_scale": 20}, 19, "floor_scale is 20"),
    ],
)
def test_a_context_in_which_attention_changes_is_refused(keys: dict[str, Any], longest: int, why: str):
    values = config("llama4") | keys
    found = import_model(Source("model", values)).text
    assert f"param context = {longest} " in found
    assert why in found
    with pytest.raises(SourceError, match=f"context is {longest + 1}: .*{why}"):
        import_model(Source("model", values, parameters={"context": longest + 1}))
    with pytest.raises(ParseError, match="'longest \\+ 1 - context' is 0"):
        load_model(found, "model.kl", {"context": longest + 1})
    load_model(found, "model.kl", {"context": longest})


def test_attention_that_never_changes_has_no_bound():
    found = text("llama4", attention_chunk_size=None, attn_temperature_tuning=False)
    assert "longest" not in found


def test_a_published_config_of_scout_is_read():
    outer = {
        "model_type": "llama4",
        "architectures": ["Llama4ForConditionalGeneration"],
        "boi_token_index": 1,
        "vision_config": {"hidden_size": 8},
        "text_config": config("llama4") | {"attn_temperature_tuning": 4, "for_llm_compressor": False},
    }
    found = import_model(Source("model", outer))
    assert found.notes == ("left out: vision_config",)
    assert found.text.partition("\n")[2] == "// left out: vision_config\n" + text("llama4").partition("\n")[2]


# Checkpoints.


def headers(name: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint of a small config."""
    values = config(name)
    recipe = next(one for one in RECIPES if one.name == values["model_type"])
    composed = compose(make_model("model", recipe, values, None, None))
    return {tensor: Tensor(forms[0].shape, "F32") for tensor, forms in expected(composed).items()}


@pytest.mark.parametrize("name", MIXTURES)
def test_a_checkpoint_that_fits(name: str):
    tensors = headers(name)
    found = import_model(Source("model", config(name), tensors))
    assert not found.unread
    assert sum(_numbers(one.shape) for one in tensors.values()) == found.parameters


def _numbers(shape: tuple[int, ...]) -> int:
    return shape[0] * _numbers(shape[1:]) if shape else 1


def test_layers_that_predict_further_tokens_are_left_out_and_said():
    values, tensors = config("deepseek_v3"), headers("deepseek_v3")
    said = "left out: layer 4, which predicts further tokens"
    assert import_model(Source("model", values)).notes == (said,)
    assert import_model(Source("model", values, tensors)).notes == ()
    more = {
        name.replace(".3.", ".4."): one for name, one in tensors.items() if name.startswith("model.layers.3.")
    }
    found = import_model(Source("model", values, tensors | more))
    assert found.notes[0] == said
    assert sorted(found.unread) == sorted(more)
    with pytest.raises(SourceError, match="would not be used"):
        import_model(Source("model", values | {"num_nextn_predict_layers": 0}, tensors | more))


def test_tensors_on_disk_are_those_of_published_checkpoints():
    found = headers("gpt_oss")
    assert found["model.layers.3.mlp.experts.gate_up_proj"].shape == (8, 64, 192)
    assert found["model.layers.3.mlp.experts.gate_up_proj_bias"].shape == (8, 192)
    assert found["model.layers.0.self_attn.sinks"].shape == (4,)
    assert headers("llama4")["model.layers.0.feed_forward.experts.gate_up_proj"].shape == (4, 64, 192)
    assert headers("mixtral")["model.layers.2.block_sparse_moe.experts.3.w2.weight"].shape == (64, 96)
    assert headers("qwen2_moe")["model.layers.0.mlp.experts.7.down_proj.weight"].shape == (64, 24)
    assert headers("qwen2_moe")["model.layers.0.mlp.shared_expert_gate.weight"].shape == (1, 64)


@pytest.mark.parametrize("experts", [7, 9])
def test_another_number_of_experts_is_one_message(experts: int):
    values, tensors = config("qwen3_moe"), headers("qwen3_moe")
    with pytest.raises(SourceError) as caught:
        import_model(Source("model", values | {"num_experts": experts}, tensors))
    name = "model.layers.0.mlp.experts.{expert}.gate_proj.weight"
    assert str(caught.value).splitlines() == [
        f"the checkpoint has 8 of '{name}', the config says {experts} experts",
        "help: config and checkpoint are of different models",
    ]


def test_a_missing_expert_is_named():
    tensors = headers("mixtral")
    del tensors["model.layers.1.block_sparse_moe.experts.1.w3.weight"]
    with pytest.raises(SourceError, match=r"no tensor 'model.layers.1.block_sparse_moe.experts.1.w3.weight'"):
        import_model(Source("model", config("mixtral"), tensors))


def test_a_checkpoint_of_experts_needs_its_config():
    source = Source("bare", {}, headers("mixtral"), parameters={"heads": 4}, architecture="mixtral")
    with pytest.raises(SourceError, match="a header does not say how experts are chosen"):
        import_model(source)


def test_sizes_that_nothing_reads_are_no_parameters():
    assert "param ffn" not in text("qwen3_moe")
    assert "param ffn = 96" in text("qwen3_moe", mlp_only_layers=[0])
    assert SIZES["intermediate_size"] == 96


def test_a_checkpoint_in_several_files_runs_on_several_sockets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    name, rng = "qwen2_moe with dense layers", np.random.default_rng(0)
    (tmp_path / "config.json").write_text(json.dumps(config(name)), encoding="utf-8")
    arrays = {
        tensor: rng.standard_normal(one.shape, np.float32) / np.float32(8)
        for tensor, one in headers(name).items()
    }
    files = {tensor: f"{number % 2}.safetensors" for number, tensor in enumerate(arrays)}
    for file in set(files.values()):
        save(tmp_path / file, {tensor: arrays[tensor] for tensor in arrays if files[tensor] == file})
    save_index(tmp_path / "model.safetensors.index.json", files)
    tokens: list[object] = []
    for sockets in ("1", "2"):
        arguments = ["run", str(tmp_path), "--sockets", sockets, "--steps", "3", "--param", "context=8"]
        assert main([*arguments, "--check", "--json"]) == 0
        steps = json.loads(capsys.readouterr().out)["steps"]
        tokens.append([step["outputs"] for step in steps])
    assert tokens[0] == tokens[1]
