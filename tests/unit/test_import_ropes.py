"""The frequencies of rope in texts, as the compiler works them out, against formulas by hand."""

from __future__ import annotations

import json
from itertools import pairwise
from math import ceil, floor, log, pi, sqrt
from pathlib import Path
from typing import Any

import pytest
from import_configs import SIZES
from xdsl.dialects.builtin import ModuleOp

from kl.dialects.nn import RopeOp
from kl.frontends import load_model
from kl.frontends.importing import Source, import_model
from kl.frontends.source_errors import SourceError
from kl.tools.kl import main

THETA, DIMS, CONTEXT = 10000.0, 16, 16
"""Of the small Llama; the context of training is a part of its own, 128."""
PLAIN = [THETA ** (-2 * j / DIMS) for j in range(DIMS // 2)]
TABLES = {
    "short_factor": [1.0 + j / 10 for j in range(DIMS // 2)],
    "long_factor": [2.0 + j for j in range(DIMS // 2)],
}


def rope_of(scaling: dict[str, Any], model: str = "llama", **more: Any) -> RopeOp:
    """The first rotation of a model with a scaling."""
    values = {"model_type": model, **SIZES, "rope_theta": THETA, "rope_scaling": scaling, **more}
    module = load_model(import_model(Source("model", values)).text, "model.kl")
    return next(op for op in walked(module) if isinstance(op, RopeOp))


def walked(module: ModuleOp) -> list[Any]:
    """All operations of a module."""
    return list(module.walk())


def llama3(f: float) -> float:
    """A wavelength above context / low turns slower by the factor, one below context / high as it did."""
    wavelength, factor, low, high = 2 * pi / f, 8.0, 0.5, 2.0
    if wavelength < CONTEXT / high:
        return f
    if wavelength > CONTEXT / low:
        return f / factor
    smooth = (CONTEXT / wavelength - low) / (high - low)
    return (1 - smooth) * f / factor + smooth * f


def yarn(fast: float, slow: float, *, truncate: bool) -> list[float]:
    """A ramp over pairs, between those that turn so often in the context of training."""

    def pair(turns: float) -> float:
        return DIMS * log(CONTEXT / (turns * 2 * pi)) / (2 * log(THETA))

    first, last = (floor(pair(fast)), ceil(pair(slow))) if truncate else (pair(fast), pair(slow))
    first, last = max(first, 0), min(last, DIMS - 1)
    ramps = [min(1.0, max(0.0, (j - first) / (last - first))) for j in range(DIMS // 2)]
    return [f / 4 * ramp + f * (1 - ramp) for f, ramp in zip(PLAIN, ramps, strict=True)]


OF_TRAINING = {"original_max_position_embeddings": CONTEXT}
CASES: dict[str, tuple[dict[str, Any], list[float], float]] = {
    "default": ({"type": "default"}, PLAIN, 1.0),
    "linear": ({"type": "linear", "factor": 4.0}, [f / 4 for f in PLAIN], 1.0),
    "dynamic": ({"type": "dynamic", "factor": 4.0}, PLAIN, 1.0),
    "llama3": (
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 0.5,
            "high_freq_factor": 2.0,
            **OF_TRAINING,
        },
        [llama3(f) for f in PLAIN],
        1.0,
    ),
    "yarn": (
        {"type": "yarn", "factor": 4.0, **OF_TRAINING},
        yarn(32, 1, truncate=True),
        0.1 * log(4) + 1,
    ),
    "yarn, not truncated": (
        {"type": "yarn", "factor": 4.0, "beta_fast": 2, "beta_slow": 0.5, "truncate": False, **OF_TRAINING},
        yarn(2, 0.5, truncate=False),
        0.1 * log(4) + 1,
    ),
    "yarn with mscale": (
        {"type": "yarn", "factor": 4.0, "mscale": 0.7, "mscale_all_dim": 1.2, **OF_TRAINING},
        yarn(32, 1, truncate=True),
        (0.07 * log(4) + 1) / (0.12 * log(4) + 1),
    ),
    "yarn with its factor": (
        {"type": "yarn", "factor": 4.0, "attention_factor": 1.5, **OF_TRAINING},
        yarn(32, 1, truncate=True),
        1.5,
    ),
    "longrope": (
        {"type": "longrope", **TABLES, **OF_TRAINING},
        [f / one for f, one in zip(PLAIN, TABLES["short_factor"], strict=True)],
        sqrt(1 + log(128 / CONTEXT) / log(CONTEXT)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_frequencies_are_those_of_the_formula(name: str):
    scaling, wanted, scale = CASES[name]
    rope = rope_of(scaling)
    assert rope.frequencies.get_values() == pytest.approx(wanted, rel=1e-14)
    assert (1.0 if rope.scale is None else rope.scale.value.data) == pytest.approx(scale, rel=1e-14)


def test_cases_have_kept_blended_and_divided_frequencies():
    for scaled in (CASES["llama3"][1], CASES["yarn, not truncated"][1]):
        shares = [one / f for one, f in zip(scaled, PLAIN, strict=True)]
        assert shares[0] == pytest.approx(1)
        assert any(0.3 < share < 0.95 for share in shares)
        assert all(a >= b - 1e-12 for a, b in pairwise(shares))


def test_longrope_has_a_second_table_beyond_the_context_of_training():
    rope = rope_of(CASES["longrope"][0])
    assert rope.long_frequencies is not None
    assert rope.long_from is not None
    longer = [f / one for f, one in zip(PLAIN, TABLES["long_factor"], strict=True)]
    assert rope.long_frequencies.get_values() == pytest.approx(longer, rel=1e-14)
    assert rope.long_from.value.data == CONTEXT


def test_a_part_of_each_head_is_rotated():
    rope = rope_of({"type": "default"}, "stablelm", partial_rotary_factor=0.5)
    assert rope.frequencies.get_values() == pytest.approx([THETA ** (-2 * j / 8) for j in range(4)])
    assert rope.head_dim.value.data == DIMS


@pytest.mark.parametrize("share", [1.5, -0.5, 1e308])
def test_what_is_rotated_of_a_head_is_a_share_of_it(share: float):
    with pytest.raises(SourceError, match="partial_rotary_factor is"):
        rope_of({"type": "default"}, "stablelm", partial_rotary_factor=share)


@pytest.mark.parametrize("model", ["cohere", "llama"])
def test_pairs_are_neighbours_where_the_architecture_says_so(model: str):
    assert (rope_of({"type": "default"}, model).interleaved is not None) == (model == "cohere")


def test_longrope_with_the_long_table_throughout(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """As docs/import.md says: a context of training of 1 is the same as long factors in both tables."""
    short, long = [1.0] * 8, [4.0] * 8
    found: list[object] = []
    for factors, context in ((short, 1), (long, 16), (short, 16)):
        scaling = {"type": "longrope", "short_factor": factors, "long_factor": long}
        values = {
            "model_type": "phi3",
            **SIZES,
            "original_max_position_embeddings": 16,
            "rope_scaling": scaling,
        }
        (tmp_path / "config.json").write_text(json.dumps(values), encoding="utf-8")
        given = ["--param", f"rope_context={context}", "--param", "context=16", "--steps", "12"]
        assert main(["run", str(tmp_path / "config.json"), "--json", *given]) == 0
        steps = json.loads(capsys.readouterr().out)["steps"]
        found.append([step["outputs"] for step in steps])
    assert found[0] == found[1] != found[2]
