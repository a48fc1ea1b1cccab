"""Numbers and values as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ..parameters import Value

DEFAULT = "default"
"""What the usual point is called where it has no name of its own."""


def default_name(name: str) -> str:
    """The name of the usual point, which says that it is the default."""
    return name if name == DEFAULT else f"{name} ({DEFAULT})"


def number_text(number: float, digits: int = 4) -> str:
    """A number with a few digits: `12,346`, `0.0125`, `3.2e-7`."""
    if number == 0:
        return "0"
    size = abs(number)
    if 1e-4 <= size < 1e6:
        whole = max(len(str(int(size))), digits) if size >= 1 else digits
        return f"{number:,.{whole}g}"
    mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def amount_text(number: float, unit: str) -> str:
    """A number with its unit, where it has one."""
    return f"{number_text(number)} {unit}".rstrip()


def value_text(value: Value) -> str:
    """The value of a parameter, as options take it; an order as its items in a row."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def share_text(share: float) -> str:
    """A share in percent: `12.5 %`."""
    return f"{share * 100:.1f} %"


def seconds_text(seconds: float) -> str:
    """A time in seconds, from a minute on with minutes and hours: `0.35 s`, `3:05:00`."""
    return f"{seconds:.3g} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 point`, `2,000 points`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def roundest(low: float, high: float) -> float:
    """The number from `low` on and below `high` that has the fewest digits; of those the middle one."""
    assert low < high, "there are numbers between the two"
    middle = low + (high - low) / 2
    for digits in range(1, 17):
        rounded = float(f"{middle:.{digits}g}")
        if low <= rounded < high:
            return rounded
    return low


def behind_text(number: int, shares: Mapping[str, float]) -> str:
    """How far a point is behind another, by objective: `latency 1.4 % (#82)`."""
    worse = ", ".join(f"{name} {number_text(share * 100, 2)} %" for name, share in shares.items() if share)
    return f"{worse} (#{number})"
