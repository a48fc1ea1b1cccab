"""The `dataflow` dialect: a kernel as stages joined by bounded channels, from its first form to its last.

**Invariants.** Values cross stages only through channels; every channel has one producer, one consumer, a
depth in tiles and a tile type, and both ends agree on how many tiles pass in a call. A kernel has loops, in
one another and in a row (`#dataflow.loops`); every unit runs once in each iteration of the loop that its rate
names, or once a call. Memory is touched by loads, gathers and stores alone; those that touch the same, one of
them a store, wait for one another (`dataflow_accesses.py`). See `dataflow_stages.py` for the firing rule of a
stage. Planning adds properties; what a kernel needs for the machine is checked in `rdu_planned.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, UnitAttr, i64
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

from .dataflow_exchange import ExchangeOp
from .dataflow_kernel import ChannelOp, KernelOp, consumer_of
from .dataflow_loads import LoadOp
from .dataflow_loops import LoopsAttr
from .dataflow_stages import StageOp, YieldOp
from .dataflow_stores import StoreOp
from .dataflow_units import HandedOn, UnitOp, fail_at
from .machine import Machine
from .stop_token import expect_tokens_of_rows
from .tensors import (
    FLOAT_TENSOR,
    ChannelType,
    TokenType,
    element_type_of,
    expect,
    listed,
    shape_of,
    size_bytes_of,
    tile_of,
)
from .tiles import tiled_axis
from .vocabulary import STEP, Rate


@irdl_op_definition
class CarryOp(UnitOp):
    """The carried value of a looped kernel.

    Iteration 0 of its loop gets the tiles of `init` as `current`, iteration i > 0 those that iteration i - 1
    put into `next`; those of the last iteration become `final`. Each time the loop begins anew it takes tiles
    of `init`. `tiles` is the number of tiles per iteration. Without `final` nobody takes the last tiles.

    With `stop`, it carries the tokens of the rows of a batch from decode step to decode step. A row whose
    token is `stop` is done: the kernel's stores at a position leave its rows as they are, and its token stays
    `stop` in all steps that follow. What step i makes of that goes into `made`, too. Once all rows are
    done no step follows; what is left of `made` is `stop`.
    """

    name = "dataflow.carry"
    NEEDS_LOOP: ClassVar[bool] = True
    FREES_LATE: ClassVar[bool] = True

    init = operand_def(ChannelType)
    next = operand_def(ChannelType)
    final = opt_operand_def(ChannelType)
    current = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    made = var_operand_def(ChannelType)
    """Of a carry with `stop`: the tokens of each step, with those of rows that are done."""
    tiles = prop_def(IntegerAttr.constr(i64))
    stop = opt_prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$tiles `init` $init `next` $next (`final` $final^)? `current` $current (`made` $made^)? attr-dict "
        "`:` type($init) `,` type($next) `,` type($current) (`final` type($final)^)? (`made` type($made)^)?"
    )

    def __init__(
        self,
        tiles: int,
        init: SSAValue,
        next: SSAValue,
        final: SSAValue | None,
        current: Sequence[SSAValue],
        made: Sequence[SSAValue] = (),
        stop: int | None = None,
    ):
        properties = {
            "tiles": IntegerAttr(tiles, i64),
            "stop": None if stop is None else IntegerAttr(stop, i64),
        }
        super().__init__(operands=[init, next, final, current, made], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return (self.init, self.next)

    def outputs(self) -> Sequence[SSAValue]:
        final = () if self.final is None else (self.final,)
        return (*final, *self.current, *self.made)

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

    def cut_extents(self, known: Mapping[SSAValue, int]) -> Iterable[tuple[SSAValue, int]]:
        whole = known.get(self.init)
        return () if whole is None else [(channel, whole) for channel in self.outputs()]

    def verify_extents(self, known: Mapping[SSAValue, int]) -> None:
        first, following = known.get(self.init), known.get(self.next)
        what = f"its first tiles are cut from {first} indices, the next ones from {following}"
        if first != following and first is not None and following is not None:
            fail_at(self, what)

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
        expect((self.stop is None) == (not self.made), "give `stop` and `made` together")
        if self.stop is not None:
            self._verify_stop(self.stop.value.data)

    def _verify_stop(self, stop: int) -> None:
        """Raises: VerifyException where it cannot say which rows are done, or something cannot do without."""
        expect_tokens_of_rows(tile_of(self.init), stop)
        expect(self.work == 1, f"a stop token in {self.work} tiles; it takes all rows in one")
        kernel = self.parent_op()
        if not isinstance(kernel, KernelOp):
            return
        expect(self.runs == STEP, f"a stop token at rate '{self.runs}'; it ends decode steps, rate '{STEP}'")
        expect(self.final is None, "a carry over decode steps with a stop token has no `final`")
        for channel in self.made:
            if not isinstance(reader := consumer_of(channel), StoreOp):
                fail_at(reader, "it takes `made` of a carry, which goes on when steps have ended; stores do")
        (batch,) = shape_of(tile_of(self.init))
        for unit in kernel.units():
            if unit is not self and isinstance(unit, CarryOp) and unit.runs == STEP:
                fail_at(unit, "another value goes from step to step beside the tokens that stop")
            if isinstance(unit, StoreOp) and kernel.loops.is_inside(unit.runs, STEP):
                self._verify_store(unit, batch)

    def _verify_store(self, store: StoreOp, batch: int) -> None:
        """Raises: VerifyException about a store of decode steps that cannot leave out rows that are done."""
        if store.position is None:
            if not any(store.channel is one for one in self.made):
                fail_at(store, "a store of decode steps with a stop token is at a position, or of its `made`")
            return
        rows = shape_of(tile_of(store.channel))[0]
        if rows != batch:
            fail_at(store, f"it stores {rows} rows at a position, the tokens that stop are those of {batch}")


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

    table = operand_def(FLOAT_TENSOR)
    ids = operand_def(ChannelType)
    channels = var_operand_def(ChannelType)
    """Every tile goes to each of them."""
    sharded = opt_prop_def(UnitAttr)
    """The table's rows are split over the sockets; a row of another socket arrives as zeros."""
    rows = opt_prop_def(IntegerAttr.constr(i64))
    """Rows of the whole table that is split, where the parts have zeros behind them."""

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$table `by` $ids `to` $channels attr-dict `:` type($table) `,` type($ids) `->` type($channels)"
    )

    def __init__(
        self,
        table: SSAValue,
        ids: SSAValue,
        channels: Sequence[SSAValue],
        *,
        sharded: bool = False,
        rows: IntegerAttr | None = None,
    ):
        flag = UnitAttr() if sharded else None
        super().__init__(operands=[table, ids, channels], properties={"sharded": flag, "rows": rows})

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
        expect(self.rows is None or self.sharded is not None, "`rows` are those of a table that is split")
        rows = TensorType(element_type_of(self.table), [*shape_of(ids), *shape_of(self.table)[1:]])
        expect(len(self.channels) > 0, "a gather feeds at least one channel")
        for tile in map(tile_of, self.channels):
            expect(tile == rows, f"rows arrive as {rows}, the channel takes {tile}")


DATAFLOW = Dialect(
    "dataflow",
    [KernelOp, ChannelOp, LoadOp, GatherOp, StoreOp, StageOp, YieldOp, CarryOp, CounterOp, ExchangeOp],
    [TokenType, ChannelType, LoopsAttr],
)
