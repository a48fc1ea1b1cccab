"""Helpers of the semantics tests, as fixtures: tests cannot import one another's files."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.tensors import Array, TensorSpec
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.passes import load_pass
from kl.tools.driver import parse_passes, run_passes
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


STEPS = 3

NETWORK = "convert-kernel-to-dataflow,tile-stages{tile-bytes=64 least-tiles=3 least-run-bytes=1}"
MACHINE = "allocate-units,schedule-stages,prefetch-weights,plan-memory,place-units,convert-dataflow-to-rdu"


def _compiled(module: ModuleOp, pipeline: str) -> None:
    names = [entry.partition("{")[0] for entry in pipeline.split(",")]
    passes = parse_passes({name: partial(load_pass, name) for name in names}, pipeline)
    run_passes(make_context(), module, passes)


def _inputs_of_step(specs: list[TensorSpec], step: int) -> list[Array]:
    """Positions that grow, ids within the smallest table, and normal numbers."""
    values: list[Array] = []
    for number, spec in enumerate(specs):
        if spec.shape == ():
            values.append(np.array(2 * step, spec.numpy_dtype))
        elif spec.dtype == "i32":
            ids = (np.arange(spec.elements) + 5 * step + 1) % 7
            values.append(ids.astype(np.int32).reshape(spec.shape))
        else:
            rng = np.random.default_rng([step, number])
            values.append(rng.standard_normal(spec.shape, np.float32).astype(spec.numpy_dtype))
    return values


Bits = list[tuple[str, bytes]]


def _reference(module: ModuleOp, weights: dict[str, Array]) -> Bits:
    """What some steps give: outputs, what the host reads, and the states at the end."""
    interpreter, given = Interpreter(module, weights), Bits()
    for step in range(STEPS):
        result = interpreter.step(_inputs_of_step(list(interpreter.inputs), step))
        given += [(f"output {n} of step {step}", x.tobytes()) for n, x in enumerate(result.outputs)]
        given += [(f"{label} of step {step}", x.tobytes()) for label, [x] in result.observed.items()]
    return given + [(name, x.tobytes()) for name, x in sorted(interpreter.states.items())]


def _engine(program: Program, weights: dict[str, Array]) -> Bits:
    """The same from the engine; each step is timed without data as well, if its time depends on none."""
    check_program(program)
    regions = {region.name: region for region in program.regions}
    specs = [regions[name].tensor for name in program.inputs]
    executor, given = Executor(program, weights), Bits()
    for step in range(STEPS):
        inputs = dict(zip(program.inputs, _inputs_of_step(specs, step), strict=True))
        result = executor.step(inputs)
        outputs = [result.outputs[name] for name in program.outputs]
        given += [(f"output {n} of step {step}", x.tobytes()) for n, x in enumerate(outputs)]
        given += [(f"{label} of step {step}", x.tobytes()) for label, x in result.observed]
        scalars = {name: int(x) for name, x in inputs.items() if x.shape == ()}
        timed = time_step(program, scalars)
        if timed.experts is None or timed.experts.cases["best"] == timed.experts.cases["worst"]:
            assert replace(timed, experts=None) == result.report
    states = sorted(name for name, region in regions.items() if region.kind == "state")
    return given + [(name, executor.read(name).tobytes()) for name in states]


def _check_down_to_the_machine(module: ModuleOp, kernel_passes: str, network: str = NETWORK) -> None:
    weights = random_weights(weight_specs(module), seed=0)
    wanted = _reference(module, weights)
    _compiled(module, kernel_passes + network)
    assert _reference(module, weights) == wanted
    _compiled(module, MACHINE)
    assert _engine(emit_program(module, "test"), weights) == wanted


@pytest.fixture(scope="session")
def compiled() -> Callable[[ModuleOp, str], None]:
    """Runs a pipeline on a module."""
    return _compiled


@pytest.fixture(scope="session")
def check_down_to_the_machine() -> Callable[..., None]:
    """Lowers a model to the machine by way of some passes to kernels; each level gives the same bits."""
    return _check_down_to_the_machine
