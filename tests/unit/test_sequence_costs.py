"""The time of a step on a machine that runs kernel after kernel, by hand and by properties."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from kl.backends.sequence.costs import (
    Conditions,
    best_exchange,
    call_cost,
    smooth_maximum,
    step_amount,
    step_cost,
    step_seconds,
)
from kl.backends.sequence.work import CacheRead, Exchange, Kernel, Phase, Product, StepWork
from kl.dialects.sequence_machine import H100, SequenceMachine

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
given, settings = hypothesis.given, hypothesis.settings

ROUND = SequenceMachine(
    sockets=1,
    memory_bytes=10**12,
    memory_bandwidth=10**12,
    memory_permille=500,
    cache_permille=250,
    bf16_flops=10**14,
    f32_flops=10**12,
    fp8_flops=2 * 10**14,
    fp4_flops=0,
    product_permille=1000,
    product_rows=1,
    launch_ns=1_000,
    stream_launch_ns=3_000,
    barrier_ns=400,
    persistent_permille=800,
    quantise_permille=500,
    link_bandwidth=10**11,
    link_permille=500,
    hop_ns=1_000,
    collective_ns=5_000,
    persistent_collective_ns=2_000,
    switch_reduces=0,
    serving_ns=0,
)
"""Numbers that one can reckon with."""
HERE = Conditions(0)


def one(*phases: Phase, times: int = 1) -> Kernel:
    return Kernel("k", tuple((phase, times) for phase in phases))


def test_a_kernel_takes_its_launch_and_its_bytes_at_the_bandwidth_that_streams_reach():
    cost = call_cost(ROUND, one(Phase("p", weight_bytes=10**6)), HERE)
    assert cost.launch == pytest.approx(1e-6)
    assert cost.memory_full_rate == pytest.approx(1e-6)
    assert cost.memory_below_full_rate == pytest.approx(1e-6)
    assert (cost.barriers, cost.compute, cost.collectives, cost.quantise) == (0, 0, 0, 0)
    assert cost.seconds == pytest.approx(3e-6)


def test_a_stream_launches_more_slowly_than_a_graph():
    on_stream = call_cost(ROUND, one(Phase("p")), Conditions(0, "software"))
    assert on_stream.seconds == pytest.approx(3e-6)


def test_a_persistent_kernel_has_barriers_in_the_place_of_launches_and_its_own_bandwidth():
    cost = call_cost(ROUND, one(Phase("p", weight_bytes=8 * 10**5), times=4), HERE)
    assert cost.launch == pytest.approx(1e-6)
    assert cost.barriers == pytest.approx(3 * 0.4e-6)
    assert cost.memory_full_rate + cost.memory_below_full_rate == pytest.approx(4e-6)


def test_caches_are_read_up_to_the_position():
    read = CacheRead(100, 10**6, Product("bf16", 1, 10**8))
    full = call_cost(ROUND, one(Phase("p", cache_reads=(read,))), Conditions(99))
    tenth = call_cost(ROUND, one(Phase("p", cache_reads=(read,))), Conditions(9))
    assert full.memory_full_rate == pytest.approx(1e-6)
    assert full.memory_full_rate + full.memory_below_full_rate == pytest.approx(4e-6)
    assert tenth.memory_full_rate == pytest.approx(1e-7)
    ring = call_cost(ROUND, one(Phase("p", cache_reads=(read,))), Conditions(10**6))
    assert ring == full


@pytest.mark.parametrize(("element_type", "seconds"), [("bf16", 1e-6), ("fp8", 0.5e-6), ("f32", 1e-4)])
def test_products_run_at_the_peak_of_their_type(element_type: str, seconds: float):
    phase = Phase("p", products=(Product(element_type, 1, 10**8),))
    assert call_cost(ROUND, one(phase), HERE).compute == pytest.approx(seconds)


def test_few_rows_take_as_long_as_the_machine_multiplies_at_once():
    machine = replace(ROUND, product_rows=64)
    times = [
        call_cost(machine, one(Phase("p", products=(Product("bf16", rows, rows * 10**6),))), HERE).compute
        for rows in (1, 16, 64, 128)
    ]
    assert times == pytest.approx([0.64e-6, 0.64e-6, 0.64e-6, 1.28e-6])


def test_bytes_and_flops_overlap():
    phase = Phase("p", weight_bytes=5 * 10**5, products=(Product("bf16", 1, 10**8),))
    cost = call_cost(ROUND, one(phase), HERE)
    assert cost.seconds - cost.launch == pytest.approx(2**0.25 * 1e-6)


@pytest.mark.parametrize(
    ("machine", "kind", "size", "way", "seconds"),
    [
        # 8 sockets at 50 GB/s: one shot sends 7 tiles, a ring 14 eighths, in 14 hops.
        (ROUND, "all_reduce", 1_000, "one_shot", 1e-6 + 7_000 / 5e10),
        (ROUND, "all_reduce", 10**8, "ring", 14e-6 + 14 / 8 * 10**8 / 5e10),
        (ROUND, "all_reduce", 10**6, "tree", 6e-6 + 2 * 10**6 / 5e10),
        (replace(ROUND, switch_reduces=1), "all_reduce", 10**6, "switch", 2e-6 + 10**6 / 5e10),
        (ROUND, "all_gather", 1_000, "one_shot", 1e-6 + 7_000 / 5e10),
    ],
)
def test_collectives_take_the_fastest_way(
    machine: SequenceMachine, kind: str, size: int, way: str, seconds: float
):
    found = best_exchange(replace(machine, sockets=8), Exchange(kind, size))
    assert (found[0], found[1]) == (way, pytest.approx(seconds))


def test_a_collective_costs_its_start_as_well_and_less_in_a_persistent_kernel():
    machine, phase = replace(ROUND, sockets=2), Phase("p", exchanges=(Exchange("all_reduce", 50_000),))
    alone = call_cost(machine, one(phase), HERE).collectives
    assert alone == pytest.approx(5e-6 + 1e-6 + 1e-6)
    assert call_cost(machine, one(phase, times=2), HERE).collectives == pytest.approx(2 * (alone - 3e-6))
    assert call_cost(ROUND, one(phase), HERE).collectives == 0


def test_kernels_that_quantise_take_a_share_of_a_gap():
    phase = Phase("p", quantised=4)
    assert call_cost(ROUND, one(phase), HERE).quantise == pytest.approx(2e-6)
    assert call_cost(ROUND, one(phase, times=2), HERE).quantise == pytest.approx(2 * 4 * 0.5 * 0.4e-6)


def test_a_step_is_the_sum_of_its_calls_and_of_what_a_serving_stack_does():
    kernels = (one(Phase("p", weight_bytes=10**6)), one(Phase("q")))
    work = StepWork("m", 1, kernels, (0, 1, 1))
    assert step_seconds(ROUND, work, HERE) == pytest.approx(3e-6 + 2 * 1e-6)
    assert step_cost(replace(ROUND, serving_ns=10_000), work, HERE).serving == pytest.approx(1e-5)


@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_a_smooth_maximum_is_no_less_than_either_and_a_fifth_above_at_most(one: float, other: float):
    found, high = smooth_maximum(one, other), max(one, other)
    assert high <= found <= 1.19 * high


MOST = {"share/1000": 1000, "1/1000": 4000, "0 or 1": 1, "sockets": 72, "rows": 256, "ns": 10**6}


@st.composite
def machines(draw: st.DrawFn) -> SequenceMachine:
    """Any machine: every number is anything between its bounds and what GPUs may have in ten years."""
    values = {
        one.name: draw(st.integers(one.metadata["least"] or 0, MOST.get(one.metadata["unit"], 10**17)))
        for one in fields(SequenceMachine)
    }
    positive = {name: value or 1 for name, value in values.items() if not name.endswith("_ns")}
    return SequenceMachine(**{**values, **positive, "switch_reduces": values["switch_reduces"]})


PRODUCTS = st.builds(
    Product, st.sampled_from(("bf16", "f32", "fp8", "fp4")), st.integers(1, 512), st.integers(0, 10**15)
)
PHASES = st.builds(
    Phase,
    st.just("p"),
    st.integers(0, 10**11),
    st.integers(0, 10**9),
    st.integers(0, 10**12),
    st.lists(PRODUCTS, max_size=3).map(tuple),
    st.lists(st.builds(CacheRead, st.integers(1, 10**6), st.integers(0, 10**11), PRODUCTS), max_size=2).map(
        tuple
    ),
    st.lists(
        st.builds(Exchange, st.sampled_from(("all_reduce", "all_gather")), st.integers(0, 10**9)), max_size=2
    ).map(tuple),
    st.integers(0, 4),
)
KERNELS = st.lists(st.tuples(PHASES, st.integers(1, 80)), min_size=1, max_size=3).map(
    lambda phases: Kernel("k", tuple(phases))
)
WORKS = st.lists(KERNELS, min_size=1, max_size=3).map(
    lambda kernels: StepWork("m", 1, tuple(kernels), tuple(range(len(kernels))))
)
POSITIONS = st.integers(0, 2 * 10**6)
ORCHESTRATIONS = st.sampled_from(("hardware", "software"))


@settings(max_examples=60, deadline=None)
@given(machines(), WORKS, POSITIONS, ORCHESTRATIONS)
def test_no_step_is_below_its_roof(machine: SequenceMachine, work: StepWork, position: int, how: str):
    amount = step_amount(machine, work, position)
    cost = step_cost(machine, work, Conditions(position, how))  # pyright: ignore[reportArgumentType]
    assert cost.seconds >= max(amount.memory, amount.compute, amount.links) * (1 - 1e-9)
    assert all(getattr(cost, one.name) >= -1e-12 * cost.seconds for one in fields(cost))


FASTER = (
    *("memory_bandwidth", "memory_permille", "cache_permille", "persistent_permille", "bf16_flops"),
    *("f32_flops", "fp8_flops", "fp4_flops", "product_permille", "link_bandwidth", "link_permille"),
)
"""Parameters of which more is never slower."""
SLOWER = (
    *("launch_ns", "barrier_ns", "hop_ns", "collective_ns", "persistent_collective_ns", "serving_ns"),
    *("product_rows", "quantise_permille"),
)
"""Parameters of which more is never faster."""


@settings(max_examples=60, deadline=None)
@given(machines(), WORKS, POSITIONS, st.sampled_from(FASTER + SLOWER), st.integers(1, 9))
def test_a_better_machine_is_never_slower(
    machine: SequenceMachine, work: StepWork, position: int, name: str, divisor: int
):
    less = replace(machine, **{name: max(1, getattr(machine, name) // divisor)})
    few, many = (step_seconds(one, work, Conditions(position)) for one in (less, machine))
    assert (many <= few * (1 + 1e-9)) if name in FASTER else (few <= many * (1 + 1e-9))


@settings(max_examples=40, deadline=None)
@given(machines(), WORKS, POSITIONS, POSITIONS)
def test_a_later_position_is_never_faster(machine: SequenceMachine, work: StepWork, one: int, other: int):
    first, second = (step_seconds(machine, work, Conditions(at)) for at in sorted((one, other)))
    assert first <= second * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(machines(), WORKS)
def test_a_barrier_no_longer_than_a_launch_makes_a_persistent_kernel_no_slower(
    machine: SequenceMachine, work: StepWork
):
    fair = replace(
        machine,
        barrier_ns=min(machine.barrier_ns, machine.launch_ns),
        persistent_permille=max(machine.persistent_permille, machine.memory_permille),
        persistent_collective_ns=min(machine.persistent_collective_ns, machine.collective_ns),
    )
    phases = [pair for kernel in work.kernels for pair in kernel.phases]
    singles = [Kernel("s", ((phase, 1),)) for phase, times in phases for _ in range(times)]
    apart = StepWork("m", 1, tuple(singles), tuple(range(len(singles))))
    together = StepWork("m", 1, (Kernel("k", tuple(phases)),), (0,))
    assert step_seconds(fair, together, HERE) <= step_seconds(fair, apart, HERE) * (1 + 1e-9)


def test_the_machine_is_checked():
    with pytest.raises(ValueError, match="memory_permille is 1001; the most is 1000: the whole"):
        H100.with_values({"memory_permille": 1001})
    with pytest.raises(ValueError, match="bf16_flops is 0; it must be positive"):
        H100.with_values({"bf16_flops": 0})
    assert H100.with_values({"fp8_flops": 0}).fp8_flops == 0
