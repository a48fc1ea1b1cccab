"""The parameters of a search: knobs of passes, once the module is known, and ranges of machine parameters.

And what a machine costs in the user's own terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import inf, isfinite, nan
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...explore.errors import SpaceError
from ...explore.expressions import make_constraint
from ...explore.parameters import Categorical, Condition, Discrete, Integer, IntegerScale, Ordinal
from ...passes.knobs import Knob, KnobValue, module_facts, option_knobs, presence_knob
from ..values import HELP_MARK, InputError

Facts = Mapping[str, int]

WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class BoundKnob:
    """A knob bound to a module: `tile-stages.tile-bytes`, or `loop-kernels` for whether a pass runs."""

    pass_name: str
    option: str | None
    """The name of the option in a pipeline; None for whether the pass runs."""
    parameter: Discrete
    constraints: tuple[str, ...]
    default: KnobValue
    """What it is in the pipeline as it stands."""
    is_written: bool = False
    """Whether a pipeline always says it: what an absent option stands for depends on others."""
    unit: str = ""
    """Of its values, if they have one."""

    @property
    def name(self) -> str:
        """The name of its parameter."""
        return self.parameter.name


@dataclass(frozen=True)
class Slot:
    """A pass of a pipeline, its options there, and whether it runs if nobody turns a knob."""

    pass_class: type[ModulePass]
    options: Mapping[str, KnobValue]
    runs: bool

    @property
    def has_knobs(self) -> bool:
        """Whether there is something to turn."""
        return presence_knob(self.pass_class) is not None or bool(option_knobs(self.pass_class))


def bind_knobs(slots: Sequence[Slot], module: ModuleOp) -> tuple[BoundKnob, ...]:
    """The knobs of all passes, in their order; of a pass that stands twice, once.

    A pass that does not run and cannot be turned on has none.

    Raises: InputError where a pass declares a knob that makes no sense.
    """
    facts = module_facts(module)
    found: dict[str, BoundKnob] = {}
    for slot in slots:
        try:
            for knob in _bound_knobs(slot, facts, module):
                found.setdefault(knob.name, knob)
        except (SpaceError, TypeError) as error:
            name = slot.pass_class.name
            raise InputError(f"pass {name} declares a knob that makes no sense: {error}") from None
    return tuple(found.values())


def _bound_knobs(slot: Slot, facts: Facts, module: ModuleOp) -> Iterator[BoundKnob]:
    name, knobs = slot.pass_class.name, option_knobs(slot.pass_class)
    presence, when = presence_knob(slot.pass_class), None
    if presence is not None and _is_there(presence, facts, module):
        yield BoundKnob(name, None, _parameter(name, presence, facts, slot.runs), (), slot.runs)
        when = Condition(name, (True,))
    elif not slot.runs:
        return
    defaults: dict[str, int] = {}
    for option, (knob, usual) in knobs.items():
        if not _is_there(knob, facts, module):
            continue
        own = {**facts, **_own_facts(knob, module)}
        default = slot.options.get(option, usual)
        default = _number(knob.default, {**own, **defaults}) if default is None else default
        if isinstance(default, int):
            defaults[option.replace("-", "_")] = default
        parameter = replace(_parameter(f"{name}.{option}", knob, own, default), when=when)
        texts = [_named(text, slot, own) for text in knob.where if not _is_about(text, own)]
        yield BoundKnob(name, option, parameter, tuple(texts), default, usual is None, knob.unit)


def _own_facts(knob: Knob, module: ModuleOp) -> dict[str, int]:
    return {name: read(module) for name, read in knob.facts.items()}


def _is_about(text: str, facts: Facts) -> bool:
    """Whether a predicate is about facts alone."""
    return all(name in facts for name in make_constraint(text).names)


def _is_there(knob: Knob, facts: Facts, module: ModuleOp) -> bool:
    """Whether a module has a knob: the predicates on facts alone hold."""
    facts = {**facts, **_own_facts(knob, module)}
    return all(bool(make_constraint(text).value(facts)) for text in knob.where if _is_about(text, facts))


def _number(bound: Any, facts: Facts) -> int:
    """A bound, which may be a text over facts."""
    if not isinstance(bound, str):
        return bound
    expression = make_constraint(bound, "bound")
    for name in expression.names:
        if name not in facts:
            raise SpaceError(f"'{bound}' names {name}, which is no fact; known are {', '.join(facts)}")
    value: Any = expression.value(facts)
    return int(value)


def _parameter(name: str, knob: Knob, facts: Facts, default: KnobValue) -> Discrete:
    """The parameter of a knob; a default outside the range becomes one more value."""
    if knob.values:
        values = knob.values if default in knob.values else (default, *knob.values)
        if knob.ordered:
            return Ordinal(name, tuple(values), knob.prior)
        return Categorical(name, tuple(values))
    numbers = Integer(name, _number(knob.low, facts), _number(knob.high, facts), knob.scale, knob.prior)
    try:
        numbers.index(default)
    except SpaceError:
        known = [numbers.value(index) for index in range(numbers.size)]
        return Ordinal(name, tuple(sorted([*known, int(default)])), knob.prior)
    return numbers


def _named(text: str, slot: Slot, facts: Facts) -> str:
    """A predicate over parameters: facts become numbers, options their full names in backquotes."""
    knobs = option_knobs(slot.pass_class)

    def full(word: re.Match[str]) -> str:
        option = word[0].replace("_", "-")
        if word[0] in facts:
            return str(facts[word[0]])
        return f"`{slot.pass_class.name}.{option}`" if option in knobs else word[0]

    return WORD.sub(full, text)


def with_values(text: str, values: Mapping[str, KnobValue]) -> str | None:
    """A predicate in which knobs that are not turned are what they are set to; None where that is all.

    Raises: SpaceError where it is all and does not hold.
    """
    expression = make_constraint(text)
    known = [name for name in expression.names if name in values]
    if len(known) < len(expression.names):
        return reduce(lambda text, name: text.replace(f"`{name}`", repr(values[name])), known, text)
    if not expression.holds(values):
        shown = ", ".join(f"{name} = {values[name]!r}" for name in known)
        raise SpaceError(f"'{text}' does not hold for {shown}")
    return None


SCALES: Mapping[str, IntegerScale] = {"linear": "linear", "log": "log", "pow2": "pow2"}
RANGE = re.compile(r"(?P<low>[^.:]+(?:\.\d[^.:]*)?)\.\.(?P<high>[^:]+)(?::(?P<scale>\w+))?")
FORM = f"{HELP_MARK}write name=low..high, name=low..high:{'|'.join(SCALES)}, or name=a,b,c"


def machine_parameter(text: str, known: Sequence[str]) -> Integer | Ordinal:
    """The parameter of `hbm_bandwidth=1e12..4e12:log` or `sockets=8,16`; `known` are those that there are.

    Raises: InputError for a text of another form, an unknown parameter, values that are no positive integers.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals:
        raise InputError(f"--explore '{text}' says no values{FORM}")
    if name not in known:
        raise InputError(f"unknown machine parameter '{name}'{HELP_MARK}known are {', '.join(known)}")
    try:
        if (match := RANGE.fullmatch(values)) is None:
            return Ordinal(name, tuple(sorted(_whole(name, value) for value in values.split(","))))
        if (scale := SCALES.get(match["scale"] or "linear")) is None:
            raise InputError(f"--explore {name}: unknown scale '{match['scale']}'{FORM}")
        return Integer(name, _whole(name, match["low"]), _whole(name, match["high"]), scale)
    except SpaceError as error:
        raise InputError(f"--explore {name}: {error}") from None


def _whole(name: str, text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        raise InputError(f"--explore {name}: '{text.strip()}' is no number{FORM}") from None
    if not (number.is_integer() and number > 0):
        raise InputError(f"--explore {name}: {text.strip()} is no positive integer")
    return int(text) if text.strip().isdecimal() else int(number)


def _float(value: object) -> float:
    """A number as a float, NaN for what is none."""
    try:
        return float(value) if isinstance(value, int | float) else nan
    except OverflowError:
        return inf


@dataclass(frozen=True)
class Cost:
    """An objective over machine parameters: a name and an expression."""

    name: str
    expression: str

    def of(self, terms: Mapping[str, int]) -> float:
        """What a machine costs; `terms` are its parameters and what else a target's expressions may name.

        Raises: InputError where the expression has no value there.
        """
        try:
            value = make_constraint(self.expression, "cost").value(dict(terms))
        except SpaceError as error:
            raise InputError(f"--cost {self.name}: {error}") from None
        number = _float(value)
        if not isfinite(number):
            shown = "too large a whole number" if isinstance(value, int) else repr(value)[:40]
            raise InputError(f"--cost {self.name} is {shown}, which is no finite number")
        return number


def parse_cost(text: str, terms: Mapping[str, int]) -> Cost:
    """The cost of `area = 2.5 * sram_bytes + hbm_bandwidth / 1e9`.

    Raises: InputError for a text of another form, and for an expression with unknown names or no number.
    """
    name, equals, expression = (part.strip() for part in text.partition("="))
    if not (equals and name.isidentifier() and expression):
        raise InputError(f"--cost '{text}' is no cost{HELP_MARK}write --cost 'area = 2.5 * pmus + pcus'")
    try:
        unknown = set(make_constraint(expression, "cost").names) - {*terms}
    except SpaceError as error:
        raise InputError(f"--cost {name}: {error}") from None
    if unknown:
        known = ", ".join(terms)
        raise InputError(f"--cost {name} names '{min(unknown)}'{HELP_MARK}it may name {known}")
    cost = Cost(name, expression)
    cost.of(terms)
    return cost
