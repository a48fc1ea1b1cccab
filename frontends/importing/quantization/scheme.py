"""Which matrices of a model are stored in few bits, by the names of its modules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import combinations

from ...source_errors import SourceError
from .storage import Storage

REGEX = "re:"
"""What a pattern of compressed-tensors begins with that is a regular expression."""
LINEAR = "Linear"
"""The class of all matrices that vectors are multiplied with."""


@dataclass(frozen=True)
class Patterns:
    """Names of modules: whole paths or some of their parts in a row, with `*`, or regular expressions."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        for text in self.texts:
            if text.startswith(REGEX):
                _compiled(text.removeprefix(REGEX))
            elif set(text) & set("^$()|\\+"):
                raise SourceError(f"'{text}' is no name of modules that is known", "write names with * alone")

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(text for text in self.texts if not self._is_pattern(text))

    @staticmethod
    def _is_pattern(text: str) -> bool:
        return text.startswith(REGEX) or bool(set(text) & set("*?["))

    def match(self, module: str) -> bool:
        """Whether one of them names a module, or what it is part of."""
        parts = module.split(".")
        runs = (".".join(parts[first:last]) for first, last in combinations(range(len(parts) + 1), 2))
        if any(run in self._names for run in runs):
            return True
        return any(_matches(text, module) for text in self.texts if self._is_pattern(text))


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise SourceError(f"'{REGEX}{text}' is no regular expression: {error}") from None


def _matches(text: str, module: str) -> bool:
    if text.startswith(REGEX):
        return re.match(text.removeprefix(REGEX), module) is not None
    glob = text.replace(".*", "*") if ".*" in text else text
    return any(fnmatchcase(module, one) for one in (glob, f"{glob}.*", f"*.{glob}", f"*.{glob}.*"))


@dataclass(frozen=True)
class Rule:
    """Some modules that are stored alike."""

    storage: Storage
    targets: Patterns = Patterns((LINEAR,))

    def holds(self, module: str) -> bool:
        """Whether a module is among them."""
        return LINEAR in self.targets.texts or self.targets.match(module)


@dataclass(frozen=True)
class Scheme:
    """How the matrices of a model are stored."""

    method: str
    """As the config calls it."""
    rules: tuple[Rule, ...]
    """The first that holds for a module counts."""
    wide: Patterns = Patterns(())
    """Modules that are not stored in few bits."""
    stacks: bool = False
    """Whether stacks of experts alone are stored so."""
    skipped: tuple[str, ...] = ()
    """Patterns of tensors that are about activations, and that are left out."""
    notes: tuple[str, ...] = ()
    """What is not modelled of it, as sentences without a full stop."""
    cache: str | None = None
    """The stored type of caches; None for that of the model."""

    def of(self, module: str, rank: int) -> Storage | None:
        """How a matrix of a module, or a stack of them, is stored; None if it is wide."""
        if (self.stacks and rank < 3) or self.wide.match(module):
            return None
        return next((rule.storage for rule in self.rules if rule.holds(module)), None)

    def in_layer(self, name: str, rank: int, layer: int) -> Storage | None:
        """How the tensor of a layer is stored, whose name has `{layer}`, or that of no layer.

        Raises: SourceError for a pattern of single experts.
        """
        module = name.removesuffix(".weight")
        self._check_experts(module)
        return self.of(module.replace("{expert}", "0").replace("{layer}", str(layer)), rank)

    def _check_experts(self, module: str) -> None:
        """Raises: SourceError for a pattern of some experts, which are one stack."""
        texts = (*self.wide.texts, *(text for rule in self.rules for text in rule.targets.texts))
        if "{expert}" in module and (single := next((one for one in texts if _EXPERT.search(one)), None)):
            raise SourceError(f"{self.method}: '{single}' is of single experts", "all are stored alike here")


_EXPERT = re.compile(r"experts\\?\.\\?[\d(\[]")
