"""What targets show to people, as plain data: tables of texts, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..dialects.sizes import bytes_text as bytes_text


@dataclass(frozen=True)
class Table:
    """Rows of texts below their columns; without columns, the title alone."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    texts: Sequence[int] = (0,)
    """The columns of text; all others are numbers, and stand to the right."""
    title: str = ""
    """A line above."""
    shares: Sequence[float] = ()
    """Of each row, 0 to 1, where a terminal may draw bars beside them."""


def time_text(seconds: float) -> str:
    """A time in the unit that leaves a small number: `9.72 ms`."""
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.4g} {unit}"
    return f"{seconds * 1e6:.4g} µs"


def share_text(share: float) -> str:
    """A share in percent."""
    return f"{share * 100:.1f} %"
