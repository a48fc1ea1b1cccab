"""This computer as a machine that runs kernel after kernel: what was measured, and what is assumed."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from ...dialects.sequence_machine import H100
from ..calibration import MeasuredMachine
from ..runs import Progress
from .calibration import MANY, Rates, measured_rates, memory_bytes
from .program import available_cores

ALIKE = "Assumed: on one processor no socket sends anything; the number is that of one H100"
ASSUMED: Mapping[str, tuple[int, str]] = {
    "sockets": (1, "Assumed: all cores of this computer count as one"),
    "memory_permille": (1000, "Assumed: memory_bandwidth is what a stream reached, not a published peak"),
    "cache_permille": (1000, "Assumed: rows of a cache are read as weights are, one behind the other"),
    "persistent_permille": (1000, "Assumed: threads read on in a looped kernel as in any other"),
    "product_permille": (1000, "Assumed: bf16_flops is what products reached, not a published peak"),
    "fp8_flops": (0, "Assumed: kernels multiply no FP8; such weights are made bf16 before"),
    "fp4_flops": (0, "Assumed: kernels multiply no FP4; such weights are made bf16 before"),
    "quantise_permille": (0, "Assumed: no kernel quantises rows"),
    "serving_ns": (0, "Assumed: what Python does between steps is no part of the machine"),
}
"""What no probe tells."""


def measured_machine(progress: Progress) -> MeasuredMachine:
    """Measure this computer, with all cores that the process may use and exact sums.

    Raises: TargetError without a compiler, or where the system gives no threads.
    """
    progress(0, 1)
    rates = measured_rates(available_cores())
    progress(1, 1)
    measured = _measured(rates)
    when = f"by kl calibrate cpu on {date.today().isoformat()}, {processor()}, {rates.threads} threads"
    values, sources = dict[str, int](), dict[str, str]()
    for name, default in H100.items():
        if name in measured:
            values[name], what = measured[name]
            sources[name] = f"Measured: {when}: {what}"
        else:
            values[name], sources[name] = ASSUMED.get(name, (default, ALIKE))
    return MeasuredMachine("sequence", values, sources)


def _measured(rates: Rates) -> Mapping[str, tuple[int, str]]:
    """What each parameter is, and what was measured of it."""
    call, rows = round(rates.call_seconds * 1e9), f"{MANY} rows with matrices in cache, sums of f64"
    return {
        "memory_bytes": (memory_bytes(), "the memory that the system says there is"),
        "memory_bandwidth": (round(rates.read_bandwidth), "a loop of all threads that reads a buffer"),
        "bf16_flops": (round(rates.bf16_many_flops), f"products of {rows}"),
        "f32_flops": (round(rates.f32_flops), f"products of {rows}"),
        "product_rows": (
            max(1, round(rates.bf16_many_flops / rates.bf16_flops)),
            f"products of one row run at so much less of the rate of {MANY} rows",
        ),
        "launch_ns": (max(1, call), "from a call of an empty kernel from Python to the next one"),
        "stream_launch_ns": (max(1, call), "the same as launch_ns: there is one way to call a kernel"),
        "barrier_ns": (max(1, round(rates.barrier_seconds * 1e9)), "a barrier of all threads"),
    }


def processor() -> str:
    """The name of this computer's processor, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
