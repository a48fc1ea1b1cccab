"""The one error of the Python interface, and what is heard while it works."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from ..diagnostics import Diagnostic, describe, render
from ..hearing import heard
from ..values import Position
from .flags import in_keywords

PREFIX = "kl: error: "


class Error(Exception):
    """Wrong input, or what cannot be done with it: a text, a path, a value, a model that does not fit.

    As text it is what a command prints: place, message, source line and way out.
    """

    def __init__(self, diagnostic: Diagnostic, text: str):
        super().__init__(diagnostic, text)
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        return str(self.args[1])

    @property
    def message(self) -> str:
        """What is wrong, in a sentence without a full stop."""
        return self.diagnostic.message

    @property
    def position(self) -> Position | None:
        """The place in a text; None where the whole input or a keyword is wrong."""
        return self.diagnostic.position

    @property
    def way_out(self) -> str | None:
        """What to do, where that is known."""
        return self.diagnostic.help

    def _render_traceback_(self) -> list[str]:
        """What notebooks show: no frames, as nothing in them is wrong."""
        return [f"kl.Error: {self}"]


Error.__module__ = __name__.partition(".")[0]


def error_of(diagnostic: Diagnostic, sources: Mapping[str, str] | None = None) -> Error:
    """The error that says a diagnostic in keywords; `sources` are texts that are in no file, by name."""
    diagnostic = in_keywords(diagnostic)
    return Error(diagnostic, render(diagnostic, sources or {}, "kl").removeprefix(PREFIX))


@contextmanager
def listening(sources: Mapping[str, str] | None = None) -> Generator[list[Diagnostic]]:
    """What passes remark is collected, not printed; what the input causes is raised as `Error`.

    A bug of ours, or of another package, passes as it is.
    """
    with heard() as said:
        try:
            yield said
        except Exception as error:
            if (diagnostic := describe(error)) is None:
                raise
            raise error_of(diagnostic, sources) from None
