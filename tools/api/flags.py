"""Messages that name options of the command line, said in keywords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from ..command_line import option_fields
from ..diagnostics import Diagnostic

VALUE = "|".join(
    [
        r"'[^']*'",
        r"[A-Za-z_][\w-]*=[\w.+-]+",  # a name and its value
        r"-?\w+:-?\w+",  # cycles from and to
        r"[A-Z]+(?![\w|])",  # what stands for a value
        r"-?\d[\w.]*(?<!\.)",
        r"[a-z]+(?:-[a-z\d]+)+",  # a pass: words of sentences have no dashes
        r"-(?=\s)",
    ]
)
"""What behind a flag is its value, and not the next word of the sentence."""
FLAG = re.compile(
    rf"(?<![\w-])(?:-O(?P<level>\d)?\b|--(?P<no>no-)?(?P<flag>[a-z][a-z-]*[a-z])(?: (?P<value>{VALUE}))?)"
)
"""An option in a message, with its value if that follows."""
ALWAYS = "--json "
"""A result has all that the document has."""


def in_keywords(diagnostic: Diagnostic) -> Diagnostic:
    """The same message as a call of Python needs it: `steps_per_call=N` where it has `--steps-per-call N`.

    Command lines, which stand in backticks, and options that are no keywords stay.
    """
    texts = {name: getattr(diagnostic, name) for name in ("message", "help", "note")}
    return replace(diagnostic, **{name: text and _said(text) for name, text in texts.items()})


def _said(text: str) -> str:
    parts = text.split("`")
    parts[::2] = (FLAG.sub(_keyword, part.replace(ALWAYS, "")) for part in parts[::2])
    return "`".join(parts)


def _keyword(found: re.Match[str]) -> str:
    if found["flag"] is None:
        return "optimize" if found["level"] is None else f"optimize={found['level']}"
    name, value = found["flag"].replace("-", "_"), found["value"]
    if name not in _keywords():
        return found[0]
    if found["no"]:
        return found[0].replace(f"--no-{found['flag']}", f"{name}=False")
    return name if value is None else f"{name}={_value(value)}"


def _value(text: str) -> str:
    """A value as Python writes it: a pair of a name and a value in a dictionary, of cycles in a tuple."""
    if re.fullmatch(r"'.*'|[A-Z]+|-?\d[\w.]*", text):
        return text
    name, equals, value = text.partition("=")
    if equals:
        return f'{{"{name}": {value}}}'
    return f"({text.replace(':', ', ')})" if ":" in text else f"'{text}'"


@cache
def _keywords() -> frozenset[str]:
    """All that are options of a command, too."""
    from ..commands import run, show, time

    return frozenset(name for one in (run, show, time) for name in _names(one.Command)) - {"input"}


def _names(kind: type) -> Iterator[str]:
    for one, _, inner in option_fields(kind):
        yield from _names(inner) if inner is not None else one.metadata.get("several", (one.name,))
