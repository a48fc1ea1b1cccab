"""More work, a slower machine and fewer choices never make a step faster, but for rounding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from timed_models import CHOICES, ROUNDING, Case, cases, examples, step_time

from kl.backends.targets import Choice
from kl.dialects.vocabulary import ALGORITHMS

SIZE = 0.03
"""As `ROUNDING`, of another size: its tiles and its shares of the units are others."""
choices = st.sampled_from([*CHOICES.values()])


def assert_not_faster(worse: float, better: float, slack: float = ROUNDING) -> None:
    assert worse >= better * (1 - slack), f"{worse} cycles are {1 - worse / better:.2%} less than {better}"


@examples(6)
@given(cases(sockets=(2, 4, 8)), choices, st.integers(2, 20))
def test_links_of_more_latency_make_no_step_faster(case: Case, choice: Choice, times: int) -> None:
    slower = case.with_machine(p2p_latency_ns=case.machine["p2p_latency_ns"] * times)
    assert_not_faster(step_time(slower, choice).cycles, step_time(case, choice).cycles)


@examples(6)
@given(cases(sockets=(2, 4, 8)), choices, st.floats(1.1, 20))
def test_links_of_less_bandwidth_make_no_step_faster(case: Case, choice: Choice, times: float) -> None:
    slower = case.with_machine(p2p_bandwidth=int(case.machine["p2p_bandwidth"] / times))
    assert_not_faster(step_time(slower, choice).cycles, step_time(case, choice).cycles)


@examples(6)
@given(cases(), choices, st.sampled_from([1.25, 3, 8]))
def test_memory_of_less_bandwidth_makes_no_step_faster(case: Case, choice: Choice, times: float) -> None:
    slower = case.with_machine(hbm_bandwidth=int(case.machine["hbm_bandwidth"] / times))
    assert_not_faster(step_time(slower, choice).cycles, step_time(case, choice).cycles)


@examples(6)
@given(cases(), choices, st.integers(1, 4))
def test_more_layers_take_no_less_time(case: Case, choice: Choice, more: int) -> None:
    deeper = case.with_extents(layers=case.extents["layers"] + more)
    assert_not_faster(step_time(deeper, choice).cycles, step_time(case, choice).cycles, SIZE)


@examples(6)
@given(cases(), choices, st.integers(1, 4))
def test_a_larger_batch_takes_no_less_time(case: Case, choice: Choice, times: int) -> None:
    larger = case.with_extents(batch=case.extents["batch"] * (times + 1))
    assert_not_faster(step_time(larger, choice).cycles, step_time(case, choice).cycles, SIZE)


@examples(6)
@given(cases(sockets=(2, 4, 8)), choices)
def test_twice_as_many_sockets_are_no_slower_or_a_remark_says_so(case: Case, choice: Choice) -> None:
    more = step_time(case, choice)
    half = step_time(case.with_machine(sockets=case.machine["sockets"] // 2), choice)
    warned = any("are slower than" in remark for remark in more.remarks)
    assert warned or more.cycles <= half.cycles * (1 + ROUNDING), f"{more.cycles} against {half.cycles}"


@examples(5)
@given(cases(sockets=(4, 8)), st.sampled_from([2, 20, 100]), st.sampled_from([16, 64]))
def test_no_algorithm_beats_what_is_chosen(case: Case, bytes_a_ns: int, batch: int) -> None:
    # Slow links and large values: what goes over the links counts.
    case = case.with_machine(p2p_bandwidth=bytes_a_ns * 10**9).with_extents(batch=batch)
    chosen = step_time(case).cycles
    for algorithm in ALGORITHMS:
        assert_not_faster(step_time(case, algorithm=algorithm).cycles, chosen)


@examples(6)
@given(cases(), st.booleans())
def test_a_loop_is_no_slower_than_its_calls(case: Case, resident: bool) -> None:
    loop, calls = (step_time(case, Choice(loop=loop, resident=resident)).cycles for loop in (True, False))
    assert_not_faster(calls, loop)


@examples(6)
@given(cases(), st.sampled_from([1, 2, 4]), st.sampled_from([2, 4]), st.booleans())
def test_more_steps_in_a_call_are_no_slower(case: Case, steps: int, times: int, resident: bool) -> None:
    few, more = (
        step_time(case, Choice(steps_per_call=count, resident=resident)).cycles
        for count in (steps, steps * times)
    )
    assert_not_faster(few, more)


@examples(6)
@given(cases(), st.integers(1, 3), st.booleans())
def test_a_longer_loop_is_no_slower_than_a_shorter_one_and_the_rest(
    case: Case, rest: int, resident: bool
) -> None:
    # Each of the two has a loop, and what is around it, which counts once.
    choice, layers = Choice(single_call=True, resident=resident), case.extents["layers"]
    whole, first, other = (
        step_time(case.with_extents(layers=count), choice).cycles for count in (layers + rest, layers, rest)
    )
    assert_not_faster(first + other, whole)
