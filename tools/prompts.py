"""What a run goes on from, and what it makes behind it: tokens of the rows of a batch, and their text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends.json_text import json_text
from ..backends.runs import Run, Step
from ..frontends.importing.models import OUTER
from .executed import Row
from .prompt_options import PromptOptions
from .tokenizer import FILE, IDS, Continued, Tokenizer
from .values import HELP_MARK, MOST_DIGITS, InputError, cut, shown_path

if TYPE_CHECKING:
    from ..backends.tensors import Array
    from .inputs import Input

ENDS = ("generation_config.json", "config.json")
"""The files that may say at which tokens a text ends; the first that does holds."""
END = "eos_token_id"
MOST_ID = 2**31 - 1


@dataclass(frozen=True)
class Prompt:
    """What each row of a batch begins with."""

    rows: tuple[tuple[int, ...], ...]
    """Their tokens: as many in each row."""
    texts: tuple[str | None, ...]
    """What they were made of; None for rows that are given as tokens."""
    stops: frozenset[int]
    """A row ends at any of these."""
    tokenizer: Tokenizer | None
    """What makes text of tokens; None where there is no text."""

    @property
    def length(self) -> int:
        """Tokens of a row."""
        return len(self.rows[0])

    def steps(self, made: int, per_call: int) -> int:
        """Decode steps that give it and make so many tokens behind it; its last token makes the first.

        Raises: InputError where calls of several steps would leave no place to give its tokens.
        """
        if per_call > 1 and self.length > 1:
            raise InputError(
                f"the prompt has {self.length} tokens, which are given one by one; a call makes {per_call}"
                f" steps{HELP_MARK}leave out --steps-per-call, or give one token"
            )
        return self.length - 1 + made

    def given(self, name: str) -> list[Mapping[str, Array]]:
        """What the first calls take, by the name of their tokens."""
        import numpy as np

        return [{name: np.array(column, np.int32)} for column in zip(*self.rows, strict=True)]


def prompt_of(options: PromptOptions, folders: Sequence[Path]) -> Prompt | None:
    """What the options say, with what lies in the first of the folders that has it; None if they say nothing.

    Raises: InputError for what is no prompt, and without a tokenizer where one is needed; OSError.
    """
    if options.prompt and options.tokens:
        raise InputError(f"--prompt and --tokens are both given{HELP_MARK}leave out one of them")
    if not options.prompt and not options.tokens:
        return None
    tokenizer = _tokenizer(folders) if options.prompt else None
    if tokenizer is not None:
        rows, texts = tuple(map(tokenizer.tokens, options.prompt)), options.prompt
    else:
        rows, texts = tuple(map(_ids, options.tokens)), (None,) * len(options.tokens)
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        counts = ", ".join(str(len(row)) for row in rows)
        raise InputError(f"the prompts have {counts} tokens{HELP_MARK}give as many for each row of the batch")
    return Prompt(rows, texts, _stops(folders), tokenizer)


def _tokenizer(folders: Sequence[Path]) -> Tokenizer:
    path = next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)
    if path is None:
        looked = " and ".join(dict.fromkeys(f" in {shown_path(str(folder))}" for folder in folders))
        raise InputError(f"there is no {FILE}{looked or ' as the model is in no folder'}{HELP_MARK}{IDS}")
    return Tokenizer.of(path)


def _ids(text: str) -> tuple[int, ...]:
    """Raises: InputError for anything but ids."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if not word.isascii() or not word.isdigit() or len(word) > MOST_DIGITS or int(word) > MOST_ID:
            raise InputError(
                f"--tokens {cut(text)}: '{cut(word)}' is no token{HELP_MARK}ids are numbers from 0 on: 1,2,3"
            )
    return tuple(map(int, words))


def _stops(folders: Sequence[Path]) -> frozenset[int]:
    """The tokens that end a text, as the first file that names any says; none where no file does.

    Raises: InputError for what is no token, OSError.
    """
    from .sources import read_config

    for path in (folder / name for folder in folders for name in ENDS):
        config = read_config(path) if path.is_file() else {}
        for values in (config, *(config.get(name) for name in OUTER)):
            if isinstance(values, dict) and values.get(END) is not None:
                return frozenset(_ends(path, values[END]))
    return frozenset()


def _ends(path: Path, value: Any) -> Iterator[int]:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, int) or isinstance(one, bool) or one < 0:
            wrong = cut(json_text(value))
            raise InputError(
                f"{shown_path(str(path))}: {END} is {wrong}{HELP_MARK}it takes a token, or a list of tokens"
            )
        yield one


def check_vocabulary(given: Input, prompt: Prompt | None) -> None:
    """Raises: InputError for a token that a model has no row for; of other inputs the target says that."""
    if prompt is None or given.level != "nn":
        return
    from ..backends.interpreter import InterpretationError, entry_of
    from ..dialects.module_machine import sockets_of
    from ..dialects.stop_token import vocabulary_of

    with suppress(InterpretationError):
        block = entry_of(given.module).body.block
        found = [vocabulary_of(block, token, sockets_of(given.module)) for token in block.args]
        size = min((one for one in found if one is not None), default=MOST_ID + 1)
        if (most := max(map(max, prompt.rows))) >= size:
            raise InputError(
                f"the prompt has the token {most}; {given.path} has the tokens 0 to {size - 1}{HELP_MARK}"
                "give a prompt, or a tokenizer, that is for this model"
            )


def token_input(run: Run, prompt: Prompt) -> str:
    """The name of what a call takes its tokens by, one for each row of the prompt.

    Raises: InputError where there is no such input, or it has other rows.
    """
    signature = run.signature
    free = {name: spec for name, spec in signature.inputs.items() if name not in run.position_inputs(0)}
    name, spec = next(iter(free.items()), ("", None))
    if len(free) != 1 or spec is None or spec.dtype != "i32" or len(spec.shape) != 1:
        listed = ", ".join(f"{name}, a {spec}" for name, spec in free.items()) or "nothing but positions"
        raise InputError(
            f"a step takes {listed}{HELP_MARK}a prompt is for steps that take nothing but tokens: i32[batch]"
        )
    if not any(one.dtype == spec.dtype and one.shape[-1:] == spec.shape for one in signature.outputs):
        listed = ", ".join(map(str, signature.outputs)) or "nothing"
        raise InputError(
            f"a step gives {listed}, which is no token of the next one{HELP_MARK}leave out the prompt"
        )
    (batch,) = spec.shape
    if batch != len(prompt.rows):
        option = "--tokens" if prompt.texts[0] is None else "--prompt"
        raise InputError(
            f"{option} says {len(prompt.rows)} of the rows of the batch, which are {batch}{HELP_MARK}give"
            f" {option} once for each row, or compile for as many: --param batch={len(prompt.rows)}"
        )
    return name


class Generation:
    """What a run makes behind a prompt: told of each call, it says what is new of a batch of one row."""

    def __init__(self, prompt: Prompt, run: Run, say: Callable[[str], object]):
        """`say` takes pieces of text, or of a list of tokens where there is no text.

        Raises: InputError for a prompt that does not fit what the run takes.
        """
        self._prompt, self._run = prompt, run
        self._name = token_input(run, prompt)
        self._rows = [_Row(prompt, number) for number in range(len(prompt.rows))]
        self._say = say if len(self._rows) == 1 else lambda piece: None

    @property
    def given(self) -> list[Mapping[str, Array]]:
        """What the first calls take."""
        return self._prompt.given(self._name)

    def look(self, step: Step) -> bool:
        """Take in a call, and tell whether all rows have ended.

        Raises: InputError where the program itself takes a row to have ended before it begins.
        """
        if step.stop_token in [row[-1] for row in self._prompt.rows]:
            raise InputError(
                f"a prompt ends in {step.stop_token}, at which --stop-token ends rows{HELP_MARK}leave it out"
            )
        for number in range(step.made):
            if step.position + number + 1 >= self._prompt.length:
                for row, token in zip(self._rows, self._tokens(step, number), strict=True):
                    self._say(row.add(token, step.stop_token))
        return all(row.stop is not None for row in self._rows)

    def end(self) -> tuple[Row, ...]:
        """No more calls are made."""
        for row in self._rows:
            self._say(row.end())
        return tuple(row.done for row in self._rows)

    def _tokens(self, step: Step, number: int) -> list[int]:
        """What a decode step of a call makes."""
        is_stacked = any(value.ndim > 1 for value in step.outputs.values())
        outputs = {name: value[number] if is_stacked else value for name, value in step.outputs.items()}
        return self._run.fed_back(outputs)[self._name].tolist()


class _Row:
    """What a row makes, up to the token at which it ends."""

    def __init__(self, prompt: Prompt, number: int):
        self._prompt, self._number = prompt, number
        self._made: list[int] = []
        self.stop: int | None = None
        tokenizer = prompt.tokenizer
        self._text = None if tokenizer is None else Continued(tokenizer, prompt.rows[number])

    def add(self, token: int, stop: int | None) -> str:
        """What is new with a token; nothing behind the end, which may be at another `stop`, too."""
        if self.stop is not None:
            return ""
        self._made.append(token)
        self.stop = token if token in self._prompt.stops or token == stop else None
        if self._text is not None:
            return self._text.add(token)
        return str(token) if len(self._made) == 1 else f",{token}"

    def end(self) -> str:
        """What is left to say."""
        return "" if self._text is None else self._text.end()

    @property
    def done(self) -> Row:
        """All of it."""
        text = None if self._text is None else self._text.text
        given, prompt = self._prompt.rows[self._number], self._prompt.texts[self._number]
        return Row(given, prompt, tuple(self._made), text, self.stop)
