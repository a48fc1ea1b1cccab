"""How calls of a program follow one another: what is given comes first, then what a call gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from kl.backends.runs import Called, CallLoop, Step
from kl.backends.tensors import Array, TensorSpec

INPUTS = {"position": TensorSpec((), "i32"), "token": TensorSpec((2,), "i32")}


def _loop(steps: int = 1, stop: int | None = None) -> CallLoop:
    return CallLoop(INPUTS, rows=9, steps=steps, stop_token=stop)


def _tokens(*values: int) -> Array:
    return np.array(values, np.int32)


def _plus_one(number: int, inputs: Mapping[str, Array]) -> Called:
    return Called({"next": inputs["token"] + 1}, (), 10 + number)


def _run(
    loop: CallLoop,
    count: int,
    given: Sequence[Mapping[str, Array]],
    call: Callable[[int, Mapping[str, Array]], Called] = _plus_one,
) -> list[Step]:
    return list(loop.run(call, count, given, seed=3))


def test_given_tokens_come_before_those_that_are_made() -> None:
    given = [{"token": _tokens(5, 6)}, {"token": _tokens(1, 2)}]
    steps = _run(_loop(), 4, given)
    assert [step.inputs["token"].tolist() for step in steps] == [[5, 6], [1, 2], [2, 3], [3, 4]]
    assert [int(step.inputs["position"]) for step in steps] == [0, 1, 2, 3]
    assert [step.cycles for step in steps] == [10, 11, 12, 13]
    assert [*steps[0].inputs] == [*INPUTS]


def test_where_none_are_given_the_first_ones_are_seeded() -> None:
    first, again = (_run(_loop(), 2, ()) for _ in range(2))
    assert first[0].inputs["token"].tolist() == again[0].inputs["token"].tolist()
    assert all(0 <= token < 9 for token in first[0].inputs["token"])
    assert first[1].inputs["token"].tolist() == first[0].outputs["next"].tolist()


@pytest.mark.parametrize(("given", "made"), [(1, 3), (4, 4), (5, 5)])
def test_a_stop_token_ends_no_prompt(given: int, made: int) -> None:
    """The rows reach 4 in the third call; those that are given stand there from the start."""
    tokens = [{"token": _tokens(1, 1)}] if given == 1 else [{"token": _tokens(3, 3)}] * given
    assert len(_run(_loop(stop=4), 8, tokens)) == made


def test_a_row_that_has_not_ended_goes_on() -> None:
    assert len(_run(_loop(stop=4), 8, [{"token": _tokens(3, 9)}])) == 8


def test_calls_of_several_steps_go_on_with_their_last_tokens() -> None:
    def call(number: int, inputs: Mapping[str, Array]) -> Called:
        token = inputs["token"]
        return Called({"next": np.stack([token + 1, token + 2])}, (), 0, made=2)

    steps = _run(_loop(steps=2), 2, [{"token": _tokens(0, 5)}], call)
    assert [step.inputs["token"].tolist() for step in steps] == [[0, 5], [2, 7]]
    assert [step.position for step in steps] == [0, 2]
