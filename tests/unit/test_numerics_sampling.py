"""Drawing tokens against plain Python: which number a row draws, and which column that number stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends import numerics_sampling
from kl.backends.arithmetic import exp
from kl.backends.meanings import meaning_of
from kl.backends.numerics_sampling import mix, uniform
from kl.backends.tensors import TensorSpec, rounded

NAN, INF = math.nan, math.inf
SEEDS = st.integers(0, 2**32 - 1)
WORDS = 1 << 64


def weights_in_order(row: Sequence[float], temperature: float) -> list[tuple[int, float]]:
    """Columns with their weights, by sorting pairs."""
    order = sorted(range(len(row)), key=lambda column: (-row[column], column))
    most = row[order[0]]
    below = [0.0 if row[column] == most else row[column] - most for column in order]
    return [(c, float(exp(np.array([b / temperature]))[0])) for c, b in zip(order, below, strict=True)]


def column_of(
    row: Sequence[float], u: float, temperature: float, top_k: int | None, top_p: float | None
) -> int:
    """One column after the other, as the operation is described."""
    for column, value in enumerate(row):
        if math.isnan(value):
            return column
    kept = weights_in_order(row, temperature)[:top_k]
    if top_p is not None:
        wanted, total, count = top_p * sum_of(kept), 0.0, 0
        while count == 0 or total < wanted:
            total += kept[count][1]
            count += 1
        kept = kept[:count]
    wanted, total = u * sum_of(kept), 0.0
    for column, weight in kept:
        total += weight
        if total > wanted:
            return column
    raise AssertionError("u is below 1")


def sum_of(kept: Sequence[tuple[int, float]]) -> float:
    """In order."""
    total = 0.0
    for _, weight in kept:
        total += weight
    return total


def sample(x: np.ndarray, position: int, **attributes: Any) -> list[int]:
    made = meaning_of("nn.sample")(
        [x, np.array(position, np.int32)], attributes, TensorSpec((len(x),), "i32")
    )
    assert made.dtype == np.int32
    return made.tolist()


def logits_of(rng: np.random.Generator, rows: int, columns: int, dtype: str) -> np.ndarray:
    """Of which many are equal, some infinite or no numbers."""
    few = np.array([-INF, -40.0, -1.5, -0.0, 0.0, 0.25, 1.0, 3.0, INF, NAN])
    return rounded(rng.choice(few, (rows, columns), p=[0.05, *[0.13] * 7, 0.02, 0.02]), dtype)


@given(
    SEEDS,
    st.integers(1, 9),
    st.sampled_from(["f32", "bf16"]),
    st.sampled_from([0.1, 0.7, 1.0, 3.0, 1e-300, 1e300]),
    st.none() | st.integers(1, 12),
    st.none() | st.sampled_from([1e-9, 0.3, 0.5, 0.9, 1.0]),
)
def test_a_row_is_drawn_as_plain_python_draws_it(
    seed: int, columns: int, dtype: str, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    x = logits_of(np.random.default_rng(seed), 5, columns, dtype)
    given_ = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    attributes = {name: value for name, value in given_.items() if value is not None}
    wanted = [
        column_of(row, uniform(seed, 11, number), temperature, top_k, top_p)
        for number, row in enumerate(x.astype(np.float64).tolist())
    ]
    assert sample(x, 11, **attributes) == wanted


@given(SEEDS, st.integers(2, 8), st.none() | st.integers(1, 6), st.none() | st.sampled_from([0.2, 0.8]))
def test_each_column_has_the_share_of_its_weight(
    seed: int, columns: int, top_k: int | None, top_p: float | None
) -> None:
    """Around each boundary the number that is drawn decides between two neighbours, and nowhere else."""
    row = np.random.default_rng(seed).normal(size=columns) * 2
    kept = weights_in_order(row.tolist(), 0.8)[:top_k]
    attributes: dict[str, Any] = {"temperature": 0.8} | ({} if top_k is None else {"top_k": top_k})
    if top_p is not None:
        attributes["top_p"] = top_p
        fewest = next(n for n in range(1, len(kept) + 1) if sum_of(kept[:n]) >= top_p * sum_of(kept))
        kept = kept[:fewest]
    whole = sum_of(kept)
    bounds = [sum_of(kept[:number]) / whole for number in range(len(kept) + 1)]
    for (column, _), low, high in zip(kept, bounds, bounds[1:], strict=False):
        inside = [low + (high - low) * part for part in (1e-9, 0.5, 1 - 1e-9)]
        drawn = {numerics_sampling.drawn_column(row, u, attributes) for u in inside}
        assert drawn == {column}


def test_the_generator_is_splitmix64() -> None:
    """The first numbers of its published code, with the seeds 0 and 1234567."""
    golden = 0x9E3779B97F4A7C15
    assert mix(0) == 0xE220A8397B1DCDAF
    assert mix(golden) == 0x6E789E6AA1B965F4
    states = [(1234567 + number * golden) % WORDS for number in range(3)]
    assert [mix(state) for state in states] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1), st.integers(0, 1000))
def test_numbers_are_from_0_to_below_1(seed: int, position: int, row: int) -> None:
    u = uniform(seed, position, row)
    assert 0.0 <= u < 1.0
    assert (u * 2**53).is_integer()


def test_seed_position_and_row_each_change_the_number() -> None:
    found = {uniform(seed, at, row) for seed in range(20) for at in range(20) for row in range(20)}
    assert len(found) == 20**3
    assert abs(np.mean([*found]) - 0.5) < 0.01


def test_rows_draw_by_their_own_numbers() -> None:
    x = np.zeros((64, 16), np.float32)
    drawn = sample(x, 3, temperature=1.0, seed=5)
    assert len(set(drawn)) > 8
    assert sample(x, 3, temperature=1.0, seed=5) == drawn
    assert sample(x, 4, temperature=1.0, seed=5) != drawn
    assert sample(x, 3, temperature=1.0, seed=6) != drawn


@pytest.mark.parametrize("attributes", [{"top_k": 1}, {"top_p": 1e-12}, {"temperature": 1e-9}])
def test_what_keeps_one_column_is_the_argmax(attributes: dict[str, Any]) -> None:
    x = np.random.default_rng(1).normal(size=(9, 33)).astype(np.float32)
    found = sample(x, 0, **({"temperature": 1.0, "seed": 0} | attributes))
    assert found == x.argmax(axis=-1).tolist()


@pytest.mark.parametrize(("u", "column"), [(0.0, 0), (0.25, 1), (0.5, 2), (0.75, 3), (1 - 2.0**-53, 3)])
def test_a_boundary_belongs_to_the_column_behind_it(u: float, column: int) -> None:
    """Four columns of one weight: of equals the lowest comes first."""
    row = np.zeros(4)
    assert numerics_sampling.drawn_column(row, u, {"temperature": 1.0}) == column
