"""Measured requests on 8 SN40L sockets against ours: whole-latency fits, each model held out in turn.

`data/sn40l_requests.csv` has the requests of batch 1: so many tokens in and as many out, and the seconds of
the whole request. Source: argonne-lcf/LLM-Inference-Bench (BSD-3-Clause), commit
691ffaba7e86eb8e12d2e06daf0e99d157600081, `Plots/Fig_18/SN40L_latency_throughput.csv`.

The number that counts is `a` of the least-squares fit c + a·L of a model's latencies, in relative errors: `c`
takes what happens once a request. Ours is the same fit to L steps at the mean position, L + L / 2.
Llama-2-7B is not used: its requests take 2.4 to 3.2 ms a token, but the one of 1024 takes 1.7.

Assumed: the measured runs were fused, one kernel a layer, and not looped. Nothing that is published says so.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models import timed

from kl.dialects.machine import SN40L

TABLE = Path(__file__).parent / "data/sn40l_requests.csv"
MODELS = ("mistral_7b", "llama3_8b", "llama3_70b")
SOCKETS = 8
OTHER_PERMILLE = 880
"""The second efficiency at which steps are timed, for how they depend on it."""


@cache
def requests() -> Mapping[str, tuple[tuple[int, float], ...]]:
    """Length and milliseconds of each request, by model."""
    with TABLE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["batch"] == "1"]
    return {
        model: tuple((int(r["length"]), float(r["seconds"]) * 1e3) for r in rows if r["model"] == model)
        for model in MODELS
    }


def line(points: Sequence[tuple[int, float]]) -> tuple[float, float, float]:
    """c and a of y = c + a·L with least squares of relative errors, and the root mean square of these."""
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    up = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True))
    slope = up / sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    constant = mean_y - slope * mean_x
    errors = [(constant + slope * x) / y - 1 for x, y in points]
    return constant, slope, math.sqrt(sum(e * e for e in errors) / len(errors))


@cache
def measured(model: str) -> float:
    """Milliseconds a token."""
    return line(requests()[model])[1]


@cache
def ours(model: str, variant: str, execute_ns: int, hbm_efficiency_permille: int) -> float:
    """Milliseconds a token of the same requests, by the same fit."""
    machine = SN40L.with_values(
        {"execute_ns": execute_ns, "hbm_efficiency_permille": hbm_efficiency_permille}
    )
    points = [
        (
            length,
            length * timed(model, SOCKETS, variant, context=3 * length // 2, machine=machine).seconds * 1e3,
        )
        for length, _ in requests()[model]
    ]
    return line(points)[1]


@dataclass(frozen=True)
class Law:
    """How our milliseconds a token depend on the two constants: linear in the delay and in 1 / efficiency."""

    base: float
    per_ns: float
    per_inverse: float

    @staticmethod
    @cache
    def of(model: str) -> Law:
        """Of the fused variant."""
        delay, share = SN40L.execute_ns, SN40L.hbm_efficiency_permille
        base = ours(model, "fused", delay, share)
        later = ours(model, "fused", delay + 1000, share)
        slower = ours(model, "fused", delay, OTHER_PERMILLE)
        return Law(base, (later - base) / 1000, (slower - base) / (1000 / OTHER_PERMILLE - 1000 / share))

    def at(self, execute_ns: float, permille: float) -> float:
        """Milliseconds a token."""
        inverse = 1000 / permille - 1000 / SN40L.hbm_efficiency_permille
        return self.base + self.per_ns * (execute_ns - SN40L.execute_ns) + self.per_inverse * inverse


def fit(models: Sequence[str], *, free: bool) -> tuple[int, int]:
    """The delay in ns, and the efficiency in permille if `free`: least squares of log ratios."""
    from scipy.optimize import least_squares

    def residuals(x: Sequence[float]) -> list[float]:
        share = x[1] if free else float(SN40L.hbm_efficiency_permille)
        return [math.log(Law.of(model).at(1000 * x[0], share) / measured(model)) for model in models]

    start = [SN40L.execute_ns / 1000, *([float(SN40L.hbm_efficiency_permille)] if free else [])]
    found = least_squares(residuals, start, x_scale=[1.0, 10.0][: len(start)]).x
    return round(1000 * found[0]), round(found[1]) if free else SN40L.hbm_efficiency_permille


@dataclass(frozen=True)
class HeldOut:
    """A model, and the constants that the others are fitted by."""

    model: str
    execute_ns: int
    permille: int
    fused: float
    """Milliseconds a token."""
    looped: float | None = None
    """The same; None for constants that no machine can have."""

    @property
    def error(self) -> float:
        """Of the fused time, relative."""
        return self.fused / measured(self.model) - 1

    @property
    def looped_error(self) -> float | None:
        """Of the looped time, relative."""
        return None if self.looped is None else self.looped / measured(self.model) - 1


def held_out(model: str, *, free: bool = False) -> HeldOut:
    """A model by constants that were fitted to the other two; the efficiency, too, if `free`."""
    delay, share = fit([one for one in MODELS if one != model], free=free)
    if free:
        return HeldOut(model, delay, share, Law.of(model).at(delay, share))
    return HeldOut(
        model, delay, share, ours(model, "fused", delay, share), ours(model, "looped", delay, share)
    )


def as_it_is(model: str) -> HeldOut:
    """A model by the constants that the machine has."""
    delay, share = SN40L.execute_ns, SN40L.hbm_efficiency_permille
    return HeldOut(
        model, delay, share, ours(model, "fused", delay, share), ours(model, "looped", delay, share)
    )
