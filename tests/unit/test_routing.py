"""Which experts a step chooses without data: rules, what files say, and whose selection a load reads by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from routed_programs import Routed, add_experts, build

from kl.backends.routing import Chooser, Routing, parse_routing, routing_of
from kl.backends.sn40l.errors import ExecutionError
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Execute, LoadArguments, LoadProgram, Program
from kl.backends.sn40l.selections import selections_of
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort
from kl.backends.tensors import TensorSpec
from kl.tools.kl import main

ROWS = Chooser(rows=16, chosen=8, experts=128)


def test_rows_that_choose_alike_or_apart() -> None:
    assert (ROWS.fewest, ROWS.most) == (8, 128)
    assert (Chooser(4, 2, 16).fewest, Chooser(4, 2, 16).most) == (2, 8)
    assert (Routing("best").count(0, ROWS), Routing("worst").count(0, ROWS)) == (8, 128)


def test_one_row_has_all_that_it_chooses() -> None:
    one = Chooser(1, 8, 128)
    assert (one.fewest, one.most, one.expected) == (8, 8, pytest.approx(8))
    assert {Routing("uniform", seed).count(n, one) for seed in range(3) for n in range(5)} == {8}


def test_uniform_choices_have_the_mean_that_they_should_have() -> None:
    # 128 * (1 - (1 - 1/16)^16)
    assert ROWS.expected == pytest.approx(82.4, abs=0.05)
    counts = [Routing(seed=3).count(number, ROWS) for number in range(400)]
    assert sum(counts) / len(counts) == pytest.approx(ROWS.expected, abs=0.6)
    assert len(set(counts)) > 8
    assert counts == [Routing(seed=3).count(number, ROWS) for number in range(400)]
    assert counts != [Routing(seed=4).count(number, ROWS) for number in range(400)]


def test_every_expert_is_as_likely() -> None:
    # Of 2 rows that choose 1 of 2, half choose the same.
    same = sum(Routing(seed=seed).count(0, Chooser(2, 1, 2)) == 1 for seed in range(2000))
    assert same == pytest.approx(1000, abs=90)


def test_of_experts_on_sockets_those_of_the_fullest_count() -> None:
    split = Chooser(rows=3, chosen=2, experts=8, parts=2)
    assert (split.fewest, split.most) == (1, 4)
    assert split.count([0, 1, 3, 3, 4, 0]) == 3
    assert Routing("given", given=((0, 1, 4, 5, 6, 7),)).count(0, split) == 4
    with pytest.raises(ValueError, match=r"selection 0: a count does not say on which sockets experts are"):
        Routing("given", given=(3,)).count(0, split)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("uniform", Routing()),
        ("uniform:12", Routing(seed=12)),
        ("worst", Routing("worst")),
        ("best", Routing("best")),
        ("counts.json", None),
    ],
)
def test_words_for_rules(text: str, wanted: Routing | None) -> None:
    assert routing_of(text) == wanted


def test_what_a_file_says() -> None:
    assert parse_routing("[3, [1, 1, 5], [[0, 1], [1, 2]]]").given == (3, (1, 1, 5), ((0, 1), (1, 2)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is no JSON"),
        ("[]", "it is no list with an entry for each selection"),
        ('{"a": 1}', "it is no list with an entry for each selection"),
        ("[3, true]", "entry 1 is true, neither a number of experts nor a list of their ids"),
        ("[3.0]", "entry 0 is 3.0, neither"),
        ('[3, ["a"]]', r'entry 1 is \["a"\], neither'),
        ("[3, [0, [1, 2]]]", r"entry 1 is \[0, \[1, 2\]\], neither"),
        ("[[[]]]", r"entry 0 is \[\[\]\], neither"),
        ("[[]]", r"entry 0 is \[\], neither"),
    ],
)
def test_files_that_say_nothing(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_routing(text)


def experts_of(program: Program, routing: Routing | None = None) -> tuple[int, ...]:
    report = time_step(program, {}, routing=routing)
    assert report.experts is not None
    return report.experts.counts


def test_loads_by_the_same_ids_read_as_many(network: Any) -> None:
    program = build(network, Routed(loads=2))
    assert experts_of(program) == tuple(Routing().count(n, Chooser(3, 2, 8)) for n in range(4))
    selections = selections_of(program)
    assert selections is not None
    (call,) = selections.calls
    assert [*call.values()] == [(0, 1, 2, 3), (0, 1, 2, 3)]
    assert {one.expert_bytes for one in selections.made} == {2 * 4 * 4 * 6}


def test_the_report_says_what_others_would_read(network: Any) -> None:
    program = build(network, Routed(loads=2))
    cases = {form: time_step(program, {}, routing=Routing(form)) for form in ("best", "worst", "uniform")}
    for report in cases.values():
        found = report.to_json()["experts"]["cases"]
        for form in ("best", "worst"):
            assert found[form]["memory_bytes"] == cases[form].traffic.hbm
        assert found["used"]["memory_bytes"] == report.traffic.hbm
        assert found["expected"]["distinct"] == pytest.approx(8 * (1 - (1 - 2 / 8) ** 3))
        assert found["best"]["distinct"] == 2
        assert found["worst"]["distinct"] == 6


def two_calls(network: Any) -> Program:
    """A kernel that chooses experts and puts their ids in memory, then one that reads them; twice."""
    routed, net = Routed(layers=1), network(1)
    ids = net.memory("ids", "input", 1, 3, 2, dtype="i32")
    named = net.memory("named", "value", 6, dtype="i32")
    chosen, found = net.channel(3, 2, dtype="i32"), net.channel(6, dtype="i32")
    spec = TensorSpec((6,), "i32")
    net.load("load ids", ids, chosen, stacked=True)
    body = [Instruction("nn.distinct", (0,), spec, {"experts": 8})]
    ports = [InputPort(chosen, TensorSpec((3, 2), "i32"))], [OutputPort(found, 1)]
    net.stage("choose", 1, *ports, body)
    net.store("store ids", found, named)
    first = net.program()
    net.units, net.channels = [], []
    by = net.channel(6, dtype="i32")
    net.load("load named", named, by)
    add_experts(net, routed, by, 0)
    second = net.program()
    kernels = replace(first.kernels[0], name="first"), replace(second.kernels[0], name="second")
    kernels = replace(kernels[0], parameters=second.kernels[0].parameters), kernels[1]
    addresses = tuple(region.address for region in second.regions)
    commands = [
        made
        for kernel in ("first", "second", "first", "second")
        for made in (LoadProgram(kernel), LoadArguments(kernel, addresses), Execute(kernel))
    ]
    return replace(second, kernels=kernels, commands=tuple(commands))


def test_ids_go_through_memory_to_other_calls(network: Any) -> None:
    program = two_calls(network)
    assert experts_of(program, Routing("given", given=(3, 5))) == (3, 5)
    report = time_step(program, {}, routing=Routing("given", given=(3, 5)))
    read = [call.traffic.hbm_read for call in report.calls]
    assert read[1] - 24 == 3 * 4 * 4 * 6
    assert read[3] - 24 == 5 * 4 * 4 * 6


def test_ids_of_unknown_rows_are_all_there_by_default(network: Any) -> None:
    program = build(network, Routed(given=True))
    assert experts_of(program) == experts_of(program, Routing("worst")) == (6, 6, 6, 6)
    with pytest.raises(ExecutionError, match=r"selection 0 comes from no nn\.distinct"):
        time_step(program, {}, routing=Routing("best"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((2, 3, 4), "3 entries are given, a call chooses experts 4 times"),
        ((2, 7), "selection 1: 7 distinct experts; 3 rows choosing 2 of 8 experts have 2 to 6"),
        ((1,), "selection 0: 1 distinct experts; 3 rows choosing 2 of 8 experts have 2 to 6"),
        (((0, 8),), "selection 0: expert 8 is outside 0 to 7"),
        ((2, ((0, 1), (2, 3))), "selection 1: ids of 2 rows are given, 3 rows choose"),
        ((((0, 1), (2, 3, 4), (2, 3)),), "selection 0: row 1 has 3 ids, each row chooses 2"),
        ((((0, 1), (2, 3), (5, 5)),), "selection 0: row 2 has expert 5 twice"),
        ((((0, 1), (2, 3), (5, 8)),), "selection 0: expert 8 is outside 0 to 7"),
    ],
)
def test_what_cannot_be_is_refused(network: Any, given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ExecutionError) as info:
        time_step(build(network, Routed()), {}, routing=Routing("given", given=given))
    assert info.value.message == f"experts: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[99]", "selection 0: 99 distinct experts; 2 rows choosing 2 of 8 experts have 2 to 4"),
        ("[[0, 99]]", "selection 0: expert 99 is outside 0 to 7"),
        ("[2, 2, 2, 2, 2]", "5 entries are given, a call chooses experts 3 times"),
    ],
)
def test_what_a_file_says_and_cannot_be_is_refused_with_its_name(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chosen.json"
    path.write_text(text)
    assert main(timed("--experts", str(path))) == 1
    assert f"experts of {path}: {message}" in capsys.readouterr().err


def test_a_program_without_experts_has_none_to_choose(decoder: Any) -> None:
    with pytest.raises(ExecutionError, match="no load reads by index"):
        time_step(decoder(), {"position": 0}, routing=Routing("best"))


def timed(*options: str) -> list[str]:
    """Three layers of two rows that choose two of eight."""
    return ["time", "mixture", "--param", "layers=3", *options]


def document(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_seed_means_the_same_in_all_variants(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        document(capsys, timed("--experts", "uniform:5", *options))
        for options in (["-O0"], ["--single-call"])
    ]
    assert len({tuple(one["experts"]["distinct"]) for one in found}) == 1
    assert found[0]["experts"]["rule"] == "uniform, seed 5"
    for one in found:
        assert sum(one["ledger_cycles"].values()) == one["cycles"]
    assert found[1]["ledger_cycles"]["router"] > 0


def test_a_file_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "counts.json"
    path.write_text("[2, [0, 1, 1, 5], [[0, 1], [7, 3]]]", encoding="utf-8")
    found = document(capsys, timed("--experts", str(path)))
    assert found["experts"]["distinct"] == [2, 3, 4]
    assert found["experts"]["cases"]["used"]["distinct"] == 3
    assert main(timed("--experts", str(path))) == 0
    assert "used here                         3.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("uniform:x", "--experts uniform:x: the seed of uniform is 'x', not a whole number"),
        ("missing.json", "missing.json: no word for how experts are chosen, and no file"),
    ],
)
def test_words_that_are_no_rule(capsys: pytest.CaptureFixture[str], how: str, message: str) -> None:
    assert main(timed("--experts", how)) != 0
    error = capsys.readouterr().err
    assert message in error
    assert "give uniform, uniform:SEED, worst, best, or a file" in error


def test_a_model_without_experts_has_none_to_choose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", "mini", "--experts", "best"]) != 0
    error = capsys.readouterr().err
    assert "no load reads by index, so there are no experts to choose" in error
    assert "leave out --experts" in error
