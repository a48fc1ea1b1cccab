"""Small models whose configs say that matrices are stored in few bits, and headers that fit them."""

from __future__ import annotations

from typing import Any

from import_configs import SIZES

from kl.frontends.importing import Source, import_model
from kl.frontends.importing.checks import Tensor

Config = dict[str, Any]

LLAMA: Config = {
    "model_type": "llama",
    **SIZES,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "torch_dtype": "bfloat16",
}
MATRICES = {
    "self_attn.q_proj": (128, 128),
    "self_attn.k_proj": (128, 64),
    "self_attn.v_proj": (128, 64),
    "self_attn.o_proj": (128, 128),
    "mlp.gate_proj": (128, 256),
    "mlp.up_proj": (128, 256),
    "mlp.down_proj": (256, 128),
}
"""Inputs and outputs of the matrices of a layer."""

FP8: Config = {
    "quant_method": "fp8",
    "activation_scheme": "dynamic",
    "fmt": "e4m3",
    "weight_block_size": [64, 32],
}
GPTQ: Config = {
    "quant_method": "gptq",
    "bits": 4,
    "group_size": 32,
    "desc_act": False,
    "sym": True,
    "true_sequential": True,
    "checkpoint_format": "gptq",
    "meta": {"quantizer": ["gptqmodel:1.4.0"]},
}
AWQ: Config = {"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True, "version": "gemm"}


def compressed(format_: str = "int-quantized", activations: Config | None = None, **weights: Any) -> Config:
    """A config of compressed-tensors with one group."""
    scheme = {"num_bits": 8, "type": "int", "strategy": "channel", "symmetric": True, "dynamic": False}
    scheme |= {"group_size": None, "block_structure": None, "actorder": None, "observer": "minmax"}
    group = {"targets": ["Linear"], "weights": scheme | weights, "input_activations": activations}
    return {
        "quant_method": "compressed-tensors",
        "format": format_,
        "config_groups": {"group_0": group | {"output_activations": None}},
        "ignore": ["lm_head"],
        "kv_cache_scheme": None,
        "quantization_status": "compressed",
        "global_compression_ratio": 1.5,
        "sparsity_config": {},
        "transform_config": {},
        "version": "0.11.0",
    }


def modelopt(algorithm: str = "FP8", **more: Any) -> Config:
    """A config of Model Optimizer."""
    return {"quant_method": "modelopt", "quant_algo": algorithm, "exclude_modules": ["lm_head"], **more}


def quantized(scheme: Config, **more: Any) -> Config:
    """A Llama that is stored so."""
    return LLAMA | {"quantization_config": scheme} | more


def wide_headers(config: Config = LLAMA) -> dict[str, Tensor]:
    """The tensors of the model, all of them wide."""
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    found = {f"{name}.weight": Tensor((vocab, hidden), "BF16") for name in ("model.embed_tokens", "lm_head")}
    found["model.norm.weight"] = Tensor((hidden,), "BF16")
    for layer in range(config["num_hidden_layers"]):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"model.layers.{layer}.{norm}.weight"] = Tensor((hidden,), "BF16")
        for name, (inputs, outputs) in MATRICES.items():
            found[f"model.layers.{layer}.{name}.weight"] = Tensor((outputs, inputs), "BF16")
    return found


def headers(**forms: tuple[str, Any]) -> dict[str, Tensor]:
    """The tensors of the model with those of matrices in place of wide ones.

    `weight_scale=("F32", lambda i, o: (o, 1))` says type and shape of a tensor by inputs and outputs.
    """
    found = {name: one for name, one in wide_headers().items() if "proj" not in name}
    for layer in range(LLAMA["num_hidden_layers"]):
        for name, (inputs, outputs) in MATRICES.items():
            for ending, (dtype, shape) in forms.items():
                found[f"model.layers.{layer}.{name}.{ending}"] = Tensor(shape(inputs, outputs), dtype)
    return found


def text_of(config: Config, **more: Any) -> str:
    """The text of a config."""
    return import_model(Source("model", config, **more)).text


def line_of(text: str, name: str = "wq") -> str:
    """The declaration of a weight or a cache."""
    return next(
        line.strip()
        for line in text.splitlines()
        if line.split()[1:] and line.split()[1].startswith(f"{name}[")
    )
