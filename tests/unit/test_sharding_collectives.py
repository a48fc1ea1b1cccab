"""The numbers of the collective operations: order of sums, shared parts, rows of other sockets."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kl.backends.collectives import (
    COLLECTIVES,
    all_gather,
    all_reduce,
    own_experts,
    sharded_embedding,
    shards,
)
from kl.backends.numerics import embedding
from kl.backends.tensors import TensorSpec, dtypes

BF16 = dtypes()["bf16"]


def test_a_sum_goes_through_the_sockets_in_order_and_rounds_once():
    parts = [[np.array([[value]], np.float64)] for value in (1e16, 1.0, -1e16)]
    first, *others = all_reduce(parts, {}, TensorSpec((1, 1), "f64"))
    assert first == 0.0  # 1e16 + 1 rounds to 1e16 in f64; any other order gives 1
    assert all(np.array_equal(first, other) for other in others)
    tiny = [[np.array([[value]], BF16)] for value in (1.0, *[2.0**-9] * 3)]
    (total, *_) = all_reduce(tiny, {}, TensorSpec((1, 1), "bf16"))
    assert total == 1 + 2.0**-7  # 1 + 1.5 * 2^-8; added up in bf16, every summand would be lost


def test_a_sum_does_not_depend_on_its_tiles():
    rng = np.random.default_rng(0)
    parts = [[rng.standard_normal((2, 12)).astype(BF16)] for _ in range(4)]
    whole = all_reduce(parts, {}, TensorSpec((2, 12), "bf16"))[0]
    tiles = [
        all_reduce([[x[:, at : at + 3]] for (x,) in parts], {}, TensorSpec((2, 3), "bf16"))[0]
        for at in range(0, 12, 3)
    ]
    assert np.concatenate(tiles, axis=1).tobytes() == whole.tobytes()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("parts", [1, 2, 4])
def test_gathered_shards_are_the_whole(axis: int, parts: int):
    whole = np.arange(32).reshape(4, 8)
    held = shards(whole, axis, parts, sockets=4)
    assert len(held) == 4
    for socket, shard in enumerate(held):
        assert_array_equal(shard, np.split(whole, parts, axis)[socket * parts // 4])
    for gathered in all_gather([[x] for x in held], {"axis": axis}, TensorSpec((4, 8), "i64")):
        assert_array_equal(gathered, whole)


@pytest.mark.parametrize("axis", [0, 1])
def test_zeros_are_put_between_the_elements(axis: int):
    whole = np.arange(1, 13).reshape(6, 2) if axis == 0 else np.arange(1, 13).reshape(2, 6)
    held = shards(whole, axis, 4, sockets=4, runs=(3, 1, 3, 1))
    assert len(held) == 4
    padded = np.concatenate(held, axis)
    assert not padded.take([3, 7], axis).any()
    assert_array_equal(np.delete(padded, [3, 7], axis), whole)


def test_zeros_can_come_first_and_not_at_all():
    assert_array_equal(np.concatenate(shards(np.array([1, 2]), 0, 2, 2, (0, 1, 2, 1))), [0, 1, 2, 0])
    assert_array_equal(np.concatenate(shards(np.array([1, 2]), 0, 2, 2, (1, 2, 1))), [1, 0, 0, 2])


def test_shards_are_views():
    whole = np.zeros((4, 8))
    shards(whole, 1, 2, sockets=2)[1][...] = 1
    assert_array_equal(whole[0], [0, 0, 0, 0, 1, 1, 1, 1])


def test_sockets_that_cannot_share_parts_are_refused():
    with pytest.raises(ValueError, match="4 sockets cannot share 3 parts evenly"):
        shards(np.zeros((6, 2)), 0, 3, sockets=4)
    with pytest.raises(ValueError, match="2 sockets cannot share 4 parts evenly"):
        all_gather([[np.zeros((1, 2))]] * 2, {"axis": 1}, TensorSpec((1, 8), "f64"))


def test_sharded_rows_add_up_to_the_embedding():
    table = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
    ids, result = np.array([5, 0, 7, 5], np.int32), TensorSpec((4, 3), "f32")
    rows = sharded_embedding([[ids, part] for part in shards(table, 0, 4, sockets=4)], {}, result)
    assert_array_equal(rows[0][[0, 2, 3]], 0)
    assert_array_equal(rows[0][1], table[0])
    assert_array_equal(all_reduce([[x] for x in rows], {}, result)[0], embedding([ids, table], {}, result))


@pytest.mark.parametrize("row", [-1, 8])
def test_rows_outside_the_whole_table_are_refused(row: int):
    operands = [[np.array([row], np.int32), np.zeros((2, 3))]] * 4
    with pytest.raises(ValueError, match=f"row {row} is outside 0 to 7"):
        sharded_embedding(operands, {}, TensorSpec((1, 3), "f64"))


def test_every_operation_of_the_dialect_has_a_meaning():
    from kl.dialects.collective import COLLECTIVE

    assert {op.name for op in COLLECTIVE.operations} == set(COLLECTIVES)


def test_sockets_count_their_own_experts():
    ids = np.array([[0, 3], [5, 1]], np.int32)
    first, second, third = own_experts([[ids]] * 3, {"experts": 2}, TensorSpec((2, 2), "i32"))
    assert_array_equal(first, [[0, -1], [-1, 1]])
    assert_array_equal(second, [[-1, 1], [-1, -1]])
    assert_array_equal(third, [[-1, -1], [1, -1]])


@pytest.mark.parametrize("wrong", [-1, 6])
def test_an_expert_that_no_socket_has(wrong: int):
    with pytest.raises(ValueError, match=f"expert {wrong} is outside 0 to 5"):
        own_experts([[np.array([[0, wrong]])]] * 3, {"experts": 2}, TensorSpec((1, 2), "i32"))
