"""The units of networks that may reach over sockets: rows of tables, exchanges of tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, IntegerAttr, IntegerType, StringAttr, TensorType, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent

from .dataflow_kernel import KernelOp
from .dataflow_units import UnitOp
from .machine import Machine
from .nn import element_type_of, expect, shape_of, size_bytes_of
from .tiles import ChannelType, tile_of
from .vocabulary import ALGORITHMS, EXCHANGES


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
        super().__init__(
            operands=[table, ids, channels], properties={"sharded": UnitAttr() if sharded else None}
        )

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
        for channel in self.channels:
            expect(tile_of(channel) == rows, f"rows arrive as {rows}, the channel takes {tile_of(channel)}")


@irdl_op_definition
class CollectiveOp(UnitOp):
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
        kind, algorithm = self.kind.data, self.algorithm.data
        types = dict.fromkeys(map(tile_of, self.channels))
        expect(len(types) == 1, "a collective feeds one or more channels of one tile type")
        expect(self.tiles.value.data > 0, f"a collective of {self.tiles.value.data} tiles")
        expect(kind in EXCHANGES, f"collective '{kind}'; known: {', '.join(EXCHANGES)}")
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
