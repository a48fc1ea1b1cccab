"""Element types: rounding to them, and specs of arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from kl.backends.tensors import TensorSpec, dtypes, rounded, spec_of


@given(st.lists(st.floats(width=64), min_size=1))
def test_rounding_to_bf16_takes_the_nearest(numbers: list[float]):
    x = np.array(numbers)
    with np.errstate(all="ignore"):
        given_ = rounded(x, "bf16")
    assert given_.dtype == dtypes()["bf16"]
    assert_array_equal(np.isnan(given_), np.isnan(x))
    finite = np.isfinite(given_.astype(np.float64)) & np.isfinite(x)
    near, x = given_[finite], x[finite]
    distance = np.abs(near.astype(np.float64) - x)
    for other in (
        np.nextafter(near, dtypes()["bf16"].type(np.inf)),
        np.nextafter(near, dtypes()["bf16"].type(-np.inf)),
    ):
        assert np.all(distance <= np.abs(other.astype(np.float64) - x))


def test_rounding_to_bf16_breaks_ties_to_even():
    ulp = 2.0**-7
    x = np.array([1 + ulp / 2, 1 + 3 * ulp / 2, 1 + ulp / 2 + 2.0**-40, 1 + ulp / 2 - 2.0**-40])
    assert_array_equal(rounded(x, "bf16").astype(np.float64), [1, 1 + 2 * ulp, 1 + ulp, 1])


def test_specs_know_their_sizes():
    spec = TensorSpec((2, 3), "bf16")
    assert (spec.elements, spec.size_bytes, str(spec)) == (6, 12, "tensor<2x3xbf16>")
    assert spec_of(spec.zeros()) == spec
    assert spec.fits(spec.zeros())
    assert not spec.fits(np.zeros((2, 3), np.float32))
    assert TensorSpec((), "i32").size_bytes == 4


def test_unknown_element_types_are_refused():
    with pytest.raises(ValueError, match="unknown element type 'f7'; known: bf16, f16"):
        TensorSpec((1,), "f7")
    with pytest.raises(ValueError, match="no element type for numpy's complex128"):
        spec_of(np.zeros(1, complex))
