"""Random models: all variants give the bits of the reference in one time, and loops leave the fewest calls.

`benchmarks/hunt_models.py` checks thousands, and with `--seed S --count 1` makes the model of a seed small.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from layer_models import START, Call, Kind, Model, model_text
from model_checks import KNOWN_REFUSALS, check_model
from model_reduction import reduced
from random_models import random_model


@settings(max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(st.integers(0, 2**32))
def test_what_holds_for_all_models_holds_for_random_ones(seed: int):
    model = random_model(Random(seed))
    found = [finding for finding in check_model(model).findings if not finding.is_known]
    assert found == [], model_text(model)


@pytest.mark.parametrize(("known", "option"), [*zip(KNOWN_REFUSALS, ["late", "again"], strict=True)])
def test_what_is_known_as_refused_is_refused(known: str, option: str):
    kind = Kind("a", "attention", frozenset({option}))
    findings = check_model(Model((kind,), (Call("a", 0, (START,)),), ((0, 0),))).findings
    assert findings
    assert all(finding.is_known and finding.message.startswith(known) for finding in findings)


def is_observed(model: Model) -> bool:
    return any(call.observed is not None for call in model.calls)


def test_a_model_is_taken_apart_as_far_as_it_shows_what_it_did():
    random = (random_model(Random(seed)) for seed in range(100))
    model = next(m for m in random if is_observed(m) and len(m.calls) > 6)
    smallest = reduced(model, is_observed)
    assert [call.observed is None for call in smallest.calls] == [False]
    assert {smallest.kind(call.kind).body for call in smallest.calls} <= {"product", "mix", "pair"}
    assert check_model(smallest).findings == ()
