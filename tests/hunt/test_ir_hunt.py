"""Short hunts with fixed seeds: IR that is changed, and random models in all variants."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from ir_edits import CHANGES, edited
from ir_mutants import EQUAL, REFUSED, WRONG, Numbers, compiled, judge, original, ran, unlike
from ir_originals import VARIANTS, text_at
from judged import JUDGED
from model_texts import model_text

KINDS = {kind.name: kind for kind in JUDGED}
COUNTS = {
    "nn mutant": 10,
    "kernel mutant": 14,
    "dataflow mutant": 10,
    "rdu mutant": 10,
    "random text": 2,
    "random layers": 1,
    "printed": 20,
}
"""Inputs of each kind: half a minute in all."""


@pytest.mark.parametrize("name", COUNTS)
def test_nothing_is_found(name: str):
    endings = [KINDS[name].answer(41 * seed) for seed in range(COUNTS[name])]
    assert {ending.wrong: ending.detail for _, ending in endings if ending.wrong} == {}


def test_loops_of_one_kernel_are_not_lost_to_longer_ones():
    """Rounds of one kernel many times have too many stages here, where a round of one has few."""
    _, ending = KINDS["random layers"].answer(300000)
    assert (ending.wrong, ending.detail) == ("", "")


def test_a_change_is_of_one_line_or_of_one_type():
    text = text_at(VARIANTS[0], "rdu")
    kinds: Counter[str] = Counter()
    for seed in range(300):
        one, two = (edited(Random(seed), text) for _ in range(2))
        assert one == two
        assert one.text != text
        kinds[one.kind] += 1
    assert set(kinds) == {name for name, _ in CHANGES} - {"fraction"} | ({"fraction"} & set(kinds))


def test_what_a_change_does_is_seen():
    variant = VARIANTS[0]
    text = text_at(variant, "kernel")
    assert judge(variant, text).name == EQUAL
    assert judge(variant, text.replace("nn.silu", "nn.gelu")).name == "differs"
    assert judge(variant, text.replace("nn.silu", "nn.silly")).name == REFUSED
    assert judge(variant, text.replace("@decoder.wk :", "@decoder.other :", 1)).name == REFUSED


def test_numbers_are_compared_by_themselves_too():
    variant = VARIANTS[0]
    _, mine = ran(variant, compiled(variant, text_at(variant, "kernel")))
    assert unlike(mine, original(variant)) == ""
    first = [value + 1 for value in mine.outputs[0]]
    assert (
        unlike(Numbers(mine.form, [first, *mine.outputs[1:]], mine.states), original(variant)) == "an output"
    )
    assert WRONG not in (EQUAL, REFUSED)


def test_a_seed_gives_the_same_model():
    assert [model_text(Random(seed)) for seed in range(40)] == [
        model_text(Random(seed)) for seed in range(40)
    ]
