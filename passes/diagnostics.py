"""What passes tell users: remarks on single operations, and the error of a machine that is too small.

Remarks say what a pass did not do, and why. They are discardable attributes, an array of strings that the
tools print on stderr with the operation's place; the meaning of the program does not depend on them.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException

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


class NoRoom(PassFailedException):
    """More is needed of a resource than there is; tuners learn from how much."""

    def __init__(self, message: str, resource: str, needed: float, available: float):
        super().__init__(message)
        self.resource = resource
        """`pcus`, `pmus`, `links`, `hbm` or `ddr`."""
        self.excess = needed - available
        """In units, bytes a cycle, or bytes."""
