"""The machine of a module, as an attribute, `#rdu.machine`, and the regions of its memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    LocationAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolNameConstraint,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Operation
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from .alike import AlikeOp, number_of, whole
from .dataflow_units import fail_at
from .machine import SN40L, Machine
from .module_machine import MachineAttribute, machine_attribute, put_machine
from .nn import StoredAttr, WeightOp
from .parameters import MachineParameters
from .tensors import expect, expect_known, size_bytes_of
from .vocabulary import HELP_MARK, REGION_KINDS, TIERS


@irdl_attr_definition
class MachineAttr(MachineAttribute):
    """The machine of a module: what differs from the default SN40L, `#rdu.machine<{pmus = 64 : i64}>`."""

    name = "rdu.machine"

    KEY: ClassVar[str] = "rdu.machine"
    TARGET: ClassVar[str] = "sn40l"
    DEFAULT: ClassVar[MachineParameters] = SN40L


def machine_of(op: Operation) -> Machine:
    """The machine of the module around an operation; the default SN40L where the module names none.

    Raises: VerifyException for a module that is for a machine of another class.
    """
    attribute = machine_attribute(op)
    if attribute is None:
        return SN40L
    if not isinstance(attribute, MachineAttr):
        what = f"the module is for a machine of the class {attribute.TARGET}, this is for an SN40L"
        raise VerifyException(f"{what}{HELP_MARK}leave #{attribute.name} out of the module's attributes")
    machine = attribute.machine()
    assert isinstance(machine, Machine), "the default is one"
    return machine


def set_machine(module: ModuleOp, machine: Machine) -> None:
    """Make `machine` the machine of the module."""
    put_machine(module, MachineAttr.of(machine))


@irdl_op_definition
class RegionOp(AlikeOp):
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
    rows = opt_prop_def(DenseArrayBase.constr(i64))
    """The part of the checkpoint's tensor: first row, the one behind the last, of how many each (0: once)."""
    columns = opt_prop_def(DenseArrayBase.constr(i64))
    """The same of its columns."""
    layers = opt_prop_def(DenseArrayBase.constr(i64))
    """What `{layer}` stands for in each layer; absent: 0, 1, 2, …."""
    value = opt_prop_def(DenseIntOrFPElementsAttr)
    """Of the whole weight, where it is a constant."""
    stored = opt_prop_def(StoredAttr)
    """The weight is a part of one of fewer bits."""
    shard_axis = opt_prop_def(IntegerAttr.constr(i64))
    """The axis along which the whole weight is split over the sockets."""
    shard_parts = opt_prop_def(IntegerAttr.constr(i64))
    """Into how many parts; with fewer parts than sockets, neighbours share a part."""
    shard_runs = opt_prop_def(DenseArrayBase.constr(i64))
    """Elements of the whole axis and zeros behind them, in turn; absent: no zeros."""
    shard_repeats = opt_prop_def(IntegerAttr.constr(i64))
    """How often each element of the axis stands in the parts; absent: once."""
    pmus = opt_prop_def(IntegerAttr.constr(i64))
    """In SRAM: over how many PMUs the bytes are spread, word by word; absent: as many as hold it."""

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
        weight: WeightOp | None = None,
        location: LocationAttr | None = None,
    ):
        """With `weight`, the region keeps what a loader must know of it."""
        properties: dict[str, Attribute] = {
            "sym_name": StringAttr(sym_name),
            "kind": StringAttr(kind),
            "tier": StringAttr(tier),
            "address": whole(address),
            "type": type,
        }
        if weight is not None:
            properties |= {name: value for name, value in weight.properties.items() if name not in properties}
        # There are no operands, results or regions, which xDSL's own constructor goes through.
        Operation.__init__(self, properties=properties, location=location)

    VARIES: ClassVar = ("sym_name", "address")

    @property
    def number(self) -> int:
        """The address, whose bounds are those of the memory."""
        return number_of(self.properties.get("address"))

    @property
    def end(self) -> int:
        """The byte behind its last one; in SRAM, behind its last PMU."""
        return self.address.value.data + max(size_bytes_of(self.type), self._pmus_bytes)

    @property
    def _pmus_bytes(self) -> int:
        return 0 if self.pmus is None else self.pmus.value.data * machine_of(self).pmu_bytes

    def verify_(self) -> None:
        expect_known("region kind", self.kind.data, REGION_KINDS)
        expect_known("memory tier", self.tier.data, TIERS)
        machine, tier = machine_of(self), self.tier.data
        capacity = {"hbm": machine.hbm_bytes, "ddr": machine.ddr_bytes, "sram": machine.sram_bytes}[tier]
        name, begin, end = self.sym_name.data, self.address.value.data, self.end
        expect(begin >= 0, f"@{name} begins at byte {begin}")
        expect(size_bytes_of(self.type) > 0, lambda: f"@{name} has no bytes: {self.type}")
        expect(end <= capacity, f"@{name} ends at byte {end} of {tier}, which holds {capacity}")


def verify_disjoint(regions: Iterable[RegionOp]) -> None:
    """Only values may share addresses; whether they are alive together is checked on the program.

    Raises: VerifyException where a region overlaps one that is alive all the time.
    """
    reached: RegionOp | None = None
    reached_end = 0
    for region in sorted(regions, key=lambda op: (op.tier.data, op.address.value.data)):
        end = region.end
        if reached is None or reached.tier.data != region.tier.data:
            reached, reached_end = region, end
            continue
        values = reached.kind.data == region.kind.data == "value"
        begin = region.address.value.data
        if begin < reached_end and not values:
            before, tier = reached.sym_name.data, region.tier.data
            fail_at(
                region,
                f"@{region.sym_name.data} begins at byte {begin} of {tier}, "
                f"@{before} ends at byte {reached_end}",
            )
        if end > reached_end:
            reached, reached_end = region, end
