"""Evaluation of straight-line code: functions, kernels, schedules and the bodies of stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsTerminator

from ...dialects import kernel, nn
from ...dialects.dataflow import KernelOp
from ...dialects.operation import ComputeOp
from .. import numerics
from ..meanings import load_meaning
from ..specs import attributes_of, tensor_spec
from ..tensors import Array
from .network import run_network
from .values import (
    Rows,
    SocketValues,
    after_step,
    arrays_of,
    counter_at,
    fail,
    in_one,
    same_on_all,
    slices_of,
    windows_of,
)


@dataclass(frozen=True)
class Evaluator:
    """Runs the code of one step, on all sockets in lock step: each operation on every socket, then the next.

    Values are arrays: tensors are never written, memrefs are views of the states. This is not built on
    xDSL's interpreter, which wants a method per operation: nearly all of ours have one and the same rule.
    """

    sockets: int
    symbols: Mapping[str, Operation]
    memory: Mapping[str, SocketValues]
    """Weights and states by name."""
    operations: Mapping[str, numerics.Operation]
    """Meanings of operations that bring none, by name."""
    observed: dict[str, list[Array]]
    """What the host has read so far, by label."""
    rows: Rows

    def run_function(
        self, function: Operation, arguments: Sequence[SocketValues]
    ) -> tuple[SocketValues, ...]:
        """The results of a function, kernel or schedule."""
        match function:
            case KernelOp():
                if self.rows.done is not None:
                    fail(function, "rows end one by one in a network only where it has a stop token itself")
                return run_network(function, arguments, self.sockets, self.run_block)
            case FuncOp() | kernel.FunctionLikeOp() if len(function.body.blocks) == 1:
                return self.run_block(function.body.block, arguments)
            case _:
                fail(function, f"{function.name} has no body of one block to run")

    def run_block(
        self,
        block: Block,
        arguments: Sequence[SocketValues],
        values: dict[SSAValue, SocketValues] | None = None,
    ) -> tuple[SocketValues, ...]:
        """The operands of the block's terminator; `values` are those visible from outside."""
        values = {} if values is None else values
        values.update(zip(block.args, arguments, strict=True))
        for op in block.ops:
            operands = [values[operand] for operand in op.operands]
            if op.has_trait(IsTerminator):
                return tuple(operands)
            values.update(zip(op.results, self._run(op, operands, values), strict=True))
        raise AssertionError("a verified block ends with a terminator")

    def _run(
        self, op: Operation, operands: Sequence[SocketValues], values: dict[SSAValue, SocketValues]
    ) -> Sequence[SocketValues]:
        match op:
            case nn.GetGlobalOp():
                return (self.memory[op.global_name.root_reference.data],)
            case nn.CallOp() | kernel.CallOp():
                return self._call(op, operands)
            case kernel.StackOp():
                return (list(zip(*operands, strict=True)),)
            case kernel.LoopOp():
                return self._loop(op, operands, values)
            case kernel.StepsOp():
                return self._steps(op, operands, values)
            case kernel.GroupOp():
                return self.run_block(op.body.block, (), values)
            case _:
                return self._compute(op, operands)

    def _call(
        self, op: nn.CallOp | kernel.CallOp, operands: Sequence[SocketValues]
    ) -> tuple[SocketValues, ...]:
        callee = self.symbols[op.callee.root_reference.data]
        assert isinstance(callee, FuncOp | kernel.FunctionLikeOp), "verified calls name functions"
        index = op.index.value.data if op.index is not None else 0
        wanted = callee.function_type.inputs.data
        arguments = [
            value if operand.type == type_ else slices_of(value, index)
            for value, operand, type_ in zip(operands, op.operands, wanted, strict=True)
        ]
        return self.run_function(callee, arguments)

    def _loop(
        self, op: kernel.LoopOp, operands: Sequence[SocketValues], values: dict[SSAValue, SocketValues]
    ) -> Sequence[SocketValues]:
        carried, stacks = operands[: len(op.carried)], operands[len(op.carried) :]
        for i in range(op.count.value.data):
            parts = [
                windows_of(stack, start + i * step, window) if window else slices_of(stack, start + i * step)
                for stack, (start, step), window in zip(stacks, op.slices, op.window_lengths, strict=True)
            ]
            carried = self.run_block(op.body.block, (*carried, *parts), values)
        return carried

    def _steps(
        self, op: kernel.StepsOp, operands: Sequence[SocketValues], values: dict[SSAValue, SocketValues]
    ) -> Sequence[SocketValues]:
        """What each step yields, stacked, on each socket; steps end where all rows have the stop token."""
        carried, counted = operands[: len(op.carried)], operands[len(op.carried) :]
        made: list[Sequence[SocketValues]] = []
        for step in range(op.count.value.data):
            counters = [counter_at(first, step) for first in counted]
            if op.stop is None:
                carried = self.run_block(op.body.block, (*carried, *counters), values)
            else:
                carried = self._step_of_rows(op, op.stop.value.data, carried, counters, values)
            made.append(carried)
        return [
            [np.stack(arrays) for arrays in zip(*steps, strict=True)] for steps in zip(*made, strict=True)
        ]

    def _step_of_rows(
        self,
        op: kernel.StepsOp,
        stop: int,
        carried: Sequence[SocketValues],
        counters: Sequence[SocketValues],
        values: dict[SSAValue, SocketValues],
    ) -> Sequence[SocketValues]:
        """The tokens behind a step, to which rows with the stop token add nothing."""
        tokens = same_on_all(op, "the tokens of a step", arrays_of(carried[0]))
        done = tokens == stop
        if done.all():
            return carried
        self.rows.done = done
        (made,) = self.run_block(op.body.block, (*carried, *counters), values)
        self.rows.done = None
        return [[after_step(tokens, one, stop) for one in arrays_of(made)]]

    def _compute(self, op: Operation, operands: Sequence[SocketValues]) -> Sequence[SocketValues]:
        arrays = [_arrays(op, operands, socket) for socket in range(self.sockets)]
        try:
            if isinstance(op, nn.ObserveOp):
                value = same_on_all(op, "the observed value", [row[0] for row in arrays])
                self.observed.setdefault(op.label.data, []).append(value)
                return ()
            meaning = self._meaning(op)
            if isinstance(op, nn.CacheAppendOp):
                for cache, x, position in arrays:
                    for rows in self.rows.live(op, len(x)):
                        meaning(cache[rows], x[rows], position, ring=op.ring is not None)
                return ()
            if not op.results:
                if self.rows.done is not None:
                    fail(op, f"{op.name} writes memory, and cannot leave out rows that are done")
                for row in arrays:
                    meaning(*row)
                return ()
            attributes, spec = attributes_of(op), tensor_spec(op.results[0].type)
            if isinstance(op, ComputeOp) and op.ACROSS_SOCKETS:
                return (meaning(arrays, attributes, spec),)
            return ([meaning(row, attributes, spec) for row in arrays],)
        except ValueError as error:
            fail(op, f"{op.name}: {error}")

    def _meaning(self, op: Operation) -> Callable[..., Any]:
        """The function that computes an operation; one without results writes to its operands."""
        if op.name in self.operations:
            return self.operations[op.name]
        if isinstance(op, ComputeOp) and op.NUMPY:
            return load_meaning(op.NUMPY)
        fail(op, f"{op.name} has no meaning in numbers")


def _arrays(op: Operation, operands: Sequence[SocketValues], socket: int) -> list[Array]:
    """The operands of an operation on one socket."""
    values = [in_one(value[socket]) for value in operands]
    arrays = [value for value in values if not isinstance(value, tuple)]
    if len(arrays) < len(operands):
        fail(op, f"{op.name} works on a whole stack; it can only be sliced")
    return arrays
