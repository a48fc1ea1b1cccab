"""The units of networks that exchange tiles with other sockets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64
from xdsl.ir import SSAValue
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
from .dataflow_units import UnitOp, expect_exchanged
from .machine import Machine
from .tensors import (
    ChannelType,
    TokenType,
    expect,
    expect_known,
    size_bytes_of,
    tile_of,
)
from .vocabulary import ALGORITHMS, EXCHANGES


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
    """`one_shot`: each socket sends to all others at once; `ring`: neighbours pass parts around; `tree`:
    halves go up and down two trees, parts to gather double from hop to hop."""
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

    def cut_extents(self, known: Mapping[SSAValue, int]) -> Iterable[tuple[SSAValue, int]]:
        whole = known.get(self.source) if self.axis is None else None
        return () if whole is None else [(channel, whole) for channel in self.channels]

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
