"""Exchange tiles between sockets as they are made, instead of whole values.

Before:

```mlir
dataflow.kernel @sum(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = dataflow.channel 2 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  dataflow.load %x to %a : tensor<1x16xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "collect.x" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x16xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x16xbf16>):
    dataflow.yield %d : tensor<1x16xbf16>
  }
  dataflow.collective "all_reduce" 1 %b to %c by "ring" : !dataflow.channel<tensor<1x16xbf16>> -> !dataflow.channel<tensor<1x16xbf16>>
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x16xbf16>>
}
```

After:

```mlir
dataflow.kernel @sum(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = dataflow.channel 2 : !dataflow.channel<tensor<1x8xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a : tensor<1x16xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.collective "all_reduce" 2 %a to %c by "one_shot" : !dataflow.channel<tensor<1x8xbf16>> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
```

An all-reduce works element by element, so it may start with the first tile of the stage that makes its
operand: what is left to wait for is the last tile. An all-gather puts whole tensors one behind the other and
stays as it is. Each collective gets the algorithm that is fastest for all its tiles on the machine
(`exchanges.py`).
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects import dataflow
from ...dialects.cuts import cuts_fit
from ...dialects.dataflow_kernel import channel_of, consumer_of, producer_of
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.tensors import ChannelType, shape_of, tile_of
from ...dialects.tiles import tiled_axis
from ...dialects.vocabulary import ALGORITHMS
from ..diagnostics import fail
from ..knobs import Knob
from .socket_loads import network_loads

SEVERAL = ("sockets > 1",)
"""One socket alone exchanges nothing."""


def _collector(op: dataflow.ExchangeOp) -> dataflow.StageOp | None:
    """The stage before a collective that only collects tiles; None where there is none."""
    stage = producer_of(op.source)
    if not isinstance(stage, dataflow.StageOp) or len(stage.ins) != 1 or len(stage.outs) != 1:
        return None
    only_yields = stage.body.block.first_op is stage.body.block.last_op
    return stage if only_yields and int(stage.in_periods.get_values()[0]) == 1 else None


def _hold_tiles(channel: SSAValue, tile: ChannelType, rewriter: PatternRewriter) -> None:
    """Give a channel a smaller tile; a stage that reads it holds as many firings as before."""
    consumer = consumer_of(channel)
    if not isinstance(consumer, dataflow.StageOp):
        rewriter.replace_value_with_new_type(channel, tile)
        return
    port = next(i for i, value in enumerate(consumer.ins) if value is channel)
    slices = consumer.ports()[port].slices
    rewriter.replace_value_with_new_type(channel, tile)
    periods = [int(period) for period in consumer.in_periods.get_values()]
    periods[port] = periods[port] // slices * consumer.ports()[port].slices
    consumer.in_periods = DenseArrayBase.from_list(i64, periods)


class ExchangeTiles(RewritePattern):
    """Take the collecting stage out of the way of an all-reduce."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: dataflow.ExchangeOp, rewriter: PatternRewriter) -> None:
        collector = _collector(op)
        if op.kind.data != "all_reduce" or collector is None:
            return
        tiles_in, whole_channel = collector.ins[0], channel_of(op.source)
        whole, tile = tile_of(op.source), tile_of(tiles_in)
        _, count = tiled_axis(shape_of(whole), shape_of(tile))
        if not all(self._can_hold(channel, tile) for channel in op.channels):
            return
        op.operands[0] = tiles_in
        op.tiles = IntegerAttr(count, i64)
        rewriter.erase(collector)
        rewriter.erase(whole_channel)
        for channel in list(op.channels):
            _hold_tiles(channel, ChannelType(tile), rewriter)

    @staticmethod
    def _can_hold(channel: SSAValue, tile: Attribute) -> bool:
        """Whether the reader of a channel can do with tiles instead of one whole value.

        One that adds up slices counts on zeros behind the last; tiles that are sums have none there.
        """
        consumer, whole = consumer_of(channel), shape_of(tile_of(channel))
        if not isinstance(consumer, dataflow.StageOp):
            return isinstance(consumer, dataflow.StoreOp)
        (axis, _), port = tiled_axis(whole, shape_of(tile)), consumer.in_port(channel)[0]
        if axis is None or port.axis is None:
            return True
        adds_up = len(consumer.body.block.args) > len(consumer.ins) and whole[axis] % shape_of(tile)[axis]
        return axis == port.axis and not adds_up and cuts_fit(whole[axis], shape_of(tile)[axis], port.extent)


def _write_algorithms(network: dataflow.KernelOp, machine: Machine, given: str) -> None:
    """Write the given algorithm, or the fastest ones, on the collectives of a network."""
    ops: dict[str, list[dataflow.ExchangeOp]] = {rate: [] for rate in network.loops.rates}
    for unit in network.units():
        if isinstance(unit, dataflow.ExchangeOp):
            ops[unit.runs].append(unit)
    for rate, load in network_loads(network, machine, {}):
        chosen = load.algorithms(machine) if given == "auto" else [given] * len(ops[rate])
        for op, algorithm in zip(ops[rate], chosen, strict=True):
            op.algorithm = StringAttr(algorithm)


@dataclass(frozen=True)
class OverlapCollectivesPass(ModulePass):
    """Stream all-reduces tile by tile; `algorithm` is `auto`, `one_shot`, `ring` or `tree`."""

    name: ClassVar[str] = "overlap-collectives"
    optional: ClassVar[Knob] = Knob((True, False), where=SEVERAL)

    algorithm: str = field(default="auto", metadata={"knob": Knob(("auto", *ALGORITHMS), where=SEVERAL)})

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known = ("auto", *ALGORITHMS)
        if self.algorithm not in known:
            fail(op, f"algorithm '{self.algorithm}' of a collective; known: {', '.join(known)}")
        PatternRewriteWalker(ExchangeTiles()).rewrite_module(op)
        machine = machine_of(op)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                _write_algorithms(network, machine, self.algorithm)
