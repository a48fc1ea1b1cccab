"""Latent attention against transformers, which makes keys and values of heads: DeepSeek without experts."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import STEPS, Case, rope
from measured import MOST_F32_ERROR, error_of
from subject import VARIANTS, forced, interpreted, with_logits
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.weights import load_weights
from kl.dialects.rdu_machine import machine_of, set_machine
from kl.frontends import load_model
from kl.frontends.importing import Source, import_model
from kl.frontends.importing.keys import flag, whole
from kl.frontends.importing.recipe import Latent, Recipe, Rope
from kl.passes import load_pass
from kl.tools.lowering import lower
from kl.tools.universe import make_context

pytestmark = [
    pytest.mark.skipif(
        find_spec("torch") is None or find_spec("transformers") is None,
        reason="transformers is the oracle: the extra `oracle`, or `make oracle`",
    ),
    pytest.mark.filterwarnings("ignore"),  # of torch and transformers
]

BATCH = 2
LAYERS = 2
BASE: dict[str, Any] = {
    "vocab_size": 101,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": LAYERS,
    "first_k_dense_replace": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 12,
    "qk_rope_head_dim": 8,
    "v_head_dim": 10,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16, mscale=1.0, mscale_all_dim=0.7)
CASES = {
    "deepseek_v3": {},
    "deepseek_v3 yarn": {"rope_parameters": YARN},
    "deepseek_v3 biases": {"attention_bias": True},
    "deepseek_v3 one product": {"q_lora_rank": None},
    "deepseek_v3 halves": {"rope_interleave": False},
    "deepseek_v2": {},
    "deepseek_v2 yarn": {"rope_parameters": YARN},
}
EXPERTS = ("n_*", "num_experts*", "moe_*", "first_k_dense_replace", "routed_*", "norm_topk_prob", "topk_*")
MORE = ("num_mtp_layers", "num_nextn_predict_layers", "num_local_experts", "mlp_bias")


def dense(name: str) -> Recipe:
    """A recipe of the families whose layers have no experts; other keys of theirs change nothing then."""
    bias = flag("attention_bias", default=False)
    turned = Rope(dims=whole("qk_rope_head_dim"), interleaved=flag("rope_interleave", default=True))
    return Recipe(name, attention=Latent(bias=bias), rope=turned, harmless=(*EXPERTS, *MORE))


def model(folder: Path, sockets: int) -> tuple[ModuleOp, Any]:
    """A saved model as `kl` reads it, with its logits, and its numbers."""
    config = json.loads((folder / "config.json").read_text())
    del config["architectures"]
    config["model_type"] = "dense"
    text = import_model(Source("dense", config, recipes=(dense("dense"),))).text
    module = with_logits(load_model(text, "dense.kl", {"batch": BATCH, "context": STEPS}))
    set_machine(module, machine_of(module).with_values({"sockets": sockets}))
    load_pass("shard-tensors")().apply(make_context(), module)
    return module, load_weights(folder, weight_specs(module), ()).arrays


@pytest.mark.parametrize("sockets", [1, 8])
@pytest.mark.parametrize("name", CASES)
def test_absorbed_matrices_give_what_keys_and_values_of_heads_do(
    name: str, sockets: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    import judge

    case = Case(name, name.partition(" ")[0], BASE | CASES[name])
    judge.save_model(case, "f32", tmp_path)
    tokens = judge.tokens_of(case, BATCH)
    exact = judge.logits(tmp_path, "f64", tokens)
    module, weights = model(tmp_path, sockets)
    chosen, found = forced(interpreted(Interpreter(module, weights)), tokens)
    error = error_of(found.astype(np.float64), exact)
    record_property("oracle", f"{name:20} f32   {sockets:7} {error:9.1e}")
    assert error <= MOST_F32_ERROR
    assert np.array_equal(chosen, exact.argmax(-1))
    for variant, choice in VARIANTS.items():
        lowered = module.clone()
        lower(make_context(), lowered, "kernel", choice)
        bits = forced(interpreted(Interpreter(lowered, weights)), tokens)[1].tobytes()
        assert bits == found.tobytes(), variant
