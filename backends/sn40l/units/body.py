"""Bodies of stages: instructions on numbered values, whose types and work the rules of `dialects` say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ....dialects.rules import RULES, Call, RuleError
from ...meanings import KNOWN, is_known
from ...tensors import TensorSpec
from ..errors import ProgramError, require, require_extents


@dataclass(frozen=True)
class Instruction:
    """One operation of a stage's body; values are numbered: inputs, states, then instruction results."""

    operation: str
    operands: tuple[int, ...]
    result: TensorSpec
    attributes: Mapping[str, int | float | tuple[float, ...]] = field(
        default_factory=dict[str, int | float | tuple[float, ...]]
    )

    def call(self, values: Sequence[TensorSpec]) -> Call:
        """As the rules see it, where the values before it have these types."""
        operands = [values[number] for number in self.operands]
        return Call(self.operation, operands, self.attributes, self.result)


def checked_values(before: Iterable[TensorSpec], body: Sequence[Instruction]) -> list[TensorSpec]:
    """The types of all values by number: those `before` the body, inputs and states, then results.

    Of an operation of another package nothing is known without it: its result is what the program says.

    Raises: ProgramError where an instruction is unknown, reads a value that is not before it, or has
        operands, attributes or a result that do not fit.
    """
    values = [*before]
    for spec in (*values, *(instruction.result for instruction in body)):
        require_extents(spec, "its body")
    for number, instruction in enumerate(body):
        _check_instruction(f"instruction {number}", instruction, values)
        values.append(instruction.result)
    return values


def _check_instruction(what: str, instruction: Instruction, before: Sequence[TensorSpec]) -> None:
    operation = instruction.operation
    require(is_known(operation), f"{what}: unknown operation '{operation}'; known: {', '.join(KNOWN)}")
    for operand in instruction.operands:
        there = 0 <= operand < len(before)
        require(there, f"{what} reads value {operand}, there are {len(before)} before it")
    rule = RULES.get(operation)
    if rule is None:
        return
    try:
        rule.check(instruction.call(before))
    except RuleError as error:
        raise ProgramError(f"{what}, {operation}: {error}") from None


def check_read(
    inputs: int, body: Sequence[Instruction], outputs: Sequence[int], next_states: Sequence[int]
) -> None:
    """That what a body that has been checked computes leads to an output, and each state to its next one.

    A body of casts at most hands tiles on, and may wait for inputs that it does not read. One that puts out
    nothing takes what nobody wants.

    Raises: ProgramError for the first one that does not.
    """
    first = inputs + len(next_states)
    made_of = [*[()] * first, *(instruction.operands for instruction in body)]
    for number, following in enumerate(next_states):
        goes_on = following >= first and inputs + number in _behind([following], made_of)
        require(goes_on, f"state {number} becomes value {following}, which no instruction makes of it")
    made_of[inputs:first] = [(following,) for following in next_states]
    used = _behind(outputs, made_of)
    if not outputs:
        return
    hands_on = all(instruction.operation == "nn.cast" for instruction in body)
    for value in range(inputs if hands_on else 0, len(made_of)):
        what = f"of instruction {value - first}" if value >= first else "an input or a state"
        require(value in used, f"value {value}, {what}, is read by nothing that it puts out")


def _behind(values: Iterable[int], made_of: Sequence[Sequence[int]]) -> set[int]:
    """Values and all that they are made of."""
    found, left = set[int](), [*values]
    while left:
        value = left.pop()
        if value not in found:
            found.add(value)
            left += made_of[value]
    return found


@dataclass(frozen=True)
class Work:
    """What the instructions of a body do once."""

    flops: int
    wide_flops: int
    """Of the FLOPs, those of products of numbers of 32 bits or more."""
    is_all: bool
    """It has no operation of another package, whose work is not known without it."""


def work_of(before: Iterable[TensorSpec], body: Sequence[Instruction]) -> Work:
    """The work of a body that has been checked; of one with operations of other packages, that of ours."""
    values = [*before, *(instruction.result for instruction in body)]
    ours = [(RULES[one.operation], one.call(values)) for one in body if one.operation in RULES]
    return Work(
        sum(rule.flops(call) for rule, call in ours),
        sum(rule.wide_flops(call) for rule, call in ours),
        len(ours) == len(body),
    )
