"""Random models, split over sockets, give the numbers of the whole ones, in f64 to nine digits."""

import random

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kl.backends.interpreter import Interpreter, StepResult, weight_specs
from kl.backends.weights import random_weights
from kl.dialects.collective import AllGatherOp, AllReduceOp
from kl.frontends import load_model
from kl.passes.outlining.outline_kernels import OutlineKernelsPass
from kl.passes.sharding.shard_tensors import ShardTensorsPass
from kl.tools.driver import run_passes
from kl.tools.universe import make_context

WIDTHS = (8, 16)
FUNCTIONS = ("silu", "gelu", "gelu_erf", "sigmoid", "tanh", "relu", "softplus")


def random_model(rng: random.Random) -> str:
    """A step of about twelve operations on `[2, 8]` and `[2, 16]`, each on values made before."""
    lines: list[str] = []
    weights: list[str] = []
    widths = {"x": 8}
    for number in range(rng.randint(8, 16)):
        value, new = rng.choice(list(widths)), f"v{number}"
        width = widths[value]
        like = [name for name, other in widths.items() if other == width]
        widths[new] = width
        match kind := rng.choice(
            ["matmul", "matmul", "unary", "binary", "weight", "bias", "number", "norm", "groups"]
        ):
            case "matmul":
                widths[new] = rng.choice(WIDTHS)
                weights.append(f"weight w{number}[{width}, {widths[new]}]")
                lines.append(f"{new} = {value} @ w{number}")
            case "unary":
                lines.append(f"{new} = {rng.choice(FUNCTIONS)}({value})")
            case "binary":
                lines.append(f"{new} = {value} {rng.choice('+-*')} {rng.choice(like)}")
            case "bias":
                weights.append(f"weight w{number}[{width}]")
                lines.append(f"{new} = {rng.choice([f'{value} + w{number}', f'w{number} * {value}'])}")
            case "number":
                lines.append(
                    f"{new} = {rng.choice(['1.5 - v', 'v / 3', '-v', '2 * v + 1']).replace('v', value)}"
                )
            case "weight":
                weights.append(f"weight w{number}[2, {width}]")
                lines.append(f"{new} = {value} + w{number}")
            case _:
                weights.append(f"weight w{number}[{width}]")
                groups = rng.choice(["", ", groups = 2", ", groups = 4"]) if kind == "groups" else ""
                norm = rng.choice(["rms_norm", "layer_norm"])
                lines.append(f"{new} = {norm}({value}, w{number}, 1e-5{groups})")
        if rng.random() < 0.2:
            lines.append(f'observe {new} as "{new}"')
    body = "\n  ".join([*lines, f"return {', '.join(widths)}"])
    return "\n".join(["model random", "dtype f64", *weights, f"step(x[2, 8]) {{\n  {body}\n}}"])


def all_values(result: StepResult) -> list[np.ndarray]:
    observed = [value for values in result.observed.values() for value in values]
    return [*result.outputs, *observed]


@pytest.mark.parametrize("seed", range(40))
def test_a_random_model_keeps_its_numbers(seed: int):
    rng = random.Random(seed)
    module = load_model(random_model(rng), "random.kl")
    weights = random_weights(weight_specs(module), seed)
    x = np.random.default_rng(seed).standard_normal((2, 8))
    wanted = all_values(Interpreter(module, weights).step([x]))
    run_passes(make_context(), module, [ShardTensorsPass(rng.choice([2, 4, 8]))])
    sharded = all_values(Interpreter(module, weights).step([x]))
    for mine, other in zip(sharded, wanted, strict=True):
        assert_allclose(mine, other, rtol=1e-9, atol=1e-9)
    granularity = rng.choice(["op", "layer"])
    run_passes(make_context(), module, [OutlineKernelsPass(granularity)])
    for mine, other in zip(all_values(Interpreter(module, weights).step([x])), sharded, strict=True):
        assert mine.tobytes() == other.tobytes()


def test_the_random_models_exchange_values():
    kinds = set()
    for seed in range(10):
        module = load_model(random_model(random.Random(seed)), "random.kl")
        run_passes(make_context(), module, [ShardTensorsPass(2)])
        kinds |= {type(op) for op in module.walk()}
    assert {AllGatherOp, AllReduceOp} <= kinds
