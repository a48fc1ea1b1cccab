"""The numpy meaning of routers against plain Python, number by number, and what they make of odd numbers."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from kl.backends.arithmetic import exp
from kl.backends.meanings import meaning_of
from kl.backends.tensors import TensorSpec, rounded

SEEDS = st.integers(0, 2**32 - 1)
NAN, INF = math.nan, math.inf


def run(name: str, operands: Sequence[NDArray], shape: tuple[int, ...], dtype="f32", **attributes) -> NDArray:
    """One operation on arrays."""
    return meaning_of(f"nn.{name}")(operands, attributes, TensorSpec(shape, dtype))


def scores_of(rng: np.random.Generator, rows: int, columns: int, dtype: str = "f32") -> NDArray:
    """Scores of which many are equal, some zeros of either sign, some infinite or no numbers."""
    few = np.array([-INF, -1.5, -0.0, 0.0, 0.25, 0.25, 1.0, 3.0, INF, NAN])
    return rounded(rng.choice(few, (rows, columns), p=[0.02, *[0.12] * 7, 0.07, 0.07]), dtype)


def as_python(array: NDArray) -> list[list[float]]:
    return array.astype(np.float64).tolist()


def above(one: float, other: float) -> bool:
    """Whether a number stands before another one: a NaN before all others, equals never."""
    if math.isnan(other):
        return False
    return math.isnan(one) or one > other


def ranked(row: Sequence[float]) -> list[int]:
    """The columns of a row, best first, by counting who stands before whom."""
    before = [
        sum(above(other, one) or (not above(one, other) and j < i) for j, other in enumerate(row))
        for i, one in enumerate(row)
    ]
    return [before.index(place) for place in range(len(row))]


def top_k(row: Sequence[float], count: int, groups: int, kept: int, best: int) -> list[int]:
    """The best columns of the best groups of a row."""
    size = len(row) // groups
    members = [row[size * group : size * (group + 1)] for group in range(groups)]
    sums = [np.float32(0.0)] * groups
    for group, numbers in enumerate(members):
        total = 0.0
        for column in ranked(numbers)[:best]:
            total += numbers[column]
        sums[group] = np.float32(total)
    stay = ranked([float(total) for total in sums])[:kept]
    return [column for column in ranked(row) if column // size in stay][:count]


@given(seed=SEEDS, columns=st.integers(1, 12))
def test_the_best_columns_are_those_that_nothing_stands_before(seed: int, columns: int):
    rng = np.random.default_rng(seed)
    x, count = scores_of(rng, 3, columns), int(rng.integers(1, columns + 1))
    expected = [ranked(row)[:count] for row in as_python(x)]
    assert run("top_k", [x], (3, count), "i32", count=count).tolist() == expected


@given(seed=SEEDS, groups=st.integers(1, 5), size=st.integers(1, 4))
def test_the_best_columns_lie_in_the_best_groups(seed: int, groups: int, size: int):
    rng = np.random.default_rng(seed)
    x = scores_of(rng, 3, groups * size)
    kept, best = int(rng.integers(1, groups + 1)), int(rng.integers(1, size + 1))
    count = int(rng.integers(1, kept * size + 1))
    expected = [top_k(row, count, groups, kept, best) for row in as_python(x)]
    found = run("top_k", [x], (3, count), "i32", count=count, groups=groups, kept=kept, best=best)
    assert found.tolist() == expected


def test_zeros_of_both_signs_are_equal_and_no_numbers_come_first():
    x = np.array([[-0.0, 0.0, -0.0, -1.0], [0.0, INF, NAN, NAN]], np.float32)
    assert run("top_k", [x], (2, 4), "i32", count=4).tolist() == [[0, 1, 2, 3], [2, 3, 1, 0]]


def test_no_column_of_another_group_is_named_where_those_kept_are_minus_infinity():
    x = np.array([[1.0, -INF, 0.5, 0.5]], np.float32)
    attributes = {"count": 2, "groups": 2, "kept": 1, "best": 1}
    assert run("top_k", [x], (1, 2), "i32", **attributes).tolist() == [[0, 1]]


def test_scores_of_groups_are_rounded_to_the_type_of_the_scores():
    x = np.array([[1.0, 2.0**-25, 1.0, 0.0]], np.float32)  # in f32 both groups have 1
    attributes = {"count": 1, "groups": 2, "kept": 1, "best": 2}
    assert run("top_k", [x], (1, 1), "i32", **attributes).tolist() == [[0]]
    swapped = x[:, [2, 3, 0, 1]]
    assert run("top_k", [swapped], (1, 1), "i32", **attributes).tolist() == [[0]]


@given(seed=SEEDS)
def test_softmax_is_computed_wide_in_order_and_rounded_once(seed: int):
    rng = np.random.default_rng(seed)
    x = rounded(rng.standard_normal((3, 9)) * 4, "bf16")
    found = run("softmax", [x], (3, 9), "bf16")
    for row, got in zip(as_python(x), found, strict=True):
        weights = [float(exp(np.array(number - max(row)))) for number in row]
        total = 0.0
        for weight in weights:
            total += weight
        assert got.tobytes() == rounded(np.array([w / total for w in weights]), "bf16").tobytes()


def test_softmax_of_infinite_numbers():
    x = np.array([[-INF, 0.0, 0.0], [INF, 0.0, 1.0], [-INF] * 3, [NAN, 0.0, 1.0]], np.float32)
    found = run("softmax", [x], (4, 3))
    assert_array_equal(found[0], np.float32([0.0, 0.5, 0.5]))
    assert np.isnan(found[1:]).all()


def test_sums_go_from_the_left_and_are_rounded_once():
    x = np.array([[1.0, 2.0**-53, 2.0**-53], [2.0**-53, 2.0**-53, 1.0]])
    assert run("sum", [x], (2, 1), "f64").tolist() == [[1.0], [1.0 + 2.0**-52]]
    narrow = rounded(np.array([[256.0, 1.0, 1.0]]), "bf16")
    assert as_python(run("sum", [narrow], (1, 1), "bf16")) == [[258.0]]


def test_a_single_column_is_repeated_on_either_side():
    x, column = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32), np.array([[2.0], [4.0]], np.float32)
    assert run("div", [x, column], (2, 2)).tolist() == [[0.5, 1.0], [0.75, 1.25]]
    assert run("sub", [column, x], (2, 2)).tolist() == [[1.0, 0.0], [1.0, -1.0]]


@given(seed=SEEDS, columns=st.integers(1, 8), chosen=st.integers(1, 4))
def test_take_reads_the_columns_that_ids_name(seed: int, columns: int, chosen: int):
    rng = np.random.default_rng(seed)
    x, ids = scores_of(rng, 3, columns), rng.integers(0, columns, (3, chosen), np.int32)
    expected = [[row[i] for i in named] for row, named in zip(x, ids, strict=True)]
    assert run("take", [x, ids], ids.shape).tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("outside", [-1, 8])
def test_an_id_that_is_no_column_is_an_error(outside: int):
    ids = np.array([[0, outside]], np.int32)
    with pytest.raises(ValueError, match=f"column {outside} is outside 0 to 7"):
        run("take", [np.zeros((1, 8), np.float32), ids], (1, 2))


@given(seed=SEEDS, experts=st.integers(1, 9))
def test_gates_are_the_weights_of_the_experts_that_rows_name(seed: int, experts: int):
    rng = np.random.default_rng(seed)
    rows, chosen = 3, int(rng.integers(1, experts + 1))
    ids = rng.integers(-1, experts, (rows, chosen), np.int32)  # -1 is an expert of another socket
    weights = rounded(rng.standard_normal((rows, chosen)), "f32")
    places = min(experts, ids.size)
    read = run("distinct", [ids], (places,), "i32", experts=experts)
    named = sorted({int(i) for i in ids.flat if i >= 0})
    assert [int(e) for e in read if e >= 0] == named
    gates = run("spread", [weights, ids, read], (rows, places))
    for row in range(rows):
        for place, expert in enumerate(read):
            total = 0.0
            for weight, id_ in zip(weights[row], ids[row], strict=True):
                total += float(weight) if id_ == expert >= 0 else 0.0
            assert gates[row, place] == np.float32(total)


def test_weights_that_are_no_numbers_go_to_their_own_experts_alone():
    weights, ids = np.array([[NAN, 2.0]], np.float32), np.array([[3, 1]], np.int32)
    gates = run("spread", [weights, ids, np.array([1, 3, -1, -1], np.int32)], (1, 4))
    assert_array_equal(gates, np.float32([[2.0, NAN, 0.0, 0.0]]))


@given(seed=SEEDS, places=st.integers(1, 4), width=st.integers(1, 5))
def test_columns_are_scaled_by_the_gate_of_their_place(seed: int, places: int, width: int):
    rng = np.random.default_rng(seed)
    x, gates = scores_of(rng, 2, places * width, "bf16"), scores_of(rng, 2, places)
    found = run("scale", [x, gates], x.shape, "bf16")
    for row in range(2):
        for column in range(places * width):
            gate = float(gates[row, column // width])
            product = 0.0 if gate == 0.0 else float(x[row, column]) * gate
            assert_array_equal(float(found[row, column]), float(rounded(np.array(product), "bf16")))


def test_a_gate_of_zero_gives_zeros_whatever_is_behind_it():
    x = np.array([[INF, NAN, -1.0, 2.0]], np.float32)
    found = run("scale", [x, np.array([[-0.0, 0.5]], np.float32)], (1, 4))
    assert found.tobytes() == np.float32([[0.0, 0.0, -0.5, 1.0]]).tobytes()


def test_slices_of_biases_lie_behind_each_other_or_as_rows():
    stack, ids = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([2, 0, -1], np.int32)
    assert run("gather_slices", [stack, ids], (6,), along=0).tolist() == [4, 5, 0, 1, 0, 0]
    assert run("gather_slices", [stack, ids], (3, 2), along=0).tolist() == [[4, 5], [0, 1], [0, 0]]


def test_slices_are_put_together_along_an_axis():
    stack, ids = np.arange(12, dtype=np.float32).reshape(3, 2, 2), np.array([1, 2], np.int32)
    assert run("gather_slices", [stack, ids], (2, 4), along=1).tolist() == [[4, 5, 8, 9], [6, 7, 10, 11]]
    assert run("gather_slices", [stack, ids], (4, 2), along=0).tolist() == [[4, 5], [6, 7], [8, 9], [10, 11]]


@pytest.mark.parametrize("outside", [-2, 3])
def test_an_expert_that_is_not_there_is_an_error(outside: int):
    stack = np.zeros((3, 2, 2), np.float32)
    with pytest.raises(ValueError, match=f"expert {outside} is outside 0 to 2"):
        run("gather_slices", [stack, np.array([outside], np.int32)], (2, 2), along=1)
    with pytest.raises(ValueError, match=f"expert {outside} is outside 0 to 2"):
        run("distinct", [np.array([[1, outside]], np.int32)], (2,), "i32", experts=3)


def test_a_place_of_nobody_has_no_gate_even_where_a_row_names_nobody():
    weights, ids = np.array([[5.0, 2.0]], np.float32), np.array([[-1, 1]], np.int32)
    gates = run("spread", [weights, ids, np.array([1, -1], np.int32)], (1, 2))
    assert gates.tolist() == [[2.0, 0.0]]
