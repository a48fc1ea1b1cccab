"""What a later pass objects to is taken back: which choices, in which order, and none of the user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends.targets import Choice
from kl.dialects.vocabulary import GRANULARITIES
from kl.passes.diagnostics import NoRoom
from kl.tools.feedback import RETAINED, Kept, LoopsFound, Retreat, retreats
from kl.tools.kl import main

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples" / "llama3_tiny.kl")
LLAMA = str(ROOT / "examples" / "llama3_8b.kl")
TWO_LOOPS = """\
model two_loops

dtype bf16

layer narrow[3](x[1, 64]) {
  weight w[64, 64]
  return x + silu(x @ w)
}

layer norm[3](x[1, 64]) {
  weight gain[64]
  return x + silu(rms_norm(x, gain, 1e-5))
}

step(x[1, 64]) {
  for i in 0..3 { x = narrow[i](x) }
  for i in 0..3 { x = norm[i](x) }
  return x
}
"""
LINKS = ["--set", "pmus=40", "--set", "pcus=40", "--set", "rdn_bytes_per_cycle=10"]
"""The loop over `narrow` puts 11.3 bytes a cycle on a link, a call of it 6.8."""

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def two_loops(tmp_path: Path) -> str:
    """A model of two loops."""
    path = tmp_path / "two_loops.kl"
    path.write_text(TWO_LOOPS)
    return str(path)


def document(capsys: Capture, *arguments: str) -> tuple[Any, str]:
    """What a command that succeeds prints as JSON, and its messages."""
    assert main([*arguments, "--json"]) == 0
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def test_a_loop_is_taken_back_and_others_stay(two_loops: str, capsys: Capture) -> None:
    whole, messages = document(capsys, "time", two_loops)
    assert (whole["kernel_calls"], messages) == (2, "")
    found, messages = document(capsys, "time", two_loops, *LINKS)
    assert found["kernel_calls"] == 4
    assert "5:7: remark: @narrow is not looped, as otherwise @narrow.loop puts 11.3 bytes a cycle" in messages
    assert "its width is 10\n" in messages
    # A user who asks for loops gets the one that there can be.
    assert document(capsys, "time", two_loops, *LINKS, "--loop")[0]["kernel_calls"] == 4


def test_numbers_stay_what_they_are(two_loops: str, capsys: Capture) -> None:
    steps = ["--steps", "2", "--check"]
    plain, _ = document(capsys, "run", two_loops, *steps)
    back, _ = document(capsys, "run", two_loops, *steps, *LINKS)
    assert back["check"]["equal"]
    outputs = [[[*one["outputs"].values()] for one in found["steps"]] for found in (plain, back)]
    assert outputs[0] == outputs[1]


def test_the_last_loop_that_is_asked_for_stays_an_error(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "one_loop.kl"
    path.write_text(TWO_LOOPS.replace("  for i in 0..3 { x = norm[i](x) }\n", ""))
    assert document(capsys, "time", str(path), *LINKS)[0]["kernel_calls"] == 3
    assert main(["time", str(path), *LINKS, "--loop", "--fusion", "layer"]) == 1
    assert "error: @narrow.loop puts 11.3 bytes a cycle" in capsys.readouterr().err


def test_the_first_objection_is_the_error_where_nothing_helps(two_loops: str, capsys: Capture) -> None:
    assert main(["time", two_loops, *LINKS[:-1], "rdn_bytes_per_cycle=1"]) == 1
    shown = capsys.readouterr()
    assert "5:7: error: @narrow.loop puts 11.3 bytes a cycle" in shown.err
    assert "note: in the pass route-channels" in shown.err
    assert "remark" not in shown.err


def test_kernels_hold_less_where_units_are_short(capsys: Capture) -> None:
    found, messages = document(capsys, "run", TINY, "--set", "pmus=8", "--check")
    assert found["check"]["equal"]
    assert (
        "remark: a kernel holds half a layer, as otherwise @decoder needs 9 PMUs of 524288 bytes" in messages
    )
    assert main(["time", TINY, "--set", "pmus=8", "--fusion", "layer"]) == 1
    assert "error: @decoder needs 9 PMUs" in capsys.readouterr().err


def test_fewer_weights_stay_where_links_are_short(capsys: Capture) -> None:
    plain, _ = document(capsys, "time", LLAMA, "--sockets", "16", "--resident")
    found, messages = document(
        capsys, "time", LLAMA, "--sockets", "16", "--resident", "--set", "rdn_bytes_per_cycle=30"
    )
    assert "PMUs at most, as otherwise @decoder.loop puts" in messages
    assert 0 < found["bytes"]["sram_read"] < plain["bytes"]["sram_read"]


def test_the_error_is_that_of_kernels_without_resident_weights_where_these_do_not_fit_either(
    two_loops: str, capsys: Capture
) -> None:
    links, errors = [*LINKS[:-1], "rdn_bytes_per_cycle=1"], set[str]()
    for more in ([], ["--resident"]):
        assert main(["time", two_loops, *links, *more]) == 1
        errors.add(capsys.readouterr().err)
    assert len(errors) == 1


@pytest.mark.parametrize("tries", range(len(RETAINED)))
def test_weights_get_as_many_less_as_are_missing(tries: int) -> None:
    kept = Kept(100, 40, tries)
    assert kept.fewer(NoRoom("", "pmus", 60, 40)) == min(80, int(100 * RETAINED[tries]))
    # Links that carry a half too much want a half more places.
    assert kept.fewer(NoRoom("", "links", 96, 64)) == min(80, int(100 * RETAINED[tries]))
    assert kept.fewer(NoRoom("", "pcus", 400, 40)) == 0


def test_what_is_compiled_is_the_pipeline_that_it_says(
    two_loops: str, tmp_path: Path, capsys: Capture
) -> None:
    compiled, _ = document(capsys, "compile", two_loops, *LINKS)
    assert 'loop-kernels{exclude="narrow"}' in compiled["pipeline"]
    names = [one["pass"] for one in compiled["passes"]]
    assert names == [name.split("{")[0] for name in compiled["pipeline"].split(",")]
    assert any("@narrow is not looped" in one["message"] for one in compiled["remarks"])
    again, messages = document(capsys, "time", two_loops, *LINKS, "--pipeline", compiled["pipeline"])
    assert again["kernel_calls"] == 4
    assert "as otherwise" not in messages


def test_kernels_that_are_given_are_not_made_anew(two_loops: str, tmp_path: Path, capsys: Capture) -> None:
    path = str(tmp_path / "kernels.mlir")
    assert main(["compile", two_loops, *LINKS, "--to", "kernel", "-o", path]) == 0
    assert main(["time", path]) == 1
    assert "error: @narrow.loop puts 11.3 bytes a cycle" in capsys.readouterr().err


choices = st.builds(
    Choice,
    fusion=st.sampled_from(GRANULARITIES),
    loop=st.booleans(),
    resident=st.booleans(),
    steps_per_call=st.sampled_from([1, 8]),
)
loops = st.builds(
    LoopsFound, st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(tuple), st.integers(0, 2)
)
demands = st.frozensets(st.sampled_from(["fusion", "loop", "resident", "steps_per_call"]))


@given(choices, demands, st.lists(loops, min_size=40, max_size=40))
def test_taking_back_ends_and_keeps_what_is_demanded(
    choice: Choice, demanded: frozenset[str], found: list[LoopsFound]
) -> None:
    taken, now = list[Retreat](), choice
    for loop in found:
        first = next(retreats(now, demanded, loop), None)
        if first is None:
            continue
        taken.append(first)
        if first.part == "loop":
            assert loop.members
            assert loop.others or "loop" not in demanded
        now = first.choice
    # At most: every percentage once, and each of three kernels in each of three fusions.
    assert len(taken) <= len(RETAINED) + 2 + 3 * 3
    assert (now.loop, now.resident, now.steps_per_call) == (
        choice.loop,
        choice.resident,
        choice.steps_per_call,
    )
    assert now.fusion == choice.fusion or "fusion" not in demanded
    assert GRANULARITIES.index(now.fusion) <= GRANULARITIES.index(choice.fusion)
    if choice.steps_per_call > 1 or not choice.loop:
        assert not now.unlooped
