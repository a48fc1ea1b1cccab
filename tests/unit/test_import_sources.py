"""Options, files and tensors of published models that contradict each other, or say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from import_configs import SIZES
from test_import_command import failure, write
from test_import_errors import headers, message

from kl.frontends.importing import Source, import_model
from kl.frontends.importing.checks import Tensor
from kl.tools.kl import main
from kl.tools.kl_opt import main as kl_opt

Capture = pytest.CaptureFixture[str]
LLAMA = {"model_type": "llama", **SIZES}
NEW = {"rope_type": "linear", "factor": 2.0}


def test_an_architecture_beside_a_config_is_refused(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path / "tiny", "llama")
    for source in (folder, folder / "config.json", folder / "model.safetensors"):
        said = failure(capsys, "import", str(source), "--architecture", "mistral")
        assert "config.json says what it is, llama" in said


def test_an_architecture_of_a_text_is_refused(tmp_path: Path, capsys: Capture):
    path = tmp_path / "tiny.kl"
    assert main(["import", str(write(tmp_path / "tiny", "llama")), "-o", str(path)]) == 0
    for command in ("compile", "time", "run"):
        said = failure(capsys, command, str(path), "--architecture", "llama")
        assert "--architecture is for a checkpoint without a config" in said
    capsys.readouterr()
    assert kl_opt([str(path), "--architecture", "llama"]) != 0
    assert "--architecture is for a checkpoint without a config" in capsys.readouterr().err


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path, capsys: Capture):
    folder = str(write(tmp_path / "tiny", "qwen3", beta=3))
    for source, pattern in ((folder, "betta"), (f"{folder}/config.json", "*.bias"), (folder, "lm_head.*")):
        said = failure(capsys, "import", source, "--ignore", "beta", "--ignore", pattern)
        assert f"--ignore '{pattern}' matches no key of the config and no unread tensor" in said


def test_patterns_of_keys_are_not_those_of_other_weights(tmp_path: Path, capsys: Capture):
    folder = str(write(tmp_path / "tiny", "qwen3", beta=3))
    other = str(write(tmp_path / "other", "qwen3", {"extra": np.ones(3, np.float32)}))
    run = ["run", folder, "--ignore", "beta", "--json"]
    assert main([*run, "--weights", f"{folder}/model.safetensors"]) == 0
    capsys.readouterr()
    weights = ["--weights", f"{other}/model.safetensors"]
    assert main([*run, *weights, "--ignore", "extra"]) == 0
    assert json.loads(capsys.readouterr().out)["ignored"] == ["extra"]
    assert "'nothing' matches no tensor" in failure(capsys, *run, *weights, "--ignore", "nothing")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "tiny-q4.gguf"])
def test_weights_of_another_kind_are_refused(tmp_path: Path, capsys: Capture, name: str):
    folder = write(tmp_path / "tiny", "llama")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"")
    said = failure(capsys, "run", str(folder))
    assert f"has no .safetensors, and {name} is not read" in said
    assert "save the weights as safetensors" in said
    assert main(["import", str(folder / "config.json")]) == 0


def test_random_weights_are_said(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path / "tiny", "llama")
    random = "note: no .safetensors: the weights are random"
    assert main(["run", str(folder)]) == 0
    assert random not in capsys.readouterr().err
    assert main(["run", str(folder / "config.json")]) == 0
    assert random in capsys.readouterr().err
    (folder / "model.safetensors").unlink()
    assert main(["run", str(folder)]) == 0
    assert random in capsys.readouterr().err


def test_a_file_that_is_too_deep_is_one_message(tmp_path: Path, capsys: Capture):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000, encoding="utf-8")
    assert "is no published model" in failure(capsys, "import", str(path))


@pytest.mark.parametrize("dtype", ["I32", "F8_E4M3", "U8"])
def test_a_tensor_of_a_type_that_is_not_read(dtype: str):
    name = "model.layers.1.mlp.up_proj.weight"
    tensors = headers("llama")
    changed = tensors | {name: Tensor(tensors[name].shape, dtype)}
    assert f"tensor '{name}' is of the type {dtype}" in message(Source("llama", LLAMA, changed))


CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "two thetas": (
        {"rope_theta": 1e4, "rope_parameters": {**NEW, "rope_theta": 5e5}},
        "rope_parameters.rope_theta is 500000.0, rope_theta is 10000.0",
    ),
    "two thetas in the old form": (
        {"rope_theta": 1e4, "rope_scaling": {**NEW, "rope_theta": 5e5}},
        "rope_scaling.rope_theta is 500000.0, rope_theta is 10000.0",
    ),
    "two contexts of training": (
        {
            "model_type": "phi3",
            "original_max_position_embeddings": 64,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": [1.0] * 8,
                "long_factor": [1.0] * 8,
                "original_max_position_embeddings": 32,
            },
        },
        "original_max_position_embeddings is 32, original_max_position_embeddings is 64",
    ),
    "another family": (
        {"model_type": "mistral", "architectures": ["LlamaForCausalLM"]},
        "architectures has LlamaForCausalLM, of the family llama; model_type is mistral",
    ),
    "a family of the same beginning": (
        {"model_type": "qwen3", "architectures": ["Qwen2ForCausalLM"]},
        "of the family qwen2; model_type is qwen3",
    ),
    "no list": ({"architectures": "LlamaForCausalLM"}, "architectures is 'LlamaForCausalLM', not a list"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_config_that_contradicts_itself(name: str):
    values, wanted = CONTRADICTIONS[name]
    assert wanted in message(Source("model", LLAMA | values))


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("llama", "LlamaForCausalLM"),
        ("gpt2", "GPT2LMHeadModel"),
        ("gpt_bigcode", "GPTBigCodeForCausalLM"),
        ("gpt_neox", "GPTNeoXForCausalLM"),
        ("gemma3_text", "Gemma3ForConditionalGeneration"),
        ("stablelm", "StableLMEpochForCausalLM"),
        ("falcon", "RWForCausalLM"),
        ("internlm2", "InternLM2ForCausalLM"),
    ],
)
def test_classes_that_fit_say_nothing(model_type: str, name: str):
    values = {"model_type": model_type, **SIZES, "architectures": [name]}
    ignored = (
        ()
        if model_type not in ("falcon", "gpt2", "gpt_bigcode")
        else ("*_key_value_heads", "intermediate_size")
    )
    notes = import_model(Source("model", values, ignored=ignored)).notes
    assert not any("architectures" in note for note in notes)


@pytest.mark.parametrize("name", ["LlamaForSequenceClassification", "LlamaModel"])
def test_another_head_is_a_note(name: str):
    notes = import_model(Source("model", LLAMA | {"architectures": [name]})).notes
    assert notes == (f"architectures has {name}: the text has the head of a language model",)


def test_a_family_that_nobody_knows_is_a_note():
    notes = import_model(Source("model", LLAMA | {"architectures": ["YiForCausalLM"]})).notes
    assert notes == ("architectures has YiForCausalLM, which is read as llama",)


def test_rows_that_are_left_out_are_said_as_rows(tmp_path: Path, capsys: Capture):
    assert main(["run", str(write(tmp_path / "tiny", "opt"))]) == 0
    rows = "rows 0..2 of 130 of 'model.decoder.embed_positions.weight'"
    assert f"ignored of the checkpoint: {rows}\n" in capsys.readouterr().out
