"""Pages as results; what draws them is imported with this file, which is imported when a page is wanted."""

from __future__ import annotations

from ..command_line import written
from ..commands.show import command_text, pictures_of
from ..diagnostics import Diagnostic
from ..inputs import Input
from ..options import ComparisonOptions
from ..show.gathering import gather
from ..show.page import page, sections_of
from .errors import error_of
from .results import Page


def shown(options: ComparisonOptions, given: Input, remarks: list[Diagnostic]) -> Page:
    """The page of all variants of an input that is read; what is remarked is in `remarks` at its end.

    Raises: Error where all of them are refused, InputError for an input that has its kernels already.
    """
    gathered = gather(options, given=given)
    if not gathered.comparison.works:
        raise error_of(gathered.comparison.refusals()[0])
    sections = sections_of(gathered, command_text(written(options)))
    svgs = {one.name: one.standalone() for one in pictures_of(gathered, sections)}
    return Page(given.path, page(gathered, sections), svgs, tuple(remarks))
