"""The operators of the language: what each demands of its arguments and the nn operation it stands for.

A new operator is one function and one entry of `OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.ir import Operation, SSAValue

from ..dialects.nn import (
    AddOp,
    ArgmaxOp,
    AttentionOp,
    CacheAppendOp,
    CastOp,
    EmbeddingOp,
    GeluOp,
    MatmulOp,
    MulOp,
    RMSNormOp,
    RopeOp,
    SiluOp,
    element_type_of,
    shape_of,
)
from .arguments import Arguments, Operator
from .diagnostics import error
from .element_types import FLOAT_TYPES, conversion, shown

LEFT, RIGHT = "the left side", "the right side"
"""The parameters of `+ * @`, as messages name them."""


def _extents(value: SSAValue) -> str:
    return f"[{', '.join(map(str, shape_of(value)))}]"


def matmul(arguments: Arguments) -> Operation:
    """`lhs @ rhs`: two matrices; the result has the element type of the left one."""
    lhs, rhs = arguments.floats(LEFT, rank=2), arguments.floats(RIGHT, rank=2)
    if shape_of(lhs)[1] != shape_of(rhs)[0]:
        message = f"inner extents differ: {_extents(lhs)} @ {_extents(rhs)}"
        help = "the right side has one row for each column of the left side"
        if shape_of(lhs)[1] == shape_of(rhs)[1]:
            help += "; a weight that is stored as [out, in] is declared [in, out] from transposed"
        raise error(arguments.call, message, help)
    return MatmulOp(lhs, rhs)


def add(arguments: Arguments) -> Operation:
    """`lhs + rhs`: two tensors of one type."""
    return AddOp(*_alike(arguments))


def mul(arguments: Arguments) -> Operation:
    """`lhs * rhs`: two tensors of one type, element by element."""
    return MulOp(*_alike(arguments))


def _alike(arguments: Arguments) -> tuple[SSAValue, SSAValue]:
    lhs, rhs = arguments.floats(LEFT), arguments.floats(RIGHT)
    if shape_of(lhs) != shape_of(rhs):
        message = f"shapes differ: {_extents(lhs)} and {_extents(rhs)}"
        raise error(arguments.call, message, "both sides need the same shape")
    if element_type_of(lhs) != element_type_of(rhs):
        message = f"element types differ: {shown(lhs.type)} and {shown(rhs.type)}"
        raise error(arguments.call, message, f"convert one side: {element_type_of(lhs)}(…)")
    return lhs, rhs


def embedding(arguments: Arguments) -> Operation:
    """`table[ids]`: the rows of a table `[vocab, hidden]` for ids `i32[batch]`."""
    return EmbeddingOp(arguments.indices("ids", rank=1), arguments.floats("table", rank=2))


def _rms_norm(arguments: Arguments) -> Operation:
    x, gain, eps = arguments.floats("x"), arguments.floats("gain"), arguments.number("eps")
    if shape_of(gain) != shape_of(x)[-1:] or not shape_of(x):
        message = f"gain is {shown(gain.type)}, x is {shown(x.type)}"
        raise arguments.wrong("gain", message, "the gain has the last extent of x: [hidden]")
    if eps < 0:
        raise arguments.wrong("eps", f"eps is {eps}, it must not be negative")
    return RMSNormOp(x, gain, eps)


_SCALING = ("factor", "low", "high", "original_context")


def _rope(arguments: Arguments) -> Operation:
    x, position = arguments.floats("x", rank=2), arguments.indices("position", rank=0)
    head_dim, theta = arguments.whole("head_dim"), arguments.positive("theta")
    if head_dim % 2:
        message = f"head_dim is {head_dim}, rope needs an even one"
        raise arguments.wrong("head_dim", message)
    if shape_of(x)[1] % head_dim:
        message = f"x is {shown(x.type)}, its rows are no multiple of head_dim {head_dim}"
        raise arguments.wrong("x", message, "rope takes [batch, heads * head_dim]")
    return RopeOp(x, position, head_dim, theta, _scaling(arguments))


def _scaling(arguments: Arguments) -> tuple[float, float, float, int] | None:
    """The frequency scaling of Llama 3.1: all four arguments or none of them."""
    missing = [name for name in _SCALING if name not in arguments]
    if len(missing) == len(_SCALING):
        return None
    if missing:
        message = f"rope is scaled without {', '.join(missing)}"
        raise error(arguments.call, message, f"give all of {', '.join(_SCALING)} or none")
    factor, low, high = (arguments.positive(name) for name in _SCALING[:3])
    if low >= high:
        raise arguments.wrong("low", f"low is {low}, it must be below high, {high}")
    return factor, low, high, arguments.whole("original_context")


def _append(arguments: Arguments) -> Operation:
    cache, x = arguments.cache("cache"), arguments.floats("x", rank=2)
    batch, heads, _, head_dim = shape_of(cache)
    wanted = TensorType(element_type_of(cache), [batch, heads * head_dim])
    if x.type != wanted:
        message = f"x is {shown(x.type)}, this cache takes {shown(wanted)}"
        shapes = "a cache [batch, kv_heads, context, head_dim] takes [batch, kv_heads * head_dim]"
        raise arguments.wrong("x", message, conversion(x.type, wanted) or shapes)
    return CacheAppendOp(cache, x, arguments.indices("position", rank=0))


def _attention(arguments: Arguments) -> Operation:
    query = arguments.floats("query", rank=2)
    keys, values = arguments.cache("keys"), arguments.cache("values")
    if shape_of(values) != shape_of(keys):
        message = f"values are {shown(values.type)}, keys {shown(keys.type)}"
        raise arguments.wrong("values", message, "both caches need the same shape")
    batch, heads, _, head_dim = shape_of(keys)
    if shape_of(query)[0] != batch or shape_of(query)[1] % (heads * head_dim):
        message = f"query is {shown(query.type)}, keys are {shown(keys.type)}"
        help = f"a query is [{batch}, heads * {head_dim}], heads a multiple of {heads}"
        raise arguments.wrong("query", message, help)
    scale = arguments.number("scale") if "scale" in arguments else head_dim**-0.5
    return AttentionOp(query, keys, values, arguments.indices("position", rank=0), scale)


def _argmax(arguments: Arguments) -> Operation:
    return ArgmaxOp(arguments.floats("x", rank=2))


def _silu(arguments: Arguments) -> Operation:
    return SiluOp(arguments.floats("x"))


def _gelu(arguments: Arguments) -> Operation:
    return GeluOp(arguments.floats("x"))


def _cast_to(element_type: AnyFloat) -> Callable[[Arguments], Operation]:
    def cast(arguments: Arguments) -> Operation:
        x = arguments.floats("x")
        return CastOp(x, TensorType(element_type, shape_of(x)))

    return cast


OPERATORS: tuple[Operator, ...] = (
    Operator("rms_norm", ("x", "gain", "eps"), _rms_norm),
    Operator("rope", ("x", "position", "head_dim", "theta"), _rope, _SCALING),
    Operator("append", ("cache", "x", "position"), _append),
    Operator("attention", ("query", "keys", "values", "position"), _attention, ("scale",)),
    Operator("silu", ("x",), _silu),
    Operator("gelu", ("x",), _gelu),
    Operator("argmax", ("x",), _argmax),
    *(Operator(name, ("x",), _cast_to(type_)) for name, type_ in FLOAT_TYPES.items()),
)
