"""Points as Optuna's parameters: nothing changes on the way into a storage and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import distribution_to_json, json_to_distribution

from kl.explore.errors import StudyError
from kl.explore.history import Objective
from kl.explore.outcome import Outcome
from kl.explore.parameters import Categorical, Condition, Integer, Ordinal, Parameter, Permutation, Real
from kl.explore.space import Point, Space
from kl.explore.studies.distributions import distributions, to_params, to_point
from kl.explore.studies.sampler import ExhaustedError
from kl.explore.studies.study import StudyPlan, open_study

VALUES: tuple[float | int | str | bool, ...] = (0, 2, -7, 0.1, 1e-300, True, "a", "", "ö", 2**40)


@st.composite
def parameters(draw: st.DrawFn, name: str, when: Condition | None) -> Parameter:
    """A parameter of any kind."""
    low, size = draw(st.integers(1, 100)), draw(st.integers(1, 10**6))
    scale = draw(st.sampled_from(("linear", "log")))
    chosen = tuple(draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=5, unique=True)))
    ordered = tuple(value for value in chosen if not isinstance(value, bool)) or (1,)
    return draw(
        st.sampled_from(
            (
                Real(name, low / 7, low / 7 + size, scale, when=when),
                Integer(name, low, low + size, scale, when=when),
                Integer(name, 1, low + size, "pow2", when=when),
                Ordinal(name, ordered, when=when),
                Categorical(name, chosen, when=when),
                Permutation(name, low % 7 + 1, when=when),
            )
        )
    )


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """A space with conditions on its first parameter."""
    switch = Categorical("switch", ("on", "off", "half"))
    made: list[Parameter] = [switch]
    for number in range(draw(st.integers(1, 5))):
        shown = tuple(draw(st.lists(st.sampled_from(switch.values), min_size=1, max_size=2, unique=True)))
        when = Condition("switch", shown) if draw(st.booleans()) else None
        made.append(draw(parameters(f"p{number}", when)))
    return Space(tuple(draw(st.permutations(made))))


def stored(space: Space, point: Point) -> dict[str, object]:
    """The parameters of a point as a storage gives them back: numbers, and distributions as text."""
    found: dict[str, object] = {}
    kinds = distributions(space)
    for name, value in to_params(space, point).items():
        number = kinds[name].to_internal_repr(value)
        assert kinds[name]._contains(number)  # pyright: ignore[reportPrivateUsage]  # Optuna checks it so
        found[name] = json_to_distribution(distribution_to_json(kinds[name])).to_external_repr(float(number))
    return found


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32))
def test_points_come_back_as_they_were(space: Space, seed: int):
    for point in space.sample(np.random.default_rng(seed), 5):
        back = to_point(space, stored(space, point))
        assert back == point
        assert back is not None
        assert list(back) == list(point)
        assert [type(value) for value in back.values()] == [type(value) for value in point.values()]


def test_distributions_need_names_of_their_own_and_exact_numbers():
    with pytest.raises(StudyError, match=r"two parameters are stored as 'o\[0\]'; rename 'o\[0\]'"):
        distributions(Space((Permutation("o", 2), Integer("o[0]", 0, 3))))
    with pytest.raises(StudyError, match="'x' goes up to 9007199254740993"):
        distributions(Space((Integer("x", 0, 2**53 + 1),)))
    assert distributions(Space((Integer("x", 1, 2**60, "pow2"), Real("y", 1, 2, "log"))))


def test_parameters_that_are_no_point_are_none():
    space = Space((Permutation("o", 2), Integer("x", 0, 9)), ("x % 2 == 0",))
    assert to_point(space, {"x": 2, "o[0]": 1, "o[1]": 0}) == {"o": (1, 0), "x": 2}
    for params in ({"x": 2}, {"x": 3, "o[0]": 0, "o[1]": 1}, {"x": 2, "o[0]": 0, "o[1]": 0}):
        assert to_point(space, params) is None


def test_a_space_of_one_point_is_evaluated_once():
    only = Space((Integer("x", 3, 3),))
    study = open_study(StudyPlan("one", only, (Objective("a"),)), None)
    study.run(lambda point: Outcome((1.0,)), 5, isolate=False)
    assert [trial.point for trial in study.trials()] == [{"x": 3}]
    with pytest.raises(ExhaustedError, match=r"all points of the space have been evaluated"):
        study.ask()
