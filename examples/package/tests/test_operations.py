"""What the operations bring, and what they compute."""

import numpy as np
import pytest
from mine import OPERATIONS
from mine.numbers import swiglu

from kl.backends.elements import mul, silu
from kl.backends.tensors import TensorSpec
from kl.dialects.operation import missing_parts


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_whole(operation: type):
    assert missing_parts(operation) == []


def test_swiglu_has_the_bits_of_silu_and_mul():
    spec = TensorSpec((4, 64), "bf16")
    random = np.random.default_rng(0)
    gate, up = (random.standard_normal(spec.shape).astype(spec.numpy_dtype) for _ in range(2))
    expected = mul([silu([gate], {}, spec), up], {}, spec)
    assert np.array_equal(swiglu([gate, up], {}, spec), expected)
