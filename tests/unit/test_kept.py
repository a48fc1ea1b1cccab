"""Attributes that are kept are those that xDSL makes."""

from __future__ import annotations

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i64

from kl.dialects.alike import integers, whole


def test_a_number_has_one_attribute():
    for number in (-1, 0, 1, 1 << 40):
        assert whole(number) == IntegerAttr(number, i64)
        assert whole(number) is whole(number)


def test_the_numbers_of_equal_arrays_are_read_once():
    one, other = (DenseArrayBase.from_list(i64, [3, -1, 1 << 40]) for _ in range(2))
    assert integers(one) == (3, -1, 1 << 40)
    assert integers(other) is integers(one)
