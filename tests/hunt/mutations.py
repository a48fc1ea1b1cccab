"""Changes of valid inputs: of bytes, of words, of values in JSON, and from one input to another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

NUMBERS = (
    *("0", "-1", "1", "2", "3", "7", "255", "256", "65536", "1000000000", "9223372036854775807"),
    *("9223372036854775808", "18446744073709551616", "-9223372036854775809", "1e1", "1e9", "1e308", "1e400"),
    *("-0.0", "0.5", "1e-400", "NaN", "Infinity", "-Infinity", "nan", "inf", "0x20", "1_000", "9" * 5000),
)
"""Numbers at the ends of what anything takes."""
TEXTS = (
    *("", " ", "\0", "\n", "\r\n", "\ufeff", "\u00b5", "\u2028", "\U0001f600", "\u0661", "\u00b2", "e\u0301"),
    *("..", "../x", "/", "/dev/full", "a" * 5000, "%s", "{}", "{layer}", "[bold]", "\x1b[31m", "\ud800"),
)
"""Texts that names and messages stumble over; one is half of a character."""
WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)
NUMBER = re.compile(rb"[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?")
DEPTHS = (50, 200, 1_000, 20_000)
BRACKETS = (b"()", b"[]", b"{}", b'""')

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""Makes an input of one seed, and where it needs one of another."""


def cut(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """The beginning of an input."""
    return data[: random.randrange(len(data) + 1)]


def bits(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A few bytes changed, taken out or put in."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        place = random.randrange(len(found) + 1)
        match random.randrange(3):
            case 0:
                found[place : place + 1] = bytes([random.randrange(256)])
            case 1:
                del found[place : place + random.choice((1, 1, 4, 64))]
            case _:
                found[place:place] = random.choice(TEXTS).encode("utf-8", "surrogatepass")
    return bytes(found)


def words(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A word taken out, doubled, or replaced by another of the same input."""
    found = WORD.findall(data)
    for _ in range(random.choice((1, 1, 2, 4)) if found else 0):
        place = random.randrange(len(found))
        other = random.choice(found)
        found[place : place + 1] = random.choice(([], [found[place]] * 2, [other], [other, found[place]]))
        found = found or [other]
    return b"".join(found)


def numbers(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A number replaced by an extreme one."""
    places = [match.span() for match in NUMBER.finditer(data)]
    if not places:
        return data
    start, end = random.choice(places)
    return data[:start] + random.choice(NUMBERS).encode() + data[end:]


def deep(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Brackets many deep, around a part of an input."""
    (left, right), depth = random.choice(BRACKETS), random.choice(DEPTHS)
    start = random.randrange(len(data) + 1)
    end = random.randrange(start, min(len(data), start + 40) + 1)
    return data[:start] + bytes([left]) * depth + data[start:end] + bytes([right]) * depth + data[end:]


def splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The beginning of an input and the end of another, cut at lines."""
    one, two = data.splitlines(True), random.choice(others).splitlines(True)
    return b"".join(one[: random.randrange(len(one) + 1)] + two[random.randrange(len(two) + 1) :])


def repeated(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A line many times."""
    lines = data.splitlines(True)
    place = random.randrange(len(lines)) if lines else 0
    return b"".join(lines[:place] + lines[place : place + 1] * random.choice((2, 30)) + lines[place + 1 :])


TEXT_MUTATIONS: tuple[Mutation, ...] = (
    cut,
    bits,
    words,
    words,
    words,
    numbers,
    numbers,
    deep,
    splice,
    repeated,
)
"""Of any text."""


def values(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Some values or keys of a JSON document changed, taken out, or moved there from another place."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return words(random, data, others)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        document = _changed(random, document)
    return json.dumps(document, indent=1).encode()


def _changed(random: Random, document: Any) -> Any:
    """The document with one change at a random place."""
    places = list(_places(document))
    if not places:
        return _value(random, [document])
    holder, key = random.choice(places)
    known = [json.loads(json.dumps(there[at])) for there, at in places[:: 1 + len(places) // 50]]
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(TEXTS)] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.insert(random.randrange(len(holder) + 1), random.choice(known))
        case _:
            holder[key] = _value(random, known)
    return json.loads(json.dumps(document))


def _places(value: Any) -> Any:
    """Everything that holds a value, with the value's key there."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, entry in entries:
        yield value, key
        yield from _places(entry)


def _value(random: Random, known: Sequence[Any]) -> Any:
    """A value to put in the place of another."""
    deep: Any = []
    for _ in range(random.choice((3, 300))):
        deep = [deep]
    return random.choice(
        (
            *(None, True, False, [], {}, "", deep, random.choice(TEXTS), random.choice(TEXTS)),
            *(0, -1, 1, 3, 10**9, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308),
            *(float("nan"), float("inf"), float("-inf"), random.choice(known), random.choice(known)),
        )
    )


JSON_MUTATIONS: tuple[Mutation, ...] = (*(values,) * 8, cut, bits, words, numbers, deep)
"""Of JSON documents."""


def mutated(random: Random, seeds: Sequence[bytes], mutations: Sequence[Mutation]) -> bytes:
    """An input made of one of the seeds by one change, or by some."""
    data = random.choice(seeds)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(mutations)(random, data, seeds)
    return data
