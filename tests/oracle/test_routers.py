"""Mixtures of experts as published models route them: against plain Python, and against transformers.

Each router is a text of the language that gives `ids`, `w`, and what `mix` makes of its experts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.frontends import load_model

ROWS, HIDDEN, EXPERTS, WIDTH = 3, 16, 12, 8
FACTOR = 2.5
Row = list[float]
Routed = list[tuple[int, float]]
"""The experts of a row and what they weigh, best first."""

EXPERTS_TEXT = """
  read = distinct(ids, experts)
  gates = spread(w, ids, read)
  h = silu(x @ columns_of(gate, read)) * (x @ columns_of(up, read))
  return ids, w, scale(h, gates) @ rows_of(down, read)
"""


def softmax(row: Row) -> Row:
    weights = [math.exp(number - max(row)) for number in row]
    return [weight / sum(weights) for weight in weights]


def sigmoid(number: float) -> float:
    return 1 / (1 + math.exp(-number))


def best(row: Row, count: int) -> list[int]:
    return sorted(range(len(row)), key=lambda column: -row[column])[:count]


def normalised(routed: Routed) -> Routed:
    total = sum(weight for _, weight in routed)
    return [(expert, weight / total) for expert, weight in routed]


def in_groups(row: Row, count: int, groups: int, kept: int, of_each: int) -> list[int]:
    """The best columns of the groups whose best ones have the largest sums."""
    size = len(row) // groups
    members = [sorted(row[g * size : g * size + size], reverse=True) for g in range(groups)]
    stay = best([sum(numbers[:of_each]) for numbers in members], kept)
    return best([n if c // size in stay else -math.inf for c, n in enumerate(row)], count)


def mixtral(scores: Row, bias: Row) -> Routed:
    p = softmax(scores)
    return normalised([(expert, p[expert]) for expert in best(p, 2)])


def qwen2_moe(scores: Row, bias: Row) -> Routed:
    p = softmax(scores)
    return [(expert, p[expert]) for expert in best(p, 4)]


def gpt_oss(scores: Row, bias: Row) -> Routed:
    logits = [score + b for score, b in zip(scores, bias, strict=True)]
    chosen = best(logits, 4)
    return [*zip(chosen, softmax([logits[expert] for expert in chosen]), strict=True)]


def deepseek_v3(scores: Row, bias: Row) -> Routed:
    s = [sigmoid(score) for score in scores]
    chosen = in_groups([one + b for one, b in zip(s, bias, strict=True)], 4, 4, 2, 2)
    return [(e, weight * FACTOR) for e, weight in normalised([(e, s[e]) for e in chosen])]


def deepseek_v2(scores: Row, bias: Row) -> Routed:
    p = softmax(scores)
    return [(expert, p[expert] * FACTOR) for expert in in_groups(p, 3, 4, 2, 1)]


def llama4(scores: Row, bias: Row) -> Routed:
    (expert,) = best(scores, 1)
    return [(expert, sigmoid(scores[expert]))]


@dataclass(frozen=True)
class Router:
    """How a published model routes."""

    name: str
    text: str
    """From `x` to `ids` and `w`."""
    plain: Callable[[Row, Row], Routed]
    torch: str
    """The class of its router in transformers."""
    config: dict[str, Any]
    experts: str = EXPERTS_TEXT
    scales_input: bool = False
    """The weight of a row multiplies what goes into its expert."""


ROUTERS = [
    Router(
        "mixtral",
        "p = softmax(x @ router)\n  ids = top_k(p, 2)\n  w = take(p, ids)\n  w = w / sum(w)",
        mixtral,
        "MixtralTopKRouter",
        {"num_experts_per_tok": 2, "num_local_experts": EXPERTS},
    ),
    Router(
        "qwen2_moe",
        "p = softmax(x @ router)\n  ids = top_k(p, 4)\n  w = take(p, ids)",
        qwen2_moe,
        "Qwen2MoeTopKRouter",
        {"num_experts_per_tok": 4, "num_experts": EXPERTS, "norm_topk_prob": False},
    ),
    Router(
        "gpt_oss",
        "s = x @ router + bias\n  ids = top_k(s, 4)\n  w = softmax(take(s, ids))",
        gpt_oss,
        "GptOssTopKRouter",
        {"num_experts_per_tok": 4, "num_local_experts": EXPERTS},
    ),
    Router(
        "deepseek_v3",
        "s = sigmoid(x @ router)\n  ids = top_k(s + bias, 4, groups = 4, kept = 2, best = 2)\n"
        f"  w = take(s, ids)\n  w = w / (sum(w) + 1e-20) * {FACTOR}",
        deepseek_v3,
        "DeepseekV3TopkRouter",
        {
            "num_experts_per_tok": 4,
            "num_local_experts": EXPERTS,
            "n_group": 4,
            "topk_group": 2,
            "norm_topk_prob": True,
            "routed_scaling_factor": FACTOR,
        },
    ),
    Router(
        "deepseek_v2",
        f"p = softmax(x @ router)\n  ids = top_k(p, 3, groups = 4, kept = 2)\n  w = take(p, ids) * {FACTOR}",
        deepseek_v2,
        "DeepseekV2TopkRouter",
        {
            "num_experts_per_tok": 3,
            "num_experts": EXPERTS,
            "n_group": 4,
            "topk_group": 2,
            "topk_method": "group_limited_greedy",
            "routed_scaling_factor": FACTOR,
        },
    ),
    Router(
        "llama4",
        "s = x @ router\n  ids = top_k(s, 1)\n  w = sigmoid(take(s, ids))",
        llama4,
        "Llama4Router",
        {"num_experts_per_tok": 1, "num_local_experts": EXPERTS},
        """
  x = x * w
  read = distinct(ids, experts)
  gates = spread(w * 0.0 + 1.0, ids, read)
  h = silu(x @ columns_of(gate, read)) * (x @ columns_of(up, read))
  return ids, w, scale(h, gates) @ rows_of(down, read)
""",
        scales_input=True,
    ),
]


def text_of(router: Router) -> str:
    return f"""model {router.name}
dtype f32
param experts = {EXPERTS}
weight router[{HIDDEN}, experts]
weight bias[experts]
weight gate[experts, {HIDDEN}, {WIDTH}]
weight up[experts, {HIDDEN}, {WIDTH}]
weight down[experts, {WIDTH}, {HIDDEN}]
step(x[{ROWS}, {HIDDEN}]) {{
  {router.text}{router.experts}}}
"""


def drawn(router: Router, seed: int) -> tuple[list[Array], dict[str, Array], Array]:
    """What the language makes of random numbers, and those: ids, weights of rows, sums of experts."""
    module = load_model(text_of(router), f"{router.name}.kl")
    module.verify()
    rng = np.random.default_rng(seed)
    weights = random_weights(weight_specs(module), seed=seed)
    weights["router"] = rng.standard_normal((HIDDEN, EXPERTS), np.float32)
    weights["bias"] = rng.standard_normal(EXPERTS, np.float32) / 4
    x = rng.standard_normal((ROWS, HIDDEN), np.float32)
    return [*Interpreter(module, weights).step([x]).outputs], weights, x


def wide(array: Array) -> Any:
    return array.astype(np.float64)


def mixed(router: Router, weights: dict[str, Array], row: Any, routed: Routed) -> Any:
    """What the experts of a row make of it, one by one, each with its own matrices."""
    total = np.zeros(HIDDEN)
    for expert, weight in routed:
        x = row * weight if router.scales_input else row
        gate, up, down = (wide(weights[name][expert]) for name in ("gate", "up", "down"))
        made = np.array([g * sigmoid(g) for g in x @ gate]) * (x @ up) @ down
        total += made if router.scales_input else weight * made
    return total


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("router", ROUTERS, ids=lambda one: one.name)
def test_routers_are_those_of_plain_python(router: Router, seed: int) -> None:
    (ids, w, y), weights, x = drawn(router, seed)
    for row in range(ROWS):
        scores = (wide(x[row]) @ wide(weights["router"])).tolist()
        routed = router.plain(scores, wide(weights["bias"]).tolist())
        assert ids[row].tolist() == [expert for expert, _ in routed]
        assert_allclose(w[row], [weight for _, weight in routed], rtol=1e-5)
        assert_allclose(y[row], mixed(router, weights, wide(x[row]), routed), rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(
    find_spec("torch") is None or find_spec("transformers") is None,
    reason="transformers is the oracle: the extra `oracle`, or `make oracle`",
)
@pytest.mark.filterwarnings("ignore")  # of torch and transformers
@pytest.mark.parametrize("router", ROUTERS, ids=lambda one: one.name)
def test_routers_are_those_of_transformers(router: Router) -> None:
    import torch

    module = import_module(f"transformers.models.{router.name}.modeling_{router.name}")
    config = type("Config", (), {"hidden_size": HIDDEN, **router.config})()
    made = getattr(module, router.torch)(config)
    for seed in range(5):
        (ids, w, _), weights, x = drawn(router, seed)
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(weights["router"].T.copy()))
            for name in ("bias", "e_score_correction_bias"):
                if getattr(made, name, None) is not None:
                    getattr(made, name).copy_(torch.from_numpy(weights["bias"]))
            found = made(torch.from_numpy(x))
        assert_routed(ids, w, *(one.numpy() for one in found))


def assert_routed(ids: Array, w: Array, *found: Array) -> None:
    """The same experts with the same weights; the router of Llama 4 gives the weights of all experts."""
    if len(found) == 2:
        weights = found[0]
        assert [np.flatnonzero(row).tolist() for row in weights] == np.sort(ids).tolist()
        assert_allclose(np.take_along_axis(weights, ids, axis=1), w, rtol=1e-5)
        return
    _, theirs, chosen = found
    ours, others = np.argsort(ids, axis=1), np.argsort(chosen, axis=1)
    assert_array_equal(np.take_along_axis(ids, ours, 1), np.take_along_axis(chosen, others, 1))
    assert_allclose(np.take_along_axis(w, ours, 1), np.take_along_axis(theirs, others, 1), rtol=1e-5)
