"""The `rdu` dialect: what is the machine's own in a program for it.

**Invariants.** What is launched is a list of the machine's three commands: program load, argument load,
execute. No memory region overlaps another one that is alive. A kernel that is launched is a planned
`dataflow.kernel`: it fits the machine (`#rdu.machine` on the module), no PCU or PMU has two tasks in it,
every channel fits its PMUs, and its streams walk through memory by explicit byte strides (`#rdu.walk`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    FlatSymbolRefAttr,
    FlatSymbolRefAttrConstr,
    LocationAttr,
    ModuleOp,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Dialect, Operation, Region
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, region_def, traits_def
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface

from .alike import AlikeOp, array, integers
from .dataflow_kernel import KernelOp
from .dataflow_units import fail_at
from .rdu_machine import MachineAttr, RegionOp, verify_disjoint
from .rdu_planned import WalkAttr, verify_planned
from .tensors import expect, size_bytes_of


class Symbols(dict[str, Operation]):
    """What the names of a module stand for, with the bytes of its regions and of what its kernels take."""

    def __init__(self, module: Operation | None):
        """Looking each symbol up by itself would be quadratic."""
        ops = module.ops if isinstance(module, ModuleOp) else ()
        named = ((op, op.properties.get("sym_name")) for op in ops)
        super().__init__((name.data, op) for op, name in named if isinstance(name, StringAttr))
        self.bytes = {name: size_bytes_of(op.type) for name, op in self.items() if isinstance(op, RegionOp)}
        self._parameters: dict[str, tuple[int, ...]] = {}

    def parameters(self, kernel: KernelOp) -> tuple[int, ...]:
        """Bytes of each argument, and of each result, of a kernel."""
        name = kernel.sym_name.data
        if name not in self._parameters:
            types = kernel.function_type
            self._parameters[name] = tuple(map(size_bytes_of, (*types.inputs, *types.outputs)))
        return self._parameters[name]


_FLAT: ArrayAttr[StringAttr] = ArrayAttr([])


@lru_cache(maxsize=1024)
def _symbol(name: str) -> SymbolRefAttr:
    """The reference to a symbol: commands that follow one another name the same few."""
    return SymbolRefAttr(name, _FLAT)


def _is_flat(name: Attribute) -> bool:
    return isinstance(name, SymbolRefAttr) and not name.nested_references.data


@irdl_op_definition
class ScheduleOp(IRDLOperation):
    """The launch commands of a step, in order: `rdu.schedule @step inputs [@token] outputs [@next] { … }`.

    It makes its module a program: all kernels of the module are planned for the machine.
    """

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
        symbols = Symbols(self.parent_op())
        for op in self.body.block.ops:
            if not isinstance(op, LaunchOp):
                fail_at(op, f"{op.name} in a launch schedule; only launch commands stand there")
            op.verify_symbols(symbols)
        for name in self.inputs:
            kind = _region(self, symbols, name).kind.data
            expect(kind == "input", f"input {name} is a region of kind '{kind}'; the caller fills an 'input'")
        for name in self.outputs:
            _region(self, symbols, name)
        for op in symbols.values():
            if isinstance(op, KernelOp):
                verify_planned(op)
        verify_disjoint(op for op in symbols.values() if isinstance(op, RegionOp))


def _region(at: Operation, symbols: Symbols, name: SymbolRefAttr) -> RegionOp:
    region = symbols.get(name.root_reference.data)
    if not isinstance(region, RegionOp):
        fail_at(at, f"{name} is no region of this module")
    return region


def _stacked_bytes(first: RegionOp, symbols: Symbols) -> int:
    """Bytes of a region and of those like it that follow without a gap: the parts of a `kernel.stack`."""
    like = [op for op in symbols.values() if isinstance(op, RegionOp) and op.type == first.type]
    ends = {op.address.value.data: op.end for op in like if (op.kind, op.tier) == (first.kind, first.tier)}
    end = first.end
    while end in ends:
        end = ends[end]
    return end - first.address.value.data


class LaunchOp(IRDLOperation, ABC):
    """A command of a launch schedule; the schedule verifies the symbols of all its commands at once."""

    def __init__(self, properties: Mapping[str, Attribute], location: LocationAttr | None):
        # There are no operands, results or regions, which xDSL's own constructor goes through.
        Operation.__init__(self, properties=properties, location=location)

    @abstractmethod
    def verify_symbols(self, symbols: Symbols) -> None:
        """Raises: VerifyException where a name stands for nothing, or for something of another kind."""


class KernelCommandOp(LaunchOp, AlikeOp, ABC):
    """A command about a kernel."""

    kernel = prop_def(FlatSymbolRefAttrConstr)

    @property
    def number(self) -> int:
        """They have none."""
        return 0

    def verify_symbols(self, symbols: Symbols) -> None:
        self.kernel_in(symbols)

    def kernel_in(self, symbols: Symbols) -> KernelOp:
        """The kernel that it names.

        Raises: VerifyException where there is none.
        """
        kernel = symbols.get(self.kernel.root_reference.data)
        if not isinstance(kernel, KernelOp):
            fail_at(self, f"{self.kernel} is no dataflow.kernel of this module")
        return kernel


@irdl_op_definition
class LoadProgramOp(KernelCommandOp):
    """Configure the machine for a kernel: `rdu.load_program @decoder`."""

    name = "rdu.load_program"

    traits = traits_def(HasParent(ScheduleOp))
    assembly_format = "$kernel attr-dict"

    def __init__(self, kernel: str, location: LocationAttr | None = None):
        super().__init__({"kernel": _symbol(kernel)}, location)


@irdl_op_definition
class LoadArgumentsOp(KernelCommandOp):
    """Set a kernel's addresses: `rdu.load_arguments @decoder [@x, @wq, @y] offsets [0, 8192, 0]`.

    Those of its arguments come first, those of its results last.
    """

    name = "rdu.load_arguments"

    regions_ = prop_def(ArrayAttr[SymbolRefAttr], prop_name="memory_regions")
    """Flat names."""
    offsets = prop_def(DenseArrayBase.constr(i64))
    """Bytes from the beginning of each region."""

    VARIES: ClassVar = ("memory_regions", "offsets")
    """What is in them is verified with the symbols."""

    traits = traits_def(HasParent(ScheduleOp))
    assembly_format = "$kernel $memory_regions `offsets` $offsets attr-dict"

    def __init__(
        self, kernel: str, arguments: Sequence[tuple[str, int]], location: LocationAttr | None = None
    ):
        names, offsets = zip(*arguments, strict=True) if arguments else ((), ())
        super().__init__(
            {
                "kernel": _symbol(kernel),
                "memory_regions": ArrayAttr(map(_symbol, names)),
                "offsets": array(offsets),
            },
            location,
        )

    @property
    def arguments(self) -> list[tuple[str, int]]:
        """Region name and byte offset of each argument."""
        names = [region.root_reference.data for region in self.regions_]
        return list(zip(names, integers(self.offsets), strict=True))

    def _verify_lists(self) -> None:
        given, offsets = len(self.regions_), len(self.offsets)
        if given != offsets:
            fail_at(self, f"{offsets} offsets for {given} arguments")
        for name in self.regions_:
            if not _is_flat(name):
                fail_at(self, f"{name} is no flat name")

    def verify_symbols(self, symbols: Symbols) -> None:
        self._verify_lists()
        sizes, arguments = symbols.parameters(self.kernel_in(symbols)), self.arguments
        given, takes = len(arguments), len(sizes)
        if given != takes:
            fail_at(self, f"{given} arguments for {self.kernel}, which takes {takes}")
        for (name, offset), needed in zip(arguments, sizes, strict=True):
            size, end = symbols.bytes.get(name, -1), offset + needed
            if offset >= 0 and end <= size:
                continue
            region = _region(self, symbols, SymbolRefAttr(name))
            if offset < 0 or end > _stacked_bytes(region, symbols):
                fail_at(self, f"{self.kernel} works on bytes {offset} to {end} of @{name}, which has {size}")


@irdl_op_definition
class ExecuteOp(KernelCommandOp):
    """Run the loaded kernel with the loaded arguments: `rdu.execute @decoder`."""

    name = "rdu.execute"

    traits = traits_def(HasParent(ScheduleOp))
    assembly_format = "$kernel attr-dict"

    def __init__(self, kernel: str, location: LocationAttr | None = None):
        super().__init__({"kernel": _symbol(kernel)}, location)


@irdl_op_definition
class ObserveOp(LaunchOp):
    """The host reads a region: `rdu.observe @hidden as "hidden"`; the step waits for it."""

    name = "rdu.observe"

    region = prop_def(FlatSymbolRefAttrConstr)
    label = prop_def(StringAttr)

    traits = traits_def(HasParent(ScheduleOp))
    assembly_format = "$region `as` $label attr-dict"

    def __init__(self, region: str, label: str, location: LocationAttr | None = None):
        super().__init__({"region": _symbol(region), "label": StringAttr(label)}, location)

    def verify_symbols(self, symbols: Symbols) -> None:
        _region(self, symbols, self.region)


RDU = Dialect(
    "rdu",
    [RegionOp, ScheduleOp, LoadProgramOp, LoadArgumentsOp, ExecuteOp, ObserveOp],
    [MachineAttr, WalkAttr],
)
