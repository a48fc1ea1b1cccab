"""From declarations to types, weights, caches and the numbers of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    AnyFloat,
    Float8E4M3FNType,
    IntegerType,
    MemRefType,
    TensorType,
    i32,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import ParseError

from ..dialects.nn import StateOp, WeightOp
from ..dialects.spelling import FLOAT_TYPES
from ..dialects.stored_formats import FORMATS, SCALE_TYPES
from .diagnostics import counted, error, location_of, similar
from .numbers import alike, checked
from .scope import Global, Number, Scope, evaluate, extent
from .sources import Stack, origin
from .stored import declare_stored, is_stored
from .stored_sources import refuse_source
from .syntax import Cache, Declaration, ElementType, Model, Name, Parameter, Weight

ELEMENT_TYPES: dict[str, AnyFloat | IntegerType] = {**FLOAT_TYPES, "i32": i32}
"""Every element type by name."""

CACHE_TYPES: dict[str, AnyFloat] = {"f8e4m3": Float8E4M3FNType()}
"""Element types of caches alone."""

STORED_TYPES = tuple(dict.fromkeys((*FORMATS, *SCALE_TYPES)))
"""Element types of codes and scales, by name."""

_DEFAULT_ELEMENT_TYPE = "bf16"


def element_type_named(name: Name) -> AnyFloat | IntegerType:
    """The element type of a name.

    Raises: ParseError if there is none.
    """
    found = ELEMENT_TYPES.get(name.text)
    if found is None and name.text in STORED_TYPES:
        message = f"{name.text} is a type of stored weights alone"
        raise error(name.span, message, f"values are of {', '.join(ELEMENT_TYPES)}")
    if found is None:
        message = f"unknown element type '{name.text}'{similar(name.text, ELEMENT_TYPES)}"
        raise error(name.span, message, f"element types are {', '.join(ELEMENT_TYPES)}")
    return found


def default_element_type(model: Model) -> AnyFloat | IntegerType:
    """The element type of whatever names none: the model's `dtype`, bf16 without one.

    Raises: ParseError if the model gives two, or one that does not exist.
    """
    given = [item for item in model.items if isinstance(item, ElementType)]
    if len(given) > 1:
        line = given[0].span.get_location().line
        message = f"the model has a 'dtype' already, in line {line}"
        raise error(given[1].span, message, "keep one of the two")
    return element_type_named(given[0].name) if given else ELEMENT_TYPES[_DEFAULT_ELEMENT_TYPE]


def check_overrides(model: Model, overrides: Mapping[str, Number]) -> None:
    """Check that every number given from outside is for a parameter.

    Raises: ParseError at the first statement of the file.
    """
    known = [item.name.text for item in model.items if isinstance(item, Parameter)]
    for name in overrides:
        if name not in known:
            help = f"parameters of this model: {', '.join(known) or 'none'}"
            raise error(model.span, f"unknown parameter '{name}'{similar(name, known)}", help)


def parameter_value(parameter: Parameter, overrides: Mapping[str, Number], scope: Scope) -> Number:
    """The number given for a parameter from outside, or else the one that the file gives.

    A parameter stays whole or a fraction as it is in the file: 1e1 layers are 10, and a scale of 1 is 1.0.

    Raises: ParseError if it is no number that the language knows.
    """
    given = overrides.get(parameter.name.text)
    if given is None:
        return evaluate(parameter.value, scope)
    given = checked(given, parameter.span)
    try:
        return alike(given, evaluate(parameter.value, scope))
    except ParseError:  # with other numbers from outside, the file's own may not be one
        return given


def declared_type(declaration: Declaration, scope: Scope, default: Attribute) -> TensorType[Attribute]:
    """The type of `x[batch, hidden]: f32`.

    Raises: ParseError if an extent is no whole number from one, or the element type unknown.
    """
    extents = [extent(expression, scope) for expression in declaration.extents]
    named = declaration.element_type
    return TensorType(element_type_named(named) if named else default, extents)


def declare(
    item: Weight | Cache, scope: Scope, default: Attribute, stack: Stack | None
) -> tuple[Sequence[Global], Sequence[WeightOp | StateOp]]:
    """Declare a weight or cache of the module, or of a layer kind with one slice per layer.

    A weight of fewer bits is several in the module.

    Raises: ParseError if its name is taken, or its shape or source is wrong.
    """
    if isinstance(item, Weight) and is_stored(item):
        stored, weights = declare_stored(item, scope, default, stack)
        return stored.parts, weights
    entry, op = _declare_one(item, scope, default, stack)
    return (entry,), (op,)


def _declare_one(
    item: Weight | Cache, scope: Scope, default: Attribute, stack: Stack | None
) -> tuple[Global, WeightOp | StateOp]:
    name, sliced = item.declaration.name, _own_type(item, scope, default)
    leading = () if stack is None else (stack.count,)
    whole = TensorType(sliced.get_element_type(), [*leading, *sliced.get_shape()])
    symbol, stacked = name.text if stack is None else f"{stack.kind}.{name.text}", stack is not None
    if isinstance(item, Weight):
        refuse_source(item.source)
        entry, where = Global(symbol, whole, sliced), origin(item.source, sliced.get_shape(), scope, stack)
        op = WeightOp(
            symbol,
            whole,
            where.checkpoint,
            transposed=where.transposed,
            stacked=stacked,
            rows=where.rows,
            columns=where.columns,
            layers=where.layers,
        )
    else:
        _check_ring(item, len(sliced.get_shape()))
        entry = Global(symbol, _memory(whole), _memory(sliced), item.ring)
        op = StateOp(symbol, _memory(whole), stacked=stacked, ring=item.ring)
    scope.declare(name, entry)
    op.location = location_of(item.span)
    return entry, op


def _own_type(item: Weight | Cache, scope: Scope, default: Attribute) -> TensorType[Attribute]:
    """The declared type; a cache may be of 8 bits."""
    declaration = item.declaration
    named = declaration.element_type
    if isinstance(item, Cache) and named is not None and named.text in CACHE_TYPES:
        extents = [extent(expression, scope) for expression in declaration.extents]
        return TensorType(CACHE_TYPES[named.text], extents)
    return declared_type(declaration, scope, default)


def _memory(type_: TensorType[Attribute]) -> MemRefType[Attribute]:
    return MemRefType(type_.get_element_type(), type_.get_shape())


def _check_ring(cache: Cache, rank: int) -> None:
    if cache.ring and rank != 4:
        message = f"a cache of {counted(rank, 'dimension')} cannot be a ring"
        raise error(cache.span, message, "one that holds positions can: [batch, kv_heads, context, head_dim]")
