"""A what-if with all kinds of answers, made by hand."""

from __future__ import annotations

from dataclasses import replace

from kl.tools.parameters import Parameter
from kl.tools.whatif.answers import Curve, Matrix, Refused, Sensitivity, Time, WhatIf

LONG = "a link of the network on the chip would carry 79.6 of 64 bytes a cycle; " * 4 + "that is the end"


def time(change: str, seconds: float, calls: float = 4) -> Time:
    return Time(change, seconds, 1 / seconds, calls, 1.25 / seconds, 1.1 / seconds)


def parameter(
    name: str, source: str = "Assumed: why not", standing: str = "assumed", value: int = 8
) -> Parameter:
    return Parameter(name, value, "units", source, standing, 8)  # pyright: ignore[reportArgumentType]


BASE = time("", 0.01)
ASKED = WhatIf(
    "toy",
    "looped (-O2)",
    "2 sockets, hardware-orchestrated",
    BASE,
    (
        Sensitivity(parameter("still"), replace(BASE, change="h"), replace(BASE, change="d")),
        Sensitivity(parameter("little"), time("h", 0.010001), time("d", 0.009999)),
        Sensitivity(parameter("width", "SN40: published", "published"), time("h", 0.02), time("d", 0.005)),
        Sensitivity(parameter("clock", value=9), Refused("--set clock=4", LONG), time("d", 0.0098)),
    ),
    (
        Curve("sockets", 2, ((1, time("--sockets 1", 0.02)), (2, time("--sockets 2", 0.01)))),
        Curve("batch", 1, ((1, BASE), (2, Refused("--param batch=2", LONG)), (4, time("b", 0.002, 5)))),
        Curve("context", None, (), "no cache is read"),
    ),
    Matrix(
        (1, 2), (("toy", (time("1", 0.02), BASE)), ("big", (Refused("--sockets 1", LONG), time("2", 0.3))))
    ),
)
