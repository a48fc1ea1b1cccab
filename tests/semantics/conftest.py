"""Helpers of the semantics tests, as fixtures: tests cannot import one another's files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.tools.universe import make_context

LLAMA_TEXT = Path(__file__).parents[2] / "examples" / "llama3_8b.kl"

LAST_LINE = "return argmax(rms_norm(x, final_norm, eps) @ head)"
WITH_LOGITS = "logits = rms_norm(x, final_norm, eps) @ head\n  return argmax(logits), logits"

LLAMA_SIZES = {
    "batch": 2,
    "context": 16,
    "layers": 3,
    "hidden": 32,
    "heads": 8,
    "kv_heads": 2,
    "ffn": 48,
    "vocab": 64,
    "rope_context": 16,
}
"""Small enough for milliseconds; the rope's waves are shorter and longer than its context."""


@pytest.fixture
def llama_sizes() -> dict[str, int]:
    """The extents of `small_llama`."""
    return LLAMA_SIZES


@pytest.fixture
def small_llama() -> Callable[..., ModuleOp]:
    """The Llama example with small extents, returning its logits too; parameters can be chosen."""

    def load(dtype: str = "bf16", **parameters: float) -> ModuleOp:
        text = LLAMA_TEXT.read_text()
        for old, new in (("dtype bf16", f"dtype {dtype}"), (LAST_LINE, WITH_LOGITS)):
            assert text.count(old) == 1, f"the example has no line '{old}'"
            text = text.replace(old, new)
        module = load_model(text, LLAMA_TEXT.name, LLAMA_SIZES | parameters)
        module.verify()
        return module

    return load


@pytest.fixture
def parse() -> Callable[[str], ModuleOp]:
    """A verified module from its text."""

    def parse_text(text: str) -> ModuleOp:
        module = Parser(make_context(), text).parse_module()
        module.verify()
        return module

    return parse_text


Labelled = list[tuple[str, Array]]


@pytest.fixture
def run_steps() -> Callable[..., Labelled]:
    """All that some steps of a model give: outputs and observed values of each, the states at the end.

    Tokens change from step to step: greedy decoding with random weights soon repeats itself, and on
    equal tokens attention does not matter.
    """

    def run(module: ModuleOp, steps: int, weights: dict[str, Array] | None = None) -> Labelled:
        if weights is None:
            weights = random_weights(weight_specs(module), seed=0)
        interpreter = Interpreter(module, weights)
        batch = np.arange(interpreter.inputs[0].elements, dtype=np.int32)
        given: Labelled = []
        for i in range(steps):
            result = interpreter.step([(batch + 5 * i + 1) % 61, i])
            given += [(f"output {n} of step {i}", x) for n, x in enumerate(result.outputs)]
            for label, values in result.observed.items():
                given += [(f"{label} of step {i}", x) for x in values]
        return given + sorted(interpreter.states.items())

    return run


@pytest.fixture
def assert_same_bits() -> Callable[[Labelled, Labelled], None]:
    """Two runs gave the same, bit for bit."""

    def check(given: Labelled, wanted: Labelled) -> None:
        assert [label for label, _ in given] == [label for label, _ in wanted]
        for (label, a), (_, b) in zip(given, wanted, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), label
            assert a.tobytes() == b.tobytes(), f"{label} differs"

    return check
