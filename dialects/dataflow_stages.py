"""The stages of networks.

**Ports.** The body of a stage sees one argument per input channel. Where the argument's type is the tile,
one tile is held for `period` firings. Where it is larger along one axis, as many tiles as cover it are
gathered, trimmed to it and held. Where it is smaller, r slices cover the tile, which is held, and firing f
sees slice `f mod r`; the last one has zeros where the tile ends. Unless one of both is the whole tensor, the
larger one is a multiple of the other, and so are their numbers (`cuts.py`). What a body makes of zeros
behind the end goes nowhere. A result is emitted in the last of every `period` firings of its output.
Arguments behind the inputs are states (accumulators): zero when an iteration begins, then what the last
firing yielded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent, IsTerminator

from .alike import integers
from .cuts import cuts_fit
from .dataflow_kernel import KernelOp
from .dataflow_units import UnitOp, expect_least, fail_at
from .machine import Machine
from .operation import ComputeOp, TileRule, unit_of
from .tensors import (
    ChannelType,
    end_of,
    ending_types,
    expect,
    listed,
    shape_of,
    tile_of,
)
from .tiles import PortShape, port_shape


@irdl_op_definition
class StageOp(UnitOp):
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

    traits = traits_def(HasParent(KernelOp))
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

    def body_ops(self) -> Iterator[ComputeOp]:
        """The operations of the body without its yield."""
        return (op for op in self.body.block.ops if isinstance(op, ComputeOp))

    def yielded(self) -> tuple[SSAValue, ...]:
        """What the body yields: its outputs, then the states of the next firing."""
        return tuple(end_of(self.body.block).operands)

    def in_port(self, channel: SSAValue) -> tuple[PortShape, int]:
        """How an input's tiles become the body's argument, and for how many firings they are held."""
        number = next(i for i, value in enumerate(self.operands) if value is channel)  # inputs come first
        port = port_shape(tile_of(channel), self.body.block.args[number].type)
        return port, integers(self.in_periods)[number]

    def out_period(self, channel: SSAValue) -> int:
        """Firings for each tile of an output."""
        number = next(i for i, value in enumerate(self.outs) if value is channel)
        return integers(self.out_periods)[number]

    def consumed_tiles(self, channel: SSAValue) -> int:
        port, period = self.in_port(channel)
        return self.work * self.passes // period * port.gathered

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.work * self.passes // self.out_period(channel)

    def gathered_tiles(self, channel: SSAValue) -> int:
        return self.in_port(channel)[0].gathered

    def _cuts(self, known: Mapping[SSAValue, int]) -> Iterator[tuple[SSAValue, int, int, int]]:
        """The inputs of whose tensor a firing sees a part: body argument, its channel's tile, itself, whole.

        The last three are extents along the axis in which they differ; of a tile that is the argument, which
        has none, both are 0. Of what is packed they are those of what it stands for.
        """
        factors = _index_factors(self.body_ops(), self.body.block.args)
        inputs = zip(self.ins, self.ports(), self.body.block.args, strict=False)
        for number, (channel, port, body_argument) in enumerate(inputs):
            if (factor := factors.get(number, 1)) != 1:
                if factor and channel in known:
                    yield body_argument, 0, 0, known[channel] * factor
                continue
            tile = shape_of(tile_of(channel))[port.axis] if port.axis is not None else 0
            argument = port.extent if port.axis is not None else 0
            whole = known.get(channel, tile if port.slices > 1 else None)
            if whole is not None and argument != whole:
                yield body_argument, tile, argument, whole

    def cut_extents(self, known: Mapping[SSAValue, int]) -> Iterable[tuple[SSAValue, int]]:
        units = next((whole // unit_of(value) for value, _, _, whole in self._cuts(known)), None)
        outputs = zip(self.outs, self.out_periods.get_values(), self.yielded(), strict=False)
        parts = [(channel, unit_of(value)) for channel, period, value in outputs if int(period) < self.work]
        return () if units is None else [(channel, units * unit) for channel, unit in parts]

    def verify_extents(self, known: Mapping[SSAValue, int]) -> None:
        cuts = list(self._cuts(known))
        for _, tile, argument, whole in cuts:
            if tile != argument and not cuts_fit(whole, tile, argument):
                fail_at(self, f"tiles of {tile} of {whole} indices make no tiles of {argument}")
        extents = sorted({whole // unit_of(value) for value, _, _, whole in cuts})
        if len(extents) > 1:
            fail_at(
                self, f"its inputs are cut from {' and '.join(map(str, extents))} indices, not from as many"
            )

    @property
    def work(self) -> int:
        return self.firings.value.data

    def put_work(self, channel: SSAValue) -> Sequence[int] | None:
        period = self.out_period(channel)
        return None if self.work % period else range(period - 1, self.work, period)

    def take_work(self, channel: SSAValue) -> tuple[Sequence[int], Sequence[int]] | None:
        port, period = self.in_port(channel)
        if self.work % period:
            return None
        takes = [step for step in range(0, self.work, period) for _ in range(port.gathered)]
        return takes, [step + period - 1 for step in takes]

    def pace(self, machine: Machine) -> tuple[int, int]:
        assert self.ii is not None, "scheduled before it is asked"
        assert self.latency is not None, "scheduled before it is asked"
        return self.ii.value.data, self.latency.value.data

    @property
    def title(self) -> str:
        return self.label.data

    def verify_(self) -> None:
        super().verify_()
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
        yielded = ending_types(block, YieldOp, "the stage body")
        states = len(block.args) - len(self.ins)
        expect(states >= 0, f"{len(block.args)} arguments for {len(self.ins)} input channels")
        for state in block.args[len(self.ins) :]:
            expect(isinstance(state.type, TensorType), f"a state is a {state.type}, not a tensor")
        for op in block.ops:
            _verify_body_op(op, block)
        wanted = [*map(tile_of, self.outs), *(arg.type for arg in block.args[len(self.ins) :])]
        expect(
            yielded == wanted,
            lambda: f"the stage yields {listed(yielded)}, its outputs and states are {listed(wanted)}",
        )
        periods = [int(period) for period in self.in_periods.get_values()]
        for number, (shape, period) in enumerate(zip(self.ports(), periods, strict=True)):
            expect(
                period % shape.slices == 0, f"input {number} has {shape.slices} slices in {period} firings"
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

    traits = traits_def(IsTerminator(), HasParent(StageOp))
    assembly_format = "attr-dict ($arguments^ `:` type($arguments))?"

    def __init__(self, arguments: Sequence[SSAValue]):
        super().__init__(operands=[arguments])


def _index_factors(ops: Iterable[ComputeOp], arguments: Sequence[SSAValue]) -> dict[int, int]:
    """Arguments of which operations take other numbers of indices: how many an index of each stands for.

    That is known of the first operand; of the others, which have an index for a block, it is 0.
    """
    found: dict[int, int] = {}
    for op in ops:
        rule = op.tile_rule()
        ratios = rule.ratios if isinstance(rule, TileRule) else ()
        for place, (operand, (_, indices)) in enumerate(zip(op.operands, ratios, strict=False)):
            if operand in arguments:
                found[arguments.index(operand)] = 0 if place else indices
    return found
