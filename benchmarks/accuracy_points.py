"""What a measured or published point is beside ours, its error, and how both are summed up and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["input", "calibration", "held out", "range"]
"""`input`: what we put in comes out. `calibration`: a constant is fitted to it. `held out`: nothing is.
`range`: only the ends of a range are published, which is met or not."""
COLUMNS = ("claim", "ours", "published", "error", "unit", "role", "source", "leans on", "ours if that moves")


@dataclass(frozen=True)
class Point:
    """A number of ours beside a measured or published one; a `range` has two of these, its ends."""

    claim: str
    ours: float
    published: tuple[float, ...]
    unit: str
    source: str
    role: Role
    leans: str = "-"
    """The constants that decide ours, which nobody publishes."""
    spread: tuple[float, float] | None = None
    """The least and the most of ours where these constants are others, see `accuracy_claims.MOVES`."""
    note: str = ""

    @property
    def error(self) -> float:
        """Ours to the published value, minus 1; for a range 0 inside, else from its nearer end."""
        nearest = min(max(self.ours, min(self.published)), max(self.published))
        return self.ours / nearest - 1

    @property
    def is_inside(self) -> bool:
        """Whether a range is met."""
        return self.error == 0

    @property
    def shown_error(self) -> str:
        """As readers see it."""
        if self.role == "range":
            return "inside" if self.is_inside else f"outside, {self.error:+.1%}"
        return f"{self.error:+.1%}"

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row of `COLUMNS`."""
        published = " to ".join(f"{value:.4g}" for value in self.published)
        spread = "-" if self.spread is None else " to ".join(f"{value:.4g}" for value in self.spread)
        numbers = f"{self.ours:.4g}", published, self.shown_error
        return (self.claim, *numbers, self.unit, self.role, self.source, self.leans, spread)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
