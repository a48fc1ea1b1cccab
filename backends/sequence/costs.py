"""How long a step takes on a machine that runs one kernel after another: facts of a step, and the solver.

Time of a step = sum over calls of (gap + its phases) + what a serving stack does. A phase is what runs
between two points at which all of a processor waits: a kernel of a GPU library is one, a persistent kernel
has many, with a barrier between two of them. Its time is

    smooth maximum of (bytes / bandwidth that is reached, FLOPs / peak that is reached)
    + collectives (latency + bytes by algorithm) + kernels that quantise rows

All is in seconds and of one socket; the sockets do the same at the same time. No xDSL and no numpy here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from ...dialects.sequence_machine import SequenceMachine
from ...dialects.vocabulary import Orchestration
from .work import CacheRead, Exchange, Kernel, Phase, Product, StepWork

SMOOTHNESS = 4
"""Exponent of the smooth maximum: what is half as long as the rest adds 1.5 %."""
_NS = 1e-9


@dataclass(frozen=True)
class Conditions:
    """What a step is timed under."""

    position: int
    """Of the step's token: caches are read up to it."""
    orchestration: Orchestration = "hardware"
    """`hardware`: the calls of a step are a graph; `software`: the host launches each on a stream."""


@dataclass(frozen=True)
class Cost:
    """Seconds by what they are spent on; they add up to the whole."""

    launch: float = 0.0
    barriers: float = 0.0
    memory_full_rate: float = 0.0
    """The bytes at the full bandwidth of memory."""
    memory_below_full_rate: float = 0.0
    """What memory takes longer than that."""
    compute: float = 0.0
    """What a phase takes longer than its bytes do, as it computes."""
    collectives: float = 0.0
    quantise: float = 0.0
    serving: float = 0.0

    @property
    def seconds(self) -> float:
        """All together."""
        return sum(vars(self).values())

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def times(self, count: int) -> Cost:
        """So many of them."""
        return Cost(*(count * part for part in vars(self).values()))


COST_NAMES = tuple(one.name for one in fields(Cost))
"""The entries of the ledger, in order."""


@dataclass(frozen=True)
class Amount:
    """What a step moves and computes, for its roofline: seconds at the full rate of each part."""

    memory: float = 0.0
    compute: float = 0.0
    links: float = 0.0
    bytes: float = 0.0
    """That memory moves."""

    def __add__(self, other: Amount) -> Amount:
        return Amount(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def times(self, count: int) -> Amount:
        """So many of them."""
        return Amount(*(count * part for part in vars(self).values()))


def smooth_maximum(one: float, other: float) -> float:
    """A maximum without a corner: never below either, and at most 19 % above, where both are equal."""
    high, low = max(one, other), min(one, other)
    return high * (1 + (low / high) ** SMOOTHNESS) ** (1 / SMOOTHNESS) if high else 0.0


def read_share(read: CacheRead, position: int) -> float:
    """The share of a cache that a step at a position reads."""
    return min(position + 1, read.positions) / read.positions


def _products(phase: Phase, position: int) -> Iterator[tuple[Product, float]]:
    """The products of a phase, and how much of each a step at a position makes."""
    yield from ((product, 1.0) for product in phase.products)
    yield from ((read.product, read_share(read, position)) for read in phase.cache_reads)


def _cache_bytes(phase: Phase, position: int) -> float:
    return sum(read.bytes * read_share(read, position) for read in phase.cache_reads)


def _compute_seconds(machine: SequenceMachine, phase: Phase, position: int) -> float:
    """At the peaks that are reached; a product of few rows takes as long as one of `product_rows`."""
    seconds = phase.element_flops / machine.f32_flops
    for product, share in _products(phase, position):
        padded = max(product.rows, machine.product_rows) / product.rows
        reached = machine.peak(product.element_type) * machine.product_permille / 1000
        seconds += product.flops * share * padded / reached
    return seconds


def exchange_ways(machine: SequenceMachine, exchange: Exchange) -> Iterator[tuple[str, int, float]]:
    """The algorithms of a collective: name, hops one behind another, bytes over the link of a socket.

    `one_shot` sends to all others at once, `ring` passes parts around, `tree` is the double binary tree of
    NCCL, `switch` has the switch add up (NVLink SHARP), which takes each part up and down once.
    """
    sockets, size = machine.sockets, exchange.bytes
    others, levels = sockets - 1, (sockets - 1).bit_length()
    yield "one_shot", 1, others * size
    if exchange.kind == "all_gather":
        yield "ring", others, others * size
        return
    yield "ring", 2 * others, 2 * others * size / sockets
    yield "tree", 2 * levels, min(sockets, 4) * size / 2
    if machine.switch_reduces:
        yield "switch", 2, size


def best_exchange(machine: SequenceMachine, exchange: Exchange) -> tuple[str, float, float]:
    """The fastest algorithm of a collective, its seconds and the bytes over the link of a socket."""
    bandwidth = machine.link_bandwidth * machine.link_permille / 1000
    ways = (
        (name, hops * machine.hop_ns * _NS + size / bandwidth, size)
        for name, hops, size in exchange_ways(machine, exchange)
    )
    return min(ways, key=lambda way: way[1])


def phase_cost(
    machine: SequenceMachine, phase: Phase, position: int, *, persistent: bool, gap: float
) -> Cost:
    """What a phase takes, without the gap before it; `gap` is that gap in seconds."""
    streamed = phase.weight_bytes + phase.value_bytes
    cached = _cache_bytes(phase, position)
    reached = machine.persistent_permille if persistent else machine.memory_permille
    full = (streamed + cached) / machine.memory_bandwidth
    memory = (streamed / reached + cached / machine.cache_permille) * 1000 / machine.memory_bandwidth
    compute = _compute_seconds(machine, phase, position)
    collectives = 0.0
    if machine.sockets > 1:
        start = machine.persistent_collective_ns if persistent else machine.collective_ns
        collectives = sum(start * _NS + best_exchange(machine, one)[1] for one in phase.exchanges)
    return Cost(
        memory_full_rate=full,
        memory_below_full_rate=memory - full,
        compute=smooth_maximum(memory, compute) - memory,
        collectives=collectives,
        quantise=phase.quantised * machine.quantise_permille / 1000 * gap,
    )


def call_cost(machine: SequenceMachine, kernel: Kernel, conditions: Conditions) -> Cost:
    """What one call takes, by what it is spent on."""
    persistent = kernel.is_persistent
    launch = machine.launch_ns if conditions.orchestration == "hardware" else machine.stream_launch_ns
    gap = (machine.barrier_ns if persistent else launch) * _NS
    cost = Cost(launch=launch * _NS, barriers=kernel.barriers * machine.barrier_ns * _NS)
    for phase, times in kernel.phases:
        cost += phase_cost(machine, phase, conditions.position, persistent=persistent, gap=gap).times(times)
    return cost


def call_seconds(machine: SequenceMachine, kernel: Kernel, conditions: Conditions) -> float:
    """Seconds of one call, with the gap before it."""
    return call_cost(machine, kernel, conditions).seconds


def step_cost(machine: SequenceMachine, work: StepWork, conditions: Conditions) -> Cost:
    """What a step takes; calls of one kernel are timed once."""
    calls = (call_cost(machine, kernel, conditions).times(count) for kernel, count in work.counts)
    return sum(calls, Cost(serving=machine.serving_ns * _NS))


def step_seconds(machine: SequenceMachine, work: StepWork, conditions: Conditions) -> float:
    """Seconds of a step."""
    return step_cost(machine, work, conditions).seconds


def phase_amount(machine: SequenceMachine, phase: Phase, position: int) -> Amount:
    """What a phase moves and computes, at the full rate of each part."""
    size = phase.weight_bytes + phase.value_bytes + _cache_bytes(phase, position)
    flops = sum(p.flops * share / machine.peak(p.element_type) for p, share in _products(phase, position))
    links = 0.0
    if machine.sockets > 1:
        links = sum(best_exchange(machine, one)[2] for one in phase.exchanges) / machine.link_bandwidth
    return Amount(
        size / machine.memory_bandwidth, flops + phase.element_flops / machine.f32_flops, links, size
    )


def total_amount(machine: SequenceMachine, phases: Iterable[tuple[Phase, int]], position: int) -> Amount:
    """What phases move and compute, each so many times."""
    return sum((phase_amount(machine, phase, position).times(n) for phase, n in phases), Amount())


def step_amount(machine: SequenceMachine, work: StepWork, position: int) -> Amount:
    """What a step moves and computes; the largest of its times is the step's roofline."""
    calls = (total_amount(machine, kernel.phases, position).times(count) for kernel, count in work.counts)
    return sum(calls, Amount())
