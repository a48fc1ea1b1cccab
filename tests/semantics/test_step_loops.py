"""Steps in one kernel: a call of it gives what as many single steps give, bit for bit, at every level."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.targets import Choice
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.passes import PASSES, load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.lowering import lower
from kl.tools.universe import make_context

STEPS = 3
CALLS = 2
POSITION = 3
"""Of the first step: the positions of the first call end in another tile of the caches than they begin in."""

TOKENS = np.array([7, 8], np.int32)
"""Of the first step: a batch of two."""

TO_KERNELS = "shard-tensors,outline-kernels{granularity=%s},merge-identical-kernels,loop-kernels"
TO_NETWORKS = (
    "convert-kernel-to-dataflow",
    "tile-stages,overlap-collectives",
    "convert-kernel-to-dataflow,tile-stages,overlap-collectives,allocate-units,schedule-stages",
)
"""What leads to networks: step by step, and all at once."""

Decoded = tuple[Array, list[dict[str, Array]]]
"""The tokens of all steps, and the states of each socket at the end."""


@pytest.fixture
def model(pytestconfig: pytest.Config, llama_sizes: dict[str, int]) -> Callable[..., ModuleOp]:
    """The Llama example with small extents for a machine with so many sockets."""
    text = (pytestconfig.rootpath / "examples" / "llama3_8b.kl").read_text()

    def load(sockets: int = 1, **parameters: int) -> ModuleOp:
        module = load_model(text, "llama", llama_sizes | {"kv_heads": 4, "ffn": 64} | parameters)
        set_machine(module, SN40L.with_values({"sockets": sockets}))
        return module

    return load


def lowered(module: ModuleOp, pipeline: str) -> ModuleOp:
    """The module behind some passes."""
    run_passes(
        make_context(), module, parse_passes({name: partial(load_pass, name) for name in PASSES}, pipeline)
    )
    return module


def by_steps(module: ModuleOp, tokens: Array, weights: dict[str, Array]) -> Decoded:
    """Single steps of the model, split over its sockets."""
    interpreter = Interpreter(lowered(module, "shard-tensors"), weights)
    made: list[Array] = []
    for number in range(CALLS * STEPS):
        (tokens,) = interpreter.step([tokens, POSITION + number]).outputs
        made.append(tokens)
    return np.stack(made), [dict(states) for states in interpreter.socket_states]


def by_calls(module: ModuleOp, tokens: Array, weights: dict[str, Array]) -> Decoded:
    """Calls of a module that makes several steps at once."""
    interpreter = Interpreter(module, weights)
    assert interpreter.steps == STEPS
    made: list[Array] = []
    for number in range(CALLS):
        (stacked,) = interpreter.step([tokens, POSITION + number * STEPS]).outputs
        made.append(stacked)
        tokens = stacked[-1]
    return np.concatenate(made), [dict(states) for states in interpreter.socket_states]


def assert_same(given: Decoded, wanted: Decoded) -> None:
    assert given[0].tolist() == wanted[0].tolist()
    for socket, (mine, states) in enumerate(zip(given[1], wanted[1], strict=True)):
        for name, state in states.items():
            assert mine[name].tobytes() == state.tobytes(), f"{name} of socket {socket} differs"


@pytest.mark.parametrize("sockets", [1, 2, 4])
@pytest.mark.parametrize("granularity", ["op", "block", "layer"])
def test_each_level_gives_the_tokens_of_single_steps(granularity: str, sockets: int, model) -> None:
    module = model(sockets)
    weights = random_weights(weight_specs(module), seed=0)
    wanted = by_steps(module.clone(), TOKENS, weights)
    assert len({*wanted[0].ravel().tolist()}) > 2, "the tokens say something"
    lowered(module, f"{TO_KERNELS % granularity},loop-steps{{steps={STEPS}}}")
    assert_same(by_calls(module, TOKENS, weights), wanted)
    for name in TO_NETWORKS if granularity == "layer" else TO_NETWORKS[-1:]:
        lowered(module, name)
        assert_same(by_calls(module, TOKENS, weights), wanted)


def executed(module: ModuleOp, tokens: Array, weights: dict[str, Array], choice: Choice) -> Decoded:
    """Calls of the program of a module; their times are those of runs without data."""
    lower(make_context(), module, "rdu", choice)
    program = emit_program(module, "llama")
    check_program(program)
    assert (program.steps, program.tokens_per_step) == (STEPS, STEPS * len(tokens))
    executor, made = Executor(program, weights), list[Array]()
    for number in range(CALLS):
        position = POSITION + number * STEPS
        result = executor.step({"token": tokens, "position": np.array(position, np.int32)})
        assert result.report == time_step(program, {"position": position})
        assert result.report == time_step(program, {"position": position}, jump=False)
        (stacked,) = result.outputs.values()
        made.append(stacked)
        tokens = stacked[-1]
    names = [region.name for region in program.regions if region.kind == "state"]
    states = [
        {name: executor.read(name, socket) for name in names} for socket in range(program.machine.sockets)
    ]
    return np.concatenate(made), states


@pytest.mark.parametrize(
    ("sockets", "fusion", "resident"),
    [(1, "block", False), (1, "layer", True), (2, "layer", False), (4, "layer", False), (4, "block", True)],
)
def test_programs_give_the_tokens_of_single_steps(sockets: int, fusion: str, resident: bool, model) -> None:
    module = model(sockets)
    weights = random_weights(weight_specs(module), seed=1)
    wanted = by_steps(module.clone(), TOKENS, weights)
    choice = Choice(fusion, resident=resident, steps_per_call=STEPS)
    assert_same(executed(module, TOKENS, weights, choice), wanted)


def test_a_step_without_a_loop_over_layers() -> None:
    # Embedding, head and argmax loop alone.
    text = """model bigram
    dtype bf16
    weight embedding[64, 32]
    weight head[32, 64]
    step(token[1]: i32) { return argmax(embedding[token] @ head) }
    """
    module = load_model(text, "bigram", {})
    weights = random_weights(weight_specs(module), seed=2)
    interpreter, token, wanted = Interpreter(module.clone(), weights), np.array([5], np.int32), list[int]()
    for _ in range(4):
        (token,) = interpreter.step([token]).outputs
        wanted.append(int(token[0]))
    assert len({*wanted}) > 1
    lower(make_context(), module, "rdu", Choice(steps_per_call=4))
    result = Executor(emit_program(module, "bigram"), weights).step({"token": np.array([5], np.int32)})
    assert [value.ravel().tolist() for value in result.outputs.values()] == [wanted]


@pytest.mark.parametrize("sockets", [1, 2])
def test_a_loop_over_layers_alone_is_a_step(sockets: int) -> None:
    # What the last layer makes is the first one's input in the next step, and goes to the host as well.
    text = """model layers
    dtype f32
    layer block[3](x[1, 64]) {
      weight w[64, 64]
      weight v[64, 64]
      return x + silu(x @ w) @ v
    }
    step(x[1, 64]) {
      for i in 0..3 { x = block[i](x) }
      return x
    }
    """
    module = load_model(text, "layers", {})
    set_machine(module, SN40L.with_values({"sockets": sockets}))
    weights = random_weights(weight_specs(module), seed=4)
    first = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 64)
    interpreter = Interpreter(lowered(module.clone(), "shard-tensors"), weights)
    wanted, x = list[Array](), first
    for _ in range(STEPS):
        (x,) = interpreter.step([x]).outputs
        wanted.append(x)
    lower(make_context(), module, "rdu", Choice(steps_per_call=STEPS))
    (made,) = Executor(emit_program(module, "layers"), weights).step({"x": first}).outputs.values()
    assert made.tobytes() == np.stack(wanted).tobytes()
