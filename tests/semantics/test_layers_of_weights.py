"""Weights in layers of their own give the numbers of whole ones: in calls, loops, windows and on sockets."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kl.backends.interpreter import InterpretationError, Interpreter, weight_specs
from kl.backends.interpreter.values import Layers, arrays_of, slices_of, windows_of
from kl.backends.tensors import Array
from kl.backends.weights import WholeArrays, random_weights, seeded_weights
from kl.passes import PASSES, load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import make_context

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def in_layers(whole: Array) -> WholeArrays:
    """The weight `w`, each layer an array of its own that nobody can write."""
    layers = tuple(np.array(layer) for layer in whole)
    for layer in layers:
        layer.flags.writeable = False
    return WholeArrays({"w": layers}, frozenset({"w"}))


WHOLE = """
    nn.weight @w : tensor<4x3xf32>
    func.func @step(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
      %w = nn.get_global @w : tensor<4x3xf32>
      %y = nn.mul %x, %w : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
      func.return %y : tensor<4x3xf32>
    }"""
CALL = """
    nn.weight @w : tensor<4x3xf32>
    func.func private @scale(%x: tensor<4x3xf32>, %w: tensor<3xf32>) -> tensor<4x3xf32> {
      %y = nn.rms_norm %x, %w eps 0.0 : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
      func.return %y : tensor<4x3xf32>
    }
    func.func @step(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
      %w = nn.get_global @w : tensor<4x3xf32>
      %y = nn.call @scale[2](%x, %w) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
      func.return %y : tensor<4x3xf32>
    }"""


@pytest.mark.parametrize("text", [WHOLE, CALL])
def test_a_stack_in_layers_is_read_whole_and_by_layer(parse, text: str):
    module = parse(text)
    (output,) = Interpreter(module, in_layers(ROWS)).step([ROWS + 1]).outputs
    (wanted,) = Interpreter(module, {"w": ROWS}).step([ROWS + 1]).outputs
    assert_array_equal(output, wanted)


def test_windows_of_layers_are_layers():
    stacks = [Layers(ROWS)]
    (window,) = windows_of(stacks, 1, 2)
    assert isinstance(window, Layers)
    assert_array_equal(arrays_of([window])[0], ROWS[1:3])
    assert_array_equal(arrays_of(slices_of([window], 1))[0], ROWS[2])


@pytest.mark.parametrize("layers", [ROWS[:3], ROWS[:, :2], ROWS.astype(np.float16), ROWS[:1]])
def test_layers_that_do_not_fit_are_refused(parse, layers: Array):
    with pytest.raises(
        InterpretationError, match=r"weight @w is float\d+ of shape .*, not a tensor<4x3xf32>"
    ):
        Interpreter(parse(WHOLE), in_layers(layers))


@pytest.mark.parametrize("sockets", [1, 2, 4])
def test_sockets_take_their_parts_of_layers(sockets: int, small_llama):
    module = small_llama()
    if sockets > 1:
        passes = parse_passes(
            {name: lambda name=name: load_pass(name) for name in PASSES},
            f"shard-tensors{{sockets={sockets}}}",
        )
        run_passes(make_context(), module, passes)
    specs = weight_specs(module)
    whole, layers = (
        Interpreter(module, given) for given in (random_weights(specs, 3), seeded_weights(specs, 3).arrays)
    )
    inputs = [np.arange(whole.inputs[0].elements, dtype=np.int32), 0]
    for mine, wanted in zip(layers.step(inputs).outputs, whole.step(inputs).outputs, strict=True):
        assert mine.tobytes() == wanted.tobytes()
