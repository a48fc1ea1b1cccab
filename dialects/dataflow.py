"""The `dataflow` dialect: a kernel as stages joined by bounded channels, from its first form to its last.

**Invariants.** Values cross stages only through channels; every channel has one producer, one consumer, a
depth in tiles and a tile type, and both ends agree on how many tiles pass in a call. A kernel has loops, in
one another and in a row (`#dataflow.loops`); every unit runs once in each iteration of the loop that its rate
names, or once a call. Memory is touched by loads, gathers and stores alone; those that touch the same, one of
them a store, wait for one another (`dataflow_accesses.py`). See `dataflow_stages.py` for the firing rule of a
stage. Planning adds properties; what a kernel needs for the machine is checked in `rdu_planned.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, IntegerAttr, IntegerType, StringAttr, TensorType, UnitAttr, i64
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent

from .dataflow_kernel import ChannelOp, KernelOp
from .dataflow_loops import LoopsAttr
from .dataflow_stages import StageOp, YieldOp
from .dataflow_streams import LoadOp, StoreOp
from .dataflow_units import HandedOn, UnitOp, expect_exchanged
from .machine import Machine
from .tensors import (
    ChannelType,
    TokenType,
    element_type_of,
    expect,
    expect_known,
    listed,
    shape_of,
    size_bytes_of,
    tile_of,
    tiled_axis,
)
from .vocabulary import ALGORITHMS, EXCHANGES, STEP, Rate


@irdl_op_definition
class CarryOp(UnitOp):
    """The carried value of a looped kernel.

    Iteration 0 of its loop gets the tiles of `init` as `current`, iteration i > 0 those that iteration i - 1
    put into `next`; those of the last iteration become `final`. Each time the loop begins anew it takes tiles
    of `init`. `tiles` is the number of tiles per iteration. Without `final` nobody takes the last tiles.
    """

    name = "dataflow.carry"
    NEEDS_LOOP: ClassVar[bool] = True
    FREES_LATE: ClassVar[bool] = True

    init = operand_def(ChannelType)
    next = operand_def(ChannelType)
    final = opt_operand_def(ChannelType)
    current = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    tiles = prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$tiles `init` $init `next` $next (`final` $final^)? `current` $current attr-dict `:` type($init)"
        "`,` type($next) `,` type($current) (`final` type($final)^)?"
    )

    def __init__(
        self, tiles: int, init: SSAValue, next: SSAValue, final: SSAValue | None, current: Sequence[SSAValue]
    ):
        super().__init__(operands=[init, next, final, current], properties={"tiles": IntegerAttr(tiles, i64)})

    def inputs(self) -> Sequence[SSAValue]:
        return (self.init, self.next)

    def outputs(self) -> Sequence[SSAValue]:
        return (*self.current,) if self.final is None else (self.final, *self.current)

    def consumed_tiles(self, channel: SSAValue) -> int:
        return self.work * (self.rounds[0] if channel is self.init else self.passes)

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.work * (self.rounds[0] if channel is self.final else self.passes)

    def pass_tiles(self, channel: SSAValue) -> int:
        return self.work

    def handed_on(self) -> HandedOn:
        return HandedOn(self.init, self.next, self.current)

    def cut(self, tile: Attribute) -> None:
        whole = max(map(tile_of, self.operands), key=size_bytes_of)
        self.tiles = IntegerAttr(tiled_axis(shape_of(whole), shape_of(tile))[1], i64)

    def distance(self, channel: SSAValue) -> int | None:
        if channel is self.next:
            return 1
        return None if channel is self.init or channel is self.final else 0

    @property
    def work(self) -> int:
        return self.tiles.value.data

    def pace(self, machine: Machine) -> tuple[int, int]:
        return 1, 1

    @property
    def title(self) -> str:
        return "carry"

    @property
    def beside(self) -> SSAValue:
        return [*self.current, *self.outputs()][0]

    def verify_(self) -> None:
        super().verify_()
        types = dict.fromkeys(map(tile_of, self.operands))
        expect(len(types) == 1, f"the channels of a carry have one type of tiles, not {listed(types)}")
        expect(TokenType() not in types, "a carry of tokens; it takes tiles")
        expect(self.tiles.value.data > 0, f"a carry of {self.tiles.value.data} tiles")


@irdl_op_definition
class CounterOp(UnitOp):
    """The position of each decode step: `dataflow.counter %position to %p : tensor<i32> -> …`.

    In step s of a call it puts `first` plus s into its channels. It is no access of the memory: the argument
    load has set the first value. So it takes no time.
    """

    name = "dataflow.counter"
    OWN_RATE: ClassVar[Rate | None] = STEP

    first = operand_def(TensorType[IntegerType])
    channels = var_operand_def(ChannelType)
    """Every number goes to each of them."""

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$first `to` $channels attr-dict `:` type($first) `->` type($channels)"

    def __init__(self, first: SSAValue, channels: Sequence[SSAValue]):
        super().__init__(operands=[first, channels])

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    def verify_(self) -> None:
        super().verify_()
        expect(
            self.parent_op() is None or self.runs == STEP,
            f"a counter at rate '{self.runs}'; it counts at '{STEP}'",
        )
        expect(shape_of(self.first) == (), f"a counter of a {self.first.type}; it counts from a scalar on")
        expect(len(self.channels) > 0, "a counter feeds at least one channel")
        for tile in map(tile_of, self.channels):
            expect(tile == self.first.type, f"it counts in {self.first.type}, the channel takes {tile}")


@irdl_op_definition
class GatherOp(UnitOp):
    """Read the rows of a table that a tile of indices names: `dataflow.gather %table by %ids to %c : …`."""

    name = "dataflow.gather"
    RESOURCE: ClassVar[str | None] = "hbm"

    table = operand_def(TensorType[AnyFloat])
    ids = operand_def(ChannelType)
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    sharded = opt_prop_def(UnitAttr)
    """The table's rows are split over the sockets; a row of another socket arrives as zeros."""

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$table `by` $ids `to` $channels attr-dict `:` type($table) `,` type($ids) `->` type($channels)"
    )

    def __init__(
        self, table: SSAValue, ids: SSAValue, channels: Sequence[SSAValue], *, sharded: bool = False
    ):
        flag = UnitAttr() if sharded else None
        super().__init__(operands=[table, ids, channels], properties={"sharded": flag})

    def inputs(self) -> Sequence[SSAValue]:
        return (self.ids,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    @property
    def memory(self) -> SSAValue:
        return self.table

    @property
    def memory_port(self) -> SSAValue:
        return self.channels[0]

    def verify_(self) -> None:
        super().verify_()
        ids = tile_of(self.ids)
        integers = isinstance(ids, TensorType) and isinstance(ids.get_element_type(), IntegerType)
        expect(integers, f"rows are named by integers, not by {ids}")
        rows = TensorType(element_type_of(self.table), [*shape_of(ids), *shape_of(self.table)[1:]])
        expect(len(self.channels) > 0, "a gather feeds at least one channel")
        for tile in map(tile_of, self.channels):
            expect(tile == rows, f"rows arrive as {rows}, the channel takes {tile}")


@irdl_op_definition
class ExchangeOp(UnitOp):
    """An exchange between sockets: `dataflow.collective "all_reduce" 8 %a to %b by "one_shot" : …`.

    Every socket sends each tile of `source` to all others. `all_reduce` puts out their sum, tile by tile;
    `all_gather` their tiles one behind the other along `axis`.
    """

    name = "dataflow.collective"
    RESOURCE: ClassVar[str | None] = "links"

    kind = prop_def(StringAttr)
    tiles = prop_def(IntegerAttr.constr(i64))
    """Tiles in an iteration."""
    algorithm = prop_def(StringAttr)
    """`one_shot`: each socket sends to all others at once; `ring`: neighbours pass parts around."""
    axis = opt_prop_def(IntegerAttr.constr(i64))
    source = operand_def(ChannelType)
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""

    traits = traits_def(HasParent(KernelOp))
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
        words = {"kind": StringAttr(kind), "algorithm": StringAttr(algorithm)}
        numbers = {"tiles": IntegerAttr(tiles, i64), "axis": None if axis is None else IntegerAttr(axis, i64)}
        super().__init__(operands=[source, channels], properties={**words, **numbers})

    def inputs(self) -> Sequence[SSAValue]:
        return (self.source,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    @property
    def work(self) -> int:
        return self.tiles.value.data

    def pace(self, machine: Machine) -> tuple[int, int]:
        size = size_bytes_of(tile_of(self.source))
        busy, latency = machine.exchange_cycles(self.kind.data, self.algorithm.data, size)
        return busy, busy + latency

    @property
    def title(self) -> str:
        return self.kind.data

    def verify_(self) -> None:
        super().verify_()
        types = dict.fromkeys(map(tile_of, self.channels))
        expect(len(types) == 1, "a collective feeds one or more channels of one tile type")
        expect(self.tiles.value.data > 0, f"a collective of {self.tiles.value.data} tiles")
        expect_known("collective", self.kind.data, EXCHANGES)
        expect_known("algorithm", self.algorithm.data, ALGORITHMS)
        gathers = self.kind.data == "all_gather"
        expect(gathers == (self.axis is not None), "`axis` belongs to all_gather, and to nothing else")
        source, (result,) = tile_of(self.source), types
        expect(TokenType() not in (source, result), "a collective of tokens; it takes tiles")
        expect_exchanged(source, result, None if self.axis is None else self.axis.value.data)


DATAFLOW = Dialect(
    "dataflow",
    [KernelOp, ChannelOp, LoadOp, GatherOp, StoreOp, StageOp, YieldOp, CarryOp, CounterOp, ExchangeOp],
    [TokenType, ChannelType, LoopsAttr],
)
