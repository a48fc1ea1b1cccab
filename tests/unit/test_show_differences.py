"""Differences of texts lead from one to the other, mark what differs, and long runs of lines become short."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as some

from kl.tools.parameters import parameters_of, standing
from kl.tools.show.differences import Hunk, counts, difference
from kl.tools.show.folding import Line, folded

TEXTS = some.lists(some.text("ab %=.{}", max_size=12).map(Line), max_size=20)


def lines(*texts: str) -> list[Line]:
    return [Line(text) for text in texts]


def applied(before: Sequence[Line], hunks: Sequence[Hunk]) -> list[str]:
    """The text that the differences lead to."""
    found, at = list[str](), 0
    for hunk in hunks:
        found += [line.text for line in before[at : hunk.start]]
        at = hunk.start
        for row in hunk.rows:
            if row.before is not None:
                assert before[at].text == row.before
                at += 1
            found += [] if row.after is None else [row.after]
    return found + [line.text for line in before[at:]]


@given(TEXTS, TEXTS)
def test_differences_lead_from_one_text_to_the_other(before: list[Line], after: list[Line]):
    hunks = difference(before, after)
    assert applied(before, hunks) == [line.text for line in after]
    assert (hunks == ()) == ([line.text for line in before] == [line.text for line in after])


def test_a_line_of_the_same_operation_has_changed():
    before = lines("%a = nn.add %x", "%b = nn.mul %x {ii = 1 : i64}", "return")
    after = lines("%a = nn.add %x", "  %b = nn.mul %x {ii = 2 : i64}", "return")
    [hunk] = difference(before, after)
    [row] = [one for one in hunk.rows if one.kind != "same"]
    assert row.kind == "changed"
    assert [piece.text for piece in row.pieces if piece.kind == "removed"] == ["1"]
    assert [piece.text for piece in row.pieces if piece.kind == "added"] == ["  ", "2"]
    assert counts([hunk]) == (1, 1)


def test_lines_of_other_operations_come_and_go():
    [hunk] = difference(lines("a.b %x", "end"), lines("c.d %x", "c.e %x", "end"))
    assert [row.kind for row in hunk.rows] == ["removed", "added", "added", "same"]
    assert counts([hunk]) == (2, 1)


def test_of_many_lines_alike_a_few_are_left():
    calls = lines(*(f"  %x_{number} = call @layer[{number}]" for number in range(40)))
    short = folded([*lines("begin"), *calls, *lines("end")])
    texts = [line.text for line in short]
    assert texts[:3] == ["begin", calls[0].text, calls[1].text]
    assert texts[3] == "  … 37 lines like this one, but for their numbers"
    assert texts[4:] == [calls[39].text, "end"]


def test_lines_that_come_again_together_are_left_out_together():
    calls = lines(*(f"{'ab'[number % 2]} {number}" for number in range(20)))
    texts = [line.text for line in folded(calls)]
    assert texts == [
        "a 0",
        "b 1",
        "a 2",
        "b 3",
        "… 2 lines 7 times more, but for their numbers",
        "a 18",
        "b 19",
    ]


def test_few_lines_alike_all_stand():
    few = lines(*(f"call {number}" for number in range(5)))
    assert folded(few) == tuple(few)


def test_parameters_say_how_sure_they_are():
    from kl.dialects.machine import Machine

    found = {one.name: one for one in parameters_of(Machine().with_values({"sockets": 8}))}
    assert [*found] == [name for name, _ in Machine().items()]
    assert (found["sockets"].value, found["sockets"].is_changed) == (8, True)
    assert found["execute_ns"].standing == "fitted"
    assert found["hop_latency_cycles"].standing == "assumed"
    assert found["pcu_flops_per_cycle"].standing == "derived"
    assert found["hbm_bytes"].standing == "published"
    assert standing("") == "unknown"
