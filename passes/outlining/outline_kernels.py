"""`outline-kernels`: the operations of a step and of its layers become kernels and a schedule of calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import kernel, nn
from ...dialects.operation import Without, fusion_of
from ...dialects.symbols import UniqueNames
from ...dialects.vocabulary import GRANULARITIES, Granularity
from ..diagnostics import add_remark, fail
from ..knobs import Knob
from .fusion_rules import OP_RULES, STEP_RULES
from .grouping import (
    Division,
    after_residual_adds,
    all_together,
    captured,
    erase_dead,
    gather_globals,
    group_operations,
    members,
    one_each,
    place_views,
)
from .naming import role


@dataclass(frozen=True)
class OutlineKernelsPass(ModulePass):
    """Turn the step and its layers into `kernel.func`s and one `kernel.schedule`.

    Granularity `op` makes the kernels that a GPU inference library has, ten for a Llama layer; `block` makes
    two kernels of a decoder layer, each up to and with a residual add; `layer` makes one. Operations that
    stand in the step itself become kernels as at `op`. A layer is outlined once, however often it is called.
    What sockets exchange is a kernel of its own at `op`, else part of the kernel around it. Which operations
    are fused follows from the roles that they declare; a remark names those that declare none.

    Before:

    ```mlir
    nn.weight @w : tensor<2x8x8xbf16>
    func.func private @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
      %p = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
      %y = nn.add %x, %p : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
      func.return %y : tensor<1x8xbf16>
    }
    func.func @step(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
      %w = nn.get_global @w : tensor<2x8x8xbf16>
      %a = nn.call @layer[0](%x, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
      %b = nn.call @layer[1](%a, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
      %next = nn.argmax %b : (tensor<1x8xbf16>) -> tensor<1xi32>
      func.return %next : tensor<1xi32>
    }
    ```

    After:

    ```mlir
    nn.weight @w : tensor<2x8x8xbf16>
    kernel.func @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
      %p = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
      %y = nn.add %x, %p : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
      kernel.return %y : tensor<1x8xbf16>
    }
    kernel.func @step.argmax(%b: tensor<1x8xbf16>) -> tensor<1xi32> {
      %next = nn.argmax %b : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %next : tensor<1xi32>
    }
    kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
      %w = nn.get_global @w : tensor<2x8x8xbf16>
      %a = kernel.call @layer[0](%x, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
      %b = kernel.call @layer[1](%a, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
      %next = kernel.call @step.argmax(%b) : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %next : tensor<1xi32>
    }
    ```

    Raises: PassFailedException for a function or a call that has no form as a schedule.
    """

    name = "outline-kernels"

    granularity: Granularity = field(default="layer", metadata={"knob": Knob(GRANULARITIES, ordered=True)})

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, FuncOp)}
        layers = {name: f for name, f in functions.items() if nn.is_layer(f)}
        steps = [f for f in functions.values() if not nn.is_layer(f)]
        if layers and not steps:
            fail(next(iter(layers.values())), "all functions are private", "make the step public")
        names = UniqueNames(op, without=layers.values())
        called = {name for step in steps for name in _called_layers(step, layers)}
        for name in called:
            self._outline_layer(layers[name], names)
        for step in steps:
            _outline_step(step, self.granularity, layers, names)
        for layer in layers.values():
            Rewriter.erase_op(layer)

    def _outline_layer(self, layer: FuncOp, names: UniqueNames) -> None:
        for op in _body(layer).ops:
            if isinstance(op, nn.CallOp):
                fail(op, "a layer calls a layer", "call both from the step")
        groups = _group(layer, self.granularity, OP_RULES if self.granularity == "op" else ())
        if len(groups) == 1:
            groups[0].location = layer.location
            _outline(layer, {groups[0]: names.take(layer.sym_name.data)})
        else:
            _outline(layer, _named_by_role(groups, layer, names))


def _named_by_role(
    groups: list[kernel.GroupOp], function: FuncOp, names: UniqueNames
) -> dict[kernel.GroupOp, str]:
    prefix = function.sym_name.data
    return {group: names.take(f"{prefix}.{role(group)}") for group in groups}


def _outline_step(
    step: FuncOp, granularity: Granularity, layers: dict[str, FuncOp], names: UniqueNames
) -> None:
    groups = _group(step, "op", OP_RULES if granularity == "op" else STEP_RULES)
    _outline(step, _named_by_role(groups, step, names))
    PatternRewriteWalker(InlineLayer(layers), apply_recursively=False).rewrite_region(step.body)
    body = _body(step)
    gather_globals(body)
    end = body.last_op
    assert isinstance(end, ReturnOp), "a function ends with func.return"
    new_end = kernel.ReturnOp(end.arguments)
    new_end.location = end.location
    body.insert_op_before(new_end, end)
    Rewriter.erase_op(end)
    schedule = kernel.ScheduleOp(
        step.sym_name.data, step.function_type, step.detach_region(step.body), step.attributes
    )
    schedule.location = step.location
    Rewriter.replace_op(step, schedule)


def _body(function: FuncOp) -> Block:
    """The only block of a function."""
    if len(function.body.blocks) != 1:
        blocks = len(function.body.blocks)
        fail(function, f"@{function.sym_name.data} has {blocks} blocks", "give it a body of one block")
    return function.body.block


def _called_layers(step: FuncOp, layers: dict[str, FuncOp]) -> list[str]:
    """The layers that a step calls, each once, in order."""
    calls = [op for op in _body(step).ops if isinstance(op, nn.CallOp)]
    for call in calls:
        if (name := call.callee.string_value()) not in layers:
            fail(call, f"@{name} is public and called like a layer", f"make @{name} private")
    return list(dict.fromkeys(call.callee.string_value() for call in calls))


def _group(
    function: FuncOp, granularity: Granularity, rules: Iterable[RewritePattern]
) -> list[kernel.GroupOp]:
    """Divide the operations of a function into groups, each of which is to become a kernel."""
    block = _body(function)
    erase_dead(block)
    gather_globals(block)
    place_views(block)
    group_operations(block, DIVISIONS[granularity])
    rules = list(rules)
    for rule in rules:
        PatternRewriteWalker(rule).rewrite_region(function.body)
    groups = [op for op in block.ops if isinstance(op, kernel.GroupOp)]
    for op in (member for group in groups for member in members(group)) if rules else ():
        fusion = fusion_of(op)
        if isinstance(fusion, Without):  # else a forgotten role would pass for a slow baseline
            add_remark(op, f"{op.name} is a kernel of its own: {fusion.because}")
    return groups


def _outline(function: FuncOp, names: dict[kernel.GroupOp, str]) -> None:
    PatternRewriteWalker(OutlineGroup(names), apply_recursively=False).rewrite_region(function.body)


@dataclass
class OutlineGroup(RewritePattern):
    """A group becomes a kernel in front of its function, and a call of it."""

    names: dict[kernel.GroupOp, str]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: kernel.GroupOp, rewriter: PatternRewriter, /):
        function, end = op.parent_op(), op.body.block.last_op
        assert function is not None, "groups stand in functions"
        assert isinstance(end, kernel.YieldOp), "a group ends with kernel.yield"
        arguments, results = captured(op), list(end.arguments)
        block = Block(arg_types=[value.type for value in arguments])
        for value, argument in zip(arguments, block.args, strict=True):
            argument.name_hint = value.name_hint
            value.replace_uses_with_if(argument, lambda use: op.is_ancestor(use.operation))
        for member in list(members(op)):
            member.detach()
            block.add_op(member)
        block.add_op(kernel.ReturnOp(results))
        type_ = FunctionType.from_lists([a.type for a in block.args], [r.type for r in results])
        outlined = kernel.FuncOp(self.names[op], type_, Region(block))
        outlined.location = op.location
        rewriter.insert(outlined, InsertPoint.before(function))
        call = kernel.CallOp(self.names[op], arguments, type_.outputs.data)
        call.location = op.location
        rewriter.replace(op, call)


@dataclass
class InlineLayer(RewritePattern):
    """The call of an outlined layer becomes the calls of its kernels, on the slices of the layer's call."""

    layers: dict[str, FuncOp]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.CallOp, rewriter: PatternRewriter, /):
        body = self.layers[op.callee.string_value()].body.block
        values: dict[SSAValue, SSAValue] = dict(zip(body.args, op.arguments, strict=True))
        *inner, end = body.ops
        new_ops = list[Operation]()
        for template in inner:
            new = template.clone_without_regions(values)  # there are none
            new.location = op.location
            if isinstance(new, kernel.CallOp) and op.index is not None:
                new.properties["index"] = op.index
            new_ops.append(new)
        for user in (*(t for t in inner if isinstance(t, nn.ObserveOp)), end):
            _refuse_slices(user, values, op)
        rewriter.replace(op, new_ops, [values.get(value, value) for value in end.operands])


def _refuse_slices(user: Operation, values: dict[SSAValue, SSAValue], call: nn.CallOp) -> None:
    """Only a kernel takes a slice of a stack; the host and the step's results do not."""
    for value in user.operands:
        if value.type != values[value].type:
            name, verb = call.callee.string_value(), user.name
            fail(call, f"@{name} hands a slice of a stack to {verb}", "let an operation of the layer read it")


DIVISIONS: dict[Granularity, Division] = {"op": one_each, "block": after_residual_adds, "layer": all_together}
"""How the operations of a layer are grouped, for `op` before the fusion rules."""
