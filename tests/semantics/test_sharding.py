"""A sharded model gives the numbers of the whole one, on any number of sockets and at every level."""

from functools import partial

import numpy as np
import pytest
from kl.backends.interpreter import InterpretationError, Interpreter, weight_specs
from kl.backends.weights import random_weights
from kl.passes import load_pass
from kl.tools.pipeline import parse_passes, run_passes
from kl.tools.universe import make_context
from numpy.testing import assert_allclose

STEPS = 6
SIZES = {"heads": 8, "ffn": 48, "vocab": 64}


def run_pipeline(module, pipeline: str) -> None:
    names = [entry.partition("{")[0] for entry in pipeline.split(",")]
    passes = parse_passes({name: partial(load_pass, name) for name in names}, pipeline)
    run_passes(make_context(), module, passes)


def logits_of(module, weights, steps: int = STEPS) -> np.ndarray:
    """The logits of some decode steps, `[step, batch, vocabulary]`, in f64."""
    interpreter = Interpreter(module, weights)
    tokens = np.arange(interpreter.inputs[0].elements, dtype=np.int32)
    results = [interpreter.step([(tokens + 5 * i + 1) % 61, i]) for i in range(steps)]
    return np.array([result.outputs[1].astype(np.float64) for result in results])


@pytest.mark.parametrize("kv_heads", [1, 2, 4, 8])
@pytest.mark.parametrize("sockets", [1, 2, 4, 8])
def test_sockets_agree_in_f32(kv_heads: int, sockets: int, small_llama):
    module = small_llama(dtype="f32", kv_heads=kv_heads)
    weights = random_weights(weight_specs(module), seed=0)
    wanted = logits_of(module, weights)
    run_pipeline(module, f"shard-tensors{{sockets={sockets}}}")
    given = logits_of(module, weights)
    assert np.abs(wanted).max() > 1
    assert_allclose(given, wanted, rtol=1e-5, atol=1e-5)
    if sockets == 1:
        assert np.array_equal(given, wanted)
    else:
        print(kv_heads,sockets,np.abs(given-wanted).max())

@pytest.mark.parametrize("kv_heads", [2, 4, 8])
@pytest.mark.parametrize("sockets", [1, 2, 4, 8])
def test_sockets_agree_in_bf16(kv_heads: int, sockets: int, small_llama):
    module = small_llama(kv_heads=kv_heads)
    weights = random_weights(weight_specs(module), seed=0)
    wanted = logits_of(module, weights)
    run_pipeline(module, f"shard-tensors{{sockets={sockets}}}")
    given = logits_of(module, weights)
    print(kv_heads,sockets,np.abs(given-wanted).max(), np.abs(wanted).max(), np.sqrt(np.mean((given-wanted)**2)/np.mean(wanted**2)))
