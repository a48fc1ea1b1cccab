"""What passes tell users: remarks on single operations, and errors.

Remarks say what a pass did not do, and why. They are discardable attributes, an array of strings that the
tools print on stderr with the operation's place; the meaning of the program does not depend on them.
"""

from __future__ import annotations

from typing import NoReturn

from xdsl.dialects.builtin import ArrayAttr, FileLineColLoc, StringAttr
from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException

from ..dialects.failing import raise_about
from ..dialects.vocabulary import HELP_MARK

REMARKS = "kl.remarks"


def add_remark(op: Operation, message: str) -> None:
    """Leave a remark on an operation, behind those that it has; the same one only once."""
    messages = dict.fromkeys([*remarks_on(op), message])
    op.attributes[REMARKS] = ArrayAttr([StringAttr(text) for text in messages])


def remarks_on(op: Operation) -> tuple[str, ...]:
    """The remarks that an operation has, in order."""
    remarks = op.attributes.get(REMARKS)
    if not isinstance(remarks, ArrayAttr):
        return ()
    return tuple(remark.data for remark in remarks if isinstance(remark, StringAttr))


def describe(op: Operation) -> str:
    """An operation in words, with its place where it is known."""
    place = op.location
    if not isinstance(place, FileLineColLoc):
        return op.name
    return f"{op.name} at {place.filename.data}:{place.line.data}:{place.column.data}"


def fail(op: Operation, message: str, way_out: str = "") -> NoReturn:
    """Raises: PassFailedException about an operation, with the way out where the message does not say it."""
    message = f"{message}{HELP_MARK}{way_out}" if way_out else message
    raise_about(op, PassFailedException(message))


class NoRoom(PassFailedException):
    """More is needed of a resource than there is; tuners learn from how much."""

    def __init__(self, message: str, resource: str, needed: float, available: float):
        super().__init__(message)
        self.resource = resource
        """`pcus`, `pmus`, `links`, `hbm` or `ddr`."""
        self.needed, self.available = needed, available
        """In units, bytes a cycle, or bytes."""
        self.excess = needed - available
