"""The `rdu` operations of memory and launch: regions, the schedule, the three commands."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    FlatSymbolRefAttr,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Operation, Region
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.traits import (
    HasParent,
    IsolatedFromAbove,
    NoTerminator,
    SymbolOpInterface,
    SymbolTable,
    SymbolUserOpInterface,
)

from .nn import expect, size_bytes_of
from .rdu_kernel import KernelOp
from .rdu_machine import machine_of

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


@irdl_op_definition
class ScheduleOp(IRDLOperation):
    """The launch commands of a step, in order: `rdu.schedule @step inputs [@token] outputs [@next] { … }`."""

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
