"""A short hunt for mutants of programs with fixed seeds, and that it finds what a broken check lets pass; the
long one is `make hunt`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from edits import EDITS, Mutant, mutant
from hunt import hunt
from judging import MODEL, SAME, SLOWER, STATIC, TIMING, UNPROVEN, judge, judge_trusted
from mutants import RUN, mutant_of, wrong_with
from normal import same
from originals import NAMES, Original, original
from places import put, value_at

from kl.backends.sn40l import check
from kl.backends.sn40l.program import Program

COUNT = 60
"""Mutants of the short hunt: a quarter of a minute."""
SMALL = "chain plain"


@pytest.fixture(scope="module")
def chain() -> Original:
    """The smallest program."""
    return original(SMALL)


def changed(origin: Original, field: str, edit: Callable[[Any], Any], number: int = 0) -> Mutant:
    """A mutant by hand: another value in one place of a field."""
    copy = origin.document.copy()
    place = origin.document.by_field[field][number]
    put(copy, place.path, edit(value_at(copy, place.path)))
    return Mutant(copy, "by hand", (field,))


def test_mutants_of_fixed_seeds_are_refused_or_right():
    first = RUN * NAMES.index(SMALL)
    tallies = hunt(["mutant"], {"mutant": first}, 300.0, 1, COUNT)
    assert tallies["mutant"].found == {}
    assert tallies["mutant"].inputs == tallies["mutant"].verdicts.total() == COUNT


def test_a_seed_gives_the_same_mutant_and_each_is_one():
    first = RUN * NAMES.index(SMALL)
    for seed in range(first, first + RUN):
        one, two = mutant_of(seed), mutant_of(seed)
        assert one == two
        assert one.differences(original(SMALL).document.program)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_edits_leave_the_original_alone(edit: Any, chain: Original):
    before = chain.document.copy()
    for seed in range(30):
        edit(Random(seed), chain.document, chain.document.copy())
    assert chain.document.program == before


def test_the_places_of_a_program_are_all_its_facts(chain: Original):
    leaves = {place.path for place in chain.document.places}

    def look(value: Any, path: tuple[str | int, ...]) -> None:
        assert not path or path in leaves or path[-1] == "kind", path
        inner = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, entry in inner:
            look(entry, (*path, key))

    look(chain.document.program, ())


@pytest.mark.parametrize(
    ("name", "field", "edit", "instead"),
    [
        ("work", "Stage.flops", lambda old: old + 1, UNPROVEN),
        ("pace", "Channel.latency_cycles", lambda old: old - 1, UNPROVEN),
        ("schedule", "Program.tokens_per_step", lambda old: old + 1, UNPROVEN),
        ("streams", "Loop.count", lambda old: old + 1, TIMING),
        ("work", "Instruction.operands[]", lambda old: 1 - old, MODEL),
    ],
)
def test_what_a_broken_check_lets_pass_is_found(
    name: str, field: str, edit: Any, instead: str, chain: Original, monkeypatch: pytest.MonkeyPatch
):
    numbers = range(len(chain.document.by_field[field]))
    mutants = (changed(chain, field, edit, number) for number in numbers)
    found = next(one for one in mutants if judge(chain, one).by == name)
    monkeypatch.setattr(check, "CHECKS", [one for one in check.CHECKS if one.name != name])
    verdict = judge(chain, found)
    assert verdict.name == instead
    assert (wrong_with(found, verdict) != "") == (instead == UNPROVEN)


def test_a_comparison_that_sees_nothing_is_found(chain: Original, monkeypatch: pytest.MonkeyPatch):
    found = changed(chain, "Instruction.attributes.number", lambda old: old * 2)
    assert judge(chain, found).name == MODEL
    monkeypatch.setattr("judging._equal", lambda mine, wanted: True)
    assert judge(chain, found).name == UNPROVEN


@pytest.mark.parametrize(
    ("field", "edit", "verdict"),
    [
        ("Channel.name", lambda old: f"{old}x", SAME),
        ("Channel.depth", lambda old: old + 1, SAME),
        ("Stage.latency_cycles", lambda old: old + 50, SLOWER),
        ("Region.checkpoint", lambda old: "other", MODEL),
        ("Stage.firings", lambda old: old + 1, STATIC),
    ],
)
def test_verdicts(field: str, edit: Any, verdict: str, chain: Original):
    mutant_ = changed(chain, field, edit)
    assert judge(chain, mutant_).name == verdict
    assert judge_trusted(chain, mutant_) == judge(chain, mutant_)


def test_digests_hide_nothing(chain: Original):
    for seed in range(40):
        one = mutant(Random(seed), chain.document)
        assert judge(chain, one).name == judge_trusted(chain, one).name


def renamed(program: Program) -> Program:
    """Other names of kernels, and regions and units in another order."""
    kernels = tuple(replace(one, name=f"{one.name}x") for one in program.kernels)
    commands = tuple(
        replace(one, kernel=f"{one.kernel}x") if hasattr(one, "kernel") else one for one in program.commands
    )
    return replace(program, kernels=kernels, commands=commands)


def test_normal_forms_tell_what_matters(chain: Original):
    program = chain.program
    assert same(program, program)
    assert same(renamed(program), program)
    assert same(replace(program, regions=program.regions[::-1]), program)
    kernel = program.kernels[0]
    turned = replace(kernel, units=kernel.units[::-1])
    assert same(replace(program, kernels=(turned, *program.kernels[1:])), program)
    assert not same(replace(program, commands=program.commands[:-1]), program)
    slow = replace(kernel, channels=tuple(replace(c, latency_cycles=99) for c in kernel.channels))
    fast = replace(kernel, channels=tuple(replace(c, latency_cycles=0) for c in kernel.channels))
    assert same(replace(program, kernels=(slow, *program.kernels[1:])), program)
    assert not same(replace(program, kernels=(fast, *program.kernels[1:])), program)
