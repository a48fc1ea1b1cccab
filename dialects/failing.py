"""Errors about operations, without a copy of the module in each."""

from __future__ import annotations

from typing import NoReturn

from xdsl.ir import Operation


def raise_about(op: Operation, error: Exception) -> NoReturn:
    """Raise an error about an operation, which the tools find in this frame.

    `Operation.emit_error` does the same and prints the whole module into the error: a search that refuses
    every other point spends more on that than on the passes.
    """
    assert isinstance(op, Operation)
    raise error
