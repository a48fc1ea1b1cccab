"""What attention can be told beside its operands: window, softcap, sinks and slopes."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, UnitAttr, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import opt_prop_def

from .operation import ComputeOp
from .spelling import Arguments, shown
from .tensors import shape_of

OPTIONS = ("window", "softcap", "sinks", "slopes")
"""Their names in the language."""


@dataclass(frozen=True)
class Options:
    """The options of one attention; None stands for those that are not given."""

    window: int | None = None
    softcap: float | None = None
    sinks: SSAValue | None = None
    slopes: SSAValue | None = None

    @property
    def by_head(self) -> list[SSAValue]:
        """The tensors `[heads]`, in the order of operands."""
        return [value for value in (self.sinks, self.slopes) if value is not None]

    @property
    def properties(self) -> dict[str, Attribute | None]:
        """As the operation has them, but for the tensors."""
        return {
            "window": None if self.window is None else IntegerAttr(self.window, i64),
            "softcap": None if self.softcap is None else FloatAttr(self.softcap, f64),
            "sinks": None if self.sinks is None else UnitAttr(),
            "slopes": None if self.slopes is None else UnitAttr(),
        }

    @classmethod
    def spelled(cls, arguments: Arguments, heads: int, ring: int | None) -> Options:
        """Those of a call, for so many query heads, over rings of so many positions or none.

        Raises: ParseError if they do not fit.
        """
        window = arguments.whole("window") if "window" in arguments else None
        if window is not None and ring is not None and window > ring:
            message = f"window is {window}, the rings hold the last {ring} positions"
            raise arguments.wrong("window", message, f"declare them with room for {window}")
        softcap = arguments.positive("softcap") if "softcap" in arguments else None
        sinks, slopes = (_by_head(arguments, name, heads) for name in ("sinks", "slopes"))
        return cls(window, softcap, sinks, slopes)


def _by_head(arguments: Arguments, name: str, heads: int) -> SSAValue | None:
    if name not in arguments:
        return None
    value = arguments.floats(name)
    if shape_of(value) != (heads,):
        message = f"{name} are {shown(value.type)}, the query has {heads} heads"
        raise arguments.wrong(name, message, f"one number a head: [{heads}]")
    return value


class MaskedOp(ComputeOp, ABC):
    """An operation that says which slots of a cache count, and how: the whole attention, and its softmax."""

    window = opt_prop_def(IntegerAttr.constr(i64))
    """The last so many positions count, with that of the token; absent: all do."""
    ring = opt_prop_def(UnitAttr)
    """Position p lies in slot p mod context of the cache, which holds the last `context` positions."""
    sinks = opt_prop_def(UnitAttr)
    """The next of `by_head` is a sink of each head: exp(sink) is added to what weights are divided by."""
    slopes = opt_prop_def(UnitAttr)
    """The next of `by_head` is a slope of each head: slope * (j - position) is added to the score of j."""
