"""What must hold for a model in every variant of `kl compare`, and what makes a model worth checking."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any
from unittest.mock import patch

from fewest_calls import FewestCalls
from layer_models import Model
from layer_models_ir import CONTEXT, kernel_module, model_module
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from kl.backends.runs import RunOptions
from kl.backends.sn40l import fast_forward
from kl.backends.sn40l.errors import DeadlockError, ExecutionError, HazardError
from kl.backends.sn40l.execution import ProgramRun, start_run
from kl.backends.sn40l.fast_forward.period import Period, period_between
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.targets import Choice, TargetError
from kl.dialects.kernel import CallOp, FuncOp, LoopOp
from kl.dialects.machine import Machine
from kl.passes import load_pass
from kl.passes.looping import looped_kernel
from kl.passes.units.traffic import Shortage
from kl.tools.driver import remarks_of
from kl.tools.lowering import lower
from kl.tools.reference import Reference
from kl.tools.universe import find_target
from kl.tools.variants import VARIANTS

CALLS = 2
"""Of each program: what the second one takes is what the first one gave."""

STEPS_PER_CALL = 2
"""Decode steps of a call, in variants that loop over them: fewer than by default, as all are replayed."""


@dataclass(frozen=True)
class Finding:
    """Something that does not hold."""

    kind: str
    """`refused`, `crash`, `hazard`, `bits`, `times`, `jump` or `calls`."""
    variant: str
    message: str

    @property
    def likeness(self) -> tuple[str, str]:
        """Equal for findings that have most likely one cause."""
        return self.kind, "".join(" " if c.isdigit() else c for c in self.message.split("\n")[0])[:60]


@dataclass(frozen=True)
class Facts:
    """What a model brings together: all that the mix of a hunt counts."""

    calls: int
    """Of kernels, before looping."""
    aliasing_caches: bool
    """Two calls touch one part of a cache, and one writes."""
    refused_periods: bool
    """A run of calls is cut, or refused as a loop."""
    no_room: bool
    """A run is refused because its loop does not fit the machine."""
    loops: int
    """In the looped schedule."""
    nested_loops: bool
    """A loop in the looped schedule holds a loop."""
    tails: bool
    """A run ends within a round: a loop stands behind another one."""
    nested_pattern: bool
    """The order of its calls was made as a repetition of repetitions."""
    strided: bool
    backward: bool
    """Layers of a kind are called with a stride of two or more, or from the last to the first."""
    called_twice: bool
    """A layer is called more than once."""
    observed: bool
    """The host reads something within the step."""
    shared_caches: bool
    """Layers of one kind, or of two, have one cache."""
    apart: bool
    """The weights of a kind's layers are no slices of a stack."""
    stepped: bool = False
    """A call can make several steps."""
    jumps: bool = False
    """Some variant reaches a steady state, and iterations are passed over."""


@dataclass(frozen=True)
class Checked:
    """A model that has been checked."""

    findings: tuple[Finding, ...]
    facts: Facts | None
    """None where the model does not get as far as to kernels."""


def check_model(model: Model) -> Checked:
    """Compile a model in all variants, run and time each, and count the calls of its loops.

    Which loops fit the machine is asked once for all variants.
    """
    with patch.object(looped_kernel, "shortage", _remembering(looped_kernel.shortage)):
        return _checked(model)


def _remembering(
    shortage: Callable[[FuncOp, Machine], Shortage | None],
) -> Callable[[FuncOp, Machine], Shortage | None]:
    known: dict[tuple[str, Machine], Shortage | None] = {}

    def remembered(kernel: FuncOp, machine: Machine) -> Shortage | None:
        asked = str(kernel), machine
        if asked not in known:
            known[asked] = shortage(kernel, machine)
        return known[asked]

    return remembered


def _checked(model: Model) -> Checked:
    findings: list[Finding] = []
    try:
        module = model_module(model)
        kernels = kernel_module(module)
        facts = _check_calls(model, kernels, findings)
    except Exception as error:
        return Checked((_finding("kernels", error),), None)
    checked: list[tuple[ModuleOp, bool]] = []
    for name, variant in VARIANTS.items():
        try:
            stepped, jumps = _check_variant(module, name, variant.choice, checked, findings)
            facts = replace(facts, stepped=facts.stepped or stepped, jumps=facts.jumps or jumps)
        except Exception as error:
            findings.append(_finding(name, error))
    return Checked(tuple(findings), facts)


def _finding(variant: str, error: Exception) -> Finding:
    """An error that names what is wrong with the input is a refusal; any other one is ours."""
    cause = error.__cause__ if isinstance(error, TargetError) else error
    if isinstance(cause, HazardError | DeadlockError):
        return Finding("hazard", variant, str(error))
    if isinstance(error, DiagnosticException | TargetError | ExecutionError):
        return Finding("refused", variant, str(error.__cause__ or error))
    where = "".join(traceback.format_exception(error)[-2:])
    return Finding("crash", variant, f"{type(error).__name__}: {error}\n{where}")


def _check_calls(model: Model, kernels: ModuleOp, findings: list[Finding]) -> Facts:
    """Loop the calls of a schedule and count them; add a finding where fewer, or more, would be right."""
    wanted = FewestCalls(kernels)
    fewest = wanted.number()
    load_pass("loop-kernels")().apply(CONTEXT, kernels)
    kernels.verify()
    left = sum(isinstance(op, CallOp) for op in kernels.walk())
    if left != fewest:
        findings.append(
            Finding("calls", "looped", f"loop-kernels leaves {left} calls, the fewest are {fewest}")
        )
    return _facts(model, kernels, wanted)


def _facts(model: Model, looped: ModuleOp, wanted: FewestCalls) -> Facts:
    remarks = [remark.message for remark in remarks_of(looped)]
    loops = [op for op in looped.walk() if isinstance(op, LoopOp)]
    strides = {two - one for one, two in _neighbours(model)}
    called = [(call.kind, call.index) for call in model.calls]
    kinds = {call.kind: model.kind(call.kind) for call in model.calls}
    return Facts(
        calls=len(wanted.schedule.calls),
        aliasing_caches=_has_alias(wanted),
        refused_periods=any("is cut" in text or "not looped" in text for text in remarks),
        no_room=wanted.refused,
        loops=len(loops),
        nested_loops=any(op is not loop and isinstance(op, LoopOp) for loop in loops for op in loop.walk()),
        tails=any(sum(loop.parent_op() is func for loop in loops) > 1 for func in _kernels(looped)),
        nested_pattern=model.shape == "nested",
        strided=any(abs(stride) > 1 for stride in strides),
        backward=any(stride < 0 for stride in strides),
        called_twice=len(set(called)) < len(called),
        observed=any(call.observed is not None for call in model.calls),
        shared_caches=any(
            kind.has_cache and ("caches" in kind.outside or kind.cache_owner in kinds)
            for kind in kinds.values()
        ),
        apart=any(kind.apart for kind in kinds.values()),
    )


def _kernels(module: ModuleOp) -> Iterator[FuncOp]:
    return (op for op in module.ops if isinstance(op, FuncOp))


def _neighbours(model: Model) -> Iterator[tuple[int, int]]:
    """The layers of calls of one kind with none of that kind between them."""
    last: dict[str, int] = {}
    for call in model.calls:
        if call.kind in last:
            yield last[call.kind], call.index
        last[call.kind] = call.index


def _has_alias(wanted: FewestCalls) -> bool:
    uses = [
        (number, operand)
        for number, operands in enumerate(wanted.schedule.operands)
        for operand in operands
        if operand.is_memory
    ]
    return any(
        one != two and a.root == b.root and a.index == b.index and (a.writes or b.writes)
        for (one, a), (two, b) in combinations(uses, 2)
    )


def _check_variant(
    module: ModuleOp,
    variant: str,
    choice: Choice,
    checked: list[tuple[ModuleOp, bool]],
    findings: list[Finding],
) -> tuple[bool, bool]:
    """Check a variant whose kernels are not those of another one.

    Returns whether a call makes several steps, and whether iterations are passed over.
    """
    if choice.steps_per_call > 1:
        choice = replace(choice, steps_per_call=STEPS_PER_CALL)
    lowered = module.clone()
    lower(CONTEXT, lowered, "kernel", choice)
    like = (other for other, resident in checked if resident == choice.resident)
    if any(lowered.is_structurally_equivalent(other) for other in like):
        return False, False
    checked.append((lowered.clone(), choice.resident))
    lower(CONTEXT, lowered, "rdu", choice)
    program: Program = find_target(None).compile(lowered, variant)
    periods: list[Period | None] = []

    def noted(*given: Any) -> Period | None:
        periods.append(period_between(*given))
        return periods[-1]

    with patch.object(fast_forward, "period_between", noted):
        findings += _check_program(module, variant, program)
    return program.steps > 1, any(periods)


def _check_program(module: ModuleOp, variant: str, program: Program) -> Iterator[Finding]:
    """Run calls of a program beside the reference, and time each without data, with and without jumps."""
    run: ProgramRun = start_run(program, RunOptions(CALLS * program.steps))
    given = module.clone()
    load_pass("shard-tensors")().apply(CONTEXT, given)
    reference = Reference(given, run)
    for step in run.steps(CALLS, lambda done, of: None):
        for difference in reference.differences(step, program.steps):
            yield Finding("bits", variant, str(difference))
        scalars = run.position_inputs(step.position)
        jumping, replayed = time_step(program, scalars), time_step(program, scalars, jump=False)
        cases = {} if jumping.experts is None else jumping.experts.cases
        if step.cycles != jumping.cycles and cases.get("best") == cases.get("worst"):
            message = f"position {step.position}: {step.cycles} cycles with data, {jumping.cycles} without"
            yield Finding("times", variant, message)
        if jumping != replayed:
            message = (
                f"position {step.position}: {jumping.cycles} cycles with jumps, {replayed.cycles} replayed"
            )
            yield Finding("jump", variant, message)
