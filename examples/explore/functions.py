"""The functions that the scenarios of this folder minimise, written out from their published formulas.

Each takes a value for each input, and gives a number, or its outputs by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, exp, pi


def branin(inputs: Mapping[str, float]) -> float:
    """Branin's function; its least value is 0.397887, at (-pi, 12.275), (pi, 2.275) and (3 pi, 2.475)."""
    x1, x2 = inputs["x1"], inputs["x2"]
    bend = x2 - 5.1 / (4 * pi**2) * x1**2 + 5 / pi * x1 - 6
    return bend**2 + 10 * (1 - 1 / (8 * pi)) * cos(x1) + 10


def branin_batch(inputs: Mapping[str, Sequence[float] | float]) -> list[float] | float:
    """Branin's function at several points, given as a list for each input; at one, given as numbers."""
    x1, x2 = inputs["x1"], inputs["x2"]
    if isinstance(x1, Sequence) and isinstance(x2, Sequence):
        return [branin({"x1": one, "x2": two}) for one, two in zip(x1, x2, strict=True)]
    assert not isinstance(x1, Sequence), "both are numbers"
    assert not isinstance(x2, Sequence), "both are numbers"
    return branin({"x1": x1, "x2": x2})


def branin_energy(inputs: Mapping[str, float]) -> dict[str, float]:
    """Branin's function, and an energy that grows with both inputs."""
    return {"Value": branin(inputs), "Energy": inputs["x1"] + inputs["x2"]}


def currin_exponential(inputs: Mapping[str, float]) -> float:
    """The exponential function of Currin and others (1991)."""
    x1, x2 = inputs["x1"], inputs["x2"]
    above = 2300 * x1**3 + 1900 * x1**2 + 2092 * x1 + 60
    below = 100 * x1**3 + 500 * x1**2 + 4 * x1 + 20
    return (1 - exp(-1 / (2 * x2))) * above / below


def chakong_haimes(inputs: Mapping[str, float]) -> dict[str, float | bool]:
    """The problem of Chankong and Haimes: two objectives under two constraints."""
    x1, x2 = inputs["x1"], inputs["x2"]
    return {
        "f1_value": 2 + (x1 - 2) ** 2 + (x2 - 1) ** 2,
        "f2_value": 9 * x1 - (x2 - 1) ** 2,
        "Valid": x1**2 + x2**2 <= 225 and x1 - 3 * x2 + 10 <= 0,
    }


def dtlz1(inputs: Mapping[str, float]) -> dict[str, float]:
    """DTLZ1 with six inputs and the gentler waves of Knowles (2006).

    The sum of the objectives is 0.5 on the front, where all inputs but the first are 0.5.
    """
    x1, *rest = (inputs[f"x{index}"] for index in range(1, 7))
    distance = 100 * (5 + sum((x - 0.5) ** 2 - cos(2 * pi * (x - 0.5)) for x in rest))
    return {"f1_value": 0.5 * x1 * (1 + distance), "f2_value": 0.5 * (1 - x1) * (1 + distance)}
