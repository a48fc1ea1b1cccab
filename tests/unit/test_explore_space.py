"""Search spaces: counts against brute force, draws against the uniform law, text and JSON."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from itertools import product
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from kl.explore.encoding import column_names, encode
from kl.explore.errors import SpaceError
from kl.explore.expressions import make_constraint
from kl.explore.neighbourhood import neighbours
from kl.explore.parameters import Categorical, Condition, Integer, Ordinal, Parameter, Permutation, Real
from kl.explore.space import Space
from kl.explore.store import load_space, save_space

CONSTRAINTS = ("a % b == 0", "a + b <= 9", "c != 'x' or a > 2", "p[0] != 1", "a >= d", "b * d != 4")

TILES = Space(
    (
        Integer("extent", 1, 24),
        Integer("tile", 1, 24),
        Integer("lanes", 1, 16, scale="pow2", prior="decay"),
        Categorical("memory", ("sram", "hbm"), prior=(0.75, 0.25)),
        Integer("banks", 1, 4, when=Condition("memory", ("sram",))),
        Permutation("order", 3),
    ),
    ("extent % tile == 0", "tile % lanes == 0"),
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Small discrete spaces with all kinds of parameters, some conditional, and some constraints."""
    parents = st.none() | st.just(Condition("c", ("x", "y")))
    parameters: list[Parameter] = [
        Integer("a", 1, draw(st.integers(1, 8)), scale=draw(st.sampled_from(["linear", "log", "pow2"]))),
        Ordinal("b", (1, 2, 4), when=draw(parents)),
        Categorical("c", ("x", "y", "z")),
        Integer("d", 1, 3, when=draw(parents), prior=draw(st.sampled_from(["uniform", "decay"]))),
        Permutation("p", 3, when=draw(parents)),
        Integer("free", 0, 1, when=draw(st.none() | st.just(Condition("b", (2,))))),
    ]
    chosen = draw(st.lists(st.sampled_from(CONSTRAINTS), unique=True, max_size=3))
    return Space(tuple(draw(st.permutations(parameters))), tuple(chosen))


def brute_force(space: Space) -> set[tuple[object, ...]]:
    """The keys of all points, from all combinations of values."""
    columns = [[None, *(p.value(i) for i in range(p.size))] for p in space.parameters]  # pyright: ignore
    found: set[tuple[object, ...]] = set()
    for values in product(*columns):
        point = {p.name: v for p, v in zip(space.parameters, values, strict=True) if v is not None}
        try:
            space.check(point)
        except SpaceError:
            continue
        found.add(values)
    return found


@settings(max_examples=25, deadline=None)
@given(spaces())
def test_counts_and_lists_equal_brute_force(space: Space):
    expected = brute_force(space)
    listed = [space.key(point) for point in space.points()]
    assert space.count() == len(expected)
    assert len(listed) == len(expected)
    assert set(listed) == expected


@settings(max_examples=15, deadline=None)
@given(spaces())
def test_draws_are_uniform(space: Space):
    rng = np.random.default_rng(1)
    keys = [space.key(point) for point in space.points()]
    seen = Counter(space.key(point) for point in space.sample(rng, 8 * len(keys)))
    assert set(seen) <= set(keys)
    assert chisquare([seen[key] for key in keys]).pvalue > 1e-5


@settings(max_examples=25, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_draws_and_neighbours_are_points_with_encodings_in_range(space: Space, seed: int):
    rng = np.random.default_rng(seed)
    points = space.sample(rng, 5) + space.sample_prior(rng, 5)
    points += [moved for point in points[:3] for moved in neighbours(space, point, rng)]
    for point in points:
        space.check(point)
    rows = encode(space, points)
    assert rows.shape == (len(points), len(column_names(space)))
    assert rows.min() >= 0
    assert rows.max() <= 1


@settings(max_examples=25, deadline=None)
@given(spaces())
def test_saved_spaces_load_equal(space: Space):
    assert load_space(save_space(space)) == space


def test_spaces_go_to_other_processes():
    assert pickle.loads(pickle.dumps(TILES)) == TILES


@pytest.mark.parametrize("prior", ["uniform", "gaussian", "decay", "exponential"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_prior_draws_follow_the_prior(prior: str, scale: str):
    from kl.explore.sampling import prior_mass

    parameter = Integer("n", 1, 8, scale, prior)  # pyright: ignore[reportArgumentType]
    rng = np.random.default_rng(2)
    seen = Counter(point["n"] for point in Space((parameter,)).sample_prior(rng, 4000))
    masses = [prior_mass(parameter, value) for value in range(1, 9)]
    assert sum(masses) == pytest.approx(1)
    assert chisquare([seen[value] for value in range(1, 9)], 4000 * np.array(masses)).pvalue > 1e-4


def test_prior_draws_within_a_tree_follow_the_prior():
    space = Space((Integer("a", 1, 4, prior="decay"), Integer("b", 1, 4)), ("a != b",))
    rng = np.random.default_rng(3)
    points = space.sample_prior(rng, 3000)
    lows = Counter(point["a"] for point in points)
    free = Counter(p["n"] for p in Space((Integer("n", 1, 4, prior="decay"),)).sample_prior(rng, 3000))
    assert [lows[i] / 3000 for i in range(1, 5)] == pytest.approx(
        [free[i] / 3000 for i in range(1, 5)], abs=0.04
    )


def test_prior_density_is_one_where_nothing_is_preferred():
    rng = np.random.default_rng(4)
    space = Space((Real("x", 0.1, 10, "log"), Integer("n", 1, 9, "log"), Categorical("c", ("x", "y"))))
    assert [space.log_prior(point) for point in space.sample(rng, 5)] == pytest.approx([0.0] * 5)
    assert TILES.log_prior({"memory": "sram"}) > 0 > TILES.log_prior({"memory": "hbm"})


def test_huge_counts_are_exact():
    wide = Space(tuple(Categorical(f"c{i}", tuple(range(64))) for i in range(20)))
    assert wide.count() == 64**20
    orders = Space(
        (Permutation("p", 25), Categorical("c", (0, 1)), Integer("n", 1, 7, when=Condition("c", (1,))))
    )
    assert orders.count() == factorial(25) * 8
    children = (
        Permutation("p", 25, when=Condition("c", (1,))),
        Permutation("q", 25, when=Condition("c", (1,))),
    )
    nested = Space((Categorical("c", (0, 1)), *children))
    assert nested.count() == 1 + factorial(25) ** 2
    assert len(nested.sample(np.random.default_rng(0), 3)[0]) == 3


def test_permutations_are_numbered_in_dictionary_order():
    parameter = Permutation("p", 4)
    values = [parameter.value(index) for index in range(parameter.size)]
    assert values == sorted(set(values))
    assert [parameter.index(value) for value in values] == list(range(24))


def test_a_group_without_a_tree_is_drawn_by_trial():
    space = Space((Integer("a", 1, 1000), Integer("b", 1, 1000), Categorical("c", (0, 1))), ("a < b",), 100)
    assert space.rejected == (("a", "b"),)
    assert space.count() is None
    for point in space.sample(np.random.default_rng(5), 50):
        space.check(point)
    real = Space((Real("x", 0, 1), Real("y", 0, 1)), ("x + y <= 1",))
    assert real.rejected == (("x", "y"),)
    assert all(p["x"] + p["y"] <= 1 for p in real.sample(np.random.default_rng(6), 50))  # pyright: ignore


def test_large_permutations_in_constraints_are_drawn_by_trial():
    space = Space((Permutation("p", 12),), ("p[0] == 3",))
    assert space.rejected == (("p",),)
    assert all(point["p"][0] == 3 for point in space.sample(np.random.default_rng(7), 5))  # pyright: ignore


def test_a_space_prints_its_parameters_and_constraints():
    text = str(TILES)
    assert "extent  integer from 1 to 24" in text
    assert "lanes   integer from 1 to 16, pow2, prior decay" in text
    assert "memory  one of sram | hbm, prior 0.75 0.25" in text
    assert "banks   integer from 1 to 4, when memory is sram" in text
    assert "order   order of 3 items" in text
    assert "where extent % tile == 0" in text


def test_constraints_may_be_functions():
    space = Space((Integer("a", 1, 3), Integer("b", 1, 3)), (lambda a, b: a < b,))
    assert space.count() == 3
    with pytest.raises(SpaceError, match="write it as text to save it"):
        save_space(space)


A = Integer("a", 1, 4)

BAD: dict[str, Callable[[], object]] = {
    "a space needs a parameter": lambda: Space(()),
    "two parameters have the name 'a'": lambda: Space((A, A)),
    "names the unknown parameter 'q'": lambda: Space((A,), ("a < q",)),
    "names no parameter": lambda: Space((A,), ("1 < 2",)),
    "no values satisfy 'a > 9'": lambda: Space((A,), ("a > 9",)),
    "none of 100,000 draws satisfies 'x > 2'": lambda: Space((Real("x", 0, 1),), ("x > 2",)).sample(
        np.random.default_rng(0), 1
    ),
    "constraint 'a % (a - 1) == 0' fails at a = 1": lambda: Space((A,), ("a % (a - 1) == 0",)),
    "conditions of x, y go in a circle": lambda: Space(
        (Integer("x", 0, 1, when=Condition("y", (1,))), Integer("y", 0, 1, when=Condition("x", (1,))))
    ),
    "names 'q', unknown": lambda: Space((Integer("x", 0, 1, when=Condition("q", (1,))),)),
    "a = 9 is not an integer between 1 and 4": lambda: Space(
        (A, Integer("b", 0, 1, when=Condition("a", (9,))))
    ),
    "needs values of a discrete parameter": lambda: Space(
        (Real("x", 0, 1), Integer("b", 0, 1, when=Condition("x", (0.5,))))
    ),
    "'b' has an empty range: 3 to 2": lambda: Integer("b", 3, 2),
    "'x' has an empty range: 1 to 1": lambda: Real("x", 1, 1),
    "'b' has an empty range: 5 to 7": lambda: Integer("b", 5, 7, "pow2"),
    "must begin above 0, begins at 0": lambda: Integer("b", 0, 7, "log"),
    "needs finite bounds": lambda: Real("x", 0, float("inf")),
    "unknown scale 'cube'": lambda: Integer("b", 0, 7, "cube"),  # pyright: ignore
    "unknown prior 'bell'": lambda: Integer("b", 0, 7, prior="bell"),  # pyright: ignore
    "'o' has no values": lambda: Ordinal("o", ()),
    "'o' has a value twice": lambda: Ordinal("o", (1, 1)),
    "'c' has a value twice": lambda: Categorical("c", (1, True)),
    "integer 'b' has the bound 1.5": lambda: Integer("b", 1.5, 2),  # pyright: ignore
    "2 shares for 1 values": lambda: Categorical("c", (1,), (0.5, 0.5)),
    "one above 0": lambda: Categorical("c", (1,), (0.0,)),
    "has length 0": lambda: Permutation("p", 0),
    "has no list of points": lambda: Space((Real("x", 0, 1),)).points(),
    "format version 9": lambda: load_space('{"version": 9}'),
    "is not JSON": lambda: load_space("{"),
    "incomplete or malformed: 'parameters'": lambda: load_space('{"version": 1}'),
    "unknown key 'extra'": lambda: load_space('{"version": 1, "extra": 2}'),
    "unknown type of parameter 'bit'": lambda: load_space('{"version": 1, "parameters": [{"type": "bit"}]}'),
    "has the unknown key 'size'": lambda: load_space(
        '{"version": 1, "parameters": [{"type": "integer", "name": "a", "size": 2}]}'
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_wrong_spaces_are_refused(message: str):
    with pytest.raises(SpaceError) as caught:
        BAD[message]()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["a.real", "print(a)", "a ** 9", "[b for b in a]", "a <", "(lambda: a)()", "min(a, key=a)", "f'{a}'"],
)
def test_a_constraint_text_cannot_do_more_than_compare(text: str):
    with pytest.raises(SpaceError, match="constraint"):
        make_constraint(text)


WRONG_POINTS = {
    "unknown parameter 'q'": {"q": 1},
    "lacks a value of 'tile'": {"extent": 4},
    "may not have a value of 'banks'": {"memory": "hbm", "banks": 1},
    "lanes = 3 is not a power of two": {"lanes": 3},
    "order = (0, 0, 1) is no order of 0 to 2": {"order": (0, 0, 1)},
    "memory = 'tape' is none of 'sram', 'hbm'": {"memory": "tape"},
    "breaks the constraint 'extent % tile == 0'": {"tile": 5},
}


@pytest.mark.parametrize("message", WRONG_POINTS)
def test_wrong_points_are_refused(message: str):
    good = {"extent": 12, "tile": 4, "lanes": 2, "memory": "hbm", "order": (0, 1, 2)}
    TILES.check(good)
    change = WRONG_POINTS[message]
    point = change if "extent" in change else {**good, **change}
    with pytest.raises(SpaceError) as caught:
        TILES.check(point)
    assert message in str(caught.value)


def test_names_in_backquotes_may_be_anything():
    tiles = Integer("stage-1.tile bytes", 1, 12)
    space = Space(
        (tiles, Integer("n", 1, 4)), ("12 % `stage-1.tile bytes` == 0", "`stage-1.tile bytes` <= n")
    )
    assert [point["stage-1.tile bytes"] for point in space.points()] == [1, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    assert load_space(save_space(space)) == space
    assert str(space).endswith("where 12 % `stage-1.tile bytes` == 0\nwhere `stage-1.tile bytes` <= n")
    with pytest.raises(SpaceError, match="names the unknown parameter 'stage-2'"):
        Space((tiles,), ("`stage-2` < 3",))
