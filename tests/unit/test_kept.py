"""What is kept of what xDSL makes anew: it is what xDSL gives, also behind changes."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, TensorType, bf16, i32, i64
from xdsl.utils.test_value import create_ssa_value

from kl.dialects.dataflow import LoadOp
from kl.dialects.kept import whole
from kl.dialects.tensors import ChannelType, TokenType


@pytest.fixture
def load() -> LoadOp:
    types = (TensorType(bf16, [2, 8]), TensorType(i32, []), ChannelType(TokenType()))
    tile = ChannelType(TensorType(bf16, [1, 8]))
    source, position, after, first, second = map(create_ssa_value, (*types, tile, tile))
    return LoadOp(source, [first, second], after=after, position=position)


def test_segments_are_those_of_the_operands_also_when_these_change(load: LoadOp):
    source, after, position, first, second = load.operands
    for _ in range(2):
        assert (load.source, load.by, load.after, load.position) == (source, None, after, position)
        assert [*load.channels] == [first, second]
    load.operands[3] = second
    assert [*load.channels] == [second, second]
    load.operands = [source, after, position, first]
    load.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [1, 0, 1, 1, 1])
    assert [*load.channels] == [first]
    load.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [1, 1, 0, 1, 1])
    assert (load.by, load.after) == (after, None)


def test_a_segment_is_not_set(load: LoadOp):
    with pytest.raises(NotImplementedError, match=r"dataflow\.load: set its operands, not channels"):
        load.channels = ()


def test_a_number_has_one_attribute():
    for number in (-1, 0, 1, 1 << 40):
        assert whole(number) == IntegerAttr(number, i64)
        assert whole(number) is whole(number)
