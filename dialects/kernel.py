"""The `kernel` dialect: what the machine is told to launch, and in which order.

**Invariants.** A `kernel.func` holds nn operations (and `kernel.loop`s of them) and calls nothing. A
`kernel.schedule` is one step as a straight list of `kernel.call`s: exactly what stands there is launched,
nothing else runs on the machine. Tensors that pass between calls live in memory; a `memref` operand is
read and written in place.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import (
    DenseArrayBase,
    FunctionType,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    TensorType,
    i64,
)
from xdsl.dialects.utils import parse_func_op_like, print_func_op_like
from xdsl.ir import Attribute, Block, BlockArgument, Dialect, Operation, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    Pure,
    RecursiveMemoryEffect,
    SymbolOpInterface,
    SymbolTable,
    SymbolUserOpInterface,
)

from .calls import SlicedCallOp, verify_call_signature
from .nn import GetGlobalOp, ObserveOp, expect, shape_of, slice_type
from .tensors import listed


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
        expect(types == inputs, f"arguments are {listed(types)}, the signature says {listed(inputs)}")

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
        for op in self.body.block.ops:
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
    last = function.body.block.last_op
    expect(isinstance(last, ReturnOp), f"{function.name} ends without kernel.return")
    assert last is not None
    wanted, types = function.function_type.outputs.data, tuple(last.operand_types)
    expect(types == wanted, f"kernel.return gives {listed(types)}, the signature says {listed(wanted)}")


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
        kernel = SymbolTable.lookup_symbol(op, op.callee)
        signature = kernel.properties.get("function_type") if kernel is not None else None
        name = op.callee.root_reference.data
        expect(
            isinstance(signature, FunctionType) and not isinstance(kernel, ScheduleOp),
            f"@{name} is no kernel of this module",
        )
        assert isinstance(signature, FunctionType)
        index = op.index.value.data if op.index is not None else None
        verify_call_signature(op.arguments.types, op.result_types, index, name, signature)


@irdl_op_definition
class CallOp(SlicedCallOp):
    """Launch of a kernel: `%y = kernel.call @decoder[3](%x, %position, %wq) : (…) -> tensor<…>`.

    With an index, every operand with one leading dimension more than the kernel's parameter is sliced there.
    """

    name = "kernel.call"

    traits = traits_def(HasParent(ScheduleOp), _KernelExists())


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


@irdl_op_definition
class LoopOp(IRDLOperation):
    """A pipelined loop inside a kernel: iteration i works on slice `start + i * step` of each stack.

    The body's arguments are the carried values and then one slice per stack; it yields the next carried
    values. Whatever it uses from outside is invariant. Iterations may overlap as far as the carried values
    allow: the next iteration's slices are loaded while this one computes.
    """

    name = "kernel.loop"

    count = prop_def(IntegerAttr.constr(i64))
    starts = opt_prop_def(DenseArrayBase.constr(i64))
    """First slice of each stack; zeros if absent."""
    steps = opt_prop_def(DenseArrayBase.constr(i64))
    """Distance of consecutive slices of each stack; ones if absent."""
    carried = var_operand_def()
    stacks = var_operand_def(TensorType[Attribute] | MemRefType[Attribute])
    res = var_result_def()
    body = region_def("single_block")

    traits = traits_def(RecursiveMemoryEffect())
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$count (`carried` `(` $carried^ `:` type($carried) `)` `->` type($res))? "
        "(`stacks` `(` $stacks^ `:` type($stacks) `)`)? attr-dict-with-keyword $body"
    )

    def __init__(
        self,
        count: int,
        carried: Sequence[SSAValue],
        stacks: Sequence[SSAValue],
        body: Region,
        starts: Sequence[int] | None = None,
        steps: Sequence[int] | None = None,
    ):
        properties: dict[str, Attribute] = {"count": IntegerAttr(count, i64)}
        if starts is not None and any(start != 0 for start in starts):
            properties["starts"] = DenseArrayBase.from_list(i64, starts)
        if steps is not None and any(step != 1 for step in steps):
            properties["steps"] = DenseArrayBase.from_list(i64, steps)
        super().__init__(
            operands=[carried, stacks],
            result_types=[[value.type for value in carried]],
            properties=properties,
            regions=[body],
        )

    @property
    def slices(self) -> tuple[tuple[int, int], ...]:
        """Start and step of each stack."""
        starts = self.starts.get_values() if self.starts else (0,) * len(self.stacks)
        steps = self.steps.get_values() if self.steps else (1,) * len(self.stacks)
        return tuple((int(start), int(step)) for start, step in zip(starts, steps, strict=True))

    def verify_(self) -> None:
        count = self.count.value.data
        expect(count > 0, f"a loop of {count} iterations")
        for array, what in ((self.starts, "starts"), (self.steps, "steps")):
            given = len(array) if array is not None else len(self.stacks)
            expect(given == len(self.stacks), f"{given} {what} for {len(self.stacks)} stacks")
        for stack, (start, step) in zip(self.stacks, self.slices, strict=True):
            ends, length = (start, start + (count - 1) * step), shape_of(stack)[0]
            fits = min(ends) >= 0 and max(ends) < length
            expect(fits, f"the loop reads slices {ends[0]} to {ends[1]} of a stack of {length}")
        wanted = [value.type for value in self.carried]
        expect([r.type for r in self.res] == wanted, "results and carried values differ in type")
        arguments = [*wanted, *(slice_type(stack.type) for stack in self.stacks)]
        given_types = [arg.type for arg in self.body.block.args]
        expect(
            given_types == arguments,
            f"body arguments are {listed(given_types)}, should be {listed(arguments)}",
        )
        last = self.body.block.last_op
        expect(isinstance(last, YieldOp), "the loop body ends without kernel.yield")
        assert last is not None
        expect(list(last.operand_types) == wanted, "the loop yields other types than it carries")


@irdl_op_definition
class GroupOp(IRDLOperation):
    """Operations of a step or a layer that are to become one kernel; `outline-kernels` makes and ends them.

    `%y = kernel.group -> tensor<1x8xbf16> { … kernel.yield %z : tensor<1x8xbf16> }`
    """

    name = "kernel.group"

    res = var_result_def()
    body = region_def("single_block")

    traits = traits_def(RecursiveMemoryEffect())
    assembly_format = "(`->` type($res)^)? attr-dict-with-keyword $body"

    def __init__(self, body: Region, result_types: Sequence[Attribute]):
        super().__init__(regions=[body], result_types=[result_types])

    def verify_(self) -> None:
        expect(len(self.body.block.args) == 0, "a group captures its values, it takes no arguments")
        last = self.body.block.last_op
        expect(isinstance(last, YieldOp), "the group ends without kernel.yield")
        assert last is not None
        wanted, types = list(self.res.types), list(last.operand_types)
        expect(types == wanted, f"the group yields {listed(types)}, its results are {listed(wanted)}")


@irdl_op_definition
class YieldOp(IRDLOperation):
    """End of a loop body, with the carried values of the next iteration, or of a group, with its results."""

    name = "kernel.yield"

    arguments = var_operand_def()

    traits = traits_def(IsTerminator(), Pure(), HasParent(LoopOp, GroupOp))
    assembly_format = "attr-dict ($arguments^ `:` type($arguments))?"

    def __init__(self, arguments: Sequence[SSAValue]):
        super().__init__(operands=[arguments])


KERNEL = Dialect("kernel", [FuncOp, ScheduleOp, ReturnOp, CallOp, StackOp, LoopOp, GroupOp, YieldOp])
