"""The loops that a run becomes: one over its rounds, and one behind it where it ends within a round.

It reads the schedule and changes nothing: the loops are data, which `looped_kernel` builds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import OpResult

from ...dialects.kernel import CallOp, FuncOp, root_of
from .call_arguments import Argument, Carried, Gathered, Invariant, Local, Slices
from .effort import Effort
from .level_arguments import Handed, LevelArgument, Row, outside
from .nests import Item, Level, Nest, Phase, first_uses
from .run_memory import written_arguments
from .run_scan import Run
from .run_tails import free_places, results_read_behind
from .touched_memory import Touch, meetings


@dataclass(frozen=True)
class RunLoops:
    """A run as loops in a row."""

    main: Nest
    tail: Nest | None
    """The round that is cut short; one of its own rounds, or a loop of what repeats in it."""

    @property
    def is_flat(self) -> bool:
        """Whether no loop stands inside another one."""
        return self.main.is_flat and (self.tail is None or self.tail.is_flat)

    @property
    def shape(self) -> object:
        """Equal for loops of equal bodies."""
        return self.main.shape, None if self.tail is None else (self.tail.count, self.tail.shape)


def flat_loops(run: Run) -> RunLoops:
    """The loops whose body holds every call of a round."""
    rows = [tuple(_in_a_stack(argument) for argument in row) for row in run.arguments]
    main = Nest(run.count, _alone(rows), 0, run.period)
    return RunLoops(main, Nest(1, _alone(_tail_rows(run, main)), 0, run.tail) if run.tail else None)


def nested_loops(run: Run, kernels: Sequence[FuncOp], effort: Effort) -> RunLoops:
    """The loops whose body holds what repeats within a round once; `kernels` are those of a round."""
    names = [call.callee.string_value() for call in run.calls[: run.period]]
    rows = [tuple(_in_a_stack(argument) for argument in row) for row in run.arguments]
    touches = _touches(run, kernels)
    rounds = [touches[at : at + run.period] for at in range(0, len(touches), run.period)]
    level = Level(names, range(run.period), rows, meetings(rounds[: run.count]), effort)
    main = Nest(run.count, level.items(), 0, run.period)
    if not run.tail:
        return RunLoops(main, None)
    level = Level(
        names[: run.tail], range(run.tail), _tail_rows(run, main), meetings(rounds[run.count :]), effort
    )
    return RunLoops(main, _unwrapped(Nest(1, level.items(), 0, run.tail)))


def _alone(rows: Sequence[Row]) -> tuple[Item, ...]:
    return tuple(Phase(number, row) for number, row in enumerate(rows))


def _in_a_stack(argument: Argument) -> LevelArgument:
    return Slices(argument, 0, 1) if isinstance(argument, Gathered) else argument


def _touches(run: Run, kernels: Sequence[FuncOp]) -> list[list[Touch]]:
    """What each call of a run does to memory."""
    written = [written_arguments(kernel) for kernel in kernels]
    found: list[list[Touch]] = []
    for number, call in enumerate(run.calls):
        phase = number % run.period
        index = call.index.value.data if call.index is not None else None
        pairs = zip(call.arguments, kernels[phase].function_type.inputs, strict=True)
        found.append(
            [
                Touch(operand, value, index if value.type != type_ else None, operand in written[phase])
                for operand, (value, type_) in enumerate(pairs)
                if isinstance(value.type, MemRefType)
            ]
        )
    return found


def _tail_rows(run: Run, main: Nest) -> list[Row]:
    """What the calls behind the last full round are given, in a loop of one round behind the main loop."""
    taken = list(first_uses(main.items))
    places = _places(taken)
    slots = _slots(run)

    def continued(call: CallOp, operand: int, argument: Argument) -> LevelArgument:
        match argument:
            case Local():
                return argument
            case Carried() if argument in slots:
                return Carried(*slots[argument], Handed(argument))
            case Carried() | Invariant():
                return Invariant(Handed(argument))
            case Slices(stack, start, stride):
                return Slices(places[stack][0], start + run.count * stride, 1)
            case Gathered():
                return Slices(*places[root_of(call.arguments[operand])], 1)

    tail = run.calls[run.count * run.period :]
    return [
        tuple(continued(call, operand, argument) for operand, argument in enumerate(row))
        for call, row in zip(tail, run.arguments, strict=False)
    ]


def _places(taken: Sequence[LevelArgument]) -> dict[object, tuple[Handed, int]]:
    """Where the main loop has its stacks, and the weights and states that it gathers to stacks."""
    places: dict[object, tuple[Handed, int]] = {}
    for argument in taken:
        if isinstance(argument, Slices):
            places.setdefault(argument.stack, (Handed(argument), 0))
            parts = argument.stack.parts if isinstance(argument.stack, Gathered) else ()
            for number, part in enumerate(parts):
                places.setdefault(root_of(part), (Handed(argument), number))
    return places


def _slots(run: Run) -> dict[Argument, tuple[int, int]]:
    """Which carried values of the tail hand on which of its results."""
    carried = (a for row in run.arguments[: run.tail] for a in row if isinstance(a, Carried))
    places = free_places([(a, a.initial.type) for a in dict.fromkeys(carried)], tail_results(run))
    return {place: key for key, place in places.items()}


def tail_results(run: Run) -> dict[tuple[int, int], OpResult]:
    """Phase and number of the results of the tail that somebody else reads."""
    return results_read_behind(run.calls[run.count * run.period :])


def _unwrapped(tail: Nest) -> Nest:
    """The loop that is all of a single round, by itself."""
    loop = tail.items[0]
    if len(tail.items) > 1 or not isinstance(loop, Nest):
        return tail
    names: dict[LevelArgument, LevelArgument] = {}
    for argument in first_uses(loop.items):
        lifted = _in_one_round(argument, outside(argument))
        if lifted is None:
            return tail
        names[argument] = lifted
    return replace(loop, items=_renamed(loop.items, names))


def _in_one_round(inner: LevelArgument, outer: LevelArgument) -> LevelArgument | None:
    """What an argument of a loop is outside of the only round around it; None if it needs the round."""
    match inner, outer:
        case Carried(phase, result), Carried(initial=source) | Invariant(source):
            return Carried(phase, result, source)
        case Invariant(), Carried(initial=source) | Invariant(source):
            return Invariant(source)
        case Invariant(), Slices(stack, start):
            return Slices(stack, start, 0)
        case Slices(_, start, stride, length), Slices(stack, first):
            return Slices(stack, first + start, stride, length)
        case _:
            return None


def _renamed(items: Sequence[Item], names: Mapping[LevelArgument, LevelArgument]) -> tuple[Item, ...]:
    """The items with other arguments of their level, whose sources are others in the loops inside too."""
    renamed: list[Item] = []
    for item in items:
        if isinstance(item, Phase):
            renamed.append(replace(item, row=tuple(names.get(argument, argument) for argument in item.row)))
            continue
        inner = {a: _from(a, names.get(outside(a), outside(a))) for a in first_uses(item.items)}
        renamed.append(replace(item, items=_renamed(item.items, inner)))
    return tuple(renamed)


def _from(argument: LevelArgument, source: LevelArgument) -> LevelArgument:
    match argument:
        case Carried():
            return replace(argument, initial=source)
        case Invariant():
            return Invariant(source)
        case Slices():
            return replace(argument, stack=source)
        case Local():
            return argument
