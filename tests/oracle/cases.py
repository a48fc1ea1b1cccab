"""The models that are compared with transformers: one entry each, tiny, and as odd as their family allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STEPS = 24
"""Decode steps: more than any window, ring or original context below."""
BATCH = 2
WINDOW = 5
TRAINED = 12
"""Positions that a model with longrope is trained for; it switches its table within the steps."""

SMALL: Mapping[str, Any] = {
    "vocab_size": 101,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
"""What every config has unless it says otherwise; 101 is prime, so a vocabulary splits over no sockets."""


@dataclass(frozen=True)
class Case:
    """A model by its config in transformers."""

    name: str
    architecture: str
    """Its `model_type`."""
    config: Mapping[str, Any]
    """What differs from `SMALL`."""
    sharded: bool = False
    """Whether its checkpoint is several files and an index."""

    @property
    def values(self) -> dict[str, Any]:
        """The config."""
        return {**SMALL, **self.config}


def case(name: str, *, sharded: bool = False, **config: Any) -> Case:
    """An entry; the architecture is the name's first word."""
    return Case(name, name.partition(" ")[0], config, sharded)


def rope(kind: str, **values: Any) -> dict[str, Any]:
    """A scaling of rotary embeddings, as a config has it."""
    return {"rope_type": kind, "rope_theta": 10_000.0, **values}


CASES = (
    case("llama", sharded=True),
    case("llama tied", tie_word_embeddings=True, num_hidden_layers=2),
    case("llama biases", attention_bias=True, mlp_bias=True),
    case("llama head_dim", head_dim=8, num_key_value_heads=1),
    case("llama linear", rope_parameters=rope("linear", factor=4.0)),
    case(
        "llama llama3",
        rope_parameters=rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        ),
    ),
    case(
        "llama yarn",
        rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=16),
    ),
    case("mistral", sliding_window=WINDOW, num_hidden_layers=2),
    case("mistral full", sliding_window=None, head_dim=8),
    case("qwen2", num_hidden_layers=2),
    case(
        "qwen2 window",
        use_sliding_window=True,
        sliding_window=WINDOW,
        max_window_layers=2,
        num_hidden_layers=4,
        tie_word_embeddings=True,
    ),
    case("qwen3", head_dim=24, sharded=True),
    case("qwen3 tied", head_dim=16, tie_word_embeddings=True),
)
