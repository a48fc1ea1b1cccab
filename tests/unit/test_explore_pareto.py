"""Fronts and volumes against their definitions, on small grids where both can be counted."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kl.explore.pareto import hypervolume, non_dominated, open_boxes

SIDE = 5


def grids(objectives: int) -> st.SearchStrategy[np.ndarray]:
    """Some points whose objectives are 0 to `SIDE`."""
    shape = st.tuples(st.integers(1, 9), st.just(objectives))
    return arrays(np.float64, shape, elements=st.integers(0, SIDE).map(float))


ANY = st.integers(1, 4).flatmap(grids)


def cells(objectives: int) -> np.ndarray:
    """The middles of all unit cells below the reference point."""
    return np.array(list(product(np.arange(SIDE) + 0.5, repeat=objectives)))


@settings(deadline=None)
@given(ANY)
def test_the_front_is_what_nothing_dominates(values: np.ndarray):
    expected = [not any((o <= row).all() and (o < row).any() for o in values) for row in values]
    assert non_dominated(values).tolist() == expected


@settings(deadline=None)
@given(ANY)
def test_the_volume_is_the_number_of_dominated_cells(values: np.ndarray):
    objectives = values.shape[1]
    dominated = (values[None] <= cells(objectives)[:, None]).all(axis=2).any(axis=1)
    assert hypervolume(values, np.full(objectives, float(SIDE))) == pytest.approx(dominated.sum())


@settings(deadline=None)
@given(ANY)
def test_open_boxes_hold_each_free_cell_once(values: np.ndarray):
    objectives = values.shape[1]
    middles = cells(objectives)
    dominated = (values[None] <= middles[:, None]).all(axis=2).any(axis=1)
    front = values[non_dominated(values)]
    lower, upper = open_boxes(front, np.full(objectives, float(SIDE)))
    inside = ((lower[None] < middles[:, None]) & (middles[:, None] < upper[None])).all(axis=2).sum(axis=1)
    assert inside.tolist() == (~dominated).astype(int).tolist()


def test_an_empty_front_leaves_one_box():
    lower, upper = open_boxes(np.empty((0, 2)), np.array([1.0, 2.0]))
    assert lower.tolist() == [[-np.inf, -np.inf]]
    assert upper.tolist() == [[1.0, 2.0]]


def test_points_beyond_the_reference_add_nothing():
    assert hypervolume(np.array([[0.0, 3.0]]), np.array([2.0, 2.0])) == 0
    assert hypervolume(np.empty((0, 2)), np.array([2.0, 2.0])) == 0


def test_the_volume_of_a_sphere_octant():
    # the unit ball's octant is what the points do not reach: 1 - pi/6 of the cube around it
    rng = np.random.default_rng(0)
    points = np.abs(rng.standard_normal((500, 3)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    assert hypervolume(points, np.ones(3)) == pytest.approx(1 - np.pi / 6, abs=0.05)
