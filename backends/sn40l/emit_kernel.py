"""From a planned `dataflow.kernel` to a `Kernel`; beside `emit.py`, all of this backend that reads IR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from xdsl.dialects.builtin import FileLineColLoc, FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow, nn, rdu
from ...dialects.dataflow import ChannelType, TokenType
from ..tensors import TensorSpec
from .program import (
    AddressPattern,
    Carry,
    Channel,
    Collective,
    Counter,
    Gate,
    Gather,
    InputPort,
    Instruction,
    Kernel,
    Load,
    OutputPort,
    Parameter,
    Stage,
    Store,
    Unit,
)


def fail(op: Operation, message: str) -> NoReturn:
    """Raises: PassFailedException about an operation that has no form in a program."""
    op.emit_error(message, PassFailedException(message))


def spec(type_: Attribute) -> TensorSpec:
    """The spec of a tensor or memref type."""
    return TensorSpec(nn.shape_of(type_), str(nn.element_type_of(type_)))


def location_of(op: Operation) -> str:
    """Where in the user's text an operation comes from; empty where that is not known."""
    location = op.location
    if not isinstance(location, FileLineColLoc):
        return ""
    return f"{location.filename.data}:{location.line.data}:{location.column.data}"


def _value(attribute: IntegerAttr | None) -> int:
    assert attribute is not None, "the check of planned kernels wants it"
    return attribute.value.data


def _attributes(op: Operation) -> dict[str, int | float]:
    numbers: dict[str, int | float] = {}
    for name, attribute in op.properties.items():
        if isinstance(attribute, IntegerAttr | FloatAttr):
            numbers[name] = attribute.value.data
    return numbers


class _KernelEmitter:
    """The numbering of a kernel's channels and parameters while its units are written."""

    def __init__(self, kernel: dataflow.KernelOp, hop_cycles: int):
        self.kernel = kernel
        self.buffers = kernel.channels()
        self.channel: dict[SSAValue, int] = {op.result: n for n, op in enumerate(self.buffers)}
        self.parameter: dict[SSAValue, int] = {arg: n for n, arg in enumerate(kernel.args)}
        self.hop_cycles = hop_cycles

    def indices(self, channels: Sequence[SSAValue]) -> tuple[int, ...]:
        return tuple(self.channel[channel] for channel in channels)

    def emit(self) -> Kernel:
        signature = self.kernel.function_type
        names = [argument.name_hint or f"argument{n}" for n, argument in enumerate(self.kernel.args)]
        names += [f"out{n}" for n in range(len(signature.outputs))]
        return Kernel(
            self.kernel.sym_name.data,
            self.kernel.iterations,
            tuple(
                Parameter(name, spec(type_))
                for name, type_ in zip(names, (*signature.inputs, *signature.outputs), strict=True)
            ),
            tuple(self.emit_channel(op, number) for number, op in enumerate(self.buffers)),
            tuple(self.emit_at_its_rate(op) for op in self.kernel.units()),
            self.kernel.steps,
        )

    def emit_at_its_rate(self, op: dataflow.UnitOp) -> Unit:
        unit = self.emit_unit(op)
        return replace(unit, per_step=True) if op.rate is not None and op.runs == "step" else unit

    def emit_channel(self, op: dataflow.ChannelOp, number: int) -> Channel:
        tile = None if isinstance(op.type.tile, TokenType) else spec(op.type.tile)
        hops = op.hops.value.data if op.hops is not None else 0
        return Channel(
            f"{op.result.name_hint or 'channel'}.{number}",
            tile,
            op.depth.value.data,
            hops * self.hop_cycles,
            (_value(op.pmu_first), _value(op.pmus)),
        )

    def emit_unit(self, op: dataflow.UnitOp) -> Unit:
        match op:
            case dataflow.LoadOp():
                return self.emit_load(op)
            case dataflow.StoreOp():
                return self.emit_store(op)
            case dataflow.StageOp():
                return self.emit_stage(op)
            case dataflow.GatherOp():
                return Gather(
                    f"gather {self.name(op.table)}",
                    self.channel[op.ids],
                    self.indices(op.channels),
                    self.parameter[op.table],
                    spec(op.table.type),
                    op.sharded is not None,
                    location_of(op),
                )
            case dataflow.CollectiveOp():
                return Collective(
                    f"{op.kind.data} {op.source.name_hint or ''}".strip(),
                    op.kind.data,
                    op.algorithm.data,
                    self.channel[op.source],
                    self.indices(op.channels),
                    op.tiles.value.data,
                    op.axis.value.data if op.axis is not None else None,
                    location_of(op),
                )
            case dataflow.CounterOp():
                return Counter(
                    f"count {self.name(op.first)}",
                    self.indices(op.channels),
                    self.parameter[op.first],
                    location_of(op),
                )
            case dataflow.CarryOp():
                return Carry(
                    f"carry {op.current[0].name_hint or ''}".strip() if op.current else "carry",
                    op.tiles.value.data,
                    self.channel[op.init],
                    self.channel[op.next],
                    None if op.final is None else self.channel[op.final],
                    self.indices(op.current),
                    location_of(op),
                )
            case _:
                fail(op, f"{op.name} has no form in a program")

    def name(self, memory: SSAValue) -> str:
        return memory.name_hint or f"argument{self.parameter[memory]}"

    def pattern(
        self, op: dataflow.LoadOp | dataflow.StoreOp, parameter: int, tile: TensorSpec
    ) -> AddressPattern:
        walk = _walk(op)
        position = op.position if isinstance(op, dataflow.StoreOp) else None
        return AddressPattern(
            parameter,
            tile,
            walk.strides,
            walk.tiles,
            walk.tile_stride,
            walk.start,
            walk.pass_stride,
            self.parameter[position] if position is not None else None,
            walk.position_stride or 0,
        )

    def emit_load(self, op: dataflow.LoadOp) -> Load:
        gate = None
        if op.after is not None and op.position is not None:
            positions = _walk(op).positions_per_tile
            assert positions is not None, "the check of planned kernels wants it"
            gate = Gate(self.channel[op.after], self.parameter[op.position], positions)
        return Load(
            f"load {self.name(op.source)}",
            self.indices(op.channels),
            self.pattern(op, self.parameter[op.source], _tile(op.channels[0])),
            op.runs == "call",
            gate,
            location_of(op),
        )

    def emit_store(self, op: dataflow.StoreOp) -> Store:
        tile = _tile(op.channel)
        if op.destination is not None:
            parameter, name = self.parameter[op.destination], self.name(op.destination)
        else:
            assert op.result is not None, "a store goes to a result or into a memref"
            parameter, name = len(self.kernel.args) + op.result.value.data, f"out{op.result.value.data}"
        if op.position is not None and op.destination is not None:
            head_dim = nn.shape_of(op.destination)[-1]
            batch, columns = tile.shape
            tile = TensorSpec((batch, columns // head_dim, head_dim), tile.dtype)
        return Store(
            f"store {name}",
            self.channel[op.channel],
            self.pattern(op, parameter, tile),
            op.runs == "call",
            self.indices(op.done),
            location_of(op),
        )

    def emit_stage(self, op: dataflow.StageOp) -> Stage:
        block = op.body.block
        numbers: dict[SSAValue, int] = {argument: n for n, argument in enumerate(block.args)}
        body: list[Instruction] = []
        for inner in block.ops:
            if isinstance(inner, dataflow.YieldOp):
                continue
            operands = tuple(numbers[operand] for operand in inner.operands)
            numbers[inner.results[0]] = len(numbers)
            body.append(Instruction(inner.name, operands, spec(inner.results[0].type), _attributes(inner)))
        last = block.last_op
        assert last is not None, "the verifier wants a yield"
        yielded = [numbers[value] for value in last.operands]
        return Stage(
            op.label.data,
            op.firings.value.data,
            self.input_ports(op),
            tuple(
                OutputPort(self.channel[channel], yielded[number], int(period))
                for number, (channel, period) in enumerate(
                    zip(op.outs, op.out_periods.get_values(), strict=True)
                )
            ),
            tuple(spec(argument.type) for argument in block.args[len(op.ins) :]),
            tuple(yielded[len(op.outs) :]),
            tuple(body),
            _value(op.ii),
            _value(op.latency),
            sum(inner.flops() for inner in block.ops if isinstance(inner, nn.ComputeOp)),
            (_value(op.pcu_first), _value(op.pcus)),
            location_of(op),
        )

    def input_ports(self, op: dataflow.StageOp) -> tuple[InputPort, ...]:
        periods = op.in_periods.get_values()
        return tuple(
            InputPort(
                self.channel[channel],
                spec(argument.type),
                int(period),
                shape.gathered,
                shape.slices,
                shape.axis,
            )
            for channel, argument, period, shape in zip(
                op.ins, op.body.block.args, periods, op.ports(), strict=False
            )
        )


def _walk(op: dataflow.LoadOp | dataflow.StoreOp) -> rdu.Walk:
    walk = rdu.walk_of(op)
    assert walk is not None, "the check of planned kernels wants it"
    return walk


def _tile(channel: SSAValue) -> TensorSpec:
    assert isinstance(channel.type, ChannelType), "checked by the op's definition"
    return spec(channel.type.tile)


def emit_kernel(kernel: dataflow.KernelOp, hop_cycles: int) -> Kernel:
    """The kernel of a program; a hop on the network takes so many cycles.

    Raises: PassFailedException where a unit has no form in a program.
    """
    return _KernelEmitter(kernel, hop_cycles).emit()
