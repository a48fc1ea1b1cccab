"""Configs and headers of stored weights that are wrong: one message each, with the key or the tensor."""

from __future__ import annotations

import json
from pathlib import Path
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
from kl.frontends.source_errors import SourceError
from kl.tools.kl import main

Capture = pytest.CaptureFixture[str]


def message(source: Source) -> str:
    """What is said of a source that is wrong."""
    with pytest.raises(SourceError) as caught:
        import_model(source)
    return str(caught.value)


GROUP = compressed()["config_groups"]["group_0"]

WRONG: dict[str, tuple[Config, str]] = {
    "an unknown method": (
        {"quant_method": "bitsandbytes"},
        "quant_method is 'bitsandbytes', which is not read",
    ),
    "no method": ({"bits": 4}, "quantization_config.quant_method is None, which is not read"),
    "an unknown key": (FP8 | {"hadamard": True}, "does not know the key quantization_config.hadamard"),
    "another format of fp8": (FP8 | {"fmt": "e5m2"}, "quantization_config.fmt is 'e5m2', which is not read"),
    "blocks that are none": (FP8 | {"weight_block_size": [128]}, "weight_block_size is [128], not two whole"),
    "fp8 that does not say its blocks": (
        {"quant_method": "fp8"},
        "weight_block_size is absent",
    ),
    "a list that was left out": (
        FP8 | {"modules_to_not_convert": "(left out)"},
        "modules_to_not_convert is '(left out)', not a list of names of modules",
    ),
    "a pattern that is not known": (
        FP8 | {"modules_to_not_convert": ["^a|b$"]},
        "'^a|b$' is no name of modules",
    ),
    "a broken regular expression": (compressed() | {"ignore": ["re:("]}, "'re:(' is no regular expression"),
    "three bits": (GPTQ | {"bits": 3}, "quantization_config.bits is 3, which is not read"),
    "another form of GPTQ": (GPTQ | {"checkpoint_format": "marlin"}, "checkpoint_format is 'marlin'"),
    "inputs in another order": (GPTQ | {"desc_act": True}, "quantization_config.desc_act is true"),
    "layers of their own bits": (
        GPTQ | {"dynamic": {"+:.*q": {"bits": 8}}},
        "quantization_config.dynamic is",
    ),
    "groups of nothing": (GPTQ | {"group_size": 0}, "quantization_config.group_size is 0"),
    "another form of AWQ": (AWQ | {"version": "gemv"}, "quantization_config.version is 'gemv'"),
    "AWQ without zero points": (AWQ | {"zero_point": False}, "quantization_config.zero_point is false"),
    "an unknown algorithm": (modelopt("W4A8_AWQ"), "quantization_config.quant_algo is 'W4A8_AWQ'"),
    "caches of other types": (modelopt(kv_cache_quant_algo="NVFP4"), "kv_cache_quant_algo is 'NVFP4'"),
    "caches of whole numbers": (
        compressed() | {"kv_cache_scheme": {"num_bits": 8, "type": "int"}},
        "kv_cache_scheme is '8 bits of type int'",
    ),
    "zeros that are left out": (
        compressed() | {"sparsity_config": {"format": "sparse-24-bitmask"}},
        "sparsity_config.format is 'sparse-24-bitmask'",
    ),
    "another form of compressed-tensors": (
        compressed("nvfp4-pack-quantized", type="float", num_bits=4),
        "weights.format is 'nvfp4-pack-quantized'",
    ),
    "six bits": (compressed(num_bits=6), "weights.num_bits is '6 of type int'"),
    "scales of tokens": (compressed(strategy="token"), "weights.strategy is 'token'"),
    "groups that do not say their size": (compressed(strategy="group"), "weights.strategy is 'group'"),
    "zero points of bytes": (compressed(symmetric=False), "weights.symmetric is false"),
    "activation order": (
        compressed("pack-quantized", num_bits=4, strategy="group", group_size=32, actorder="group"),
        "weights.actorder is 'group'",
    ),
    "rounded results": (
        compressed() | {"config_groups": {"g": GROUP | {"output_activations": {"num_bits": 8}}}},
        "config_groups.g.output_activations is",
    ),
    "no groups": (compressed() | {"config_groups": {}}, "config_groups is absent"),
    "rotated weights": (compressed() | {"transform_config": {"config_groups": {}}}, "transform_config is"),
    "4 bits that are not packed": (
        compressed(num_bits=4, strategy="group", group_size=32),
        "weights.format is 'int-quantized of 4 bits of type int'",
    ),
    "packed floats": (
        compressed("pack-quantized", type="float"),
        "weights.format is 'pack-quantized of 8 bits of type float'",
    ),
    "a class of modules": (
        compressed() | {"config_groups": {"g": GROUP | {"targets": ["LlamaMLP"]}}},
        "config_groups.g.targets is 'LlamaMLP'",
    ),
    "a class of modules that stay wide": (compressed() | {"ignore": ["LlamaMLP"]}, "ignore is 'LlamaMLP'"),
    "experts of a model without any": (
        {"quant_method": "mxfp4"},
        "the config's mxfp4 stores no matrix of llama",
    ),
    "modules that are not there": (
        compressed() | {"config_groups": {"g": GROUP | {"targets": ["re:.*expert.*"]}}},
        "the config's compressed-tensors stores no matrix of llama",
    ),
    "outputs that are no whole words": (
        AWQ,
        "'model.layers.{layer}.self_attn.k_proj' is of shape [128, 60] and stored as awq: awq packs 8 codes",
    ),
    "inputs that are no whole groups": (GPTQ | {"group_size": 48}, "128 inputs are no whole groups of 48"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_scheme_is_an_error_that_names_the_key(name: str):
    scheme, wanted = WRONG[name]
    more = {"head_dim": 30, "num_attention_heads": 4} if "words" in name else {}
    assert wanted in message(Source("model", quantized(scheme, **more)))


def test_a_key_of_a_scheme_can_be_ignored():
    path = "quantization_config.desc_act"
    assert "from gptq " in line_of(text_of(quantized(GPTQ | {"desc_act": True}), ignored=(path,)))


FORMS: dict[str, tuple[str, Any]] = {
    "weight": ("F8_E4M3", lambda i, o: (o, i)),
    "weight_scale_inv": ("F32", lambda i, o: (o // 64, i // 32)),
}
GATE = "model.layers.1.mlp.gate_proj.weight"


def test_scales_that_are_missing():
    tensors = headers(**FORMS)
    del tensors[f"{GATE}_scale_inv"]
    assert f"the checkpoint has no tensor '{GATE}_scale_inv'" in message(Source("m", quantized(FP8), tensors))


def test_scales_that_do_not_fit():
    tensors = headers(**FORMS) | {f"{GATE}_scale_inv": Tensor((4, 5), "F32")}
    said = message(Source("m", quantized(FP8), tensors))
    assert f"tensor '{GATE}_scale_inv' has shape [4, 5], the config makes it [4, 4]" in said


def test_scales_of_another_type():
    tensors = headers(**FORMS) | {f"{GATE}_scale_inv": Tensor((4, 4), "U8")}
    assert f"'{GATE}_scale_inv' is of the type U8, which is not read" in message(
        Source("m", quantized(FP8), tensors)
    )


def test_a_wide_tensor_that_should_be_stored():
    tensors = headers(**FORMS) | {GATE: Tensor((256, 128), "BF16")}
    said = message(Source("m", quantized(FP8), tensors))
    assert f"tensor '{GATE}' is of the type BF16, and is stored by the config's fp8 as F8_E4M3" in said


def test_a_stored_tensor_that_should_be_wide():
    tensors = headers(**FORMS)
    scheme = FP8 | {"modules_to_not_convert": ["lm_head", "gate_proj"]}
    said = message(Source("m", quantized(scheme), tensors))
    assert "gate_proj.weight' is of the type F8_E4M3, and is wide by the config's fp8" in said
    said = message(Source("m", LLAMA, tensors))
    assert "is of the type F8_E4M3, and has no quantization_config in the config" in said


def test_a_part_that_cuts_a_block():
    phi = LLAMA | {"model_type": "phi3", "quantization_config": FP8 | {"weight_block_size": [96, 32]}}
    said = message(Source("m", phi))
    where = "outputs 0..128 of 'model.layers.{layer}.self_attn.qkv_proj'"
    assert f"{where} cut a block of 96 outputs that share scales" in said
    assert "scale[" in text_of(phi | {"quantization_config": None}, quantize="f8e4m3")


def test_scales_of_caches_of_8_bits_are_not_dropped_in_silence():
    scales = {
        f"model.layers.{n}.self_attn.{x}_proj.{x}_scale": Tensor((), "F32") for n in (0, 1) for x in "kv"
    }
    forms = {"weight": FORMS["weight"], "weight_scale": ("F32", lambda i, o: ())}
    config = quantized(modelopt(kv_cache_quant_algo="FP8"))
    said = message(Source("m", config, headers(**forms) | scales))
    assert "tensor 'model.layers.0.self_attn.k_proj.k_scale' and 3 more would not be used" in said
    ignored = ("*.k_scale", "*.v_scale")
    assert import_model(Source("m", config, headers(**forms) | scales, ignored)).unmatched == []


def test_what_if_is_for_models_without_checkpoint():
    assert "is for weights that are random; there is a checkpoint" in message(
        Source("m", LLAMA, wide_headers(), quantize="i8")
    )
    assert "the config says how they are stored" in message(Source("m", quantized(FP8), quantize="i8"))
    assert "no weights are stored as 'int8'" in message(Source("m", LLAMA, quantize="int8"))
    assert "no caches are of 'e4m3'" in message(Source("m", LLAMA, cache_type="e4m3"))


@pytest.mark.parametrize(
    ("form", "size", "said"),
    [
        ("mxfp4", 14337, "to be stored as f4e2m1: 14337 inputs are no whole groups of 32"),
        ("mxfp4", 144, "144 inputs are no whole groups of 32"),
        ("nvfp4", 152, "152 inputs are no whole groups of 16"),
        ("i4", 14337, "to be stored as i4: 14337 codes of i4 are no whole bytes"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"model_type": "mixtral", "num_local_experts": 4}])
def test_what_if_of_sizes_that_no_such_weight_has(form: str, size: int, said: str, more: Config):
    assert said in message(Source("m", LLAMA | {"intermediate_size": size} | more, quantize=form))
    assert "scale[" in text_of(LLAMA | {"intermediate_size": size} | more, quantize="i8")


def test_what_if_of_4_bits_may_cut_the_last_group_off():
    text = text_of(LLAMA | {"intermediate_size": 200}, quantize="i4")
    assert "i4 scale[128, 1]" in line_of(text)
    load_model(text, "cut off")


# Files.


def write(folder: Path, config: Config, **beside: Any) -> Path:
    """A folder with a config and files beside it."""
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name, values in beside.items():
        (folder / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


BESIDE: dict[str, tuple[str, Any, str]] = {
    "modelopt": (
        "hf_quant_config",
        {
            "producer": {"name": "modelopt", "version": "0.29.0"},
            "quantization": {
                "quant_algo": "FP8",
                "kv_cache_quant_algo": None,
                "exclude_modules": ["lm_head"],
            },
        },
        ": f8e4m3 scale[hidden, heads * head_dim] ",
    ),
    "gptq": (
        "quantize_config",
        {"bits": 4, "group_size": 32, "damp_percent": 0.01, "desc_act": False, "sym": True},
        ": i4 scale[32, 1]: f16 from gptq ",
    ),
    "awq": (
        "quant_config",
        {"zero_point": True, "q_group_size": 32, "w_bit": 4, "version": "GEMM"},
        ": i4 scale[32, 1]: f16 zeros from awq ",
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_file_beside_the_config_says_how_weights_are_stored(name: str, tmp_path: Path, capsys: Capture):
    file, values, wanted = BESIDE[name]
    assert main(["import", str(write(tmp_path, LLAMA, **{file: values}))]) == 0
    assert wanted in line_of(capsys.readouterr().out)


def test_the_config_itself_wins(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path, quantized(FP8), hf_quant_config=BESIDE["modelopt"][1])
    assert main(["import", str(folder)]) == 0
    assert ": f8e4m3 scale[32, 64] " in line_of(capsys.readouterr().out)


def test_two_files_that_say_it(tmp_path: Path, capsys: Capture):
    folder = write(tmp_path, LLAMA, quantize_config=BESIDE["gptq"][1], quant_config=BESIDE["awq"][1])
    assert main(["import", str(folder)]) == 1
    assert "has quantize_config.json and quant_config.json" in capsys.readouterr().err


def test_what_if_on_the_command_line(tmp_path: Path, capsys: Capture):
    path = str(write(tmp_path, LLAMA) / "config.json")
    assert main(["import", path, "--quantize", "mxfp4", "--cache-type", "f8e4m3"]) == 0
    text = capsys.readouterr().out
    assert line_of(text).endswith(": f4e2m1 scale[32, 1]: f8e8m0")
    assert line_of(text, "keys").endswith("]: f8e4m3")
    assert main(["import", path, "--quantize", "fp8"]) == 1
    assert "no weights are stored as 'fp8'" in capsys.readouterr().err
