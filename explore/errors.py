"""What the explorer refuses."""

from __future__ import annotations


class SpaceError(ValueError):
    """A search space, or a point of it, that makes no sense; the message says what and names it."""


class MissingExtraError(ImportError):
    """The libraries of the extra `tune` are not there."""

    def __init__(self, module: str):
        super().__init__(f"{module} is not installed; run: pip install 'kernel-looping[tune]'")
