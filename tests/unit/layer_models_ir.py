"""The IR of a model of layers: what its text says, and what the model language cannot say.

Two kinds get one stack of caches, the weights and caches of a kind's layers become one each, and the machine
gets so few units that a loop over several kernels does not fit it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from layer_models import Kind, Model, model_text
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter

from kl.dialects.kernel import FuncOp
from kl.dialects.machine import SN40L
from kl.dialects.nn import CallOp, GetGlobalOp, StateOp, WeightOp
from kl.dialects.rdu_machine import set_machine
from kl.dialects.tensors import slice_type
from kl.frontends import load_model
from kl.passes.units.traffic import footprint
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import available_passes, make_context

TO_KERNELS = "shard-tensors,outline-kernels{granularity=layer},merge-identical-kernels"
"""From a model to kernels, before looping."""

CONTEXT = make_context()

Declaration = TypeVar("Declaration", WeightOp, StateOp)


def model_module(model: Model) -> ModuleOp:
    """The model at the nn level, for its machine."""
    module = load_model(model_text(model), "random.kl", {})
    called = {call.kind for call in model.calls}
    for kind in model.kinds:
        if kind.name not in called:
            continue
        if kind.cache_owner in called and "caches" not in kind.outside:
            _share_caches(module, kind)
        if kind.apart:
            shared = any(other.cache_owner == kind.name for other in model.kinds)
            _set_apart(module, kind, caches=not shared)
    module.verify()
    set_machine(module, SN40L.with_values(machine_changes(model, module)))
    return module


def kernel_module(module: ModuleOp) -> ModuleOp:
    """A copy of a model with its kernels and its list of calls, none of them looped."""
    lowered = module.clone()
    run_passes(CONTEXT, lowered, parse_passes(available_passes(), TO_KERNELS), verify=False)
    return lowered


def machine_changes(model: Model, module: ModuleOp) -> dict[str, int]:
    """What the machine of a model has that is not as in a whole one."""
    changes = {"sockets": model.sockets} if model.sockets > 1 else {}
    if model.spare_pcus is None:
        return changes
    machine = SN40L.with_values(changes)
    set_machine(module, machine)
    kernels = [op for op in kernel_module(module).ops if isinstance(op, FuncOp)]
    largest = max(footprint(kernel, machine).pcus for kernel in kernels)
    return changes | {"pcus": largest + model.spare_pcus}


def is_said_by_language(model: Model) -> bool:
    """Whether the text says all of the model but its machine."""
    called = {call.kind for call in model.calls}
    kinds = [kind for kind in model.kinds if kind.name in called]
    return not any(
        kind.apart or (kind.cache_owner in called and "caches" not in kind.outside) for kind in kinds
    )


def _declarations(module: ModuleOp, type_: type[Declaration]) -> dict[str, Declaration]:
    return {op.sym_name.data: op for op in module.ops if isinstance(op, type_)}


def _share_caches(module: ModuleOp, kind: Kind) -> None:
    """Let a kind have the stacks of caches of another kind."""
    states = _declarations(module, StateOp)
    for suffix in ("k", "v"):
        own = f"{kind.name}.{kind.name}_{suffix}"
        if own not in states:
            continue
        other = f"{kind.cache_owner}.{kind.cache_owner}_{suffix}"
        for fetch in _fetches(module, own):
            shared = GetGlobalOp(other, states[other].type)
            Rewriter.replace_op(fetch, [shared])
        Rewriter.erase_op(states[own])


def _set_apart(module: ModuleOp, kind: Kind, *, caches: bool) -> None:
    """Give each layer of a kind weights, and caches, that are no slices of a stack."""
    known: dict[str, WeightOp | StateOp] = {**_declarations(module, WeightOp)}
    if caches:
        known |= _declarations(module, StateOp)
    stacks = {name: op for name, op in known.items() if name.startswith(f"{kind.name}.")}
    for call in [op for op in module.walk() if isinstance(op, CallOp) and op.index is not None]:
        if call.callee.string_value() == kind.name:
            _take_apart(module, call, stacks)
    for name, op in stacks.items():
        for fetch in _fetches(module, name):
            Rewriter.erase_op(fetch)
        Rewriter.erase_op(op)


def _take_apart(module: ModuleOp, call: CallOp, stacks: Mapping[str, WeightOp | StateOp]) -> None:
    """Replace the slices of stacks that a call takes."""
    assert call.index is not None, "who asks has looked"
    index, block = call.index.value.data, call.parent_block()
    assert block is not None, "calls are in the step"
    arguments: list[SSAValue] = []
    for value in call.arguments:
        name = value.owner.global_name.string_value() if isinstance(value.owner, GetGlobalOp) else ""
        if name in stacks:
            fetch = GetGlobalOp(f"{name}.{index}", _part(module, stacks[name], index).type)
            block.insert_op_before(fetch, call)
            value = fetch.result
        arguments.append(value)
    function = next(op for op in module.ops if _symbol_of(op) == call.callee.string_value())
    parameters = function.regions[0].block.arg_types
    sliced = any(value.type != type_ for value, type_ in zip(arguments, parameters, strict=True))
    new = CallOp(call.callee, arguments, call.result_types, index if sliced else None)
    new.location = call.location
    Rewriter.replace_op(call, [new])


def _part(module: ModuleOp, stack: WeightOp | StateOp, index: int) -> WeightOp | StateOp:
    """The weight or cache that is a slice of a stack; it is declared once."""
    name = f"{stack.sym_name.data}.{index}"
    known = _declarations(module, type(stack))
    if name not in known:
        known[name] = type(stack)(name, slice_type(stack.type))
        module.body.block.insert_op_before(known[name], stack)
    return known[name]


def _symbol_of(op: object) -> str:
    return getattr(getattr(op, "sym_name", None), "data", "")


def _fetches(module: ModuleOp, name: str) -> list[GetGlobalOp]:
    found = (op for op in module.walk() if isinstance(op, GetGlobalOp))
    return [op for op in found if op.global_name.string_value() == name]
