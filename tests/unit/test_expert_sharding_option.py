"""`--expert-sharding`: what of the experts each socket has, by hand or by time, and to the bit."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from kl.backends.routing import Chooser, Routing
from kl.backends.sn40l.target import SN40L_TARGET
from kl.backends.targets import TimeOptions
from kl.tools.kl import main

MODEL = """
model experts

param count = 8

layer block[2](x[2, 16]) {
  weight router[16, count]
  weight wgate[count, 16, 8]
  weight wup[count, 16, 8]
  weight wdown[count, 8, 16]
  ids = top_k(x @ router, 2)
  w = softmax(take(x @ router, ids))
  experts = distinct(ids, count)
  g = x @ columns_of(wgate, experts)
  u = x @ columns_of(wup, experts)
  return x + scale(silu(g) * u, spread(w, ids, experts)) @ rows_of(wdown, experts)
}

step(x[2, 16]) {
  for i in 0..2 { x = block[i](x) }
  return x
}
"""
WHOLE = ("--expert-sharding", "sockets")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "experts.kl"
    path.write_text(MODEL)
    return str(path)


def document(capsys: Capture, *arguments: str) -> Any:
    """The JSON document of a command that succeeds."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys: Capture, *arguments: str) -> str:
    """What a command that fails says."""
    assert main([*arguments]) == 1
    return capsys.readouterr().err


def test_whole_experts_are_an_option_of_the_pipeline(model: str, capsys: Capture):
    passes = document(capsys, "compile", model, "--sockets", "2", *WHOLE, "--to", "kernel")["pipeline"]
    assert passes.startswith("shard-tensors{experts=sockets},outline-kernels")
    usual = ("--sockets", "2", "--to", "kernel", "--expert-sharding", "ffn")
    assert document(capsys, "compile", model, *usual)["pipeline"].startswith("shard-tensors,")


def test_the_default_pipeline_has_it_as_well(model: str, capsys: Capture):
    given = ("compile", model, "--to", "kernel", "--pipeline")
    ours = document(capsys, *given, "kl-default{to=kernel sockets=2 expert-sharding=sockets}")["text"]
    assert ours == document(capsys, "compile", model, "--to", "kernel", "--sockets", "2", *WHOLE)["text"]


@pytest.mark.parametrize(("sockets", "level"), [("2", "-O0"), ("2", "-O2"), ("8", "-O1"), ("8", "-O2")])
def test_the_machine_computes_what_the_split_model_does(
    sockets: str, level: str, model: str, capsys: Capture
):
    found = document(capsys, "run", model, "--sockets", sockets, *WHOLE, level, "--check", "--steps", "2")
    assert found["check"]["equal"] is True


def test_the_reference_of_a_pipeline_is_split_as_it_says(model: str, capsys: Capture):
    pipeline = "shard-tensors{sockets=2 experts=sockets},kl-default"
    found = document(capsys, "run", model, "--pipeline", pipeline, "--check")
    assert found["check"]["equal"] is True


def test_the_slowest_socket_decides(model: str, capsys: Capture):
    """Two rows choose two of eight experts: a socket of two reads one of its four at best, or all of them."""
    text = document(capsys, "compile", model, "--sockets", "2", *WHOLE, "--to", "program")["text"]
    program = SN40L_TARGET.load(text.encode())
    rules = (Routing("best"), Routing("worst"), Routing("given", given=((0, 1, 4, 1), (7, 5, 6, 7))))
    timed = [
        SN40L_TARGET.time(program, TimeOptions(routing=rule), lambda done, all: None).document
        for rule in rules
    ]
    assert [one["experts"]["distinct"] for one in timed] == [[1, 1], [4, 4], [2, 3]]
    slices = (3 * 16 * 8 * 2) * (8 - 2)
    assert timed[1]["bytes"]["hbm_read"] - timed[0]["bytes"]["hbm_read"] == slices


def test_what_is_faster_is_taken_and_said(model: str, capsys: Capture):
    both = ("ffn", "sockets")
    seconds = {
        one: document(capsys, "time", model, "--sockets", "8", "--expert-sharding", one)["seconds"]
        for one in both
    }
    assert main(["time", model, "--sockets", "8", "--expert-sharding", "auto", "--json"]) == 0
    out, err = capsys.readouterr()
    best, other = sorted(both, key=lambda one: seconds[one])
    assert json.loads(out)["seconds"] == seconds[best]
    assert f"remark: --expert-sharding auto is {best}, " in err
    assert f" a step; {other} " in err


def test_what_is_refused_is_not_taken(model: str, capsys: Capture):
    assert main(["time", model, "--sockets", "4", "--param", "count=6", "--expert-sharding", "auto"]) == 0
    assert "--expert-sharding auto is ffn, " in (err := capsys.readouterr().err)
    assert "a step; sockets is refused: 6 experts do not divide among 4 sockets\n" in err


def test_one_socket_and_models_without_experts_have_nothing_to_choose(model: str, capsys: Capture):
    for given in ([model], ["mini", "--sockets", "2"]):
        assert main(["compile", *given, "--to", "kernel", "--expert-sharding", "auto"]) == 0
        assert "auto" not in capsys.readouterr().err


def test_variants_are_compared_with_the_same_experts(model: str, capsys: Capture):
    found = document(capsys, "compare", model, "--sockets", "2", *WHOLE)
    wanted = document(capsys, "time", model, "--sockets", "2", *WHOLE)["cycles"]
    assert next(one["cycles"] for one in found if one["variant"] == "looped") == wanted


def test_whole_experts_want_experts(capsys: Capture):
    message = refusal(capsys, "time", "mini", "--sockets", "2", *WHOLE)
    assert "mini.kl chooses no experts" in message
    assert "help: --expert-sharding sockets is for mixtures of experts" in message


def test_it_says_nothing_beside_a_pipeline(model: str, capsys: Capture):
    message = refusal(capsys, "time", model, *WHOLE, "--pipeline", "shard-tensors")
    assert "--pipeline says all that is done" in message


def test_it_comes_too_late_for_kernels(model: str, tmp_path: Path, capsys: Capture):
    path = str(tmp_path / "kernels.mlir")
    assert main(["compile", model, "--to", "kernel", "-o", path]) == 0
    assert "is split over its sockets already" in refusal(capsys, "time", path, *WHOLE)


def test_sockets_that_do_not_divide_experts(model: str, capsys: Capture):
    message = refusal(capsys, "time", model, "--sockets", "3", *WHOLE)
    assert "8 experts do not divide among 3 sockets" in message
    assert "or split each expert: --expert-sharding ffn" in message


@pytest.mark.parametrize(
    ("rows", "chosen", "experts", "parts"), [(1, 2, 8, 8), (4, 2, 8, 2), (16, 8, 128, 8)]
)
def test_the_socket_that_reads_most_reads_more_than_the_mean(
    rows: int, chosen: int, experts: int, parts: int
):
    whole, split = Chooser(rows, chosen, experts), Chooser(rows, chosen, experts, parts)
    assert split.expected == split.expected
    assert max(split.fewest, whole.expected / parts) <= split.expected <= split.most
    seen = [split.count(row) for row in permutations(range(experts), chosen)] if rows == 1 else []
    assert not seen or split.expected == pytest.approx(sum(seen) / len(seen), rel=0.1)
