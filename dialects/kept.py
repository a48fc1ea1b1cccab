"""What xDSL makes anew whenever it is asked for, kept: passes ask for it over and over."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, IntegerType, i64
from xdsl.ir import Attribute, OpResult
from xdsl.irdl import IRDLOperation

OpT = TypeVar("OpT", bound=IRDLOperation)
KeptT = TypeVar("KeptT")


@lru_cache(maxsize=4096)
def whole(number: int) -> IntegerAttr[IntegerType]:
    """The attribute of a number, one for all that have it: to make one takes as long as to verify it."""
    return IntegerAttr(number, i64)


def of_attribute(attribute: Attribute, what: str, make: Callable[[], KeptT]) -> KeptT:
    """What is made of an attribute, which never changes, once: it is kept with the attribute."""
    known = vars(attribute)
    if what not in known:
        known[what] = make()
    return known[what]


def integers(array: DenseArrayBase[IntegerType]) -> tuple[int, ...]:
    """The numbers of an array."""
    return of_attribute(array, "known_integers", lambda: tuple(map(int, array.get_values())))


class _Segment:
    """Reads an operand, or a segment of them, as xDSL does, which unpacks the sizes of segments each time.

    What it found is known for as long as operands and sizes are those of then: both are never changed, only
    replaced.
    """

    def __init__(self, name: str, usual: Any) -> None:
        self.name, self.usual = name, usual

    def __get__(self, op: IRDLOperation, owner: type) -> Any:
        own = vars(op)
        operands, sizes = own["_operands"], op.properties.get("operandSegmentSizes")
        known = own.get("known_segments")
        if known is None or known[0] is not operands or known[1] is not sizes:
            known = own["known_segments"] = operands, sizes, dict[str, Any]()
        found = known[2]
        if self.name not in found:
            found[self.name] = self.usual.__get__(op, owner)
        return found[self.name]

    def __set__(self, op: IRDLOperation, value: Any) -> NoReturn:
        raise NotImplementedError(f"{op.name}: set its operands, not {self.name}")


class _OneResult:
    """Reads the only result of an operation."""

    def __get__(self, op: IRDLOperation, owner: type) -> OpResult:
        return op.results[0]

    def __set__(self, op: IRDLOperation, value: Any) -> NoReturn:
        raise NotImplementedError(f"{op.name}: its result is not set")


def result_at_once(kind: type[OpT]) -> type[OpT]:
    """An operation whose only result is read as such, without what xDSL does for several."""
    ((name, _),) = kind.get_irdl_definition().results
    setattr(kind, name, _OneResult())
    return kind


def cut_once(kind: type[OpT]) -> type[OpT]:
    """An operation whose operands come in segments, so that these are cut out once."""
    for name, _ in kind.get_irdl_definition().operands:
        setattr(kind, name, _Segment(name, vars(kind)[name]))
    return kind
