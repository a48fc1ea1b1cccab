"""The options of what a run goes on from, as a frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass

from .command_line import AboveZero, Positive, Share, option


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
    temperature: AboveZero | None = option(
        "draw tokens at random, by logits divided by this (default: 1 with --top-k or --top-p, else the token"
        " with the largest logit is taken)"
    )
    top_k: Positive | None = option("draw from the N tokens with the largest logits (default: from all)")
    top_p: Share | None = option(
        "draw from the fewest tokens that have this share of the probability (default: from all)"
    )
    logits: str | None = option(
        "write the logits of all steps to this file, as numpy saves arrays: f32 [steps, batch, vocab]",
        metavar="FILE",
        writes="file",
    )

    @property
    def samples(self) -> bool:
        """Whether tokens are drawn at random."""
        return any(one is not None for one in (self.temperature, self.top_k, self.top_p))
