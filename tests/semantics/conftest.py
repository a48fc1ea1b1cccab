"""Helpers of the semantics tests, as fixtures: tests cannot import one another's files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from kl.backends.interpreter import Interpreter, StepResult, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.tools.universe import make_context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

LLAMA_TEXT = Path(__file__).parents[2] / "examples" / "llama3_8b.kl"

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
    """The Llama example with small extents; `dtype` and single extents can be chosen."""

    def load(dtype: str = "bf16", **sizes: int) -> ModuleOp:
        text = LLAMA_TEXT.read_text().replace("dtype bf16", f"dtype {dtype}")
        module = load_model(text, LLAMA_TEXT.name, LLAMA_SIZES | sizes)
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


@pytest.fixture
def run_steps() -> Callable[..., list[StepResult]]:
    """Steps of a model on changing tokens: greedy decoding with random weights soon repeats itself, and
    on equal tokens attention does not matter."""

    def run(module: ModuleOp, steps: int, weights: dict[str, Array] | None = None) -> list[StepResult]:
        if weights is None:
            weights = random_weights(weight_specs(module), seed=0)
        interpreter = Interpreter(module, weights)
        batch = np.arange(interpreter.inputs[0].elements, dtype=np.int32)
        return [interpreter.step([(batch + 5 * i + 1) % 61, i]) for i in range(steps)]

    return run


def bits(result: StepResult) -> list[tuple[str, bytes]]:
    """All that a step gives, to the last bit."""
    observed = [(label, x) for label, values in result.observed.items() for x in values]
    outputs = [("output", x) for x in result.outputs]
    return [(f"{label}: {x.dtype} {x.shape}", x.tobytes()) for label, x in (*outputs, *observed)]


@pytest.fixture
def assert_same_bits() -> Callable[[Sequence[StepResult], Sequence[StepResult]], None]:
    """Two runs gave the same, bit for bit."""

    def check(given: Sequence[StepResult], wanted: Sequence[StepResult]) -> None:
        assert len(given) == len(wanted)
        for number, (one, other) in enumerate(zip(given, wanted, strict=True)):
            for (label, a), (other_label, b) in zip(bits(one), bits(other), strict=True):
                assert label == other_label
                assert a == b, f"step {number}: {label} differs"

    return check
