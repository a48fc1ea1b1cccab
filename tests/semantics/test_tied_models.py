"""A tied head, vocabularies of any size, learned positions and slices: the same bits everywhere."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kl.backends.interpreter import InterpretationError, Interpreter, weight_specs
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.passes import load_pass
from kl.tools.kl import main

TIED = """
model tied
dtype f32
param batch = 2
param hidden = 8
param vocab = 101
weight embedding[vocab, hidden]
weight positions[32, hidden]
layer block[3](x[batch, hidden]) {
  weight up[hidden, 12]
  weight down[12, hidden]
  a, b = split(x, 3, 5)
  return x + silu(concat(b, a) @ up) @ down
}
step(token[batch]: i32, position: i32) {
  x = embedding[token]
  p = positions[position]
  for i in 0..3 { x = block[i](x) }
  logits = x @ transposed(embedding)
  return argmax(logits), logits, p
}
"""

GRANULARITIES = ("op", "block", "layer")


def sharded(sockets: int, vocab: int = 101):
    module = load_model(TIED, "tied.kl", {"vocab": vocab})
    load_pass("shard-tensors")(sockets=sockets).apply(None, module)
    return module


def logits(module, weights):
    interpreter = Interpreter(module, weights)
    return [interpreter.step([np.array([3, 100], np.int32), step]).outputs for step in range(3)]


@pytest.mark.parametrize("sockets", [2, 4, 8])
@pytest.mark.parametrize("vocab", [101, 104, 103])
def test_sockets_agree(sockets: int, vocab: int):
    module = load_model(TIED, "tied.kl", {"vocab": vocab})
    weights = random_weights(weight_specs(module), seed=0)
    for whole, parts in zip(logits(module, weights), logits(sharded(sockets, vocab), weights), strict=True):
        for one, other in zip(whole, parts, strict=True):
            assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_the_transposed_product_is_that_of_the_transposed_matrix():
    module = load_model(TIED, "tied.kl")
    weights = random_weights(weight_specs(module), seed=0)
    separate = load_model(
        TIED.replace("layer block", "weight head[hidden, vocab]\nlayer block").replace(
            "transposed(embedding)", "head"
        ),
        "separate.kl",
    )
    others = weights | {"head": weights["embedding"].T.copy()}
    for one, other in zip(logits(module, weights), logits(separate, others), strict=True):
        assert [x.tobytes() for x in one] == [x.tobytes() for x in other]


@pytest.mark.parametrize("sockets", [1, 2, 8])
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_level_gives_the_same_bits(granularity: str, sockets: int, check_down_to_the_machine):
    module = sharded(sockets)
    passes = f"outline-kernels{{granularity={granularity}}},merge-identical-kernels,loop-kernels,"
    check_down_to_the_machine(module, passes)


def test_zeros_behind_the_vocabulary_are_no_rows():
    module = sharded(4)
    weights = random_weights(weight_specs(module), seed=0)
    with pytest.raises(InterpretationError, match="row 101 is outside 0 to 100"):
        Interpreter(module, weights).step([np.array([3, 101], np.int32), 0])


def test_a_row_behind_the_table_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = tmp_path / "rows.kl"
    model.write_text(
        "model wide\ndtype f32\nweight positions[2, 256]\nweight beside[256, 256]\n"
        "step(token[1]: i32, position: i32) { return argmax(beside[token] + positions[position]) }\n"
    )
    assert main(["run", str(model), "--steps", "2"]) == 0
    assert main(["run", str(model), "--steps", "3"]) == 1
    assert "caches and tables of rows have room for positions 0 to 1" in capsys.readouterr().err
