"""What readers of quantisation configs ask of a config and of a checkpoint's headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from ....dialects.vocabulary import STORED_FLOATS
from ...source_errors import SourceError
from ..configs import Config, shown
from .scheme import Patterns

KEY = "quantization_config"
"""The key of a config that says how weights are stored."""
OLD_KEY = "compression_config"
"""What compressed-tensors called it first."""
ACTIVATIONS = ("*.input_scale", "*.activation_scale", "*.input_global_scale")
"""Tensors of scales of activations."""
CACHE_SCALES = ("*.k_scale", "*.v_scale", "*.kv_scale", "*.k_proj.output_scale", "*.v_proj.output_scale")
"""Tensors of scales of caches."""


class Header(Protocol):
    """What a checkpoint's header says of a tensor."""

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class Facts:
    """A part of the config that says how weights are stored, and the headers of the checkpoint."""

    config: Config
    tensors: Mapping[str, Header]

    def fixed(self, name: str, *allowed: Any) -> None:
        """Raises: SourceError for a key that is there and asks for what is not done."""
        value = self.config.get(name)
        if value is not None and value not in allowed:
            self.refuse(name, value, " or ".join(map(shown, allowed)) or "absent")

    def refuse(self, name: str, value: object, known: str) -> NoReturn:
        """Raises: SourceError for the value of a key."""
        path = f"{self.config.path}{name}"
        raise SourceError(
            f"{path} is {shown(value)}, which is not read",
            f"known are {known}; --ignore {path} goes on without it",
        )

    def harmless(self, *names: str) -> None:
        """Keys that change no number."""
        self.config.read.update(f"{self.config.path}{name}" for name in names)

    def inner(self, config: Config) -> Facts:
        """The same of a part of it."""
        return Facts(config, self.tensors)

    def patterns(self, *names: str) -> Patterns | None:
        """A list of names of modules; None where it is absent.

        Raises: SourceError for what is no list of texts.
        """
        value = self.config.get(*names)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise SourceError(
                f"{self.config.path}{names[0]} is {shown(value)}, not a list of names of modules",
                f"--ignore {self.config.path}{names[0]} goes on as if it were not there",
            )
        return Patterns(tuple(value))

    def sizes(self, name: str) -> tuple[int, int] | None:
        """Two whole numbers from 1, along `out` and `in`; None where they are absent.

        Raises: SourceError for others.
        """
        value = self.config.get(name)
        if value is None:
            return None
        if not (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(type(n) is int and n > 0 for n in value)
        ):
            raise SourceError(f"{self.config.path}{name} is {shown(value)}, not two whole numbers from 1")
        return value[0], value[1]

    def group(self, *names: str, default: int) -> int | None:
        """How many inputs share a scale; None for all, which -1 says.

        Raises: SourceError for other numbers below 1.
        """
        value = self.config.whole(*names, default=default, least=-1)
        if value == 0:
            raise SourceError(f"{self.config.path}{names[0]} is 0", "it is at least 1, or -1 for all inputs")
        return None if value in (None, -1) else value

    def scale_type(self, ending: str, default: str) -> str:
        """The type of the scales whose names end so, by the first in the headers that is of floats."""
        found = (one.dtype for name, one in self.tensors.items() if name.endswith(ending))
        return next((STORED_FLOATS[dtype] for dtype in found if dtype in STORED_FLOATS), default)

    def shape_of(self, ending: str) -> tuple[int, ...]:
        """The shape of the first tensor whose name ends so."""
        return next(one.shape for name, one in self.tensors.items() if name.endswith(ending))

    def has(self, ending: str) -> bool:
        """Whether the checkpoint has a tensor whose name ends so."""
        return any(name.endswith(ending) for name in self.tensors)
