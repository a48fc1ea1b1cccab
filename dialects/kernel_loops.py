"""The regions inside kernels: the loop over layers, the loop over decode steps, groups to be outlined."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, IntegerType, MemRefType, TensorType, i64
from xdsl.ir import Attribute, Region, SSAValue
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
    var_result_def,
)
from xdsl.traits import HasParent, IsTerminator, Pure, RecursiveMemoryEffect

from .stop_token import expect_rows_can_stop, expect_tokens_of_rows
from .tensors import ending_types, expect, listed, shape_of, slice_type, stack_type


@irdl_op_definition
class LoopOp(IRDLOperation):
    """A pipelined loop inside a kernel: iteration i works on slice `start + i * stride` of each stack.

    The body's arguments are the carried values and then one slice per stack; it yields the next carried
    values. Whatever it uses from outside is invariant. Iterations may overlap as far as the carried values
    allow: the next iteration's slices are loaded while this one computes.

    Loops nest, and stand in a row. A stack may hand the body a *window* instead of a slice: as many slices as
    its entry in `windows` says, from the slice of the iteration on, as a stack that an inner loop walks:

    ```
    %r = kernel.loop 4 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16>
        stacks(%w : tensor<20x8x8xbf16>) attributes {strides = array<i64: 5>, windows = array<i64: 5>} {
    ^bb0(%h: tensor<1x8xbf16>, %five: tensor<5x8x8xbf16>):
      %s = kernel.loop 5 carried(%h : tensor<1x8xbf16>) -> tensor<1x8xbf16>
          stacks(%five : tensor<5x8x8xbf16>) {
      ^bb1(%g: tensor<1x8xbf16>, %one: tensor<8x8xbf16>):
        …
    ```
    """

    name = "kernel.loop"

    count = prop_def(IntegerAttr.constr(i64))
    starts = opt_prop_def(DenseArrayBase.constr(i64))
    """First slice of each stack; zeros if absent."""
    strides = opt_prop_def(DenseArrayBase.constr(i64))
    """Distance of consecutive slices of each stack; ones if absent."""
    windows = opt_prop_def(DenseArrayBase.constr(i64))
    """Slices that the body is handed of each stack, as a stack; 0, and zeros if absent, for one by itself."""
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
        strides: Sequence[int] | None = None,
        windows: Sequence[int] | None = None,
    ):
        properties: dict[str, Attribute] = {"count": IntegerAttr(count, i64)}
        if starts is not None and any(start != 0 for start in starts):
            properties["starts"] = DenseArrayBase.from_list(i64, starts)
        if strides is not None and any(stride != 1 for stride in strides):
            properties["strides"] = DenseArrayBase.from_list(i64, strides)
        if windows is not None and any(windows):
            properties["windows"] = DenseArrayBase.from_list(i64, windows)
        super().__init__(
            operands=[carried, stacks],
            result_types=[[value.type for value in carried]],
            properties=properties,
            regions=[body],
        )

    @property
    def slices(self) -> tuple[tuple[int, int], ...]:
        """Start and stride of each stack."""
        starts = self.starts.get_values() if self.starts else (0,) * len(self.stacks)
        strides = self.strides.get_values() if self.strides else (1,) * len(self.stacks)
        return tuple((int(start), int(stride)) for start, stride in zip(starts, strides, strict=True))

    @property
    def window_lengths(self) -> tuple[int, ...]:
        """Slices of the window that the body is handed of each stack; 0 for a slice by itself."""
        if self.windows is None:
            return (0,) * len(self.stacks)
        return tuple(int(length) for length in self.windows.get_values())

    @property
    def part_types(self) -> list[Attribute]:
        """What the body is handed of each stack: a slice or a window."""
        slices = [slice_type(stack.type) for stack in self.stacks]
        pairs = zip(slices, self.window_lengths, strict=True)
        return [stack_type(type_, length) if length else type_ for type_, length in pairs]

    def verify_(self) -> None:
        count = self.count.value.data
        expect(count > 0, f"a loop of {count} iterations")
        for array, what in ((self.starts, "starts"), (self.strides, "strides"), (self.windows, "windows")):
            given = len(array) if array is not None else len(self.stacks)
            expect(given == len(self.stacks), f"{given} {what} for {len(self.stacks)} stacks")
        for stack, walk, window in zip(self.stacks, self.slices, self.window_lengths, strict=True):
            expect(window >= 0, f"a window of {window} slices")
            first, last = _walked(*walk, count, window)
            length = shape_of(stack)[0]
            fits = min(first, last) >= 0 and max(first, last) < length
            expect(fits, f"the loop reads slices {first} to {last} of a stack of {length}")
        wanted = [value.type for value in self.carried]
        for type_ in wanted:
            tensor = isinstance(type_, TensorType)
            expect(tensor, f"the loop carries a {type_}; memory is written in place, use it from outside")
        expect([r.type for r in self.res] == wanted, "results and carried values differ in type")
        arguments = [*wanted, *self.part_types]
        given_types = [arg.type for arg in self.body.block.args]
        expect(
            given_types == arguments,
            f"body arguments are {listed(given_types)}, should be {listed(arguments)}",
        )
        yielded = ending_types(self.body.block, YieldOp, "the loop body")
        expect(yielded == wanted, "the loop yields other types than it carries")


def _walked(start: int, stride: int, count: int, window: int) -> tuple[int, int]:
    """The outermost slices that a loop reads of a stack, in the order in which it reads them."""
    last, more = start + (count - 1) * stride, max(window, 1) - 1
    return (start, last + more) if stride >= 0 else (start + more, last)


@irdl_op_definition
class StepsOp(IRDLOperation):
    """A loop over decode steps around the whole of a step: what one step yields the next one takes.

    ```
    %tokens = kernel.steps 8 carried(%token : tensor<1xi32>) counted(%position : tensor<i32>)
        -> tensor<8x1xi32> {
    ^bb0(%t: tensor<1xi32>, %p: tensor<i32>):
      …
      kernel.yield %next : tensor<1xi32>
    }
    ```
    The body's arguments are the carried values and then the counters: `%p` is `%position` plus the number of
    the step. Each result has what all steps have yielded, stacked.

    With `stop 7`, behind `counted`, the one carried value is a token per row of the batch, and a row whose
    token is 7 when a step begins is done: what is appended to caches leaves its rows as they are, and the
    step yields 7 for it. Once all rows are done no step follows, and the rest of the result is 7.
    """

    name = "kernel.steps"

    count = prop_def(IntegerAttr.constr(i64))
    carried = var_operand_def(TensorType[Attribute])
    counted = var_operand_def(TensorType[IntegerType])
    stop = opt_prop_def(IntegerAttr.constr(i64))
    """A row is done at this token."""
    res = var_result_def(TensorType[Attribute])
    body = region_def("single_block")

    traits = traits_def(RecursiveMemoryEffect())
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$count `carried` `(` $carried `:` type($carried) `)` "
        "(`counted` `(` $counted^ `:` type($counted) `)`)? (`stop` $stop^)? `->` type($res) "
        "attr-dict-with-keyword $body"
    )

    def __init__(
        self,
        count: int,
        carried: Sequence[SSAValue],
        counted: Sequence[SSAValue],
        body: Region,
        stop: int | None = None,
    ):
        stops = None if stop is None else IntegerAttr(stop, i64)
        super().__init__(
            operands=[carried, counted],
            result_types=[[stack_type(value.type, count) for value in carried]],
            properties={"count": IntegerAttr(count, i64), "stop": stops},
            regions=[body],
        )

    def verify_(self) -> None:
        count = self.count.value.data
        expect(count > 1, f"a loop of {count} steps; it takes two at least")
        expect(len(self.carried) > 0, "a loop over steps carries what one step hands to the next")
        for value in self.counted:
            expect(shape_of(value) == (), f"a counter is a {value.type}, not a scalar")
        carried = [value.type for value in self.carried]
        stacks = [stack_type(type_, count) for type_ in carried]
        given = [result.type for result in self.res]
        expect(given == stacks, f"results are {listed(given)}, should be {listed(stacks)}")
        arguments = [*carried, *(value.type for value in self.counted)]
        types = [arg.type for arg in self.body.block.args]
        expect(types == arguments, f"body arguments are {listed(types)}, should be {listed(arguments)}")
        yielded = ending_types(self.body.block, YieldOp, "the body of the steps")
        expect(yielded == carried, "the step yields other types than it carries")
        if self.stop is not None:
            expect(len(carried) == 1, f"a loop that stops at a token carries {len(carried)} values, not one")
            expect_tokens_of_rows(carried[0], self.stop.value.data)
            expect_rows_can_stop(self.body.block, self.body.block.args[0])


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
        types, wanted = ending_types(self.body.block, YieldOp, "the group"), list(self.res.types)
        expect(types == wanted, f"the group yields {listed(types)}, its results are {listed(wanted)}")


@irdl_op_definition
class YieldOp(IRDLOperation):
    """End of a loop body, with the carried values of the next round, or of a group, with its results."""

    name = "kernel.yield"

    arguments = var_operand_def()

    traits = traits_def(IsTerminator(), Pure(), HasParent(LoopOp, StepsOp, GroupOp))
    assembly_format = "attr-dict ($arguments^ `:` type($arguments))?"

    def __init__(self, arguments: Sequence[SSAValue]):
        super().__init__(operands=[arguments])
