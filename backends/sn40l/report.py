"""What a step takes: the report of the engine, checked against the roofline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from ...dialects.machine import Machine
from .ledger import BusySpans, Details, Ledger, Traffic, summed
from .roof import check_roof, roofline_cycles, roofline_time
from .selections import Experts


@dataclass(frozen=True)
class CallReport:
    """One execution of a kernel with the commands before it that launch it."""

    kernel: str
    start_cycle: int
    """Its first command begins then."""
    ledger: Ledger
    traffic: Traffic
    flops: int
    details: Details | None = None
    busy: BusySpans | None = None
    wide_flops: int = 0

    @property
    def cycles(self) -> int:
        """From its first command to its end."""
        return self.ledger.total


@dataclass(frozen=True)
class KernelReport:
    """All calls of a kernel."""

    kernel: str
    calls: int
    ledger: Ledger
    traffic: Traffic
    flops: int

    @property
    def cycles(self) -> int:
        """Of all calls."""
        return self.ledger.total


def _sums(calls: Sequence[CallReport]) -> tuple[Ledger, Traffic, int]:
    return (
        summed(Ledger, (call.ledger for call in calls)),
        summed(Traffic, (call.traffic for call in calls)),
        sum(call.flops for call in calls),
    )


@dataclass(frozen=True)
class Report:
    """What a program takes on its machine; all sockets do the same, one is counted."""

    program: str
    machine: Machine
    orchestration: str
    tokens: int
    """It makes so many tokens: those of rows that had not ended."""
    calls: tuple[CallReport, ...]
    other_cycles: int
    """Commands that launch no kernel take so long: the host's reads."""
    steps: int = 1
    """It makes so many decode steps; fewer than the program can where all rows have ended at a stop token."""
    first_step_extra_cycles: int = 0
    """The very first step takes so long besides: its kernel is not loaded yet."""
    experts: Experts | None = None
    """Those that are read without data; None where a program has none, and with data."""

    def __post_init__(self) -> None:
        check_roof(f"step '{self.program}'", self.cycles, self.roofline_cycles)

    @cached_property
    def ledger(self) -> Ledger:
        """The whole step."""
        return summed(Ledger, (call.ledger for call in self.calls)) + Ledger(launch=self.other_cycles)

    @cached_property
    def cycles(self) -> int:
        """The whole step."""
        return self.ledger.total

    @cached_property
    def traffic(self) -> Traffic:
        """Bytes that the streams ask for, per socket."""
        return summed(Traffic, (call.traffic for call in self.calls))

    @cached_property
    def flops(self) -> int:
        """FLOPs of all firings, per socket."""
        return sum(call.flops for call in self.calls)

    @property
    def wide_flops(self) -> int:
        """Those of them of products of wide numbers."""
        return sum(call.wide_flops for call in self.calls)

    @property
    def kernel_calls(self) -> int:
        """Executions of kernels."""
        return len(self.calls)

    @property
    def seconds(self) -> float:
        """The whole step."""
        return self.cycles / self.machine.clock_hz

    @property
    def tokens_per_second(self) -> float:
        """Of a loop of such steps; infinite for a step that takes no time."""
        return self.tokens / self.seconds if self.cycles else float("inf")

    @cached_property
    def roofline_cycles(self) -> int:
        """Fewest cycles for what the program moves and computes; see `ledger.roofline_cycles`."""
        return roofline_cycles(self.machine, self.traffic, self.flops, self.wide_flops)

    @property
    def roofline_tokens_per_second(self) -> float | None:
        """Tokens per second at the roofline; None where nothing is moved or computed, which has none."""
        return self._tokens_per_second(self._time(attainable=False))

    @property
    def roofline_share(self) -> float | None:
        """Roofline over time, 0 to 1; its denominator is the machine's full HBM bandwidth."""
        return self._share(self._time(attainable=False))

    @cached_property
    def attainable_cycles(self) -> int:
        """The same with HBM as fast as streams can have it."""
        return roofline_cycles(self.machine, self.traffic, self.flops, self.wide_flops, attainable=True)

    @property
    def attainable_tokens_per_second(self) -> float | None:
        """Tokens per second at the bandwidth that streams can attain."""
        return self._tokens_per_second(self._time(attainable=True))

    @property
    def attainable_share(self) -> float | None:
        """The attainable time over the time taken, 0 to 1."""
        return self._share(self._time(attainable=True))

    @property
    def roofline_without_residence_tokens_per_second(self) -> float | None:
        """The same if HBM brought what comes from SRAM: with resident weights a program can be faster."""
        whole = self.traffic.without_resident_weights
        return self._tokens_per_second(roofline_time(self.machine, whole, self.flops, self.wide_flops))

    def _time(self, *, attainable: bool) -> Fraction:
        """The roofline as an exact number of cycles."""
        return roofline_time(self.machine, self.traffic, self.flops, self.wide_flops, attainable=attainable)

    def _tokens_per_second(self, cycles: Fraction) -> float | None:
        return float(self.tokens * self.machine.clock_hz / cycles) if cycles else None

    def _share(self, cycles: Fraction) -> float | None:
        return float(cycles / self.cycles) if cycles else None

    @cached_property
    def calls_by_kernel(self) -> dict[str, list[CallReport]]:
        """The calls of each kernel, in the order of their first call."""
        calls: dict[str, list[CallReport]] = {}
        for call in self.calls:
            calls.setdefault(call.kernel, []).append(call)
        return calls

    @cached_property
    def kernels(self) -> tuple[KernelReport, ...]:
        """The calls summed up by kernel, in the order of their first call."""
        found = self.calls_by_kernel.items()
        return tuple(KernelReport(name, len(calls), *_sums(calls)) for name, calls in found)

    def to_json(self) -> dict[str, Any]:
        """The report as plain data; cycles, bytes and FLOPs are those of all steps, per socket."""
        return {
            "program": self.program,
            "orchestration": self.orchestration,
            "steps": self.steps,
            "tokens_per_step": self.tokens // max(1, self.steps),
            "sockets": self.machine.sockets,
            "clock_hz": self.machine.clock_hz,
            "hbm_bandwidth_bytes_per_second": self.machine.hbm_bandwidth,
            "kernel_calls": self.kernel_calls,
            "cycles": self.cycles,
            "seconds": self.seconds,
            "tokens_per_second": self.tokens_per_second,
            "roofline_cycles": self.roofline_cycles,
            "roofline_tokens_per_second": self.roofline_tokens_per_second,
            "roofline_share": self.roofline_share,
            "hbm_efficiency": self.machine.hbm_efficiency_permille / 1000,
            "attainable_cycles": self.attainable_cycles,
            "attainable_tokens_per_second": self.attainable_tokens_per_second,
            "attainable_share": self.attainable_share,
            "first_step_extra_cycles": self.first_step_extra_cycles,
            "roofline_without_residence_tokens_per_second": (
                self.roofline_without_residence_tokens_per_second
            ),
            "flops": self.flops,
            "bytes": asdict(self.traffic),
            "ledger_cycles": asdict(self.ledger),
            **({} if self.experts is None else {"experts": self.experts.to_json(self.traffic)}),
            "kernels": [
                {
                    "kernel": kernel.kernel,
                    "calls": kernel.calls,
                    "cycles": kernel.cycles,
                    "flops": kernel.flops,
                    "bytes": asdict(kernel.traffic),
                    "ledger_cycles": asdict(kernel.ledger),
                }
                for kernel in self.kernels
            ],
        }
