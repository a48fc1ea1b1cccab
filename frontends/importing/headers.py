"""A checkpoint without a config: what its headers say of sizes, and what must be asked for.

Shapes say the sizes, and which tensors are there says which biases there are. Heads, eps, theta and other
numbers stand in no shape: the user gives them as parameters, by the config's names or the text's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..source_errors import SourceError
from .checks import Tensor
from .configs import Config
from .keys import Key
from .models import body_of
from .pieces import Number
from .recipe import EPS, Attention, Latent, Recipe

NAMES = {
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "eps": EPS[0],
    "theta": "rope_theta",
    "window": "sliding_window",
}
"""What configs call parameters of the text."""
UNASKED = ("max_position_embeddings", "seq_length")
"""Numbers that only bound the context."""


def header_config(
    recipe: Recipe, tensors: Mapping[str, Tensor], given: Mapping[str, Number]
) -> dict[str, Any]:
    """A config of what headers say and the user gives.

    Raises: SourceError where the checkpoint is of another architecture, or the heads are not given.
    """
    if recipe.experts is not None:
        raise SourceError(
            "a header does not say how experts are chosen", "give a config.json beside the file"
        )
    values: dict[str, Any] = {NAMES.get(name, name): value for name, value in given.items()}
    body = body_of(recipe, tensors)
    layer = f"{body}{recipe.layer}"
    table = _shape(tensors, f"{body}{recipe.embedding.table}.weight", recipe)
    values.setdefault("vocab_size", table[0])
    values.setdefault("hidden_size", table[1])
    values.setdefault("num_hidden_layers", _layers(layer, tensors))
    up = _shape(tensors, f"{layer}{recipe.feed_forward.up}.weight".replace("{layer}", "0"), recipe)
    ffn = up[0] if recipe.feed_forward.transposed else up[1]
    values.setdefault("intermediate_size", ffn // 2 if recipe.feed_forward.fused else ffn)
    if "num_attention_heads" not in values:
        raise SourceError("a header does not say how many heads there are", "give --param heads=N")
    _add_heads(values, recipe, layer.replace("{layer}", "0"), tensors)
    _add_flags(values, recipe, body, layer.replace("{layer}", "0"), tensors)
    return values


def _shape(tensors: Mapping[str, Tensor], name: str, recipe: Recipe) -> tuple[int, int]:
    """Raises: SourceError where there is no such matrix."""
    if name not in tensors or len(tensors[name].shape) != 2:
        raise SourceError(f"the checkpoint has no matrix '{name}'", f"it is no {recipe.name}: which is it?")
    rows, columns = tensors[name].shape
    return rows, columns


def _layers(layer: str, tensors: Mapping[str, Tensor]) -> int:
    before, _, behind = layer.partition("{layer}")
    number = rf"{re.escape(before)}(\d{{1,9}}){re.escape(behind)}"  # what has more digits is no layer's
    found = (re.match(number, name) for name in tensors)
    return max((int(match[1]) for match in found if match), default=-1) + 1


def _add_heads(values: dict[str, Any], recipe: Recipe, layer: str, tensors: Mapping[str, Tensor]) -> None:
    """The size of a head and the number of KV heads, by the rows of queries and keys."""
    facts, heads = recipe.attention, int(values["num_attention_heads"])
    if isinstance(facts, Latent):
        return
    axis = 0 if facts.transposed else 1
    if heads < 1:
        raise SourceError(f"heads is {heads}", "it is at least 1")
    if facts.fused:
        rows = _shape(tensors, f"{layer}{facts.fused}.weight", recipe)[axis]
        size = int(values.get("head_dim", values["hidden_size"] // heads)) or 1
        values.setdefault("num_key_value_heads", (rows // size - heads) // 2)
        return
    query, key = (_shape(tensors, f"{layer}{one}.weight", recipe)[axis] for one in (facts.query, facts.key))
    values.setdefault("head_dim", query // heads)
    values.setdefault("num_key_value_heads", key // (int(values["head_dim"]) or 1))


def _add_flags(
    values: dict[str, Any], recipe: Recipe, body: str, layer: str, tensors: Mapping[str, Tensor]
) -> None:
    """Which biases there are, and whether the head is tied."""
    facts, plain = recipe.attention, recipe.feed_forward
    whole = isinstance(facts, Attention)
    first, last = (facts.fused or facts.query, facts.out_bias) if whole else (facts.down, facts.bias)
    there: list[tuple[Any, bool]] = [
        (facts.bias, f"{layer}{first}.bias" in tensors),
        (last, f"{layer}{facts.out}.bias" in tensors),
        (plain.bias, f"{layer}{plain.up}.bias" in tensors),
        (recipe.head.tied, not any(f"{name}.weight" in tensors for name in recipe.head.tensors)),
    ]
    for key, found in there:
        if isinstance(key, Key):
            values.setdefault(key.names[0], found)


def left_of(given: Mapping[str, Number], config: Config) -> dict[str, Number]:
    """What the user gives that is no key of the config: parameters of the text."""
    return {name: value for name, value in given.items() if NAMES.get(name, name) not in config.read}


def check_asked(config: Config, recipe: Recipe) -> list[str]:
    """What is taken as the architecture has it, in words.

    Raises: SourceError that names the numbers which neither the header nor the user says.
    """
    missing = [name for name in config.assumed if name not in UNASKED]
    if recipe.window is not None and "sliding_window" not in (*missing, *config.values):
        missing.append("sliding_window")
    if missing:
        flags = " ".join(f"--param {name}=…" for name in missing)
        raise SourceError(
            f"a header does not say {', '.join(missing)}", f"give {flags}, or a config.json beside the file"
        )
    return ["no config: the activation is that of the architecture, and rope is not scaled"]
