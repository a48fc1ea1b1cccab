"""Numbers of models against transformers: errors, greedy tokens, and the same bits in each variant."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from cases import CASES, Case
from measured import DTYPES, MOST_F32_ERROR, SOCKETS, Measured, error_of, measure
from subject import Subject, forced

pytestmark = [
    pytest.mark.skipif(
        find_spec("torch") is None or find_spec("transformers") is None,
        reason="transformers is the oracle: the extra `oracle`, or `make oracle`",
    ),
    pytest.mark.filterwarnings("ignore"),  # of torch and transformers
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=lambda one: one.name.replace(" ", "-"))
def test_a_model(
    case: Case, dtype: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rows = [*measure(case, dtype, tmp_path)]
    for one in rows:
        record_property("oracle", one.row)
    assert [one.sockets for one in rows] == [*SOCKETS]
    assert [objection for one in rows for objection in one.objections] == []


def test_a_config_that_is_slightly_wrong_is_found(tmp_path: Path) -> None:
    import judge

    case = CASES[0]
    judge.save_model(case, "f32", tmp_path)
    tokens = judge.tokens_of(case, 2)
    exact = judge.logits(tmp_path, "f64", tokens)
    config = json.loads((tmp_path / "config.json").read_text())
    config["rope_parameters"]["rope_theta"] *= 1.01
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = forced(Subject(tmp_path, 1, 2).reference(), tokens)[1]
    assert error_of(found.astype(np.float64), exact) > 10 * MOST_F32_ERROR


def test_what_is_against_the_bars_is_said() -> None:
    good = Measured("m", "f32", 1, 1e-6, 1e-6, 1.0, 48, 48, ("looped",), ())
    assert good.objections == []
    worse = Measured("m", "f32", 1, 4e-6, 1e-6, 4.0, 47, 48, ("looped",), ("fused",))
    assert worse.objections == [
        "fused differs from the model's text in bits",
        "the error is 4.00e-06, above 3e-06",
        "47 of 48 tokens are equal",
    ]
    coarse = Measured("m", "bf16", 1, 3e-2, 2e-2, 1.25, 40, 48, (), ())
    assert coarse.objections == ["the error is 1.25 times that of transformers, above 1.2"]
