"""The units of networks that both levels have: gathers, stages, carries, exchanges between sockets."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    AnyFloat,
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import IsTerminator

from .network_kernel import UnitOp, expect_least, fail_at
from .nn import ComputeOp, element_type_of, expect, shape_of
from .tensors import listed
from .tiles import ChannelType, PortShape, port_shape, tile_of


class TableGatherOp(UnitOp):
    """An indexed read of rows; the base of `dataflow.gather` and `rdu.gather`."""

    table = operand_def(TensorType[AnyFloat])
    ids = operand_def(ChannelType)
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    sharded = opt_prop_def(UnitAttr)
    """The table's rows are split over the sockets; a row of another socket arrives as zeros."""

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$table `by` $ids `to` $channels attr-dict `:` type($table) `,` type($ids) `->` type($channels)"
    )

    def __init__(
        self, table: SSAValue, ids: SSAValue, channels: Sequence[SSAValue], *, sharded: bool = False
    ):
        super().__init__(
            operands=[table, ids, channels], properties={"sharded": UnitAttr() if sharded else None}
        )

    def inputs(self) -> Sequence[SSAValue]:
        return (self.ids,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.passes

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.passes

    def verify_(self) -> None:
        ids = tile_of(self.ids)
        integers = isinstance(ids, TensorType) and isinstance(ids.get_element_type(), IntegerType)
        expect(integers, f"rows are named by integers, not by {ids}")
        rows = TensorType(element_type_of(self.table), [*shape_of(ids), *shape_of(self.table)[1:]])
        expect(len(self.channels) > 0, "a gather feeds at least one channel")
        for channel in self.channels:
            expect(tile_of(channel) == rows, f"rows arrive as {rows}, the channel takes {tile_of(channel)}")


class PipelineStageOp(UnitOp):
    """A stage of the pipeline; the base of `dataflow.stage` and `rdu.stage`."""

    label = prop_def(StringAttr)
    firings = prop_def(IntegerAttr.constr(i64))
    ins = var_operand_def(ChannelType)
    outs = var_operand_def(ChannelType)
    in_periods = prop_def(DenseArrayBase.constr(i64))
    """Firings for which each input group is held."""
    out_periods = prop_def(DenseArrayBase.constr(i64))
    """Firings for each tile put out."""
    ii = opt_prop_def(IntegerAttr.constr(i64))
    """Initiation interval: cycles from one firing to the next, once scheduled."""
    latency = opt_prop_def(IntegerAttr.constr(i64))
    """Cycles from a firing's start to its results, once scheduled."""
    pcus = opt_prop_def(IntegerAttr.constr(i64))
    """PCUs that compute it, once units are allocated."""
    pcu_first = opt_prop_def(IntegerAttr.constr(i64))
    """The first of these PCUs, once they are placed; the others follow it."""
    body = region_def("single_block")

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$label `firings` $firings (`ins` `(` $ins^ `:` type($ins) `)`)? `periods` $in_periods "
        "(`outs` `(` $outs^ `:` type($outs) `)`)? `periods` $out_periods attr-dict-with-keyword $body"
    )

    def __init__(
        self,
        label: str,
        firings: int,
        ins: Sequence[SSAValue],
        outs: Sequence[SSAValue],
        body: Region,
        in_periods: Sequence[int],
        out_periods: Sequence[int],
    ):
        super().__init__(
            operands=[ins, outs],
            regions=[body],
            properties={
                "label": StringAttr(label),
                "firings": IntegerAttr(firings, i64),
                "in_periods": DenseArrayBase.from_list(i64, in_periods),
                "out_periods": DenseArrayBase.from_list(i64, out_periods),
            },
        )

    def inputs(self) -> Sequence[SSAValue]:
        return self.ins

    def outputs(self) -> Sequence[SSAValue]:
        return self.outs

    def ports(self) -> list[PortShape]:
        """How each input channel's tiles become the body's argument."""
        shapes: list[PortShape] = []
        for channel, argument in zip(self.ins, self.body.block.args, strict=False):
            shapes.append(port_shape(tile_of(channel), argument.type))
        return shapes

    def consumed_tiles(self, channel: SSAValue) -> int:
        port = next(i for i, value in enumerate(self.ins) if value is channel)
        groups = self.firings.value.data * self.passes // int(self.in_periods.get_values()[port])
        return groups * self.ports()[port].gathered

    def produced_tiles(self, channel: SSAValue) -> int:
        port = next(i for i, value in enumerate(self.outs) if value is channel)
        return self.firings.value.data * self.passes // int(self.out_periods.get_values()[port])

    def verify_(self) -> None:
        firings = self.firings.value.data
        total = firings * self.passes
        expect(firings > 0, f"a stage with {firings} firings")
        for channels, periods, side in (
            (self.ins, self.in_periods, "input"),
            (self.outs, self.out_periods, "output"),
        ):
            values = [int(period) for period in periods.get_values()]
            expect(len(values) == len(channels), f"{len(values)} periods for {len(channels)} {side}s")
            for number, period in enumerate(values):
                expect(
                    period > 0 and total % period == 0,
                    f"period {period} of {side} {number} does not divide {total} firings",
                )
        for name, least in (("ii", 1), ("latency", 1), ("pcus", 1), ("pcu_first", 0)):
            expect_least(self, name, least)
        self._verify_body()

    def _verify_body(self) -> None:
        block = self.body.block
        expect(isinstance(block.last_op, YieldOp), "the stage body ends without dataflow.yield")
        assert block.last_op is not None
        states = len(block.args) - len(self.ins)
        expect(states >= 0, f"{len(block.args)} arguments for {len(self.ins)} input channels")
        for state in block.args[len(self.ins) :]:
            expect(isinstance(state.type, TensorType), f"a state is a {state.type}, not a tensor")
        for op in block.ops:
            _verify_body_op(op, block)
        yielded = list(block.last_op.operand_types)
        wanted = [*map(tile_of, self.outs), *(arg.type for arg in block.args[len(self.ins) :])]
        shown = f"the stage yields {listed(yielded)}, its outputs and states are {listed(wanted)}"
        expect(yielded == wanted, shown)
        periods = [int(period) for period in self.in_periods.get_values()]
        for number, (shape, period) in enumerate(zip(self.ports(), periods, strict=True)):
            expect(
                period % shape.slices == 0,
                f"input {number} has {shape.slices} slices in {period} firings",
            )


def _verify_body_op(op: Operation, block: Block) -> None:
    """Raises: VerifyException where an operation does not compute one value from others of the body."""
    if not isinstance(op, YieldOp) and not (isinstance(op, ComputeOp) and len(op.results) == 1):
        fail_at(op, f"{op.name} in a stage; only nn operations that compute one value stand there")
    for operand in op.operands:
        owner = operand.owner
        if owner is not block and (isinstance(owner, Block) or owner.parent is not block):
            fail_at(op, f"{op.name} uses a value from outside its stage; values come through channels")


@irdl_op_definition
class YieldOp(IRDLOperation):
    """End of a stage's body: a tile per output channel, then the states of the next firing."""

    name = "dataflow.yield"

    arguments = var_operand_def()

    traits = traits_def(IsTerminator())
    assembly_format = "attr-dict ($arguments^ `:` type($arguments))?"

    def __init__(self, arguments: Sequence[SSAValue]):
        super().__init__(operands=[arguments])

    def verify_(self) -> None:
        # Not the trait `HasParent`: it asks for the name of the operation, and two have stages.
        expect(isinstance(self.parent_op(), PipelineStageOp), "dataflow.yield stands at the end of a stage")


COLLECTIVES = ("all_reduce", "all_gather")
ALGORITHMS = ("one_shot", "ring")


class ExchangeOp(UnitOp):
    """An exchange between sockets; the base of `dataflow.collective` and `rdu.collective`.

    Every socket sends each tile of `source` to all others. `all_reduce` puts out their sum, tile by tile;
    `all_gather` their tiles one behind the other along `axis`.
    """

    kind = prop_def(StringAttr)
    tiles = prop_def(IntegerAttr.constr(i64))
    """Tiles in an iteration."""
    algorithm = prop_def(StringAttr)
    """`one_shot`: each socket sends to all others at once; `ring`: neighbours pass parts around."""
    axis = opt_prop_def(IntegerAttr.constr(i64))
    source = operand_def(ChannelType)
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$kind $tiles $source `to` $channels `by` $algorithm attr-dict `:` type($source) `->` type($channels)"
    )

    def __init__(
        self,
        kind: str,
        tiles: int,
        source: SSAValue,
        channels: Sequence[SSAValue],
        algorithm: str,
        axis: int | None = None,
    ):
        properties: dict[str, Attribute] = {
            "kind": StringAttr(kind),
            "tiles": IntegerAttr(tiles, i64),
            "algorithm": StringAttr(algorithm),
        }
        if axis is not None:
            properties["axis"] = IntegerAttr(axis, i64)
        super().__init__(operands=[source, channels], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return (self.source,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.tiles.value.data * self.passes

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.tiles.value.data * self.passes

    def verify_(self) -> None:
        kind, algorithm = self.kind.data, self.algorithm.data
        types = dict.fromkeys(map(tile_of, self.channels))
        expect(len(types) == 1, "a collective feeds one or more channels of one tile type")
        expect(self.tiles.value.data > 0, f"a collective of {self.tiles.value.data} tiles")
        expect(kind in COLLECTIVES, f"collective '{kind}'; known: {', '.join(COLLECTIVES)}")
        expect(algorithm in ALGORITHMS, f"algorithm '{algorithm}'; known: {', '.join(ALGORITHMS)}")
        gathers = kind == "all_gather"
        expect(gathers == (self.axis is not None), "`axis` belongs to all_gather, and to nothing else")
        source, (result,) = tile_of(self.source), types
        tiles = isinstance(source, TensorType) and isinstance(result, TensorType)
        expect(tiles, "a collective of tokens; it takes tiles")
        if self.axis is None:
            expect(source == result, f"all_reduce keeps the type of tiles; {source} becomes {result}")
        else:
            _verify_gathered(source, result, self.axis.value.data)


def _verify_gathered(source: Attribute, result: Attribute, axis: int) -> None:
    shape, whole = list(shape_of(source)), list(shape_of(result))
    expect(0 <= axis < len(shape), f"axis {axis} of a tile of rank {len(shape)}")
    grown = len(whole) == len(shape) and whole[axis] % shape[axis] == 0
    shape[axis] = whole[axis] if grown else shape[axis]
    fits = grown and shape == whole and element_type_of(source) == element_type_of(result)
    expect(fits, f"{source} gathered along axis {axis} is no {result}")
