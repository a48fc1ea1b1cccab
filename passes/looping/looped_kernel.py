"""Builds the kernel that does a run of calls in one: loops over the bodies of the run's kernels."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from xdsl.dialects.builtin import FunctionType
from xdsl.ir import Attribute, Block, Operation, OpResult, Region, SSAValue

from ...dialects.kernel import FuncOp, LoopOp, ReturnOp, Root, YieldOp, is_same_kernel, root_of
from ...dialects.machine import Machine
from ...dialects.tensors import slice_type, stack_type
from ..diagnostics import add_remark
from ..units.traffic import shortage, too_large, too_many
from .bodies import inline_body
from .call_arguments import Carried, Gathered, Invariant, Local, Slices
from .effort import Effort
from .level_arguments import Handed, LevelArgument, Source, outside, source_of
from .nests import Item, Nest, Phase, first_uses
from .run_loops import RunLoops, flat_loops, nested_loops, tail_results
from .run_scan import Run


@dataclass(frozen=True)
class LoopedKernel:
    """A kernel for a run, not yet in a module, and what its call is to be given."""

    func: FuncOp
    operands: tuple[SSAValue | Gathered, ...]
    """Per argument of the kernel: a value of the schedule, or what is to be stacked."""
    results: tuple[OpResult, ...]
    """Per result of the kernel: the result of a call of the run that it is."""

    @property
    def memory(self) -> tuple[Root | Gathered, ...]:
        """The weights and states that its call is given, in order."""
        roots = (one if isinstance(one, Gathered) else root_of(one) for one in self.operands)
        return tuple(root for root in roots if isinstance(root, Gathered | str))


def build_looped_kernel(run: Run, kernels: Sequence[FuncOp], loops: RunLoops) -> LoopedKernel:
    """The looped kernel of a run whose rounds call these kernels.

    It hands out all that its loop carries; where a tail follows, what the tail hands on, and of the rest
    what somebody reads.
    """
    builder = _LoopBuilder(kernels)
    arguments = first_uses(loops.main.items)
    operands = [_operand(argument) for argument in arguments]
    block = Block(arg_types=map(_type, operands))
    builder.name(block.args, arguments.values())
    values = dict(zip(arguments, block.args, strict=True))
    finals = builder.add_loop(block, loops.main, values.__getitem__)
    last_round = run.calls[run.period * (run.count - 1) : run.period * run.count]
    results = [(last_round[a.phase].res[a.result], final) for a, final in finals]
    if loops.tail is not None:
        handed: dict[LevelArgument, SSAValue] = {**values, **dict(finals)}
        tail = builder.add_loop(block, loops.tail, lambda argument: _handed(argument, handed))
        results = [*_read_outside(run, results), *_of_tail(run, loops.tail, tail)]
    block.add_op(end := ReturnOp([value for _, value in results]))
    type_ = FunctionType.from_lists([a.type for a in block.args], end.operand_types)
    func = FuncOp(_loop_name(kernels), type_, Region(block))
    end.location = func.location = kernels[0].location
    return LoopedKernel(func, tuple(operands), tuple(result for result, _ in results))


def share_kernels(loops: Sequence[LoopedKernel]) -> list[LoopedKernel]:
    """The same, where those that do the same with the same weights and states have one kernel.

    With others of its own, a kernel can keep them in SRAM.
    """
    shared: list[LoopedKernel] = []
    distinct: dict[Hashable, list[FuncOp]] = {}
    for looped in loops:
        alike = distinct.setdefault((looped.func.function_type, looped.memory), [])
        first = next((func for func in alike if is_same_kernel(func, looped.func)), looped.func)
        alike += [first] if first is looped.func else []
        shared.append(replace(looped, func=first))
    return shared


def _operand(argument: LevelArgument) -> SSAValue | Gathered:
    """What the schedule gives for an argument of the outermost loop."""
    source = source_of(argument)
    assert isinstance(source, SSAValue | Gathered), "the outermost loop takes from the schedule"
    return source


def _type(operand: SSAValue | Gathered) -> Attribute:
    if isinstance(operand, Gathered):
        return stack_type(operand.parts[0].type, len(operand.parts))
    return operand.type


def _handed(argument: LevelArgument, handed: dict[LevelArgument, SSAValue]) -> SSAValue:
    """What the main loop gives for an argument of the tail."""
    source = source_of(argument)
    assert isinstance(source, Handed), "the tail takes what the main loop has"
    return handed[source.argument]


Results = list[tuple[OpResult, SSAValue]]
"""Results of calls of the run, and what they are in the looped kernel."""


def _read_outside(run: Run, results: Results) -> Results:
    """Those that somebody else than the run's calls reads, each once."""
    calls: set[Operation] = {*run.calls}
    once = dict(reversed(results))
    return [(old, once[old]) for old in once if any(use.operation not in calls for use in old.uses)][::-1]


def _of_tail(run: Run, tail: Nest, finals: list[tuple[Carried[Source], SSAValue]]) -> Results:
    made = {_last(tail, argument): final for argument, final in finals}
    return [(old, made[Local(*place)]) for place, old in tail_results(run).items()]


def _last(loop: Nest, argument: Carried[Source]) -> Local:
    """What a loop hands on of a carried value, as the result of a call in the round around it."""
    return Local(loop.start + loop.period * (loop.count - 1) + argument.phase, argument.result)


@dataclass(frozen=True)
class _LoopBuilder:
    """Appends loops over the bodies of kernels to blocks."""

    kernels: Sequence[FuncOp]
    """Of a round of the run."""

    def add_loop(
        self, block: Block, loop: Nest, given: Callable[[LevelArgument], SSAValue]
    ) -> list[tuple[Carried[Source], SSAValue]]:
        """Append a loop, `given` what it takes; returns what it carries, and that at its end."""
        uses = first_uses(loop.items)
        carried = [argument for argument in uses if isinstance(argument, Carried)]
        stacked = [argument for argument in uses if isinstance(argument, Slices)]
        initials, stacks = [given(a) for a in carried], [given(a) for a in stacked]
        parts = [_part_type(stack, a.length) for stack, a in zip(stacks, stacked, strict=True)]
        body = Block(arg_types=[*(value.type for value in initials), *parts])
        self.name(body.args, [uses[argument] for argument in (*carried, *stacked)])
        values: dict[LevelArgument, SSAValue] = {a: given(a) for a in uses if isinstance(a, Invariant)}
        values |= dict(zip([*carried, *stacked], body.args, strict=True))
        self._add_items(body, loop.items, values)
        body.add_op(end := YieldOp([values[Local(a.phase, a.result)] for a in carried]))
        walks = ([a.start for a in stacked], [a.stride for a in stacked], [a.length for a in stacked])
        block.add_op(made := LoopOp(loop.count, initials, stacks, Region(body), *walks))
        made.location = end.location = self.kernels[0].location
        for argument, result in zip(body.args, made.res, strict=False):
            result.name_hint = argument.name_hint
        return list(zip(carried, made.res, strict=True))

    def name(self, values: Iterable[SSAValue], uses: Iterable[tuple[int, int]]) -> None:
        """Name values as the operands of the kernels that they are first used as."""
        for value, (number, operand) in zip(values, uses, strict=True):
            value.name_hint = self.kernels[number].args[operand].name_hint

    def _add_items(self, block: Block, items: Sequence[Item], values: dict[LevelArgument, SSAValue]) -> None:
        """Append the calls and loops of a round; `values` get their results."""
        at = 0
        for item in items:
            if isinstance(item, Phase):
                body, given = self.kernels[item.number].body.block, [values[a] for a in item.row]
                results = inline_body(block, body, given)
                values.update({Local(at, number): result for number, result in enumerate(results)})
                at += 1
            else:
                finals = self.add_loop(block, item, lambda argument: values[outside(argument)])
                values.update({_last(item, argument): final for argument, final in finals})
                at += item.period * item.count


def _part_type(stack: SSAValue, length: int) -> Attribute:
    """The type of a slice of a stack, or of a window of so many."""
    part = slice_type(stack.type)
    return stack_type(part, length) if length else part


def _loop_name(kernels: Sequence[FuncOp]) -> str:
    """The name of the kernel, or what the names of several have in common, else the first, and `.loop`."""
    names = [kernel.sym_name.data.split(".") for kernel in kernels]
    common = [parts[0] for parts in zip(*names, strict=False) if len(set(parts)) == 1]
    return ".".join([*(common or names[0]), "loop"])


def _inner(run: Run) -> Effort:
    """What a search for loops inside the loop of a run may look at."""
    return Effort(sum(map(len, run.arguments)))


@dataclass
class LoopFitter:
    """Builds looped kernels and asks whether they fit; it asks once for all runs that are alike."""

    kernels: Mapping[str, FuncOp]
    machine: Machine | None
    """None for one that holds any kernel."""
    effort: Effort = field(default_factory=Effort)
    """Of the search; once it is over, nothing new is asked."""
    _troubles: dict[Hashable, str | None] = field(default_factory=dict[Hashable, str | None])
    _longest_tails: dict[Hashable, int] = field(default_factory=dict[Hashable, int])
    """By likeness of the rounds: with how long a tail flat loops fit, and so with a shorter one."""
    _crowds: dict[frozenset[FuncOp], int] = field(default_factory=dict[frozenset[FuncOp], int])
    """Kernels that have more stages, each once, than there are PCUs, and so in any loop; and how many."""

    def objection(self, run: Run) -> str | None:
        """Why neither loops of loops nor a loop over all calls of the round fit; None if one of them does."""
        flat = self._trouble(run, None)
        if flat is None or self.effort.is_over or (loops := self._nested(run, _inner(run))) is None:
            return flat
        nested = self._trouble(run, loops)
        return flat if nested == flat else nested and f"{flat}; as loops of loops: {nested}"

    def too_large(self, kernel: FuncOp) -> str | None:
        """Why no loop with a kernel fits, whatever else it holds; None if one may."""
        return None if self.machine is None else too_large(kernel, self.machine)

    def build(self, run: Run) -> LoopedKernel:
        """The looped kernel of a run that nothing speaks against, with loops of loops where they fit."""
        effort = _inner(run)
        loops = self._nested(run, effort)
        if effort.is_over:
            add_remark(run.calls[0], f"inside the loop, {effort.reason}")
        if loops is None or self._trouble(run, loops) is not None:
            loops = flat_loops(run)
        return build_looped_kernel(run, self._of(run), loops)

    def _of(self, run: Run) -> Sequence[FuncOp]:
        """The kernels of a round."""
        return [self.kernels[call.callee.string_value()] for call in run.calls[: run.period]]

    def _nested(self, run: Run, effort: Effort) -> RunLoops | None:
        """The loops of loops of a run, if there are any.

        The search has an effort of its own, so that a run has the same ones whenever it is asked.
        """
        kernels = self._of(run)
        if len(set(kernels)) == len(kernels):
            return None
        loops = nested_loops(run, kernels, effort)
        self.effort.spent += effort.spent
        return None if loops.is_flat else loops

    def _trouble(self, run: Run, loops: RunLoops | None) -> str | None:
        """What the machine has against these loops; None stands for the flat ones."""
        if self.machine is None:
            return None
        if loops is None and run.tail <= self._longest_tails.get(run.likeness, -1):
            return None
        likeness = run.likeness, run.tail, loops and loops.shape
        if likeness not in self._troubles:
            self._troubles[likeness] = self._asked(run, loops or flat_loops(run), self.machine)
        if loops is None and self._troubles[likeness] is None:
            self._longest_tails[run.likeness] = run.tail
        return self._troubles[likeness]

    def _asked(self, run: Run, loops: RunLoops, machine: Machine) -> str | None:
        """What the machine has against loops that nothing is known of."""
        kernels = self._of(run)
        whole = frozenset(kernels)
        for crowd, stages in self._crowds.items():
            if crowd <= whole:
                return too_many(stages, machine, "they" if crowd == whole else "some of them")
        if self.effort.is_over:
            return self.effort.reason
        func = build_looped_kernel(run, kernels, loops).func
        self.effort.try_operations(sum(1 for _ in func.walk()))
        short = shortage(func, machine)
        once = len(whole) == len(kernels) and not run.tail  # any loop with these has as many stages
        if once and short is not None and short.stages is not None:
            self._crowds[whole] = short.stages
        return short and short.reason
