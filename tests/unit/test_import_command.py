"""`kl import`, and published models as inputs of the other commands: files, what is said, exit codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import save, save_index
from import_configs import CASES, config
from numpy.typing import NDArray

from kl.frontends import load_model
from kl.frontends.importing import Source, import_model
from kl.frontends.importing.checks import Tensor, expected
from kl.frontends.importing.models import make_model
from kl.frontends.importing.recipes import RECIPES
from kl.frontends.importing.writer import compose
from kl.tools.kl import main
from kl.tools.kl_opt import main as kl_opt

Capture = pytest.CaptureFixture[str]
Arrays = dict[str, NDArray[Any]]


def tensors_of(name: str) -> dict[str, tuple[int, ...]]:
    """The shapes of a checkpoint of a config."""
    values = config(name)
    recipe = next(one for one in RECIPES if one.name == values["model_type"])
    text = compose(make_model("model", recipe, values, None, None))
    return {name: forms[0].shape for name, forms in expected(text).items()}


def arrays_of(name: str) -> Arrays:
    """Random numbers for all tensors of a config."""
    rng = np.random.default_rng(0)
    return {
        tensor: rng.standard_normal(shape, np.float32) / np.sqrt(np.float32(shape[-1]))
        for tensor, shape in tensors_of(name).items()
    }


def write(folder: Path, name: str, more: Mapping[str, NDArray[Any]] | None = None, **keys: Any) -> Path:
    """A folder of a published model."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(name) | keys), encoding="utf-8")
    save(folder / "model.safetensors", arrays_of(name) | dict(more or {}))
    return folder


def failure(capsys: Capture, *arguments: str) -> str:
    """What a command says that ends with exit code 1."""
    capsys.readouterr()
    assert main([*arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_import_writes_the_text_and_says_what_it_is(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path / "Tiny-1B", "qwen3")
    assert main(["import", str(folder)]) == 0
    captured = capsys.readouterr()
    assert "model tiny_1b\n" in captured.out
    assert captured.err == "kl: note: qwen3, 189,632 parameters\n"
    assert main(["import", str(folder), "-o", str(tmp_path / "tiny.kl")]) == 0
    assert (tmp_path / "tiny.kl").read_text(encoding="utf-8") == captured.out


def test_import_prints_a_document(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path / "tiny", "qwen3", beta=3)
    assert main(["import", str(folder), "--json", "--ignore", "beta"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["architecture"], found["parameters"]) == ("qwen3", 189632)
    assert found["notes"] == ["ignored: beta"]
    assert "// ignored: beta" in found["text"]
    assert found["active_parameters"] == found["parameters"]


def test_import_says_what_a_token_needs_of_many_experts(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path / "tiny", "mixtral")
    assert main(["import", str(folder), "-o", str(tmp_path / "tiny.kl")]) == 0
    assert "mixtral, 362,432 parameters, 214,976 of them for each token" in capsys.readouterr().err
    assert main(["import", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["active_parameters"] == 214976


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "model.safetensors.index.json", "."])
def test_each_file_of_a_model_stands_for_it(tmp_path: Path, capsys: Capture, name: str):
    folder = write(tmp_path / "tiny", "llama")
    files = dict.fromkeys(tensors_of("llama"), "model.safetensors")
    save_index(folder / "model.safetensors.index.json", files)
    assert main(["import", str(folder / name)]) == 0
    assert "model tiny\n" in capsys.readouterr().out


def test_a_config_of_any_name_is_told_by_its_keys(tmp_path: Path, capsys: Capture):
    path = tmp_path / "Model-3.json"
    path.write_text(json.dumps(config("llama")), encoding="utf-8")
    assert main(["import", str(path)]) == 0
    assert "model model_3\n" in capsys.readouterr().out


def test_a_checkpoint_without_config(tmp_path: Path, capsys: Capture):
    path = str(save(tmp_path / "weights.safetensors", arrays_of("llama")))
    assert "--architecture" in failure(capsys, "import", path)
    given = ["--architecture", "llama", "--param", "heads=4", "--param", "eps=1e-6", "--param", "theta=1e4"]
    assert main(["import", path, *given]) == 0
    assert "param heads = 4\n" in capsys.readouterr().out


def test_what_is_left_out_is_said(tmp_path: Path, capsys: Capture):
    mask = {"transformer.h.0.attn.bias": np.ones((1, 1, 4, 4), np.float32)}
    folder = write(tmp_path / "tiny", "gpt2", mask)
    assert main(["import", str(folder)]) == 0
    captured = capsys.readouterr()
    assert "skipped tensors: transformer.h.0.attn.bias" in captured.err
    assert "// skipped tensors: transformer.h.0.attn.bias\n" in captured.out


def test_a_copy_of_a_tied_head_is_equal_bit_for_bit(tmp_path: Path, capsys: Capture):
    table = arrays_of("gpt2")["transformer.wte.weight"]
    assert main(["import", str(write(tmp_path / "same", "gpt2", {"lm_head.weight": table}))]) == 0
    other = table.copy()
    other[130, 63] = np.nextafter(other[130, 63], np.float32(9))
    folder = write(tmp_path / "other", "gpt2", {"lm_head.weight": other})
    said = failure(capsys, "import", str(folder))
    assert "tensor 'lm_head.weight'" in said
    assert "is not equal to 'transformer.wte.weight', though the config says that the head is tied" in said
    assert "tie_word_embeddings = false" in said


WRONG = {
    "no such file": (None, "No such file or directory"),
    "no JSON": ("{", "is no JSON"),
    "a list": ("[1]", "is a list, not an object"),
    "a key twice": ('{"model_type": "llama", "model_type": "qwen2"}', "has the key model_type twice"),
    "too deep": ("[" * 100_000, "is no JSON"),
    "an unknown architecture": ('{"model_type": "rwkv"}', "no recipe for the architecture 'rwkv'"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("command", ["import", "compile"])
def test_a_wrong_file_is_one_message(tmp_path: Path, capsys: Capture, command: str, name: str):
    text, wanted = WRONG[name]
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
    assert wanted in failure(capsys, command, str(tmp_path / "config.json"))


def test_a_folder_without_config_and_a_file_of_another_kind(tmp_path: Path, capsys: Capture):
    assert "has no config.json" in failure(capsys, "import", str(tmp_path))
    (tmp_path / "model.kl").write_text("model a\n", encoding="utf-8")
    assert "is no published model" in failure(capsys, "import", str(tmp_path / "model.kl"))


def test_a_broken_checkpoint_is_one_message(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path / "tiny", "llama")
    (folder / "model.safetensors").write_bytes(b"\x09\0\0\0\0\0\0\0{")
    assert "is no safetensors file or cut short" in failure(capsys, "import", str(folder))
    save_index(folder / "model.safetensors.index.json", {"a": "gone.safetensors"})
    assert "gone.safetensors" in failure(capsys, "import", str(folder))


@pytest.mark.parametrize("name", CASES)
def test_every_text_compiles_and_reads_what_is_on_disk(name: str):
    shapes = tensors_of(name)
    tensors = {tensor: Tensor(shape, "F32") for tensor, shape in shapes.items()}
    found = import_model(Source(name, config(name), tensors, parameters={"context": 32}))
    module = load_model(found.text, f"{name}.kl")
    names = {name for op in module.ops for name in checkpoint_names(op)}
    assert names == shapes.keys()


def checkpoint_names(op: Any) -> list[str]:
    """The tensors that a weight reads."""
    from xdsl.dialects.builtin import ModuleOp

    from kl.backends.specs import weight_specs

    if op.name != "nn.weight":
        return []
    [spec] = weight_specs(ModuleOp([op.clone()]))
    return [*spec.tensor_names]


@pytest.mark.parametrize("name", ["qwen3", "phi3", "gpt2", "opt", "gpt_oss", "deepseek_v3"])
def test_run_takes_the_weights_of_the_model(tmp_path: Path, capsys: Capture, name: str):
    folder = str(write(tmp_path / "tiny", name))
    text = str(tmp_path / "tiny.kl")
    assert main(["import", folder, "-o", text]) == 0
    capsys.readouterr()
    assert main(["run", folder, "--steps", "3", "--json", "--check", "--param", "context=16"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"] == folder
    ignore = ["--ignore", "*embed_positions*"] if name == "opt" else []
    assert main(["run", text, "--weights", folder, *ignore, "--steps", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"][2]["outputs"] == found["steps"][2]["outputs"]
    assert main(["run", f"{folder}/config.json", "--steps", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] is None


def test_other_commands_take_a_published_model(tmp_path: Path, capsys: Capture):
    folder = str(write(tmp_path / "tiny", "qwen3", beta=1))
    assert "--ignore beta" in failure(capsys, "time", folder)
    assert main(["time", folder, "--ignore", "beta", "--sockets", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["program"] == "tiny"
    assert main(["compare", folder, "--ignore", "beta", "--json", "--param", "context=16"]) == 0
    assert kl_opt([f"{folder}/config.json", "--ignore", "beta"]) == 0
    captured = capsys.readouterr()
    assert "nn.weight @embedding" in captured.out
    assert "kl-opt: note: ignored: beta" in captured.err


def test_an_error_in_the_text_of_a_model_shows_its_line(tmp_path: Path, capsys: Capture):
    folder = str(write(tmp_path / "tiny", "qwen3"))
    said = failure(capsys, "time", folder, "--param", "head_dim=33")
    assert "config.json" not in said
