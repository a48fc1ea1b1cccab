"""What emission reads of the IR: operations as plain data, values as the numbers that a program has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from xdsl.dialects.builtin import FileLineColLoc, IntegerAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow
from ...dialects.failing import raise_about
from ...dialects.operation import ComputeOp
from ...dialects.rdu_planned import Walk, walk_of
from ...dialects.tensors import ChannelType
from ...dialects.vocabulary import Rate
from ..specs import attributes_of, tensor_spec
from ..tensors import TensorSpec


def fail(op: Operation, message: str) -> NoReturn:
    """Raises: PassFailedException about an operation that has no form in a program."""
    raise_about(op, PassFailedException(message))


def location_of(op: Operation) -> str:
    """Where in the user's text an operation comes from; empty where that is not known."""
    location = op.location
    if not isinstance(location, FileLineColLoc):
        return ""
    return f"{location.filename.data}:{location.line.data}:{location.column.data}"


def rate_of(op: Operation) -> Rate | None:
    """How often the unit of an operation runs; None where it does as its kind does."""
    return op.runs if isinstance(op, dataflow.UnitOp) and op.rate is not None else None


InstructionParts = tuple[str, tuple[int, ...], TensorSpec, dict[str, int | float | tuple[float, ...]]]
"""Name, numbers of the operands, result and attributes of an operation in a body."""


class Numbering:
    """The numbers of a kernel's channels and parameters, and what its operations say."""

    def __init__(self, kernel: dataflow.KernelOp):
        self._channels: dict[SSAValue, int] = {
            op.result: number for number, op in enumerate(kernel.channels())
        }
        self._parameters: dict[SSAValue, int] = {
            argument: number for number, argument in enumerate(kernel.args)
        }
        self.names = [argument.name_hint or f"argument{n}" for n, argument in enumerate(kernel.args)]
        """Of the parameters: the arguments of the kernel, and its results behind them."""
        self.names += [f"out{number}" for number in range(len(kernel.function_type.outputs))]

    def channel(self, value: SSAValue) -> int:
        """The number of a channel."""
        return self._channels[value]

    def channels(self, values: Sequence[SSAValue]) -> tuple[int, ...]:
        """The numbers of channels."""
        return tuple(map(self.channel, values))

    def parameter(self, value: SSAValue) -> int:
        """The number of the parameter that points to an argument."""
        return self._parameters[value]

    def name(self, memory: SSAValue) -> str:
        """The name of an argument."""
        return self.names[self.parameter(memory)]

    def destination(self, op: dataflow.StoreOp) -> int:
        """The number of the parameter that points to where a store goes."""
        if op.destination is not None:
            return self.parameter(op.destination)
        assert op.result is not None, "a store goes to a result or into a memref"
        return len(self._parameters) + op.result.value.data

    def spec(self, type_: Attribute) -> TensorSpec:
        """The spec of a tensor or memref type."""
        return tensor_spec(type_)

    def tile(self, channel: SSAValue) -> TensorSpec:
        """The tiles of a channel."""
        assert isinstance(channel.type, ChannelType), "checked by the op's definition"
        return tensor_spec(channel.type.tile)

    def number(self, attribute: IntegerAttr | None) -> int:
        """The value of an attribute that has one at this level."""
        assert attribute is not None, "the check of planned kernels wants it"
        return attribute.value.data

    def walk(self, op: dataflow.LoadOp | dataflow.StoreOp) -> Walk:
        """How the stream of an operation walks through memory."""
        walk = walk_of(op)
        assert walk is not None, "the check of planned kernels wants it"
        return walk

    def body(self, block: Block) -> tuple[list[InstructionParts], list[int]]:
        """The operations of a body, and the numbers of the values that it yields."""
        numbers: dict[SSAValue, int] = {argument: number for number, argument in enumerate(block.args)}
        *ops, last = block.ops
        parts: list[InstructionParts] = []
        for op in ops:
            operands = tuple(numbers[operand] for operand in op.operands)
            numbers[op.results[0]] = len(numbers)
            parts.append((op.name, operands, tensor_spec(op.results[0].type), attributes_of(op)))
        return parts, [numbers[value] for value in last.operands]

    def flops(self, block: Block) -> int:
        """What the operations of a body do once."""
        return sum(op.flops() for op in block.ops if isinstance(op, ComputeOp))

    def wide_flops(self, block: Block) -> int:
        """Of these, those of products of wide numbers."""
        return sum(op.wide_flops() for op in block.ops if isinstance(op, ComputeOp))
