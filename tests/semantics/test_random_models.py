"""Random models: all variants give the bits of the reference in one time, and loops leave the fewest calls.

`make hunt` checks thousands as `random layers`, and `tests/hunt/smallest.py` makes the model of a seed small.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from layer_models import START, Call, Kind, Model, model_text
from model_checks import check_model
from model_reduction import reduced
from random_models import random_model


@settings(max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(st.integers(0, 2**32))
def test_what_holds_for_all_models_holds_for_random_ones(seed: int):
    model = random_model(Random(seed))
    assert check_model(model).findings == (), model_text(model)


@pytest.mark.parametrize("option", ["late", "again"])
def test_a_layer_that_attends_before_it_appends_works_in_all_variants(option: str):
    kind = Kind("a", "attention", frozenset({option}))
    calls = tuple(Call("a", number, ((number - 1, 0) if number else START,)) for number in range(3))
    checked = check_model(Model((kind,), calls, ((2, 0),)))
    assert checked.findings == ()
    assert checked.facts is not None
    assert checked.facts.loops == (option == "late")


def is_observed(model: Model) -> bool:
    return any(call.observed is not None for call in model.calls)


def test_a_model_is_taken_apart_as_far_as_it_shows_what_it_did():
    random = (random_model(Random(seed)) for seed in range(100))
    model = next(m for m in random if is_observed(m) and len(m.calls) > 6)
    smallest = reduced(model, is_observed)
    assert [call.observed is None for call in smallest.calls] == [False]
    assert {smallest.kind(call.kind).body for call in smallest.calls} <= {"product", "mix", "pair"}
    assert check_model(smallest).findings == ()
