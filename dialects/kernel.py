"""The `kernel` dialect: what the machine is told to launch, and in which order.

**Invariants.** A `kernel.func` holds nn operations, `kernel.loop`s of them (in a row, among other operations,
one inside another) and `kernel.steps`, and calls nothing. A `kernel.schedule` is one step as a straight list
of `kernel.call`s: exactly what stands there is launched, nothing else runs on the machine. Tensors that pass
between calls live in memory; a `memref` operand is read and written in place.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import prod

from xdsl.dialects.builtin import (
    FunctionType,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    TensorType,
)
from xdsl.dialects.utils import parse_func_op_like, print_func_op_like
from xdsl.ir import Attribute, Block, BlockArgument, Dialect, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    Pure,
    SymbolOpInterface,
    SymbolUserOpInterface,
)

from .accesses import Place
from .kernel_loops import GroupOp, LoopOp, StepsOp, YieldOp
from .nn import GetGlobalOp, ObserveOp
from .symbols import find_symbol
from .tensors import SlicedCallOp, ending_types, expect, listed, shape_of, slice_type, verify_call_signature


class FunctionLikeOp(IRDLOperation, ABC):
    """A symbol with a signature and a single-block body, printed like a function.

    Written by hand because declarative formats cannot print a signature with named arguments.
    """

    sym_name = prop_def(SymbolNameConstraint())
    function_type = prop_def(FunctionType)
    body = region_def("single_block")

    def __init__(
        self,
        sym_name: str,
        function_type: FunctionType,
        body: Region | None = None,
        attributes: dict[str, Attribute] | None = None,
    ):
        if body is None:
            body = Region(Block(arg_types=function_type.inputs))
        super().__init__(
            properties={"sym_name": StringAttr(sym_name), "function_type": function_type},
            regions=[body],
            attributes=attributes or {},
        )

    @property
    def args(self) -> Sequence[BlockArgument]:
        """The arguments of the body."""
        return self.body.block.args

    def verify_(self) -> None:
        inputs = self.function_type.inputs.data
        types = tuple(arg.type for arg in self.args)
        expect(types == inputs, lambda: f"arguments are {listed(types)}, the signature says {listed(inputs)}")

    def verify_places(self, places: Mapping[SSAValue, Place]) -> None:
        """Check a call whose arguments overlap in memory, in elements; what runs in order may take any.

        Raises: VerifyException.
        """

    @classmethod
    def parse(cls, parser: Parser) -> FunctionLikeOp:
        name, inputs, outputs, region, attributes, _, _ = parse_func_op_like(
            parser, reserved_attr_names=("sym_name", "function_type")
        )
        extra = dict(attributes.data) if attributes is not None else {}
        if not region.blocks:
            region.add_block(Block())  # `{ }` of a network without arguments and units
        return cls(name, FunctionType.from_lists(inputs, outputs), region, extra)

    def print(self, printer: Printer) -> None:
        print_func_op_like(
            printer,
            self.sym_name,
            self.function_type,
            self.body,
            self.attributes,
            reserved_attr_names=("sym_name", "function_type"),
        )


@irdl_op_definition
class FuncOp(FunctionLikeOp):
    """A kernel: nn operations that run as one call on the machine.

    `kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> { … }`
    """

    name = "kernel.func"
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface())

    def verify_(self) -> None:
        super().verify_()
        for op in self.body.walk():
            expect(not isinstance(op, CallOp | ObserveOp | GroupOp), f"{op.name} inside a kernel")
        _verify_return(self)


@irdl_op_definition
class ScheduleOp(FunctionLikeOp):
    """One step of the model: the list of kernel calls, in launch order.

    `kernel.schedule @step(%token: tensor<1xi32>, %position: tensor<i32>) -> tensor<1xi32> { … }`
    """

    name = "kernel.schedule"
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface())

    def verify_(self) -> None:
        super().verify_()
        legal = (CallOp, StackOp, GetGlobalOp, ObserveOp, ReturnOp)
        for op in self.body.block.ops:
            expect(isinstance(op, legal), f"{op.name} in a schedule; only kernel calls run there")
        _verify_return(self)


def _verify_return(function: FunctionLikeOp) -> None:
    wanted = list(function.function_type.outputs)
    types = ending_types(function.body.block, ReturnOp, function.name)
    expect(
        types == wanted, lambda: f"kernel.return gives {listed(types)}, the signature says {listed(wanted)}"
    )


@irdl_op_definition
class ReturnOp(IRDLOperation):
    """End of a kernel or a schedule, with its results."""

    name = "kernel.return"

    arguments = var_operand_def()

    traits = traits_def(IsTerminator(), HasParent(FuncOp, ScheduleOp))
    assembly_format = "attr-dict ($arguments^ `:` type($arguments))?"

    def __init__(self, arguments: Sequence[SSAValue]):
        super().__init__(operands=[arguments])


class _KernelExists(SymbolUserOpInterface):
    def verify(self, op: Operation) -> None:
        assert isinstance(op, CallOp)
        kernel = find_symbol(op, op.callee)
        signature = kernel.properties.get("function_type") if kernel is not None else None
        name = op.callee.root_reference.data
        expect(
            isinstance(signature, FunctionType) and not isinstance(kernel, ScheduleOp),
            f"@{name} is no kernel of this module",
        )
        assert isinstance(signature, FunctionType)
        index = op.index.value.data if op.index is not None else None
        verify_call_signature(op.operand_types, op.result_types, index, name, signature)
        if isinstance(kernel, FunctionLikeOp):
            _verify_places(op, kernel)


def _verify_places(call: CallOp, kernel: FunctionLikeOp) -> None:
    """Check that a kernel can be given one memory as several arguments, where a call does so."""
    if len(_memories(call)) < 2:
        return
    parts = stacked_places(value.owner for value in call.arguments)
    places: dict[SSAValue, Place] = {}
    named: dict[Hashable, int] = {}
    for value, argument in zip(call.arguments, kernel.args, strict=True):
        place = place_of(value, parts)
        if value.type != argument.type and call.index is not None:
            slice_ = call.index.value.data * prod(shape_of(argument))
            place = Place(place.root, place.start + slice_)
        places[argument] = place
        if isinstance(value.type, MemRefType):
            named[place.root] = named.get(place.root, 0) + 1
    if any(count > 1 for count in named.values()):
        kernel.verify_places(places)


def _memories(call: CallOp) -> list[SSAValue]:
    return [value for value in call.operands if isinstance(value.type, MemRefType)]


@irdl_op_definition
class CallOp(SlicedCallOp):
    """Launch of a kernel: `%y = kernel.call @decoder[3](%x, %position, %wq) : (…) -> tensor<…>`.

    With an index, every operand with one leading dimension more than the kernel's parameter is sliced there.
    """

    name = "kernel.call"

    traits = traits_def(HasParent(ScheduleOp), _KernelExists())

    def spelling(self) -> Hashable:
        """Itself where one memory may be given twice, as that depends on values."""
        memories = _memories(self)
        stacked = any(isinstance(value.owner, StackOp) for value in memories)
        return self if stacked or len({*map(root_of, memories)}) < len(memories) else super().spelling()


@irdl_op_definition
class StackOp(IRDLOperation):
    """N tensors or memrefs of one type laid out one behind another, as one stack `[N, …]`.

    A demand on the layout of the memory, not a copy: the parts must be weights or states.
    """

    name = "kernel.stack"

    parts = var_operand_def(TensorType[Attribute] | MemRefType[Attribute])
    result = result_def(TensorType[Attribute] | MemRefType[Attribute])

    traits = traits_def(Pure(), HasParent(ScheduleOp))
    assembly_format = "$parts attr-dict `:` functional-type($parts, $result)"

    def __init__(self, parts: Sequence[SSAValue]):
        first = parts[0].type
        assert isinstance(first, TensorType | MemRefType), "stacks are of tensors or memrefs"
        kind = TensorType if isinstance(first, TensorType) else MemRefType
        stacked = kind(first.get_element_type(), [len(parts), *first.get_shape()])
        super().__init__(operands=[parts], result_types=[stacked])

    def verify_(self) -> None:
        expect(len(self.parts) > 0, "a stack of nothing")
        wanted = slice_type(self.result.type)
        for number, part in enumerate(self.parts):
            expect(part.type == wanted, f"part {number} is a {part.type}, not a {wanted}")
        length = shape_of(self.result)[0]
        expect(len(self.parts) == length, f"{len(self.parts)} parts in a stack of {length}")


def is_same_kernel(one: FuncOp, other: FuncOp) -> bool:
    """Whether two kernels are equal but for their names and locations."""
    same_signature = one.function_type == other.function_type and one.attributes == other.attributes
    return same_signature and one.body.is_structurally_equivalent(other.body)


Root = SSAValue | str
"""A value that calls are given; a weight or state is known by its name, however often it is fetched."""


def root_of(value: SSAValue) -> Root:
    """What a value of a schedule is, in the same way for every use of it."""
    owner = value.owner
    return owner.global_name.string_value() if isinstance(owner, GetGlobalOp) else value


def stacked_places(makers: Iterable[Operation | Block]) -> dict[Root, Place]:
    """Where the parts of stacks lie in them, in elements; what else makes values has no parts."""
    return {
        root_of(part): Place(stack.result, number * prod(shape_of(part)))
        for stack in makers
        if isinstance(stack, StackOp)
        for number, part in enumerate(stack.parts)
    }


def place_of(value: SSAValue, parts: Mapping[Root, Place]) -> Place:
    """Where a value of a schedule lies; `parts` has those that stand in stacks."""
    root = root_of(value)
    return parts.get(root, Place(root))


KERNEL = Dialect("kernel", [FuncOp, ScheduleOp, ReturnOp, CallOp, StackOp, LoopOp, StepsOp, GroupOp, YieldOp])
