"""Pipelines as values: the texts of their passes, and edits of them; of the standard library alone.

A text is that of one pass in the notation of `kl-opt -p`, as somebody wrote it, `loop-kernels{min-count=4}`.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Passes = tuple[str, ...]
"""The texts of passes, in order."""
Where = Literal["after", "before", "without"]

PASS = re.compile(r'(?:\{(?:"(?:\\.|[^"\\])*"|[^"}])*\}|\[(?:\\.|[^\]\\])*\]|[^,{\[])+')
"""One pass: commas inside its options and strings are its own."""
PLAIN = re.compile(r"(?!(?:true|false)$)[A-Za-z_][A-Za-z0-9_-]*")
"""A text that needs no quotes as the value of an option."""


def split_passes(text: str) -> Passes:
    """The passes of a pipeline that is well formed."""
    return tuple(one.strip() for one in PASS.findall(text) if one.strip())


def join_passes(passes: Iterable[str]) -> str:
    """The pipeline of these passes."""
    return ",".join(passes)


def name_of(text: str) -> str:
    """The name of a pass, without its options."""
    return re.split(r"[{\[]", text, maxsplit=1)[0].strip()


def pass_text(name: str, options: Mapping[str, Sequence[object]]) -> str:
    """The text of a pass with these values of its options; none stands for a flag."""
    shown = " ".join(
        f"{option}={','.join(map(_value_text, values))}" if values else option
        for option, values in options.items()
    )
    return f"{name}{{{shown}}}" if shown else name


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str) or PLAIN.fullmatch(value):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


@dataclass(frozen=True)
class Edit:
    """A change of a pipeline at each place of a pass."""

    where: Where
    anchor: str
    """The name of the pass."""
    passes: str = ""
    """The pipeline that is put there; empty for `without`."""

    def __str__(self) -> str:
        return f"--{self.where} {self.anchor}"

    @property
    def words(self) -> tuple[str, str]:
        """What the command line says of it, in full."""
        return f"--{self.where}", f"{self.anchor}={self.passes}" if self.passes else self.anchor


def insertion(where: Where, text: str) -> Edit:
    """The edit of `--after` or `--before`, for argparse: `loop-kernels=cse,canonicalize`."""
    anchor, equals, passes = (part.strip() for part in text.partition("="))
    if not (equals and passes and PLAIN.fullmatch(anchor)):
        raise ArgumentTypeError(f"'{text}' is no edit; write --{where} PASS=PASSES, PASS without options")
    return Edit(where, anchor, passes)


def removal(text: str) -> Edit:
    """The edit of `--without`, for argparse."""
    if not PLAIN.fullmatch(text.strip()):
        raise ArgumentTypeError(f"'{text}' is not the name of a pass; write --without PASS, without options")
    return Edit("without", text.strip())


def edited(passes: Sequence[str], edits: Iterable[Edit]) -> Passes:
    """The passes with all edits, one after another, each at all places of its pass.

    What is put behind a pass stands behind what was put there before. A pass that is taken out still
    marks its place, so the order of `--without` and the others says nothing. It makes no difference
    whether pieces of a pipeline are edited or all of it.
    """
    places = [_Place(text) for text in passes]
    for edit in edits:
        places = [place.edited(edit) for place in places]
    return tuple(text for place in places for text in place.passes())


def unmet(passes: Sequence[str], edits: Sequence[Edit]) -> Iterator[Edit]:
    """The edits whose pass is not in a pipeline, nor put there by an edit before it."""
    names = {name_of(text) for text in passes}
    for edit in edits:
        if edit.anchor in names:
            names.update(map(name_of, split_passes(edit.passes)))
        else:
            yield edit


@dataclass(frozen=True)
class _Place:
    """A pass, whether it is still there, and what was put around it."""

    text: str
    before: tuple[_Place, ...] = ()
    after: tuple[_Place, ...] = ()
    kept: bool = True

    def edited(self, edit: Edit) -> _Place:
        before = tuple(place.edited(edit) for place in self.before)
        after = tuple(place.edited(edit) for place in self.after)
        new = tuple(map(_Place, split_passes(edit.passes)))
        match edit.where if name_of(self.text) == edit.anchor else None:
            case "after":
                after += new
            case "before":
                before += new
            case "without":
                return replace(self, before=before, after=after, kept=False)
            case None:
                pass
        return replace(self, before=before, after=after)

    def passes(self) -> Passes:
        inner = (self.text,) if self.kept else ()
        before = tuple(text for place in self.before for text in place.passes())
        return (*before, *inner, *(text for place in self.after for text in place.passes()))
