"""InternLM2, which transformers lacks: Llama with other names, and queries, keys and values in one matrix.

Its rows are, per head of keys, those of the queries that read it, then of the key, then of the value, as
`modeling_internlm2.py` of the published models takes them apart.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

NAMES = {
    "embed_tokens": "tok_embeddings",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "lm_head": "output",
}


def rewrite(folder: Path) -> Path:
    """Write a saved Llama as an InternLM2 in a folder below it, and return that."""
    llama = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    found = {_renamed(name): one for name, one in tensors.items() if ".q_proj." not in name}
    found = {name: one for name, one in found.items() if ".k_proj." not in name and ".v_proj." not in name}
    for name in tensors:
        if ".q_proj." in name:
            parts = [tensors[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            fused = _by_group(parts, llama["num_key_value_heads"])
            found[name.replace("self_attn.q_proj", "attention.wqkv")] = fused
    below = folder / "internlm2"
    below.mkdir()
    save_file(found, below / "model.safetensors", {"format": "pt"})
    (below / "config.json").write_text(json.dumps(_config(llama)))
    return below


def _renamed(name: str) -> str:
    for old, new in NAMES.items():
        name = name.replace(f"{old}.", f"{new}.")
    return name


def _by_group(parts: list[torch.Tensor], groups: int) -> torch.Tensor:
    """Matrices, or their biases, with the rows of each group side by side."""
    pieces = [part.reshape(groups, -1, *part.shape[1:]) for part in parts]
    return torch.cat(pieces, dim=1).flatten(0, 1).contiguous()


def _config(llama: dict[str, Any]) -> dict[str, Any]:
    kept = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "vocab_size")
    kept += (
        "num_hidden_layers",
        "max_position_embeddings",
        "rms_norm_eps",
        "hidden_act",
        "tie_word_embeddings",
    )
    return {name: llama[name] for name in kept} | {
        "architectures": ["InternLM2ForCausalLM"],
        "model_type": "internlm2",
        "bias": llama["attention_bias"],
        "rope_theta": llama["rope_parameters"]["rope_theta"],
        "rope_scaling": None,
        "torch_dtype": llama["dtype"],
    }
