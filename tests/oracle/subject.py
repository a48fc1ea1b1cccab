"""Our runs of a saved model: through the importer, on some sockets, in each variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from cases import STEPS
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp

from kl.backends.cpu.execution import Executor as NativeExecutor
from kl.backends.cpu.program import compile_program
from kl.backends.cpu.target import CPU_TARGET
from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import Executor
from kl.backends.targets import Choice
from kl.backends.tensors import Array
from kl.backends.weights import load_weights
from kl.dialects.cpu_machine import THIS_COMPUTER
from kl.dialects.nn import ArgmaxOp
from kl.passes import load_pass
from kl.tools.compilation import change_machine
from kl.tools.inputs import ModuleInput, read_input
from kl.tools.lowering import lower
from kl.tools.universe import make_context

VARIANTS: Mapping[str, Choice] = {
    "unfused": Choice("op", loop=False),
    "fused": Choice("block", loop=False),
    "looped": Choice("layer"),
}
STEPPED = Choice("layer", steps_per_call=2)

Step = Callable[[Array, int], tuple[Array, ...]]
"""What a step returns of tokens and the position."""


@dataclass(frozen=True)
class Subject:
    """A saved model on a machine of some sockets."""

    folder: Path
    sockets: int
    batch: int

    @cached_property
    def given(self) -> ModuleInput:
        """The model as `kl` reads it."""
        found = read_input(make_context(), str(self.folder), {"batch": self.batch, "context": STEPS})
        assert isinstance(found, ModuleInput)
        change_machine(found, {"sockets": self.sockets})
        return found

    @cached_property
    def weights(self) -> Mapping[str, Array]:
        """The numbers of its checkpoint."""
        published = self.given.published
        assert published is not None
        return load_weights(self.folder, weight_specs(self.given.module), published.unread).arrays

    def reference(self) -> Step:
        """The model's text, executed operation by operation."""
        module = with_logits(self.given.module.clone())
        load_pass("shard-tensors")().apply(make_context(), module)
        return interpreted(Interpreter(module, self.weights))

    def variant(self, choice: Choice) -> Step:
        """Its kernels."""
        module = with_logits(self.given.module.clone())
        lower(make_context(), module, "kernel", choice)
        return interpreted(Interpreter(module, self.weights))

    def program(self, choice: Choice) -> Step:
        """Its program on the machine."""
        module = with_logits(self.given.module.clone())
        lower(make_context(), module, "rdu", choice)
        program = emit_program(module, "oracle")
        executor = Executor(program, self.weights)

        def step(tokens: Array, position: int) -> tuple[Array, ...]:
            token, place = program.inputs
            result = executor.step({token: tokens, place: np.array(position, np.int32)})
            return tuple(result.outputs[name] for name in program.outputs)

        return step

    def native(self, choice: Choice, threads: int) -> Step:
        """Its kernels as C, on this computer."""
        module = self.given.module.clone()
        module = module if choice.is_whole else with_logits(module)
        CPU_TARGET.set_machine(module, THIS_COMPUTER.with_values({"threads": threads}))
        lower(make_context(), module, "kernel", choice, target=CPU_TARGET)
        published = self.given.published
        assert published is not None
        weights = load_weights(self.folder, weight_specs(module), published.unread)
        executor = NativeExecutor(compile_program(module, "oracle"), weights)
        return lambda tokens, position: tuple(executor.step([tokens, np.array(position, np.int32)])[0])

    def stepped(self, choice: Choice) -> Step:
        """Kernels that make several steps a call, of tokens alone."""
        module = self.given.module.clone()
        lower(make_context(), module, "kernel", choice)
        interpreter = Interpreter(module, self.weights)
        assert interpreter.steps == choice.steps_per_call, "steps are looped"
        return interpreted(interpreter)


def interpreted(interpreter: Interpreter) -> Step:
    """The steps of an interpreter."""
    return lambda tokens, position: interpreter.step([tokens, position]).outputs


def with_logits(module: ModuleOp) -> ModuleOp:
    """A model that returns what its last argmax is taken of, besides the tokens."""
    step = next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "step")
    end = step.body.block.last_op
    assert isinstance(end, ReturnOp)
    (argmax,) = (value.owner for value in end.operands)
    assert isinstance(argmax, ArgmaxOp)
    end.operands = [*end.operands, argmax.operands[0]]
    step.update_function_type()
    module.verify()
    return module


def forced(step: Step, tokens: Array) -> tuple[Array, Array]:
    """Tokens `[STEPS, batch]` and logits `[STEPS, batch, vocab]` where these tokens go in."""
    made = [step(row, position) for position, row in enumerate(tokens)]
    return np.stack([token for token, _ in made]), np.stack([values for _, values in made])


def greedy(step: Step, tokens: Array, calls: int, steps: int) -> Array:
    """Tokens `[calls * steps, batch]` where those that a call makes go into the next."""
    made: list[Array] = []
    for call in range(calls):
        found = step(tokens, call * steps)[0].reshape(steps, -1)
        made.append(found)
        tokens = found[-1]
    return np.concatenate(made)
