"""Programs held against the text of a model: with its weights, inputs and facts, not with their own.

IR below a model and saved programs can be edited: what they say of weights, shards, inputs and states is
theirs. Who compares a program with such IR compares it with the same edits; who compares it with the model
does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from ..backends.interpreter import InterpretationError, Interpreter, entry_of
from ..backends.runs import Run, RunOptions, Step
from ..backends.signatures import Signature, first_inputs
from ..backends.specs import tensor_spec, weight_specs
from ..backends.targets import AnyTarget
from ..backends.tensors import Array, TensorSpec
from ..backends.weights import WeightSpec, random_weights
from ..dialects.module_machine import sockets_of
from ..dialects.nn import StateOp
from ..dialects.nn_compute import TableLookupOp
from ..dialects.vocabulary import EXPERT_SHARDINGS
from .driver import parse_passes
from .expert_sharding import has_experts
from .lowering import SHARD
from .reference import Difference, Reference
from .remembering import RememberingInterpreter
from .universe import available_passes, find_target, make_context
from .values import cut

MOST_CHARACTERS = 60
"""Of a value in a message."""


@dataclass(frozen=True)
class Mismatch:
    """What a program says of itself, and the model in another way."""

    what: str
    program: str
    model: str

    def __str__(self) -> str:
        return f"{self.what}: {self.program} in the program, {self.model} in the model"


Finding = Mismatch | Difference


class ModelReference:
    """A model as it is written: what all programs that are made of it must compute."""

    def __init__(self, module: ModuleOp):
        """A module at the nn level, which stays as it is."""
        self._module = module
        self._split: dict[int, Sequence[ModuleOp]] = {}
        self._remembering: dict[tuple[int, int], Sequence[RememberingInterpreter]] = {}

    @cached_property
    def weights(self) -> Sequence[WeightSpec]:
        """Whole weights, in the order of the text."""
        return weight_specs(self._module)

    @cached_property
    def rows(self) -> int:
        """Of the smallest table that rows are read of by their number; 1 if there is none."""
        tables = (op for op in self._module.walk() if isinstance(op, TableLookupOp))
        sockets = sockets_of(self._module)
        return min((op.table_rows(sockets) for op in tables), default=1)

    def modules(self, sockets: int) -> Sequence[ModuleOp]:
        """The model split over sockets; where it has experts, in each way to share them out.

        Raises: DiagnosticException where it cannot be split over so many.
        """
        if sockets not in self._split:
            ways = EXPERT_SHARDINGS if sockets > 1 and has_experts(self._module) else EXPERT_SHARDINGS[:1]
            self._split[sockets] = [_split(self._module, sockets, way) for way in ways]
        return self._split[sockets]

    def remembering(self, sockets: int, seed: int) -> Sequence[RememberingInterpreter]:
        """Interpreters of `modules` with random weights, before a first step.

        Raises: DiagnosticException, InterpretationError.
        """
        if (sockets, seed) not in self._remembering:
            weights = random_weights(self.weights, seed)
            found = [RememberingInterpreter(one, weights) for one in self.modules(sockets)]
            self._remembering[sockets, seed] = found
        for one in self._remembering[sockets, seed]:
            one.restart()
        return self._remembering[sockets, seed]

    def signature(self, sockets: int, steps: int) -> Signature:
        """What a program of so many decode steps a call has to take, give, keep and read.

        Raises: DiagnosticException where the model cannot be split over so many sockets, or has no step.
        """
        module = self.modules(sockets)[0]
        entry = entry_of(module)
        outputs = [tensor_spec(type_) for type_ in entry.function_type.outputs]
        return Signature(
            sockets,
            {
                arg.name_hint or f"input{number}": tensor_spec(arg.type)
                for number, arg in enumerate(entry.body.block.args)
            },
            [TensorSpec((steps, *one.shape), one.dtype) for one in outputs] if steps > 1 else outputs,
            {op.sym_name.data: tensor_spec(op.type) for op in module.ops if isinstance(op, StateOp)},
            {one.name: one for one in self.weights},
            self.rows,
        )


def _split(module: ModuleOp, sockets: int, experts: str) -> ModuleOp:
    """A copy of a model, split over sockets.

    Raises: DiagnosticException where that cannot be.
    """
    split = module.clone()
    for one in parse_passes(available_passes(), f"{SHARD}{{sockets={sockets} experts={experts}}}"):
        one.apply(make_context(), split)
    return split


class Comparison:
    """A run beside a model: what both say of themselves at once, values step by step.

    Where a model can be split in several ways, a program may be any of them: it is the one it is most like.
    """

    def __init__(self, run: Run, steps: int, model: ModelReference, interpreters: Sequence[Interpreter]):
        """A run of calls of so many decode steps, and what the model gives, split like the run.

        Raises: TargetError for a program that contradicts itself, DiagnosticException.
        """
        mine, wanted = run.signature, model.signature(run.signature.sockets, steps)
        self.mismatches: Sequence[Mismatch] = [*_mismatches(mine, wanted)]
        self.is_comparable = _alike(mine, wanted)
        """Whether inputs and outputs are so alike that values can be compared."""
        self._steps = steps
        self._inputs = dict(zip(mine.inputs, wanted.inputs.values(), strict=False))
        self._rows = model.rows
        self._references = [Reference(one, run, mine.states) for one in interpreters]
        self._found: list[list[Difference]] = [[] for _ in interpreters]

    def first_inputs(self, seed: int) -> Sequence[Mapping[str, Array]]:
        """What the first call takes, as the model has it; none where the program takes something else."""
        return (first_inputs(self._inputs, self._rows, seed),) if self.is_comparable else ()

    def look(self, step: Step) -> None:
        """Compare the values of a call, unless something differs before that it could not be compared with.

        Raises: InterpretationError.
        """
        for reference, found in zip(self._references, self._found, strict=True):
            try:
                found += reference.differences(step, self._steps) if self.is_comparable else []
            except InterpretationError:  # such as a token that no table has, made by a wrong step
                if not found:
                    raise

    @property
    def differences(self) -> Sequence[Difference]:
        """The values that differ, so far."""
        return min(self._found, key=len)

    @property
    def near(self) -> str | None:
        """How far values are off that need not be the same; None where they have to be."""
        near = min(zip(self._found, self._references, strict=True), key=lambda one: len(one[0]))[1].near
        return None if near is None else str(near)

    @property
    def findings(self) -> Sequence[Finding]:
        """All that differs, so far."""
        return [*self.mismatches, *self.differences]


def check_against(
    program: Any, model: ModelReference, steps: int = 1, seed: int = 0, target: AnyTarget | None = None
) -> Sequence[Finding]:
    """Run decode steps of a program beside a model, with random weights.

    Returns what differs: facts, or else values of the first call in which any do; nothing if all is equal.
    Steps that the model has made before, whatever for, are not made again.

    Raises: TargetError for a program that is wrong or cannot run to its end; DiagnosticException,
        InterpretationError where the model cannot be split like the program, or has no such step.
    """
    target = find_target(None) if target is None else target
    assert target.run is not None, "who asks has looked"
    calls = -(-steps // program.steps)
    run = target.run(program, RunOptions(calls * program.steps, seed=seed))
    comparison = Comparison(run, program.steps, model, model.remembering(run.signature.sockets, seed))
    if comparison.mismatches:
        return comparison.mismatches
    for step in run.steps(calls, lambda done, of: None, comparison.first_inputs(seed)):
        comparison.look(step)
        if comparison.findings:
            break
    return comparison.findings


def _alike(mine: Signature, wanted: Signature) -> bool:
    """Whether a step takes and gives the same tensors, whatever they are called."""
    return [*mine.inputs.values()] == [*wanted.inputs.values()] and [*mine.outputs] == [*wanted.outputs]


def _mismatches(mine: Signature, wanted: Signature) -> Iterator[Mismatch]:
    yield from _ordered("input", mine.inputs, wanted.inputs)
    outputs = [dict(enumerate(one.outputs)) for one in (mine, wanted)]
    yield from _named("output", *outputs)
    yield from _named("state", mine.states, wanted.states)
    yield from _named("weight", mine.weights, wanted.weights)


def _ordered(
    what: str, mine: Mapping[str, TensorSpec], wanted: Mapping[str, TensorSpec]
) -> Iterator[Mismatch]:
    """Inputs go by their places; where a name is taken, the compiler puts a number behind it."""
    pairs = [*zip(mine, wanted, strict=False)]
    own = dict(wanted)
    renamed = {name: (other if _is_renamed(name, other) else name) for name, other in pairs}
    if [renamed.get(name, name) for name in mine] != [*own] and set(mine) == set(own):
        yield Mismatch(f"the order of {what}s", ", ".join(mine), ", ".join(own))
    yield from _named(what, {renamed.get(name, name): spec for name, spec in mine.items()}, own)


def _is_renamed(name: str, original: str) -> bool:
    stem, _, number = name.rpartition("_")
    return stem == original and number.isdigit()


def _named(what: str, mine: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> Iterator[Mismatch]:
    for name in [*wanted, *(name for name in mine if name not in wanted)]:
        if name not in mine or name not in wanted:
            there = [_shown(one.get(name), "none") for one in (mine, wanted)]
            yield Mismatch(f"{what} {name}", *there)
        elif isinstance(mine[name], WeightSpec):
            yield from _of_weight(mine[name], wanted[name])
        elif mine[name] != wanted[name]:
            yield Mismatch(f"{what} {name}", str(mine[name]), str(wanted[name]))


def _of_weight(mine: WeightSpec, wanted: WeightSpec) -> Iterator[Mismatch]:
    for field in fields(WeightSpec):
        one, other = getattr(mine, field.name), getattr(wanted, field.name)
        if one != other:
            yield Mismatch(f"weight {wanted.name}: {field.name}", _shown(one), _shown(other))


def _shown(value: Any, nothing: str = "nothing") -> str:
    if value is None:
        return nothing
    value = value.tensor if isinstance(value, WeightSpec) else value
    return cut(str(value), MOST_CHARACTERS)
