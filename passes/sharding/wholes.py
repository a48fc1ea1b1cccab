"""An operation of a split model as that of the whole one: what its rule says of it must be what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from xdsl.dialects.builtin import MemRefType, TensorType
from xdsl.ir import Attribute, Block
from xdsl.utils.exceptions import VerifyException

from ...dialects.operation import ComputeOp, Instead, Without
from ...dialects.sharding import (
    CannotSplit,
    Layout,
    Placement,
    Replicated,
    Sharded,
    ShardView,
    Split,
)
from ...dialects.tensors import element_type_of, shape_of


class Contradiction(Exception):
    """An operation would not make of the parts what it makes of the whole."""

    def __init__(self, message: str, way_out: str = ""):
        super().__init__(message)
        self.message = message
        self.way_out = way_out


def whole_type(part: Attribute, lies: Layout) -> Attribute:
    """The type of the whole of a value, of which a socket has a part.

    Raises: Contradiction where a part of that type does not lie so.
    """
    if not isinstance(lies, Split):
        return part
    shape = [*shape_of(part)]
    if lies.axis >= len(shape):
        raise Contradiction(f"a {part} does not lie {lies}")
    try:
        shape[lies.axis] = lies.whole(shape[lies.axis])
    except ValueError as error:
        raise Contradiction(f"a {part} does not lie {lies}: {error}") from None
    kind = MemRefType if isinstance(part, MemRefType) else TensorType
    return kind(element_type_of(part), shape)


def result_of(
    op: ComputeOp, lies: Sequence[Placement], free: frozenset[int], names: Sequence[str], sockets: int
) -> Layout | None:
    """How the result of an operation lies where its operands do so; None where no rule says it.

    `free` are the numbers of operands that are weights, states or views of them, `names` how messages call
    operands.

    Raises: Contradiction where the rule needs an operand otherwise.
    """
    operands = [whole_type(value.type, one) for value, one in zip(op.operands, lies, strict=True)]
    if op.WEIGHTS and free.issuperset(op.WEIGHTS):
        return _of_view(op, lies, operands)
    first: Contradiction | None = None
    for wanted in _wanted(op, lies):
        view = ShardView(sockets, tuple(lies), free, wanted, {n: lies[n] for n in free})
        try:
            return _by_rule(op, view, operands, names)
        except Contradiction as error:
            first = first or error
    assert first is not None
    raise first


def _wanted(op: ComputeOp, lies: Sequence[Placement]) -> Iterator[Placement | None]:
    """How readers may have wanted the result: a rule that follows gives what is there for one of these."""
    yield None
    rank = len(shape_of(op.results[0])) if op.results else 0
    for one, value in zip(lies, op.operands, strict=True):
        if isinstance(one, Split) and (axis := one.axis + rank - len(shape_of(value))) >= 0:
            yield replace(one, axis=axis)


def _copy(
    op: ComputeOp,
    operands: Sequence[Attribute],
    results: Sequence[Attribute],
    changed: Mapping[str, Attribute | None] | None = None,
) -> ComputeOp:
    """The operation on whole values."""
    properties = {name: one for name, one in {**op.properties, **(changed or {})}.items() if one is not None}
    return type(op).create(
        operands=Block(arg_types=operands).args,
        result_types=results,
        properties=properties,
        attributes=op.attributes,
    )


def _wholes(op: ComputeOp, lies: Layout) -> list[Attribute]:
    return [whole_type(result.type, lies) for result in op.results]


def _guesses(op: ComputeOp, operands: Sequence[Attribute]) -> Iterator[list[Attribute]]:
    """Types that the whole results may have: as much longer as an operand's last axis is, or no longer."""
    parts = [result.type for result in op.results]
    pairs = zip(op.operands, operands, strict=True)
    ratios = [(shape_of(part), shape_of(whole)) for part, whole in pairs if part.type != whole]
    for part, whole in dict.fromkeys((part[-1], whole[-1]) for part, whole in ratios if part):
        if all((shape := shape_of(type_)) and not shape[-1] * whole % part for type_ in parts):
            yield [_longer(type_, shape_of(type_)[-1] * whole // part) for type_ in parts]
    yield parts


def _longer(type_: Attribute, extent: int) -> Attribute:
    return TensorType(element_type_of(type_), [*shape_of(type_)[:-1], extent])


def _by_rule(
    op: ComputeOp, view: ShardView, operands: Sequence[Attribute], names: Sequence[str]
) -> Layout | None:
    """What the rule of an operation says, where it says that operands lie as they do.

    Some rules look at the result, so that the first answer is one to a guess.
    """
    first: Contradiction | None = None
    for results in dict.fromkeys(map(tuple, _guesses(op, operands))):
        try:
            guessed = _asked(_copy(op, operands, results), view, names)
            if guessed is None:
                return None
            whole = _copy(op, operands, _wholes(op, guessed))
            lies = _asked(whole, view, names)
            _verify(whole)
            if lies == guessed:
                return lies
            raise Contradiction(f"{op.name} gives what lies {guessed}, and {lies}")
        except Contradiction as error:
            first = first or error
    assert first is not None
    raise first


def _asked(whole: ComputeOp, view: ShardView, names: Sequence[str]) -> Layout | None:
    """What the rule of a whole operation says of its result; None where it has none."""
    try:
        sharded = whole.shard(view)
    except CannotSplit as refusal:
        raise Contradiction(refusal.message, refusal.way_out) from None
    except (VerifyException, ArithmeticError) as error:
        raise Contradiction(f"{whole.name} of the whole tensors cannot be: {error}") from None
    if isinstance(sharded, Without):
        return None
    if isinstance(sharded, Instead):
        parts = ", ".join(part.name for part in sharded.parts)
        raise Contradiction(f"{whole.name} of parts is made by {parts}", "write it so")
    _expect_as_needed(whole, sharded, view, names)
    return sharded.result


def _expect_as_needed(op: ComputeOp, sharded: Sharded, view: ShardView, names: Sequence[str]) -> None:
    for name, needed, given in zip(names, sharded.operands, view.operands, strict=True):
        if needed != given:
            what = "whole" if isinstance(needed, Replicated) else str(needed)
            raise Contradiction(f"{op.name} needs {name} {what}, and it lies {given}")


def _of_view(op: ComputeOp, lies: Sequence[Placement], operands: Sequence[Attribute]) -> Placement:
    """How a view of weights lies, so that its weights do as they do."""
    for result, changed in op.wholes(lies):
        try:
            whole = _copy(op, operands, _wholes(op, result), changed)
            _verify(whole)
            needed = whole.of_weights(result)
        except (Contradiction, CannotSplit, ArithmeticError):
            continue
        whole.become_part(result)
        fits = not isinstance(needed, Without) and tuple(needed) == tuple(lies)
        if fits and whole.properties == op.properties:
            return result
    given = ", ".join(map(str, lies))
    raise Contradiction(f"{op.name} reads weights that lie {given}, and no result has its parts of these")


def _verify(whole: ComputeOp) -> None:
    try:
        whole.verify_shapes()
    except VerifyException as error:
        raise Contradiction(f"{whole.name} of the whole tensors cannot be: {error}") from None
