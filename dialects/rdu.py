"""The `rdu` dialect: the program for the machine.

**Invariants.** The program fits the machine (`#rdu.machine` on the module): no PCU or PMU has two tasks in
one kernel, every buffer fits its PMUs, no memory region overlaps another one that is alive, streams walk
through memory by explicit byte strides, and what is launched is a list of the machine's three commands:
program load, argument load, execute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    FlatSymbolRefAttr,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Dialect, Operation, ParametrizedAttribute, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import (
    HasParent,
    IsolatedFromAbove,
    NoTerminator,
    SymbolOpInterface,
    SymbolTable,
    SymbolUserOpInterface,
)
from xdsl.utils.exceptions import VerifyException

from .machine import SN40L, Machine
from .network import (
    ChannelType,
    LoopCarryOp,
    NetworkOp,
    PipelineStageOp,
    QueueOp,
    TableGatherOp,
    UnitOp,
)
from .nn import expect, shape_of, size_bytes_of

MACHINE_ATTRIBUTE = "rdu.machine"


@irdl_attr_definition
class MachineAttr(ParametrizedAttribute):
    """The machine of a module: what differs from the default SN40L, e.g. `#rdu.machine<{pmus = 64 : i64}>`."""

    name = "rdu.machine"

    changes: DictionaryAttr

    def machine(self) -> Machine:
        """The machine with all its parameters.

        Raises: VerifyException for an unknown parameter or a value that is no positive integer.
        """
        values: dict[str, int] = {}
        for name, value in self.changes.data.items():
            expect(isinstance(value, IntegerAttr), f"machine parameter {name} is {value}, not an integer")
            assert isinstance(value, IntegerAttr)
            values[name] = value.value.data
        try:
            return SN40L.with_values(values)
        except ValueError as error:
            raise VerifyException(str(error)) from error

    def verify(self) -> None:
        self.machine()

    @staticmethod
    def of(machine: Machine) -> MachineAttr:
        """The attribute that stands for a machine."""
        defaults = dict(SN40L.items())
        changed = {
            name: IntegerAttr(value, i64) for name, value in machine.items() if value != defaults[name]
        }
        return MachineAttr(DictionaryAttr(changed))


def machine_of(op: Operation) -> Machine:
    """The machine of the module around an operation; the default SN40L where the module names none."""
    module = op
    while (parent := module.parent_op()) is not None:
        module = parent
    attribute = module.attributes.get(MACHINE_ATTRIBUTE)
    return attribute.machine() if isinstance(attribute, MachineAttr) else SN40L


def set_machine(module: ModuleOp, machine: Machine) -> None:
    """Make `machine` the machine of the module."""
    module.attributes[MACHINE_ATTRIBUTE] = MachineAttr.of(machine)


# Memory.

REGION_KINDS = ("weight", "state", "input", "value")
TIERS = ("hbm", "ddr")


@irdl_op_definition
class RegionOp(IRDLOperation):
    """A tensor's place in memory: `rdu.region @decoder.wq "weight" "hbm" 4096 : tensor<32x64x64xbf16>`.

    Kinds: `weight` (read only), `state` (outlives a step), `input` (the caller fills it), `value` (the
    result of a call, alive from there to its last use; values may share addresses).
    """

    name = "rdu.region"

    sym_name = prop_def(SymbolNameConstraint())
    kind = prop_def(StringAttr)
    tier = prop_def(StringAttr)
    address = prop_def(IntegerAttr.constr(i64))
    """First byte, from the beginning of the tier."""
    type = prop_def(TensorType[Attribute] | MemRefType[Attribute])
    checkpoint = opt_prop_def(StringAttr)
    transposed = opt_prop_def(UnitAttr)
    stacked = opt_prop_def(UnitAttr)

    traits = traits_def(SymbolOpInterface())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$sym_name $kind $tier $address `:` $type (`from` $checkpoint^)? attr-dict"

    def __init__(
        self,
        sym_name: str,
        kind: str,
        tier: str,
        address: int,
        type: Attribute,
        *,
        checkpoint: StringAttr | None = None,
        transposed: UnitAttr | None = None,
        stacked: UnitAttr | None = None,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "kind": StringAttr(kind),
                "tier": StringAttr(tier),
                "address": IntegerAttr(address, i64),
                "type": type,
                "checkpoint": checkpoint,
                "transposed": transposed,
                "stacked": stacked,
            }
        )

    def verify_(self) -> None:
        expect(self.kind.data in REGION_KINDS, f"region kind '{self.kind.data}', not {REGION_KINDS}")
        expect(self.tier.data in TIERS, f"memory tier '{self.tier.data}', not {TIERS}")
        machine, tier = machine_of(self), self.tier.data
        capacity = machine.hbm_bytes if tier == "hbm" else machine.ddr_bytes
        begin = self.address.value.data
        end = begin + size_bytes_of(self.type)
        expect(
            begin >= 0 and end <= capacity,
            f"@{self.sym_name.data} ends at byte {end} of {tier}, which holds {capacity}",
        )


# Kernels.


@irdl_op_definition
class KernelOp(NetworkOp):
    """A placed kernel; its arguments are addresses that an argument load sets, the results' last.

    `rdu.kernel @norm(%x: tensor<1x8xbf16>, %y: memref<1x8xbf16>) attributes {iterations = 1} { … }`
    """

    name = "rdu.kernel"
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface(), NoTerminator())

    def verify_(self) -> None:
        super().verify_()
        expect(not self.function_type.outputs.data, "an rdu kernel returns nothing, it stores")
        machine = machine_of(self)
        ops = list(self.body.block.ops)
        stages = [(op.label.data, op.pcu_first, op.pcus) for op in ops if isinstance(op, StageOp)]
        buffers = [
            (op.result.name_hint or "buffer", op.pmu_first, op.pmus) for op in ops if isinstance(op, BufferOp)
        ]
        _verify_places(stages, machine.pcus, "PCU")
        _verify_places(buffers, machine.pmus, "PMU")


Place = tuple[str, IntegerAttr | None, IntegerAttr | None]


def _verify_places(places: Iterable[Place], available: int, kind: str) -> None:
    """Raises: VerifyException where a unit has two tasks or lies outside the machine."""
    spans: list[tuple[int, int, str]] = []
    for name, first, count in places:
        expect(first is not None and count is not None, f"'{name}' has no {kind}s")
        assert first is not None
        assert count is not None
        spans.append((first.value.data, first.value.data + count.value.data, name))
    spans.sort()
    for (_, end, name), (begin, _, other) in pairwise(spans):
        expect(end <= begin, f"{kind} {begin} belongs to '{name}' and to '{other}'")
    if spans:
        last = max(end for _, end, _ in spans)
        expect(last <= available, f"{kind} {last - 1} of a machine with {available}")


@irdl_op_definition
class BufferOp(QueueOp):
    """A channel in its PMUs: `%b = rdu.buffer 4 {pmus = 2, pmu_first = 8, hops = 5} : !dataflow.channel<…>`."""

    name = "rdu.buffer"
    traits = traits_def(HasParent(KernelOp))

    def verify_(self) -> None:
        super().verify_()
        expect(self.pmus is not None, "a buffer needs `pmus`")
        assert self.pmus is not None
        need = self.depth.value.data * self.type.tile_bytes
        machine, count = machine_of(self), self.pmus.value.data
        room = count * machine.pmu_bytes if count else machine.pcu_fifo_bytes
        expect(need <= room, f"{self.depth.value.data} tiles take {need} bytes, {count} PMUs hold {room}")


@irdl_op_definition
class StageOp(PipelineStageOp):
    """A stage on its PCUs, scheduled: `rdu.stage "matmul" firings 8 ins(…) … attributes {ii = 160, …} {…}`."""

    name = "rdu.stage"
    traits = traits_def(HasParent(KernelOp))

    def verify_(self) -> None:
        super().verify_()
        for value, name in ((self.ii, "ii"), (self.latency, "latency")):
            expect(value is not None and value.value.data > 0, f"a stage needs a positive `{name}`")


@irdl_op_definition
class CarryOp(LoopCarryOp):
    """The loop-carried value, as in `dataflow.carry`."""

    name = "rdu.carry"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class GatherOp(TableGatherOp):
    """An AGCU that reads rows by index, as in `dataflow.gather`."""

    name = "rdu.gather"
    traits = traits_def(HasParent(KernelOp))


class StreamOp(UnitOp):
    """An AGCU stream with its address pattern; the base of `rdu.load` and `rdu.store`.

    Tile t of pass i begins at `start + i * pass_stride + t * tile_stride` bytes from the argument's address,
    a store at a position `position * position_stride` further; `strides` are those inside the tile.
    """

    tiles = prop_def(IntegerAttr.constr(i64))
    """Tiles of one pass."""
    tile_stride = prop_def(IntegerAttr.constr(i64))
    start = prop_def(IntegerAttr.constr(i64))
    pass_stride = prop_def(IntegerAttr.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    """Bytes from one element to the next, per dimension of the tile."""
    once = opt_prop_def(UnitAttr)
    """One pass a call instead of one an iteration."""

    def passes(self, iterations: int) -> int:
        """Passes in a call."""
        return 1 if self.once is not None else iterations


@irdl_op_definition
class LoadOp(StreamOp):
    """A stream from memory to channels: `rdu.load %w to %c {tiles = 8, tile_stride = 1024, …} : …`."""

    name = "rdu.load"

    source = operand_def(TensorType[Attribute] | MemRefType[Attribute])
    after = opt_operand_def(ChannelType)
    position = opt_operand_def(TensorType[IntegerType])
    channels = var_operand_def(ChannelType)
    positions_per_tile = opt_prop_def(IntegerAttr.constr(i64))
    """With `after`: tiles from `position / positions_per_tile` on wait for its token."""

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
        after: SSAValue | None,
        position: SSAValue | None,
        properties: dict[str, Attribute | None],
    ):
        super().__init__(operands=[source, after, position, channels], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return () if self.after is None else (self.after,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.channels

    def consumed_tiles(self, channel: SSAValue, iterations: int) -> int:
        return self.passes(iterations)

    def produced_tiles(self, channel: SSAValue, iterations: int) -> int:
        return self.passes(iterations) * self.tiles.value.data

    def verify_(self) -> None:
        gate = {self.after is None, self.position is None, self.positions_per_tile is None}
        expect(len(gate) == 1, "give `after`, `position` and `positions_per_tile` together")
        _verify_strides(self, self.channels[0] if self.channels else None)


@irdl_op_definition
class StoreOp(StreamOp):
    """A stream from a channel to memory: `rdu.store %c into %y {tiles = 1, …} : …`.

    At a position of a cache, a tile `[B, n]` is written as `[B, n / head_dim, head_dim]`: three strides.
    """

    name = "rdu.store"

    channel = operand_def(ChannelType)
    destination = operand_def(MemRefType[Attribute])
    position = opt_operand_def(TensorType[IntegerType])
    done = var_operand_def(ChannelType)
    position_stride = opt_prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$channel `into` $destination (`at` $position^ `:` type($position))? "
        "(`done` `(` $done^ `:` type($done) `)`)? attr-dict `:` type($channel) `->` type($destination)"
    )

    def __init__(
        self,
        channel: SSAValue,
        destination: SSAValue,
        position: SSAValue | None,
        done: Sequence[SSAValue],
        properties: dict[str, Attribute | None],
    ):
        super().__init__(operands=[channel, destination, position, done], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return (self.channel,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.done

    def consumed_tiles(self, channel: SSAValue, iterations: int) -> int:
        return self.passes(iterations) * self.tiles.value.data

    def produced_tiles(self, channel: SSAValue, iterations: int) -> int:
        return self.passes(iterations)

    def verify_(self) -> None:
        both = (self.position is None) == (self.position_stride is None)
        expect(both, "give `at` and `position_stride` together")
        _verify_strides(self, self.channel)


def _verify_strides(op: StreamOp, channel: SSAValue | None) -> None:
    expect(channel is not None, "a load feeds at least one channel")
    assert channel is not None
    assert isinstance(channel.type, ChannelType), "checked by the op's definition"
    at_position = isinstance(op, StoreOp) and op.position is not None
    rank = 3 if at_position else len(shape_of(channel.type.tile))
    expect(len(op.strides) == rank, f"{len(op.strides)} strides for a tile of rank {rank}")
    expect(op.tiles.value.data > 0, f"a stream of {op.tiles.value.data} tiles")


# Launch.


@irdl_op_definition
class ScheduleOp(IRDLOperation):
    """The launch commands of one step, in order: `rdu.schedule @step inputs [@token] outputs [@next] { … }`."""

    name = "rdu.schedule"

    sym_name = prop_def(SymbolNameConstraint())
    inputs = prop_def(ArrayAttr[FlatSymbolRefAttr])
    outputs = prop_def(ArrayAttr[FlatSymbolRefAttr])
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface(), NoTerminator())
    assembly_format = "$sym_name `inputs` $inputs `outputs` $outputs attr-dict-with-keyword $body"

    def __init__(self, sym_name: str, inputs: Sequence[str], outputs: Sequence[str], body: Region):
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "inputs": ArrayAttr([SymbolRefAttr(name) for name in inputs]),
                "outputs": ArrayAttr([SymbolRefAttr(name) for name in outputs]),
            },
            regions=[body],
        )

    def verify_(self) -> None:
        legal = (LoadProgramOp, LoadArgumentsOp, ExecuteOp, ObserveOp)
        for op in self.body.block.ops:
            expect(isinstance(op, legal), f"{op.name} in a launch schedule")
        _verify_disjoint(self)


def _verify_disjoint(schedule: ScheduleOp) -> None:
    """Raises: VerifyException where two regions that are alive all the time overlap."""
    module = schedule.parent_op()
    if not isinstance(module, ModuleOp):
        return
    spans = [
        (
            op.tier.data,
            op.address.value.data,
            op.address.value.data + size_bytes_of(op.type),
            op.sym_name.data,
        )
        for op in module.ops
        if isinstance(op, RegionOp) and op.kind.data != "value"
    ]
    spans.sort()
    for (tier, _, end, name), (other_tier, begin, _, other) in pairwise(spans):
        expect(
            tier != other_tier or end <= begin,
            f"@{name} ends at byte {end} of {tier}, @{other} begins at {begin}",
        )


class _NamesKernel(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, LoadProgramOp | LoadArgumentsOp | ExecuteOp)
        kernel = SymbolTable.lookup_symbol(op, op.kernel)
        name = op.kernel.root_reference.data
        expect(isinstance(kernel, KernelOp), f"@{name} is no rdu.kernel of this module")


class _NamesKernelAndRegions(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, LoadArgumentsOp)
        kernel = SymbolTable.lookup_symbol(op, op.kernel)
        name = op.kernel.root_reference.data
        expect(isinstance(kernel, KernelOp), f"@{name} is no rdu.kernel of this module")
        assert isinstance(kernel, KernelOp)
        takes = len(kernel.function_type.inputs)
        expect(len(op.regions_) == takes, f"{len(op.regions_)} arguments for @{name}, which takes {takes}")


class _NamesRegion(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, ObserveOp)
        region = SymbolTable.lookup_symbol(op, op.region)
        name = op.region.root_reference.data
        expect(isinstance(region, RegionOp), f"@{name} is no region of this module")


@irdl_op_definition
class LoadProgramOp(IRDLOperation):
    """Configure the machine for a kernel: `rdu.load_program @decoder`."""

    name = "rdu.load_program"

    kernel = prop_def(FlatSymbolRefAttrConstr)

    traits = traits_def(HasParent(ScheduleOp), _NamesKernel())
    assembly_format = "$kernel attr-dict"

    def __init__(self, kernel: str):
        super().__init__(properties={"kernel": SymbolRefAttr(kernel)})


@irdl_op_definition
class LoadArgumentsOp(IRDLOperation):
    """Set a kernel's addresses: `rdu.load_arguments @decoder [@x, @wq] offsets [0, 8192]`."""

    name = "rdu.load_arguments"

    kernel = prop_def(FlatSymbolRefAttrConstr)
    regions_ = prop_def(ArrayAttr[FlatSymbolRefAttr], prop_name="memory_regions")
    offsets = prop_def(DenseArrayBase.constr(i64))
    """Bytes from the beginning of each region."""

    traits = traits_def(HasParent(ScheduleOp), _NamesKernelAndRegions())
    assembly_format = "$kernel $memory_regions `offsets` $offsets attr-dict"

    def __init__(self, kernel: str, arguments: Sequence[tuple[str, int]]):
        super().__init__(
            properties={
                "kernel": SymbolRefAttr(kernel),
                "memory_regions": ArrayAttr([SymbolRefAttr(name) for name, _ in arguments]),
                "offsets": DenseArrayBase.from_list(i64, [offset for _, offset in arguments]),
            }
        )

    @property
    def arguments(self) -> list[tuple[str, int]]:
        """Region name and byte offset of each argument."""
        names = [region.root_reference.data for region in self.regions_]
        return list(zip(names, (int(o) for o in self.offsets.get_values()), strict=True))


@irdl_op_definition
class ExecuteOp(IRDLOperation):
    """Run the loaded kernel with the loaded arguments: `rdu.execute @decoder`."""

    name = "rdu.execute"

    kernel = prop_def(FlatSymbolRefAttrConstr)

    traits = traits_def(HasParent(ScheduleOp), _NamesKernel())
    assembly_format = "$kernel attr-dict"

    def __init__(self, kernel: str):
        super().__init__(properties={"kernel": SymbolRefAttr(kernel)})


@irdl_op_definition
class ObserveOp(IRDLOperation):
    """The host reads a region: `rdu.observe @hidden as "hidden"`; the step waits for it."""

    name = "rdu.observe"

    region = prop_def(FlatSymbolRefAttrConstr)
    label = prop_def(StringAttr)

    traits = traits_def(HasParent(ScheduleOp), _NamesRegion())
    assembly_format = "$region `as` $label attr-dict"

    def __init__(self, region: str, label: str):
        super().__init__(properties={"region": SymbolRefAttr(region), "label": StringAttr(label)})


RDU = Dialect(
    "rdu",
    [
        RegionOp,
        KernelOp,
        BufferOp,
        StageOp,
        CarryOp,
        GatherOp,
        LoadOp,
        StoreOp,
        ScheduleOp,
        LoadProgramOp,
        LoadArgumentsOp,
        ExecuteOp,
        ObserveOp,
    ],
    [MachineAttr],
)
