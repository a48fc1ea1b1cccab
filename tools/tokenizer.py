"""Text as tokens and back, by the `tokenizer.json` of a published model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .values import HELP_MARK, InputError, shown_path, shown_text

FILE = "tokenizer.json"
IDS = "--tokens 1,2,3 gives ids"
UNFINISHED = "\ufffd"
"""What stands at the end of a text whose last character has bytes to come."""


@dataclass(frozen=True)
class Tokenizer:
    """The tokenizer of a file, with the library `tokenizers`."""

    path: Path
    library: Any = field(repr=False)
    """What the library made of the file."""

    @staticmethod
    def of(path: Path) -> Tokenizer:
        """Read a file; it neither cuts nor pads a text, whatever the file says.

        Raises: InputError without the library, and for a file that it cannot read.
        """
        try:
            from tokenizers import Tokenizer as Library
        except ImportError:
            way_out = f"run: pip install 'kernel-looping[tokenizer]'; {IDS}"
            raise InputError(f"tokenizers is not installed{HELP_MARK}{way_out}") from None
        try:
            library = Library.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise InputError(f"{shown_path(str(path))} is no tokenizer: {error}{HELP_MARK}{IDS}") from None
        library.no_truncation()
        library.no_padding()
        return Tokenizer(path, library)

    def tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a text, with those that the file puts before and behind it.

        Raises: InputError for a text that has none, or that is no Unicode.
        """
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InputError(f"the prompt '{shown_text(text)}' is no Unicode text{HELP_MARK}{IDS}") from None
        found = tuple(self.library.encode(text).ids)
        if not found:
            raise InputError(
                f"the prompt '{shown_text(text)}' has no tokens{HELP_MARK}give a longer one; {IDS}"
            )
        return found

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without those that stand for none; ids that are no token have no text."""
        return self.library.decode([*tokens], skip_special_tokens=True)


class Continued:
    """What is made behind a prompt, as text that grows by whole characters."""

    def __init__(self, tokenizer: Tokenizer, prompt: Sequence[int]):
        self._tokenizer, self._tokens = tokenizer, [*prompt]
        self._start = self._shown = len(tokenizer.text(prompt).rstrip(UNFINISHED))
        self.text = ""
        """All of it so far."""

    def add(self, token: int) -> str:
        """What another token adds to the text; nothing while a character is not whole."""
        self._tokens.append(token)
        whole = self._tokenizer.text(self._tokens)
        return "" if whole.endswith(UNFINISHED) else self._grown(whole)

    def end(self) -> str:
        """What is left: bytes that make no whole character are shown as such.

        Where later tokens have changed what was said of earlier ones, `text` is that of all tokens at once.
        """
        whole = self._tokenizer.text(self._tokens)
        piece, self.text = self._grown(whole), whole[self._start :]
        return piece

    def _grown(self, whole: str) -> str:
        piece = whole[self._shown :]
        self._shown = max(self._shown, len(whole))
        self.text += piece
        return piece
