"""Sizes as people read them, the same in messages and tables: decimal units, as rates have them.

A capacity over a bandwidth is then a time without another factor: 64 GB at 2 TB/s take 32 ms.
"""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB")


def bytes_text(count: float, digits: int = 3) -> str:
    """Bytes in the unit that leaves a small number: `15.5 GB`; larger than all is TB."""
    for unit in UNITS:
        if float(f"{count:.{digits}g}") < 1000:
            return f"{count:.{digits}g} {unit}"
        count /= 1000
    return f"{count:.{digits}g} TB"


def exact_bytes_text(count: int) -> str:
    """The same with one more digit, for sizes that are held against one another."""
    return bytes_text(count, 4)
