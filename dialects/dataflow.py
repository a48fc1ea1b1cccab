"""The `dataflow` dialect: a kernel as stages joined by bounded channels.

**Invariants.** Values cross stages only through channels; every channel has one producer, one consumer, a
depth in tiles and a tile type, and both ends agree on how many tiles pass in a call. Every unit runs
`iterations` times per call (the loop of a looped kernel). Memory is touched by loads, gathers and stores
alone; a load that must see a store of the same iteration waits for that store's token. See `network.py` for
the firing rule of a stage.
"""

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
    Dialect,
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

from .network import (
    ExchangeOp,
    LoopCarryOp,
    NetworkOp,
    PipelineStageOp,
    QueueOp,
    TableGatherOp,
    UnitOp,
    YieldOp,
)
from .nn import element_type_of, expect, shape_of, slice_type
from .tiles import ChannelType, TokenType, data_tile_of, expect_tokens, tile_of, tiled_axis


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


@irdl_op_definition
class ChannelOp(QueueOp):
    """A channel of a kernel: `%c = dataflow.channel 2 : !dataflow.channel<tensor<1x512xbf16>>`."""

    name = "dataflow.channel"
    traits = traits_def(HasParent(KernelOp))


def _passes_per_call(once: Attribute | None, iterations: int) -> int:
    return 1 if once is not None else iterations


def _tiles(whole: Attribute, channel: SSAValue) -> int:
    """Tiles of a channel that make up a tensor."""
    return tiled_axis(shape_of(whole), shape_of(data_tile_of(channel, whole, "the stream")))[1]


def _stream_type(memory: SSAValue, start: Attribute | None) -> Attribute:
    return memory.type if start is None else slice_type(memory.type)


@irdl_op_definition
class LoadOp(UnitOp):
    """Stream a tensor from memory, tile by tile: `dataflow.load %w to %c {start = 0, step = 1} : …`.

    With `start` and `step`, iteration i reads slice `start + i * step` of a stack. With `once` the stream
    runs once a call, not once an iteration. With `after` and `position`, the tile that holds the position
    (along the tiled axis) and those behind it wait for a token of `after`, one an iteration.
    """

    name = "dataflow.load"

    source = operand_def(TensorType[Attribute] | MemRefType[Attribute])
    after = opt_operand_def(ChannelType)
    position = opt_operand_def(TensorType[IntegerType])
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    start = opt_prop_def(IntegerAttr.constr(i64))
    step = opt_prop_def(IntegerAttr.constr(i64))
    once = opt_prop_def(UnitAttr)

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$source `to` $channels (`after` $after^ `:` type($after))? "
        "(`position` $position^ `:` type($position))? attr-dict `:` type($source) `->` type($channels)"
    )

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
        super().__init__(
            operands=[source, after, position, channels],
            properties=_stream_properties(slices, once),
        )

    def inputs(self) -> Sequence[SSAValue]:
        return () if self.after is None else (self.after,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    @property
    def stream_type(self) -> Attribute:
        """Type of what one pass reads: the source, or one slice of it."""
        return _stream_type(self.source, self.start)

    def consumed_tiles(self, channel: SSAValue, iterations: int) -> int:
        return _passes_per_call(self.once, iterations)

    def produced_tiles(self, channel: SSAValue, iterations: int) -> int:
        return _passes_per_call(self.once, iterations) * _tiles(self.stream_type, channel)

    def verify_(self) -> None:
        _verify_slices(self)
        expect((self.after is None) == (self.position is None), "give `after` and `position` together")
        _verify_scalar(self.position)
        if self.after is not None:
            expect_tokens([self.after], "`after`")
        types = {channel.type for channel in self.channels}
        expect(len(types) == 1, "a load feeds one or more channels of one tile type")
        _tiles(self.stream_type, self.channels[0])


@irdl_op_definition
class GatherOp(TableGatherOp):
    """Read the rows of a table that a tile of indices names: `dataflow.gather %table by %ids to %c : …`."""

    name = "dataflow.gather"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class StoreOp(UnitOp):
    """Stream tiles to memory: to result N of the kernel, or into a memref.

    `dataflow.store %c result 0 : …` or `dataflow.store %c into %cache at %position done (%t) : …`. With a
    position, tiles of `[B, G * D]` go to index `position` of a cache `[B, G, context, D]`. `start`, `step`
    and `once` are those of `dataflow.load`.
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
    once = opt_prop_def(UnitAttr)

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
        kernel = self.parent_op()
        number = self.result.value.data if self.result is not None else -1
        assert isinstance(kernel, NetworkOp), "checked by the op's traits"
        outputs = kernel.function_type.outputs.data
        expect(0 <= number < len(outputs), f"result {number} of a kernel with {len(outputs)}")
        return outputs[number]

    def consumed_tiles(self, channel: SSAValue, iterations: int) -> int:
        return _passes_per_call(self.once, iterations) * _tiles(self.stream_type, channel)

    def produced_tiles(self, channel: SSAValue, iterations: int) -> int:
        return _passes_per_call(self.once, iterations)

    def verify_(self) -> None:
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
    memory, kernel = op.source if isinstance(op, LoadOp) else op.destination, op.parent_op()
    expect(memory is not None, "`start` and `step` need a stack in memory")
    if memory is None or not isinstance(kernel, NetworkOp):
        return
    expect(len(shape_of(memory)) > 0, f"`start` and `step` need a stack, not a {memory.type}")
    first, length = op.start.value.data, shape_of(memory)[0]
    last = first + (kernel.iterations - 1) * op.step.value.data
    expect(
        min(first, last) >= 0 and max(first, last) < length,
        f"iterations use slices {first} to {last} of a stack of {length}",
    )


@irdl_op_definition
class StageOp(PipelineStageOp):
    """A pipeline of PCUs that fires `firings` times an iteration on tiles.

    ```
    dataflow.stage "matmul" firings 8 ins(%x, %w : …) periods [8, 1] outs(%y : …) periods [1] {
    ^bb0(%a: tensor<1x64xbf16>, %b: tensor<64x8xbf16>):
      %c = nn.matmul %a, %b : (…) -> tensor<1x8xbf16>
      dataflow.yield %c : tensor<1x8xbf16>
    }
    ```
    """

    name = "dataflow.stage"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class CarryOp(LoopCarryOp):
    """The carried value of a looped kernel.

    Iteration 0 gets the tiles of `init` as `current`, iteration i > 0 those that iteration i - 1 put into
    `next`; those of the last iteration become `final`. `tiles` is the number of tiles per iteration.
    """

    name = "dataflow.carry"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class CollectiveOp(ExchangeOp):
    """An exchange between sockets: `dataflow.collective "all_reduce" 8 %a to %b by "one_shot" : …`."""

    name = "dataflow.collective"
    traits = traits_def(HasParent(KernelOp))


DATAFLOW = Dialect(
    "dataflow",
    [KernelOp, ChannelOp, LoadOp, GatherOp, StoreOp, StageOp, YieldOp, CarryOp, CollectiveOp],
    [TokenType, ChannelType],
)
