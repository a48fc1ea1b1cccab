"""Patterns of layers as kinds and loops: whatever the pattern, a step calls each layer once and in order."""

from __future__ import annotations

import re
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.frontends.importing.kinds import kinds, loops, period

PATTERNS = st.one_of(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    st.builds(
        lambda once, times, more: once * times + once[: more % len(once)],
        st.lists(st.sampled_from("abc"), min_size=1, max_size=6),
        st.integers(1, 5),
        st.integers(0, 5),
    ),
)
CALL = re.compile(r"x = (\w)\[(.*)\]\(x, position\)$")
LOOP = re.compile(r"for (\w) in (\S+)\.\.(\S+) \{(?: (.*) \})?$")


def calls(lines: list[str], names: dict[str, int]) -> list[tuple[str, int]]:
    """The kinds and numbers that statements call, in order; an interpreter of them by itself."""
    found: list[tuple[str, int]] = []
    rest = [line.strip() for line in lines]
    while rest:
        line = rest.pop(0)
        if match := CALL.match(line):
            found.append((match[1], eval(match[2], {}, names)))
            continue
        loop = LOOP.match(line)
        assert loop, line
        if loop[4]:
            body = [loop[4]]
        else:
            body, rest = rest[: rest.index("}")], rest[rest.index("}") + 1 :]
        first, last = (eval(one, {}, names) for one in loop.group(2, 3))
        assert last > first, "a loop makes a round at least"
        for number in range(first, last):
            found += calls(body, {**names, loop[1]: number})
    return found


def numbers(at: str, count: int) -> list[int]:
    """The layers that a kind's expression or list says."""
    if at.startswith("["):
        return eval(at)
    return [eval(at or "layer", {"floor": floor}, {"layer": layer}) for layer in range(count)]


@given(PATTERNS)
def test_each_layer_is_called_once_and_in_order(pattern: list[str]):
    made = calls(loops(pattern, "layers"), {"layers": len(pattern)})
    places = {kind.name: numbers(kind.at, kind.count) for kind in kinds(pattern)}
    assert [places[name][number] for name, number in made] == list(range(len(pattern)))
    assert [name for name, _ in made] == pattern


@given(PATTERNS)
def test_kinds_divide_the_layers_among_them(pattern: list[str]):
    found = [number for kind in kinds(pattern) for number in numbers(kind.at, kind.count)]
    assert sorted(found) == list(range(len(pattern)))


@pytest.mark.parametrize(
    ("pattern", "length", "places"),
    [
        ("aaaa", 1, {"a": ""}),
        ("abab", 2, {"a": "2 * layer", "b": "2 * layer + 1"}),
        ("aaab" * 9, 4, {"a": "layer + floor(layer / 3.0)", "b": "4 * layer + 3"}),
        ("aaaaab" * 4 + "aa", 6, {"a": "layer + floor(layer / 5.0)", "b": "6 * layer + 5"}),
        ("baabaa", 3, {"b": "3 * layer", "a": "layer + 1 + floor(layer / 2.0)"}),
        ("abbabb", 3, {"a": "3 * layer", "b": "layer + 1 + floor(layer / 2.0)"}),
        ("aabbaabb", 4, {"a": "layer + 2 * floor(layer / 2.0)", "b": "layer + 2 + 2 * floor(layer / 2.0)"}),
        ("aaabb", 5, {"a": "", "b": "layer + 3"}),
        ("abbaba", 6, {"a": "[0, 3, 5]", "b": "layer + 1 + floor(layer / 2.0)"}),
    ],
)
def test_published_patterns_are_formulas(pattern: str, length: int, places: dict[str, str]):
    assert period(pattern) == length
    assert {kind.name: kind.at for kind in kinds(pattern)} == places


def test_a_period_that_is_cut_short_has_its_rest_behind_the_loop():
    assert loops("aaaaab" * 4 + "aa") == [
        "for i in 0..4 {",
        "  for j in 0..5 { x = a[5 * i + j](x, position) }",
        "  x = b[i](x, position)",
        "}",
        "for i in 20..22 { x = a[i](x, position) }",
    ]
