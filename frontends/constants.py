"""From constants to their numbers, and to the weight that they are where they stand as a tensor."""

from __future__ import annotations

from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, TensorType, f64

from ..dialects.nn import WeightOp
from ..dialects.spelling import FLOAT_TYPES
from .diagnostics import counted, error, location_of, similar
from .scope import Constant, Global, Scope, evaluate, extent, whole
from .syntax import Formula, Listed, Name

_MOST_ELEMENTS = 100_000
"""A longer formula is taken for a mistake."""
_LARGEST = {"bf16": 3.3895313892515355e38, "f16": 65504.0, "f32": 3.4028234663852886e38}
"""The largest number of a type; f64 has all that there are."""


def declare_constant(item: Listed | Formula, scope: Scope) -> WeightOp:
    """Declare a constant; gives the weight that it is, if anything reads it as a tensor.

    Raises: ParseError if its name is taken, or its numbers do not work out or are not so many.
    """
    type_ = _element_type(item.element_type)
    values = _listed(item, scope) if isinstance(item, Listed) else _worked_out(item, scope)
    largest = max(map(abs, values))
    if largest > _LARGEST.get(str(type_), largest):
        raise error(item.value.span, f"{largest} is out of the range of {type_}", "f64 has all numbers")
    name, tensor = item.name.text, TensorType(type_, [len(values)])
    scope.declare(item.name, Constant(values, Global(name, tensor, tensor)))
    wide = DenseIntOrFPElementsAttr.from_list(TensorType(f64, [len(values)]), values)
    op = WeightOp(name, tensor, value=wide)
    op.location = location_of(item.span)
    return op


def _element_type(name: Name | None) -> AnyFloat:
    if name is None:
        return f64
    found = FLOAT_TYPES.get(name.text)
    if found is None:
        message = f"'{name.text}' is no type of floats{similar(name.text, FLOAT_TYPES)}"
        raise error(name.span, message, f"constants are of {', '.join(FLOAT_TYPES)}")
    return found


def _listed(item: Listed, scope: Scope) -> tuple[float, ...]:
    count, values = extent(item.extent, scope), item.value.numbers
    if len(values) != count:
        message = f"'{item.name.text}' has {counted(len(values), 'number')}, its extent is {count}"
        raise error(item.value.span, message, "give as many numbers as the extent says")
    return tuple(float(evaluate(value, scope)) for value in values)


def _worked_out(item: Formula, scope: Scope) -> tuple[float, ...]:
    if start := whole(item.start, scope):
        raise error(item.start.span, f"'{item.variable.text}' begins at {start}", "indices begin at 0")
    count = extent(item.stop, scope)
    if count > _MOST_ELEMENTS:
        message = f"'{item.name.text}' has {count} elements"
        raise error(item.stop.span, message, f"a constant has at most {_MOST_ELEMENTS}")
    inner = scope.inner()
    inner.declare(item.variable, 0)
    values: list[float] = []
    for number in range(count):
        inner.set_number(item.variable, number)
        values.append(float(evaluate(item.value, inner)))
    return tuple(values)
