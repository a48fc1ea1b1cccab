"""One change of one fact of a module, in its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

INTEGER = re.compile(r"(?<![\w.%@#\"<x^-])-?\d+(?![\w.\"])|(?<=[x<])\d+(?=[x>])")
"""A number of its own, or an extent of a type; not a part of a name."""
SYMBOL = re.compile(r"@[\w.$-]+")
VALUE = re.compile(r"%[\w.$]+")
STRING = re.compile(r'"[\w.{}/ -]*"')
FLOAT = re.compile(r"(?<![\w%@.])-?\d+\.\d+(?:e[+-]?\d+)?")
ELEMENT = re.compile(r"(?<=[x<])(?:bf16|f16|f32|f64|i32|i8)(?=>)")
TYPE = re.compile(r"(?:tensor|memref)<[^<>]*>")
NAME = re.compile(r"\b(?:nn|collective|kernel|dataflow|rdu)\.[a-z_]+\b")
ENTRY = re.compile(r"(?:, )?\b[a-z_.]+(?: = (?:[^,{}<>\[\]()]|<[^<>]*>|array<[^<>]*>)+)?(?=[,}])")
"""An entry of attributes in braces."""
BRACES = re.compile(r"\{([^{}\n]*)\}")
WORDS = re.compile(r"(?<= )(?:ring|sharded|transposed|stacked|stored|carried|stop \d+|axis|token|after)(?= )")


@dataclass(frozen=True)
class Edit:
    """What was changed, and the text that came of it."""

    kind: str
    text: str
    line: str
    """The line that was changed, as it is now."""


def edited(random: Random, text: str) -> Edit:
    """A text with one fact changed."""
    for _ in range(50):
        kind, change = random.choice(CHANGES)
        found = change(random, text)
        if found is not None and found[0] != text:
            changed, place = found
            start = changed.rfind("\n", 0, place) + 1
            return Edit(kind, changed, changed[start:].split("\n", 1)[0].strip())
    return Edit("nothing", text, "")


Changed = tuple[str, int] | None
"""The text, and where it was changed; None where nothing is there to be."""
Change = Callable[[Random, str], Changed]


def _instead(text: str, place: tuple[int, int], word: str) -> Changed:
    return text[: place[0]] + word + text[place[1] :], place[0]


def _one_of(random: Random, pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """A place of a pattern; all lines are as likely, so that short facts are changed as often."""
    lines = [match for match in re.finditer(r"[^\n]+", text) if pattern.search(match[0])]
    if not lines:
        return None
    line = random.choice(lines)
    return random.choice([*pattern.finditer(text, line.start(), line.end())] or [None])


def _numbers(value: int, others: Sequence[int]) -> list[int]:
    return [value + 1, value - 1, 0, 2 * value, value // 2, *others]


def integer(random: Random, text: str) -> Changed:
    """One more, one less, none, twice or half as many, or a number of elsewhere."""
    if (place := _one_of(random, INTEGER, text)) is None:
        return None
    other = int(random.choice(INTEGER.findall(text)))
    return _instead(text, place.span(), str(random.choice(_numbers(int(place[0]), [other]))))


def fact(random: Random, text: str) -> Changed:
    """A number in braces or angles of attributes, where facts stand."""
    if not (places := [*re.finditer(r"\b[a-z_]+ = -?\d+|array<i64: [^>]*>", text)]):
        return None
    one = random.choice(places)
    numbers = [*re.finditer(r"-?\d+(?!4:)", text[one.start() : one.end()])]
    number = random.choice(numbers[1:] if "array" in one[0] and len(numbers) > 1 else numbers)
    start = one.start() + number.start()
    word = str(random.choice(_numbers(int(number[0]), [])))
    return _instead(text, (start, start + len(number[0])), word)


def number(random: Random, text: str) -> Changed:
    """Another fraction."""
    if (place := _one_of(random, FLOAT, text)) is None:
        return None
    value = float(place[0])
    return _instead(text, place.span(), repr(random.choice((2 * value, -value, value + 1.0, 0.0))))


def _another(pattern: re.Pattern[str]) -> Change:
    def change(random: Random, text: str) -> Changed:
        """A word of the same kind from elsewhere in the text."""
        if (place := _one_of(random, pattern, text)) is None:
            return None
        words = [*dict.fromkeys(pattern.findall(text))]
        return _instead(text, place.span(), random.choice(words))

    return change


def element(random: Random, text: str) -> Changed:
    """Another type of elements, here."""
    if (place := _one_of(random, ELEMENT, text)) is None:
        return None
    return _instead(text, place.span(), random.choice(("bf16", "f32", "f16", "i32", "f64")))


def everywhere(random: Random, text: str) -> Changed:
    """A type changed wherever it stands: other elements, or another extent."""
    if (place := _one_of(random, TYPE, text)) is None:
        return None
    kept = place[0]
    pattern = random.choice((ELEMENT, INTEGER))
    if (inner := _one_of(random, pattern, kept)) is None:
        return None
    word = random.choice(("bf16", "f32", "f16", "f64")) if pattern is ELEMENT else None
    word = word or str(random.choice((int(inner[0]) * 2, int(inner[0]) + 1, max(int(inner[0]) // 2, 1))))
    return text.replace(kept, kept[: inner.start()] + word + kept[inner.end() :]), place.start()


def operands(random: Random, text: str) -> Changed:
    """Two values of a line in each other's place."""
    lines = [one for one in re.finditer(r"[^\n]+", text) if len(set(VALUE.findall(one[0]))) > 1]
    if not lines:
        return None
    line = random.choice(lines)
    one, two = sorted(
        random.sample([*VALUE.finditer(text, line.start(), line.end())], 2), key=lambda m: m.start()
    )
    return text[: one.start()] + two[0] + text[one.end() : two.start()] + one[0] + text[
        two.end() :
    ], one.start()


def flag(random: Random, text: str) -> Changed:
    """An entry of attributes, or a word, taken out."""
    if random.random() < 0.3 and (place := _one_of(random, WORDS, text)) is not None:
        return _instead(text, place.span(), "")
    if (braces := _one_of(random, BRACES, text)) is None or not (found := [*ENTRY.finditer(braces[0])]):
        return None
    one = random.choice(found)
    inner = (braces[0][: one.start()] + braces[0][one.end() :]).replace("{, ", "{")
    return _instead(text, braces.span(), inner)


def _lines(random: Random, text: str) -> tuple[list[str], int] | None:
    lines = text.split("\n")
    places = [n for n, line in enumerate(lines) if line.startswith("    ") and not line.endswith(("{", "}"))]
    return (lines, random.choice(places)) if places else None


def dropped(random: Random, text: str) -> Changed:
    """An operation taken out; who reads its result reads an operand of it, where there is one."""
    if (found := _lines(random, text)) is None:
        return None
    lines, place = found
    names = VALUE.findall(lines[place])
    rest = "\n".join(lines[place + 1 :])
    if " = " in lines[place] and len(names) > 1:
        rest = re.sub(re.escape(names[0]) + r"(?![\w.$])", random.choice(names[1:]), rest)
    return "\n".join([*lines[:place], rest]), len("\n".join(lines[:place]))


def doubled(random: Random, text: str) -> Changed:
    """An operation twice; the second one's results have names of their own."""
    if (found := _lines(random, text)) is None:
        return None
    lines, place = found
    left, equals, right = lines[place].partition(" = ")
    again = VALUE.sub(lambda name: f"{name[0]}_again", left) + equals + right if equals else lines[place]
    return "\n".join([*lines[: place + 1], again, *lines[place + 1 :]]), len(
        "\n".join(lines[: place + 1])
    ) + 1


def swapped(random: Random, text: str) -> Changed:
    """An operation behind the next one."""
    if (found := _lines(random, text)) is None or found[1] + 1 >= len(found[0]):
        return None
    lines, place = found
    lines[place : place + 2] = lines[place + 1], lines[place]
    return "\n".join(lines), len("\n".join(lines[:place])) + 1


CHANGES: Sequence[tuple[str, Change]] = (
    *[("integer", integer)] * 4,
    *[("fact", fact)] * 4,
    ("fraction", number),
    *[("symbol", _another(SYMBOL))] * 2,
    *[("value", _another(VALUE))] * 2,
    ("string", _another(STRING)),
    ("operation", _another(NAME)),
    ("elements", element),
    ("type everywhere", everywhere),
    *[("operands", operands)] * 2,
    *[("flag", flag)] * 2,
    ("dropped", dropped),
    ("doubled", doubled),
    ("swapped", swapped),
)
"""All changes by their names."""
