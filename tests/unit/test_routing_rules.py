"""The rules of routers: how they and what they scale lie on sockets, their tiles, and their work."""

from xdsl.dialects import test as xdsl_test
from xdsl.dialects.builtin import TensorType, f32, i32
from xdsl.ir import SSAValue

from kl.dialects.nn import (
    AddOp,
    ArgmaxOp,
    DistinctOp,
    GatherSlicesOp,
    MatmulOp,
    ScaleOp,
    SoftmaxOp,
    SpreadOp,
    SumOp,
    TakeOp,
    TopKOp,
)
from kl.dialects.operation import ComputeOp, TileRule
from kl.dialects.sharding import PARTIAL, REPLICATED, Placement, Sharded, ShardView, Split

SOCKETS = 2


def floats(*shape: int) -> SSAValue:
    return xdsl_test.TestOp(result_types=[TensorType(f32, shape)]).results[0]


def indices(*shape: int) -> SSAValue:
    return xdsl_test.TestOp(result_types=[TensorType(i32, shape)]).results[0]


def shard(op: ComputeOp, *operands: Placement, free: tuple[int, ...] = ()) -> Sharded:
    sharded = op.shard(ShardView(SOCKETS, operands, frozenset(free)))
    assert isinstance(sharded, Sharded)
    return sharded


def test_what_is_scaled_stays_split_in_each_place_with_all_gates():
    op, split = ScaleOp(floats(2, 24), floats(2, 4)), Split(1, SOCKETS, blocks=4)
    assert shard(op, split, REPLICATED) == Sharded((split, REPLICATED), split)


def test_a_single_place_is_split_as_a_block_of_its_own():
    op, split = ScaleOp(floats(2, 24), floats(2, 1)), Split(1, SOCKETS)
    assert shard(op, split, REPLICATED) == Sharded((split, REPLICATED), split)


def test_places_that_are_split_take_their_own_gates():
    op, split = ScaleOp(floats(2, 24), floats(2, 4)), Split(1, SOCKETS)
    assert shard(op, split, split) == Sharded((split, split), split)


def test_what_is_cut_within_places_or_padded_is_gathered():
    for split, places in ((Split(1, SOCKETS), 3), (Split(1, SOCKETS, (24, 2)), 4), (Split(0, SOCKETS), 4)):
        op = ScaleOp(floats(2, 24), floats(2, places))
        assert shard(op, split, REPLICATED) == Sharded((REPLICATED, REPLICATED), REPLICATED)


def test_gates_lie_as_the_experts_do():
    op = SpreadOp(floats(2, 3), indices(2, 3), indices(6))
    own = Split(0, SOCKETS)
    assert shard(op, REPLICATED, REPLICATED, own).result == Split(1, SOCKETS)
    assert shard(op, REPLICATED, REPLICATED, REPLICATED).result == REPLICATED


def test_gates_of_own_experts_give_summands_with_their_biases():
    ids = indices(4)
    rows = GatherSlicesOp(floats(8, 6), ids, 0, as_rows=True)
    product = MatmulOp(floats(2, 4), rows.result)
    gates = Split(1, SOCKETS)
    assert shard(product, gates, REPLICATED, free=(1,)) == Sharded((gates, Split(0, SOCKETS)), PARTIAL)
    assert [*rows.of_weights(Split(0, SOCKETS))] == [Split(0, SOCKETS), Split(0, SOCKETS)]
    assert [*rows.of_weights(Split(1, SOCKETS))] == [Split(1, SOCKETS), REPLICATED]


def test_biases_as_rows_are_whole_where_all_sockets_have_all_gates():
    rows = GatherSlicesOp(floats(8, 6), indices(4), 0, as_rows=True)
    view = ShardView(SOCKETS, (REPLICATED, REPLICATED), frozenset({0}))
    assert rows.preferred(view) == REPLICATED
    product = MatmulOp(floats(2, 4), rows.result)
    given = ShardView(SOCKETS, (REPLICATED, REPLICATED), frozenset({1}), preferred={1: REPLICATED})
    assert product.shard(given) == Sharded((REPLICATED, REPLICATED))


def test_short_rows_are_wanted_whole_and_long_ones_are_gathered():
    short, long = floats(2, 512), floats(2, 513)
    for x, wanted in ((short, REPLICATED), (long, None)):
        assert [*SoftmaxOp(x).wants(None, SOCKETS)] == [wanted]
        assert [*TopKOp(x, 2).wants(None, SOCKETS)] == [wanted]
        assert [*TakeOp(x, indices(2, 2)).wants(None, SOCKETS)] == [wanted, None]
    assert shard(TopKOp(long, 2), Split(1, SOCKETS)).operands == (REPLICATED,)


def test_ids_are_whole():
    assert shard(DistinctOp(indices(2, 2), 8), REPLICATED) == Sharded((REPLICATED,))


def test_what_is_padded_and_added_to_a_single_column_has_no_zeros_any_more():
    padded = Split(1, SOCKETS, (7, 1), zeros=True)
    for op, operands in (
        (AddOp(floats(2, 7), floats(2, 1)), (padded, REPLICATED)),
        (AddOp(floats(2, 1), floats(2, 7)), (REPLICATED, padded)),
    ):
        sharded = shard(op, *operands)
        assert sharded == Sharded(operands, padded)
        assert isinstance(sharded.result, Split)
        assert not sharded.result.zeros
    both = shard(AddOp(floats(2, 7), floats(2, 7)), padded, padded).result
    assert isinstance(both, Split)
    assert both.zeros


def test_a_single_column_is_whole_in_every_tile():
    rule = AddOp(floats(2, 1), floats(2, 8)).tile_rule()
    assert isinstance(rule, TileRule)
    assert (rule.operands, rule.result) == ((None, 1), 1)


def test_work_counts_comparisons_and_sums():
    x, ids = floats(2, 8), indices(2, 3)
    assert TopKOp(x, 1).flops() == ArgmaxOp(x).flops() == 2 * 8
    assert TopKOp(x, 3).flops() == 2 * 3 * 8
    assert TopKOp(x, 3, (4, 2, 2)).flops() == 2 * (3 * 8 + 2 * 8 + 2 * 4)
    assert SpreadOp(floats(2, 3), ids, indices(6)).flops() == 2 * 6 * 3
    assert (SoftmaxOp(x).flops(), SumOp(x).flops()) == (5 * 2 * 8, 2 * 8)
    assert ScaleOp(floats(2, 24), floats(2, 6)).flops() == 2 * 24
