"""Pages as results; what draws them is imported with this file, which is imported when a page is wanted."""

from __future__ import annotations

from .. import values
from ..commands.show import Command, pictures_of, said
from ..diagnostics import Diagnostic
from ..inputs import Input
from ..options import ComparisonOptions
from ..show.collection import collect
from ..show.page import page, sections_of
from .errors import error_of
from .keywords import filled, window_text
from .results import Page


def shown(
    options: ComparisonOptions, given: Input, window: tuple[int, int] | None, remarks: list[Diagnostic]
) -> Page:
    """The page of all variants of an input that is read; what is remarked is in `remarks` at its end.

    Raises: Error where all are refused, InputError for an input that has its kernels already, and for a
        window that no call has.
    """
    command = filled(Command, {"window": window_text(window)}, comparison=options)
    part = None if command.window is None else values.window(command.window)
    found = collect(options, part, given)
    if not found.comparison.works:
        raise error_of(found.comparison.refusals()[0])
    sections = sections_of(found, said(command))
    svgs = {one.name: one.standalone() for one in pictures_of(found, sections)}
    return Page(given.path, page(found, sections), svgs, tuple(remarks))
