"""How a whole model lies on the sockets: its layer bodies, each once, then its steps, then its weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, SSAValue

from ...dialects.nn import CallOp, GetGlobalOp
from ...dialects.sharding import REPLICATED, Split
from .rules import BodySharding, GlobalUse, Layer, describe, fail, shard_body


@dataclass(frozen=True)
class ShardingPlan:
    """All that `shard-tensors` is to change."""

    body: BodySharding
    """Of all bodies together."""
    globals: Mapping[str, Split]
    """The weights and states that are split, by name."""


def plan_sharding(module: ModuleOp, sockets: int) -> ShardingPlan:
    """Propagate through every called layer and every step.

    Raises: PassFailedException where something cannot be split evenly, or where a weight or state would have
        to lie in two ways.
    """
    functions = [op for op in module.ops if isinstance(op, FuncOp)]
    private = {f.sym_name.data: f for f in functions if _is_private(f)}
    steps = [f for f in functions if not _is_private(f)]
    given = _given_globals(steps, private)
    layers: dict[str, Layer] = {}
    parts: list[BodySharding] = []
    for name, arguments in given.items():
        body = _shard_layer(private[name], arguments, sockets)
        layers[name] = Layer(arguments, _by_argument(body, private[name]))
        parts.append(body)
    parts += [shard_body(_body(step), _fetched(_body(step)), layers, sockets) for step in steps]
    body = _together(parts)
    globals = _splits(body.global_uses)
    called = [private[name] for name in given]
    for op in (op for f in (*called, *steps) for op in _body(f).ops if isinstance(op, GetGlobalOp)):
        if (layout := globals.get(op.global_name.root_reference.data)) is not None:
            body.layouts[op.result] = layout
    return ShardingPlan(body, globals)


def _is_private(function: FuncOp) -> bool:
    return function.sym_visibility is not None and function.sym_visibility.data == "private"


def _body(function: FuncOp) -> Block:
    if len(function.body.blocks) != 1:
        blocks = len(function.body.blocks)
        fail(function, f"@{function.sym_name.data} has {blocks} blocks", "give it a body of one block")
    return function.body.block


def _fetched(block: Block) -> Set[SSAValue]:
    """The weights and states that a body fetches by itself."""
    return {op.result for op in block.ops if isinstance(op, GetGlobalOp)}


def _given_globals(steps: Iterable[FuncOp], private: Mapping[str, FuncOp]) -> dict[str, Set[int]]:
    """The layers that are called, and which arguments of each are weights or states in every call."""
    given: dict[str, Set[int]] = {}
    for call in (op for step in steps for op in _body(step).ops if isinstance(op, CallOp)):
        name = call.callee.root_reference.data
        if name in private:
            operands = enumerate(call.arguments)
            fetched = {number for number, value in operands if isinstance(value.owner, GetGlobalOp)}
            given[name] = given.get(name, fetched) & fetched
    return given


def _shard_layer(layer: FuncOp, global_arguments: Set[int], sockets: int) -> BodySharding:
    """Propagate through the body of a layer; a weight or state that it does not use stays whole."""
    block = _body(layer)
    arguments = {block.args[number] for number in global_arguments}
    body = shard_body(block, _fetched(block) | arguments, {}, sockets)
    unused = arguments - {use.value for use in body.global_uses}
    body.global_uses += [GlobalUse(value, layer, REPLICATED) for value in unused]
    return body


def _by_argument(body: BodySharding, layer: FuncOp) -> dict[int, list[GlobalUse]]:
    uses: dict[int, list[GlobalUse]] = {}
    numbers: dict[SSAValue, int] = {argument: argument.index for argument in layer.args}
    for use in body.global_uses:
        if use.value in numbers:
            uses.setdefault(numbers[use.value], []).append(use)
    return uses


def _together(parts: Iterable[BodySharding]) -> BodySharding:
    whole = BodySharding()
    for part in parts:
        whole.layouts |= part.layouts
        whole.whole_uses |= part.whole_uses
        whole.global_uses += part.global_uses
        whole.remarks += part.remarks
    return whole


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
        if isinstance(use.value.owner, GetGlobalOp):
            yield use.value.owner.global_name.root_reference.data, use
