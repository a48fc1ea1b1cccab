"""How a whole model lies on the sockets: its layer bodies, each once, then its steps, then its weights.

Through a body the plan goes from how the operands of an operation lie to how its result does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import nn
from ...dialects.operation import ComputeOp, Instead, Without
from ...dialects.sharding import (
    REPLICATED,
    CannotSplit,
    Layout,
    Placement,
    Replicated,
    Sharded,
    ShardView,
    Split,
    shifted,
)
from ...dialects.tensors import shape_of
from ..diagnostics import describe, fail
from .findings import BodySharding, GlobalUse, Layer, Sockets, by_argument, together
from .wanted import wanted_placements


@dataclass(frozen=True)
class ShardingPlan:
    """All that `shard-tensors` is to change."""

    body: BodySharding
    """Of all bodies together."""
    globals: Mapping[str, Split]
    """The weights and states that are split, by name."""


def plan_sharding(module: ModuleOp, over: Sockets) -> ShardingPlan:
    """Propagate through every called layer and every step.

    Raises: PassFailedException where something cannot be split evenly, or where a weight or state would have
        to lie in two ways.
    """
    functions = [op for op in module.ops if isinstance(op, FuncOp)]
    private = {f.sym_name.data: f for f in functions if nn.is_layer(f)}
    steps = [f for f in functions if not nn.is_layer(f)]
    given = _given_globals(steps, private)
    layers: dict[str, Layer] = {}
    parts: list[BodySharding] = []
    for name, arguments in given.items():
        body = _shard_layer(private[name], arguments, over)
        layers[name] = Layer(arguments, by_argument(body, private[name]))
        parts.append(body)
    parts += [shard_body(_body(step), _fetched(_body(step)), layers, over) for step in steps]
    body = together(parts)
    globals = _splits(body.global_uses)
    called = [private[name] for name in given]
    for op in (op for f in (*called, *steps) for op in _body(f).ops if isinstance(op, nn.GetGlobalOp)):
        if (layout := globals.get(op.global_name.root_reference.data)) is not None:
            body.layouts[op.result] = layout
    return ShardingPlan(body, globals)


def _body(function: FuncOp) -> Block:
    if len(function.body.blocks) != 1:
        blocks = len(function.body.blocks)
        fail(function, f"@{function.sym_name.data} has {blocks} blocks", "give it a body of one block")
    return function.body.block


def _fetched(block: Block) -> Set[SSAValue]:
    """The weights and states that a body fetches by itself."""
    return {op.result for op in block.ops if isinstance(op, nn.GetGlobalOp)}


def _given_globals(steps: Iterable[FuncOp], private: Mapping[str, FuncOp]) -> dict[str, Set[int]]:
    """The layers that are called, and which arguments of each are weights or states in every call."""
    given: dict[str, Set[int]] = {}
    for call in (op for step in steps for op in _body(step).ops if isinstance(op, nn.CallOp)):
        name = call.callee.root_reference.data
        if name in private:
            operands = enumerate(call.arguments)
            fetched = {number for number, value in operands if isinstance(value.owner, nn.GetGlobalOp)}
            given[name] = given.get(name, fetched) & fetched
    return given


def _shard_layer(layer: FuncOp, global_arguments: Set[int], over: Sockets) -> BodySharding:
    """Propagate through the body of a layer; a weight or state that it does not use stays whole."""
    block = _body(layer)
    arguments = {block.args[number] for number in global_arguments}
    body = shard_body(block, _fetched(block) | arguments, {}, over)
    unused = arguments - {use.value for use in body.global_uses}
    body.global_uses += [GlobalUse(value, layer, REPLICATED) for value in unused]
    return body


def _splits(uses: Iterable[GlobalUse]) -> dict[str, Split]:
    """How each weight and state is split, by name, where all uses agree."""
    first: dict[str, GlobalUse] = {}
    for name, use in _named(uses):
        before = first.setdefault(name, use)
        if before.placement != use.placement:
            message = (
                f"@{name} is needed {use.placement} by {describe(use.op)}, "
                f"and {before.placement} by {describe(before.op)}"
            )
            fail(use.op, message, "declare it twice, once for each use")
    placements = ((name, use.placement) for name, use in first.items())
    return {name: placement for name, placement in placements if isinstance(placement, Split)}


def _named(uses: Iterable[GlobalUse]) -> Iterator[tuple[str, GlobalUse]]:
    """The uses of fetched values by name; those of a layer's arguments count where the layer is called."""
    for use in uses:
        if isinstance(use.value.owner, nn.GetGlobalOp):
            yield use.value.owner.global_name.root_reference.data, use


def shard_body(
    block: Block, globals: Set[SSAValue], layers: Mapping[str, Layer], over: Sockets
) -> BodySharding:
    """Propagate through the operations of a body, in order.

    `globals` are its values that are weights or states: the analysis chooses how they lie. All other
    arguments are replicated, and so is what the body returns.

    Raises: PassFailedException at an operation that cannot be split evenly, that needs what is padded whole,
        or that has no rule.
    """
    rules = _Rules(globals, layers, over, wanted_placements(block, over.count))
    for op in block.ops:
        rules.visit(op)
    return rules.body


@dataclass
class _Rules:
    """Walks through a body and notes how values lie, how they are needed, and how weights and states are."""

    globals: Set[SSAValue]
    layers: Mapping[str, Layer]
    over: Sockets
    wanted: Mapping[SSAValue, Placement]
    """How the results of products have to lie for the heads that they hold; else the rules choose."""
    body: BodySharding = field(default_factory=BodySharding)
    views: dict[SSAValue, ComputeOp] = field(default_factory=dict[SSAValue, ComputeOp])
    """The results of views of weights, by which each is made."""

    def visit(self, op: Operation) -> None:
        """Ask an operation how it lies; what calls, is read or returned is the business of this module."""
        match op:
            case nn.GetGlobalOp():
                pass
            case nn.CallOp():
                self._call(op)
            case nn.ObserveOp() | ReturnOp():
                for number in range(len(op.operands)):
                    self._need(op, number, REPLICATED)
            case _:
                self._shard(op)

    def _shard(self, op: Operation) -> None:
        """Apply the rule that an operation brings; a view of weights lies as its readers need it."""
        if isinstance(op, ComputeOp) and self._is_view(op):
            self.views[op.results[0]] = op
            return
        try:
            sharded = op.shard(self._view(op)) if isinstance(op, ComputeOp) else None
        except CannotSplit as refusal:
            fail(op, refusal.message, refusal.way_out)
        if isinstance(sharded, Instead):
            self._shard_parts(op, sharded)
            return
        if not isinstance(sharded, Sharded):
            message = f"there is no rule for how {op.name} runs on {self.over.count} sockets"
            fail(op, message, "run it on one socket, or give the operation a method `shard`")
        for number, needed in enumerate(sharded.operands):
            self._need(op, number, needed)
        self.body.remarks += ((op, remark) for remark in sharded.remarks)
        if not isinstance(sharded.result, Replicated):
            self.body.layouts[op.results[0]] = sharded.result

    def _shard_parts(self, op: Operation, instead: Instead) -> None:
        """Apply the rules of what stands for an operation; its result lies as that of the last part."""
        self.body.instead[op] = instead
        first = len(self.body.global_uses)
        for part in instead.parts:
            part.location = op.location
            self._shard(part)
        self.body.global_uses[first:] = [replace(use, op=op) for use in self.body.global_uses[first:]]
        (result,) = instead.parts[-1].results
        if result in self.body.layouts:
            self.body.layouts[op.results[0]] = self.body.layouts[result]

    def _call(self, op: nn.CallOp) -> None:
        """A layer needs its weights and states as its body does, everything else whole."""
        name = op.callee.root_reference.data
        if name not in self.layers:
            fail(op, f"@{name} is called here and is no layer", "call private functions, from the step alone")
        layer = self.layers[name]
        for number, operand in enumerate(op.operands):
            if number not in layer.global_arguments:
                self._need(op, number, REPLICATED)
            for use in layer.uses.get(number, ()):
                sliced = len(shape_of(operand)) - len(shape_of(use.value))
                self._use_global(operand, use.op, shifted(use.placement, sliced))

    # How values lie, and how operations need them.

    def _view(self, op: Operation) -> ShardView:
        """What the rule of an operation sees; of a view of weights, the first of these is what counts.

        Raises: CannotSplit where a view of weights among its operands cannot be split.
        """
        operands = tuple(map(self._placement, op.operands))
        free = frozenset(number for number, value in enumerate(op.operands) if self._is_free(value))
        wanted = self.wanted.get(op.results[0]) if op.results else None
        preferred = dict[int, Placement]()
        first = op.WEIGHTS[0] if isinstance(op, ComputeOp) and self._is_view(op) else None
        for number, value in enumerate(op.operands):
            if first not in (None, number):
                continue
            if value in self.views and (best := self.views[value].preferred(self._view(self.views[value]))):
                preferred[number] = best
        return ShardView(self.over.count, operands, free, wanted, preferred, self.over.experts)

    def _is_free(self, value: SSAValue) -> bool:
        """Whether a value lies as it is needed: weights, states and views of weights."""
        return value in self.globals or value in self.views

    def _is_view(self, op: ComputeOp) -> bool:
        return bool(op.WEIGHTS) and all(self._is_free(op.operands[number]) for number in op.WEIGHTS)

    def _placement(self, value: SSAValue) -> Placement:
        """How a value lies for its readers: who reads a missing sum reads the sum."""
        layout: Layout = self.body.layouts.get(value, REPLICATED)
        return layout if isinstance(layout, Split) else REPLICATED

    def _need(self, op: Operation, number: int, needed: Placement) -> None:
        """Note how an operand is needed; what is split can be gathered, what is whole cannot be split."""
        value = op.operands[number]
        if value in self.globals:
            self._use_global(value, op, needed)
            return
        if value in self.views:
            self._need_view(self.views[value], op, needed)
            return
        given = self._placement(value)
        if given == needed:
            return
        if isinstance(needed, Replicated) and _can_be_gathered(value, given):
            self.body.whole_uses.setdefault(value, []).append((op, number))
            return
        message = f"operand {number} of {op.name} is needed {needed}, and comes {given}"
        fail(op, message, _PADDED if isinstance(needed, Replicated) else _NOT_SPLIT)

    def _need_view(self, view: ComputeOp, reader: Operation, needed: Placement) -> None:
        """Note how the operands of a view are needed, given how its result is."""
        before = self.body.layouts.setdefault(view.results[0], needed)
        if before != needed:
            message = f"the result of {view.name} is needed {needed}, and {before} by another reader"
            fail(reader, message, "write it twice, once for each use")
        self.body.views[view] = needed
        try:
            operands = view.of_weights(needed)
        except CannotSplit as refusal:
            fail(view, refusal.message, refusal.way_out)
        assert not isinstance(operands, Without), f"{view.name} has WEIGHTS and does not say how they lie"
        for number, placement in enumerate(operands):
            self._need(view, number, placement)

    def _use_global(self, value: SSAValue, op: Operation, placement: Placement) -> None:
        self.body.global_uses.append(GlobalUse(value, op, placement))
        if isinstance(placement, Split):
            self.body.layouts[value] = placement


def _can_be_gathered(value: SSAValue, given: Placement) -> bool:
    """Whether the whole of a value can be made of its parts: zeros, if any, stand behind its columns."""
    if not isinstance(given, Split) or given.blocks > 1 or given.places:
        return False
    return not given.runs or (given.ends_in_zeros and given.axis == len(shape_of(value)) - 1)


_NOT_SPLIT = "compute it from a product with a weight, by operations that keep heads apart"
_PADDED = "take a number of sockets that divides the elements: zeros cannot be gathered"
