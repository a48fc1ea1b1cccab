"""A `config.json`, read key by key: what nobody has read at the end is an error, not a silent difference.

Keys that no number of a decode step depends on are `HARMLESS`; a recipe adds its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import inf, isfinite
from typing import Any

from ..source_errors import SourceError

HARMLESS = (
    # What the file is, and who reads it.
    *("architectures", "auto_map", "model_type", "transformers_version", "_name_or_path", "_commit_hash"),
    *("transformers.js_config", "is_llama_config", "tokenizer*", "unsloth_*", "name_or_path"),
    # Tokens and sampling.
    *("*_token_id", "*_token_ids", "*_token_index", "bad_words_ids", "suppress_tokens", "prefix"),
    *("begin_suppress_tokens", "do_sample", "early_stopping", "temperature", "top_k", "top_p", "typical_p"),
    *("max_length", "min_length", "max_new_tokens", "num_beams", "num_beam_groups", "*_penalty"),
    *(
        "no_repeat_ngram_size",
        "encoder_no_repeat_ngram_size",
        "num_return_sequences",
        "remove_invalid_values",
    ),
    # Training: dropout does nothing in a decode step.
    *(
        "initializer_range",
        "initializer_factor",
        "init_std",
        "init_device",
        "*dropout*",
        "*_pdrop",
        "layerdrop",
    ),
    *("gradient_checkpointing", "pretraining_tp", "pruned_heads", "torchscript", "use_bfloat16"),
    *("problem_type", "task_specific_params", "finetuning_task", "id2label", "label2id", "num_labels"),
    *("tf_legacy_loss", "summary_*", "keys_to_ignore_at_inference"),
    # How it is run, not what is computed.
    *("use_cache", "output_*", "return_dict*", "cache_implementation", "chunk_size_feed_forward"),
    *("attn_implementation", "_attn_implementation*", "is_decoder", "attention_softmax_in_fp32"),
    *("scale_attention_softmax_in_fp32", "reorder_and_upcast_attn", "slow_but_exact"),
)
"""Patterns of keys that change no number of a decode step."""

OFF = ("is_encoder_decoder", "add_cross_attention", "tie_encoder_decoder", "cross_attention_hidden_size")
"""Keys that must be off, absent or null: what they switch on is no decoder."""


MOST_WHOLE = 1 << 63
"""Whole numbers are below it."""


@dataclass(frozen=True)
class Config:
    """The values of a `config.json` or of a part of it, with the architecture's defaults behind them."""

    values: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What keys mean that are not there, as the architecture's own code says."""
    path: str = ""
    """Of the part, `rope_scaling.`; empty for the whole."""
    read: set[str] = field(default_factory=set[str])
    """Keys that have been asked for, with the paths of their parts; it grows."""
    assumed: dict[str, Any] = field(default_factory=dict[str, Any])
    """Numbers and flags that the config does not say and that are taken from defaults; it grows."""

    def get(self, *names: str) -> Any:
        """The value of a key by any of its names, or its default; None where neither says anything.

        A key that is null says that there is none of it, whatever the default: Gemma 2 without softcaps.

        Raises: SourceError where two names have different values.
        """
        self.read.update(f"{self.path}{name}" for name in names)
        found = {name: self.values[name] for name in names if self.values.get(name) is not None}
        if not found:
            if any(name in self.values for name in names):
                return None
            return next((self.defaults[name] for name in names if name in self.defaults), None)
        first, *others = found
        if different := next((name for name in others if found[name] != found[first]), None):
            raise self.error(
                f"{first} is {found[first]}, {different} is {found[different]}", "say one of them"
            )
        return found[first]

    def has(self, name: str) -> bool:
        """Whether a key is there and not null, which does not count as read."""
        return self.values.get(name) is not None

    def part(self, name: str) -> Config:
        """A part of the config; an empty one where it is absent or null.

        Raises: SourceError for what is no object.
        """
        value = self.get(name)
        if not isinstance(value, Mapping | None):
            raise self.error(f"{self.path}{name} is {shown(value)}, not an object")
        return Config(value or {}, {}, f"{self.path}{name}.", self.read, self.assumed)

    def fallen(self, names: tuple[str, ...], value: Any) -> Any:
        """A value, noted as assumed where it is none of the config's."""
        if isinstance(value, int | float) and not any(self.has(name) for name in names):
            self.assumed[f"{self.path}{names[0]}"] = value
        return value

    def check_null(self, names: tuple[str, ...], default: Any) -> None:
        """Raises: SourceError for a null in place of a fact that every model has."""
        nulls = [name for name in names if name in self.values]
        if nulls and default not in (None, False) and not any(self.has(name) for name in nulls):
            raise self.error(
                f"{self.path}{nulls[0]} is null", f"leave it out for {shown(default)}, or say another value"
            )

    def missing(self, names: tuple[str, ...]) -> SourceError:
        """The error of a fact that is needed and that no value says."""
        null = next((name for name in names if name in self.values), None)
        if null is not None:
            return self.error(f"{self.path}{null} is null", "the model needs it: say its value")
        return self.error(f"the config does not say {self.path}{names[0]}", "add it to the config")

    def whole(self, *names: str, default: int | None = None, least: int = 1) -> int | None:
        """A whole number that fits into 64 bits.

        Raises: SourceError for another value.
        """
        value = self.get(*names)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        value = self._checked(names, default if value is None else value, int, "a whole number")
        if value is not None and not least <= value < MOST_WHOLE:
            bound = f"at least {least}" if value < least else "below 2^63"
            raise self.error(f"{self._said(names)} is {shown(value)}", f"it is {bound}")
        return value

    def number(
        self, *names: str, default: float | None = None, least: float = -inf, above: float = -inf
    ) -> float | None:
        """A finite number, as a float.

        Raises: SourceError for another value.
        """
        value = self.get(*names)
        value = finite(value) if type(value) in (int, float) else value
        value = self._checked(names, default if value is None else value, float, "a number")
        if value is None or (least <= value and above < value and isfinite(value)):
            return value
        bounds = {isfinite(value): "a finite number", value >= least: f"at least {least:g}"}
        bound = bounds.get(False, f"above {'zero' if above == 0 else f'{above:g}'}")
        raise self.error(f"{self._said(names)} is {shown(value)}", f"it is {bound}")

    def flag(self, *names: str, default: bool | None = None) -> bool | None:
        """True or false.

        Raises: SourceError for another value.
        """
        value = self.get(*names)
        value = bool(value) if type(value) is int and value in (0, 1) else value
        return self._checked(names, default if value is None else value, bool, "true or false")

    def text(self, *names: str, default: str | None = None) -> str | None:
        """A text.

        Raises: SourceError for another value.
        """
        value = self.get(*names)
        return self._checked(names, default if value is None else value, str, "a text")

    def numbers(self, name: str) -> tuple[float, ...] | None:
        """A list of numbers, or None where it is absent.

        Raises: SourceError for another value.
        """
        value = self.get(name)
        if value is None:
            return None
        if not (isinstance(value, list) and all(type(one) in (int, float) for one in value)):
            raise self.error(f"{self.path}{name} is {shown(value)}, not a list of numbers")
        found = tuple(map(finite, value))
        if wrong := [one for one in found if not isfinite(one)]:
            raise self.error(f"{self.path}{name} has {wrong[0]}", "it is a list of finite numbers")
        return found

    def _checked(self, names: tuple[str, ...], value: Any, kind: type, wanted: str) -> Any:
        if value is None or type(value) is kind:
            return self.fallen(names, value)
        raise self.error(f"{self._said(names)} is {shown(value)}, not {wanted}")

    def _said(self, names: tuple[str, ...]) -> str:
        """The path of the name that the config says, of several."""
        return f"{self.path}{next((name for name in names if self.has(name)), names[0])}"

    def error(self, message: str, way_out: str = "") -> SourceError:
        """An error of this config."""
        return SourceError(message, way_out)

    def items(self) -> Iterator[tuple[str, Any]]:
        """All keys with their values, those of parts that have been asked for with their paths."""
        for name, value in self.values.items():
            path = f"{self.path}{name}"
            yield path, value
            if isinstance(value, Mapping) and any(one.startswith(f"{path}.") for one in self.read):
                yield from Config(value, {}, f"{path}.", self.read).items()

    def unread(self, harmless: Iterable[str]) -> list[str]:
        """The keys that nobody has asked for and that are neither null nor known to be harmless."""
        patterns = tuple(harmless)
        return [
            key
            for key, value in self.items()
            if value is not None and key not in self.read and not is_harmless(key, patterns)
        ]


def without(
    values: Mapping[str, Any], patterns: Iterable[str], path: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The values without the keys that match a pattern, and the paths of those."""
    kept: dict[str, Any] = {}
    left: list[str] = []
    for key, value in values.items():
        if matching(f"{path}{key}", patterns):
            left.append(f"{path}{key}")
            continue
        if isinstance(value, Mapping):
            value, inner = without(value, patterns, f"{path}{key}.")
            left += inner
        kept[key] = value
    return kept, left


def is_harmless(key: str, patterns: Iterable[str] = ()) -> bool:
    """Whether a key is known to change no number, by the common patterns or by more of them."""
    return matching(key, (*HARMLESS, *patterns))


def matching(key: str, patterns: Iterable[str]) -> bool:
    """Whether one of several patterns is of a key, by its path or by its own name in a part."""
    own = key.rpartition(".")[2]
    return any(fnmatchcase(key, pattern) or fnmatchcase(own, pattern) for pattern in patterns)


def finite(value: float) -> float:
    """A number as a float, infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return inf


def shown(value: object) -> str:
    """A value as messages show it, cut short."""
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 40 else f"{text[:40]}…"
