"""Remarks to the user about single operations: what a pass did not do, and why.

They are discardable attributes, an array of strings that the tools print on stderr with the operation's
place; the meaning of the program does not depend on them.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Operation

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
