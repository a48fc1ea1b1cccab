"""The options of what a run goes on from, as a frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass

from .command_line import option


@dataclass(frozen=True)
class PromptOptions:
    """What rows of the batch begin with; the first token is a random one where nothing is said."""

    prompt: tuple[str, ...] = option(
        "go on with this text, by the tokenizer.json beside the model; once for each row of the batch",
        default=(),
        metavar="TEXT",
    )
    tokens: tuple[str, ...] = option(
        "go on with these tokens; once for each row of the batch", default=(), metavar="ID,ID"
    )
