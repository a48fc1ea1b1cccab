"""`kl show`: what the variants of a model take, why, and how they were made: a page, pictures, or text."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..command_line import option, written
from ..options import JSON_VERSION, ComparisonOptions
from ..output import write_file
from ..streams import exact_output
from ..terminal import print_json
from ..values import HELP_MARK, InputError, window

if TYPE_CHECKING:
    from ..pictures.svg import Picture
    from ..show.collection import Shown
    from ..show.markup import Section
    from ..whatif.answers import WhatIf

STDOUT = "-"


@dataclass(frozen=True)
class Command:
    """What a command line of `kl show` says."""

    comparison: ComparisonOptions
    output: str | None = option(
        "where the page goes, - for stdout (default: the name of the model with .show.html, in this folder)",
        "-o",
        "--output",
        metavar="FILE",
        writes="file",
    )
    svg: str | None = option(
        "write each picture to a file of its own there; without -o, no page", metavar="FOLDER"
    )
    window: str | None = option(
        "the cycles of a call that are shown stage by stage (default: two layers in the middle of each)",
        metavar="A:B",
    )
    text: bool = option(
        "print bars, timelines and tables on the terminal; without -o, no page", default=False
    )
    what_if: bool = option(
        "show what other machines, sizes and models would take, too; a minute on two cores", default=False
    )


def run(command: Command) -> int:
    """Compile and time all variants and draw what they take; 1 if all of them are refused.

    Raises: InputError for two outputs on stdout, a page that cannot be written there, and a
        window that no call has.
    """
    from ..show.collection import collect
    from ..show.page import page, sections_of
    from ..show.text import print_text
    from ..whatif.text import print_what_if

    _check(command)
    part = None if command.window is None else window(command.window)
    shown = collect(command.comparison, part)
    shown.comparison.report()
    if not shown.comparison.works:
        return 1
    asked = _asked(command)
    sections = sections_of(shown, said(command), _more(asked))
    target = _target(command, shown.comparison.given.name)
    if target == STDOUT:
        exact_output().write(page(shown, sections))
    elif target is not None:
        write_file(target, page(shown, sections))
    files = [*([] if target in (None, STDOUT) else [target]), *_pictures(command, shown, sections)]
    if command.comparison.json:
        head = {"version": JSON_VERSION, "input": shown.comparison.given.path, "files": files}
        print_json({**head, "compare": shown.comparison.documents()})
        return 0
    if command.text:
        print_text(shown)
    if command.text and asked is not None:
        print_what_if(asked)
    for path in files:
        print(path)
    return 0


def _asked(command: Command) -> WhatIf | None:
    """What might be, if the command line asks for it."""
    from ..show.what_if import ask

    return ask(command.comparison) if command.what_if else None


def _more(asked: WhatIf | None) -> tuple[Section, ...]:
    """The sections that the page has only where they are asked for."""
    from ..show.what_if import what_if_section

    return () if asked is None else (what_if_section(asked),)


def _check(command: Command) -> None:
    """Raises: InputError for two outputs on stdout, and a page that cannot be written there."""
    wanted = (command.output == STDOUT, command.text, command.comparison.json)
    named = [name for name, is_wanted in zip(("-o -", "--text", "--json"), wanted, strict=True) if is_wanted]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} write to stdout both{HELP_MARK}leave out one")
    if command.output not in (None, STDOUT):
        _check_page(Path(command.output), command)


def _check_page(page: Path, command: Command) -> None:
    """Raises: InputError for a page that has no folder, is one, or would take the place of what is read."""
    if page.is_dir():
        raise InputError(f"{page}: is a folder{HELP_MARK}name a file for the page")
    if not page.parent.is_dir():
        raise InputError(f"{page}: No such file or directory{HELP_MARK}make the folder {page.parent} first")


def _target(command: Command, name: str) -> str | None:
    """Where the page goes; None where no page is asked for."""
    if command.output is not None or command.svg is not None or command.text:
        return command.output
    return f"{name}.show.html"


def said(command: Command) -> str:
    """The command line that makes this page, wherever it goes."""
    return shlex.join(["kl", "show", *written(command, ("output", "svg", "text", "json"))])


def _pictures(command: Command, shown: Shown, sections: Sequence[Section]) -> list[str]:
    """The files of the pictures.

    Raises: OSError.
    """
    if command.svg is None:
        return []
    folder = Path(command.svg)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {str(folder / f"{one.name}.svg"): one for one in pictures_of(shown, sections)}
    for path, one in pictures.items():
        write_file(path, one.standalone())
    return [*pictures]


def pictures_of(shown: Shown, sections: Sequence[Section]) -> list[Picture]:
    """The pictures of a page, and the one that says what looping is."""
    from ..show.hero import hero

    return [*(picture for section in sections for picture in section.pictures), *hero(shown)]
