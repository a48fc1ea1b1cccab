"""What a scenario can be refused for."""

from __future__ import annotations


class ScenarioError(ValueError):
    """A scenario, or what was answered to it, that makes no sense.

    `file`, `line` and `column` say where in a scenario, where that is known, both counting from one.
    `length` is that of the text which is wrong, `way_out` what to do about it.
    """

    def __init__(
        self,
        message: str,
        way_out: str = "",
        *,
        file: str = "",
        line: int = 0,
        column: int = 0,
        length: int = 1,
    ):
        super().__init__(message)
        self.message = message
        self.way_out = way_out
        self.file = file
        self.line = line
        self.column = column
        self.length = length

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else ""
        return f"{place}{self.message}{'; ' if self.way_out else ''}{self.way_out}"
