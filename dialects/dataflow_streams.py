"""Kernels of the `dataflow` dialect and their streams from and to memory; the rest is in `dataflow.py`."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import (
    Attribute,
    SSAValue,
)
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface

from .network import LoadStreamOp, NetworkOp, StreamUnitOp
from .nn import element_type_of, expect, shape_of, slice_type
from .tiles import ChannelType, data_tile_of, expect_tokens, tile_of, tiled_axis


@irdl_op_definition
class KernelOp(NetworkOp):
    """A kernel as a network of units; results are stored by `dataflow.store … result N`.

    `dataflow.kernel @decoder(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> attributes {iterations = 32} {…}`
    """

    name = "dataflow.kernel"
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface(), NoTerminator())

    def verify_(self) -> None:
        super().verify_()
        stores = [op for op in self.body.block.ops if isinstance(op, StoreOp)]
        stored = [store.result.value.data for store in stores if store.result is not None]
        for number in range(len(self.function_type.outputs)):
            count = stored.count(number)
            expect(count == 1, f"result {number} is stored by {count} units, needs one")


def _tiles(whole: Attribute, channel: SSAValue) -> int:
    """Tiles of a channel that make up a tensor."""
    return tiled_axis(shape_of(whole), shape_of(data_tile_of(channel, whole, "the stream")))[1]


def _stream_type(memory: SSAValue, start: Attribute | None) -> Attribute:
    return memory.type if start is None else slice_type(memory.type)


@irdl_op_definition
class LoadOp(LoadStreamOp):
    """Stream a tensor from memory, tile by tile: `dataflow.load %w to %c {start = 0, step = 1} : …`.

    With `start` and `step`, iteration i of a decode step reads slice `start + i * step` of a stack. With
    `once` the stream runs once a call, not once an iteration. With `after` and `position`, the tile that
    holds the position (along the tiled axis) and those behind it wait for a token of `after`, one an
    iteration. A kernel of several decode steps counts its positions: step s is at `position` plus s.
    """

    name = "dataflow.load"

    start = opt_prop_def(IntegerAttr.constr(i64))
    step = opt_prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))

    def __init__(
        self,
        source: SSAValue,
        channels: Sequence[SSAValue],
        *,
        slices: tuple[int, int] | None = None,
        once: bool = False,
        after: SSAValue | None = None,
        position: SSAValue | None = None,
    ):
        super().__init__(source, channels, after, position, {**_stream_properties(slices, once)})

    @property
    def stream_type(self) -> Attribute:
        """Type of what one pass reads: the source, or one slice of it."""
        return _stream_type(self.source, self.start)

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.passes * _tiles(self.stream_type, channel)

    def verify_(self) -> None:
        super().verify_()
        _verify_slices(self)
        expect((self.after is None) == (self.position is None), "give `after` and `position` together")
        _verify_scalar(self.position)
        _tiles(self.stream_type, self.channels[0])


@irdl_op_definition
class StoreOp(StreamUnitOp):
    """Stream tiles to memory: to result N of the kernel, or into a memref.

    `dataflow.store %c result 0 : …` or `dataflow.store %c into %cache at %position done (%t) : …`. With a
    position, tiles of `[B, G * D]` go to index `position` of a cache `[B, G, context, D]`. `start`, `step`,
    `once` and the counting are those of `dataflow.load`; `per_step` it is step s that goes to slice
    `start + s * step` of a result.
    """

    name = "dataflow.store"

    channel = operand_def(ChannelType)
    destination = opt_operand_def(MemRefType[Attribute])
    position = opt_operand_def(TensorType[IntegerType])
    done = var_operand_def(ChannelType)
    """Each gets a token when the data of an iteration is in memory."""
    result = opt_prop_def(IntegerAttr.constr(i64))
    start = opt_prop_def(IntegerAttr.constr(i64))
    step = opt_prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$channel (`result` $result^)? (`into` $destination^ `:` type($destination))? "
        "(`at` $position^ `:` type($position))? (`done` `(` $done^ `:` type($done) `)`)? "
        "attr-dict `:` type($channel)"
    )

    def __init__(
        self,
        channel: SSAValue,
        *,
        result: int | None = None,
        destination: SSAValue | None = None,
        position: SSAValue | None = None,
        done: Sequence[SSAValue] = (),
        slices: tuple[int, int] | None = None,
        once: bool = False,
    ):
        properties = _stream_properties(slices, once)
        if result is not None:
            properties["result"] = IntegerAttr(result, i64)
        super().__init__(operands=[channel, destination, position, done], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return (self.channel,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.done

    @property
    def memory_type(self) -> Attribute:
        """Type of the memref that one pass writes into: the destination, or one slice of it."""
        assert self.destination is not None, "asked only of stores into a memref"
        return _stream_type(self.destination, self.start)

    @property
    def stream_type(self) -> Attribute:
        """Type of what one pass writes; at a position of a cache `[B, G, context, D]`, `[B, G * D]`."""
        if self.position is not None:
            shape = shape_of(self.memory_type)
            expect(len(shape) == 4, f"`at` needs a cache [batch, heads, context, head_dim], got {shape}")
            return TensorType(element_type_of(self.memory_type), [shape[0], shape[1] * shape[3]])
        if self.destination is not None:
            return self.memory_type
        return self._result_type if self.start is None else slice_type(self._result_type)

    @property
    def _result_type(self) -> Attribute:
        kernel = self.parent_op()
        number = self.result.value.data if self.result is not None else -1
        assert isinstance(kernel, NetworkOp), "checked by the op's traits"
        outputs = kernel.function_type.outputs.data
        expect(0 <= number < len(outputs), f"result {number} of a kernel with {len(outputs)}")
        return outputs[number]

    @property
    def stack(self) -> Attribute | None:
        """Type of the memory that it writes slices of."""
        if self.destination is not None:
            return self.destination.type
        return self._result_type if isinstance(self.parent_op(), NetworkOp) else None

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.passes * _tiles(self.stream_type, channel)

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.passes

    def verify_(self) -> None:
        super().verify_()
        both = (self.result is None) != (self.destination is None)
        expect(both, "a store goes to a result or into a memref, one of them")
        expect(self.position is None or self.destination is not None, "`at` needs `into`")
        _verify_scalar(self.position)
        expect_tokens(self.done, "`done`")
        _verify_slices(self)
        if self.parent_op() is not None:
            _tiles(self.stream_type, self.channel)
        if self.position is not None:
            columns, head_dim = shape_of(tile_of(self.channel))[1], shape_of(self.memory_type)[3]
            expect(columns % head_dim == 0, f"tiles of {columns} columns cut heads of {head_dim}")


def _stream_properties(slices: tuple[int, int] | None, once: bool) -> dict[str, Attribute]:
    properties: dict[str, Attribute] = {}
    if slices is not None:
        properties["start"] = IntegerAttr(slices[0], i64)
        properties["step"] = IntegerAttr(slices[1], i64)
    if once:
        properties["once"] = UnitAttr()
    return properties


def _verify_scalar(position: SSAValue | None) -> None:
    if position is not None:
        expect(shape_of(position) == (), f"a position is a scalar, not a {position.type}")


def _verify_slices(op: LoadOp | StoreOp) -> None:
    expect((op.start is None) == (op.step is None), "give `start` and `step` together")
    if op.start is None or op.step is None:
        return
    in_memory = isinstance(op, LoadOp) or op.destination is not None or op.per_step is not None
    expect(in_memory, "`start` and `step` need a stack in memory, or a result made step by step")
    memory, kernel = op.source.type if isinstance(op, LoadOp) else op.stack, op.parent_op()
    if memory is None or not isinstance(kernel, NetworkOp):
        return
    expect(len(shape_of(memory)) > 0, f"`start` and `step` need a stack, not a {memory}")
    first, length = op.start.value.data, shape_of(memory)[0]
    rounds = kernel.steps if op.per_step is not None else kernel.iterations // kernel.steps
    last = first + (rounds - 1) * op.step.value.data
    what = "steps" if op.per_step is not None else "iterations"
    expect(
        min(first, last) >= 0 and max(first, last) < length,
        f"{what} use slices {first} to {last} of a stack of {length}",
    )
