"""What is wrong with a model that is imported."""

from __future__ import annotations

from ..dialects.vocabulary import HELP_MARK


class SourceError(Exception):
    """A config or a checkpoint that cannot become a text: the message names the key or the tensor.

    The way out follows `HELP_MARK` in the message.
    """

    def __init__(self, message: str, way_out: str = ""):
        super().__init__(f"{message}{HELP_MARK}{way_out}" if way_out else message)
