"""What a scenario can be refused for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class ScenarioError(ValueError):
    """A scenario, or what was answered to it, that makes no sense."""

    message: str
    way_out: str = ""
    """What to do about it."""

    file: str = ""
    line: int = 0
    column: int = 0
    """Where in a scenario, where that is known, both counting from one."""

    length: int = 1
    """Of the text which is wrong."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else ""
        return f"{place}{self.message}{'; ' if self.way_out else ''}{self.way_out}"
