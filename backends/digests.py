"""Digests of a program: what ties it to the IR that it came from, and tells whether it was edited since.

They find what was changed by hand or by accident, not by intent: who edits a program can edit its digests.
A target says what its programs are as documents (`Content`); all else is the same for all targets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar

from .verification import Provenance

LENGTH = 32
"""Hexadecimal digits of a digest: 128 bits of SHA-256."""


@dataclass(frozen=True)
class KernelDigests:
    """Of a kernel as it was emitted, and of the IR that it was emitted from."""

    program: str
    ir: str | None = None
    """Of the generic text of its symbol, without locations; None where there was no IR."""


@dataclass(frozen=True)
class Digests:
    """Of a program as it was emitted."""

    kernels: Mapping[str, KernelDigests]
    rest: str
    """Of all but what is in the kernels: which there are belongs to it."""


@dataclass(frozen=True)
class Content:
    """A program as documents of JSON, without its digests."""

    kernels: tuple[tuple[str, Any], ...]
    """Each with its name, in order."""
    rest: Mapping[str, Any]
    rest_name: str
    """What the rest is, in words."""


def digests_of(content: Content, ir: Mapping[str, str] | None = None) -> Digests:
    """The digests of a program as it is; `ir` is the text of the IR of each kernel, by its name."""
    texts = {name: _digest(text) for name, text in (ir or {}).items()}
    kernels = {name: KernelDigests(_of_document(one), texts.get(name)) for name, one in content.kernels}
    names = {"kernels": [name for name, _ in content.kernels]}
    return Digests(kernels, _of_document({**content.rest, **names}))


def provenance_of(content: Content, saved: Digests | None) -> Provenance:
    """What of a program was edited since it was emitted, and what is not known of where it came from."""
    if saved is None:
        return Provenance(untied="it has no digests: nothing ties it to the IR that it came from")
    without = [name for name, one in saved.kernels.items() if one.ir is None]
    untied = f"no IR is known of kernel {_few(without)}" if without else ""
    return Provenance((*differences(content, saved),), untied)


def differences(content: Content, other: Digests) -> Iterator[str]:
    """What of a program is not as another one has it, of which there are the digests."""
    mine = digests_of(content)
    for name, one in mine.kernels.items():
        if name not in other.kernels:
            yield f"kernel '{name}' (it is new)"
        elif one.program != other.kernels[name].program:
            yield f"kernel '{name}'"
    yield from (f"kernel '{name}' (it is gone)" for name in other.kernels if name not in mine.kernels)
    if mine.rest != other.rest:
        yield content.rest_name


def kernels_of_other_ir(content: Content, saved: Digests | None, ir: Mapping[str, str]) -> list[str]:
    """The kernels that were made of other IR than this, the text of each symbol, or for all that is known."""
    known = {} if saved is None else saved.kernels
    texts = {name: _digest(text) for name, text in ir.items()}
    mine = {name: known[name].ir if name in known else None for name, _ in content.kernels}
    return [f"kernel '{name}'" for name, one in mine.items() if one is None or one != texts.get(name)]


def _few(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _of_document(document: Any) -> str:
    """Of a document as JSON whose layout, and order of keys, nobody chooses."""
    return _digest(json.dumps(document, sort_keys=True, separators=(",", ":")))


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


class HasDigests(Protocol):
    """A program, as a frozen dataclass."""

    @property
    def digests(self) -> Digests | None:
        """Of the program as it was made; None where nobody has tied it to anything."""
        ...


P = TypeVar("P", bound=HasDigests)


@dataclass(frozen=True)
class Ties(Generic[P]):
    """What a target needs of digests, once it says what its programs are as documents."""

    content: Callable[[P], Content]

    def digests(self, program: P) -> Digests:
        """Of the program as it is."""
        return digests_of(self.content(program))

    def tied(self, program: P, ir: Mapping[str, str]) -> P:
        """A program that was just made, with its digests."""
        made: Any = program
        return replace(made, digests=digests_of(self.content(program), ir))

    def provenance(self, program: P) -> Provenance:
        """What of a program was edited since it was made, and what is not known of where it came from."""
        return provenance_of(self.content(program), program.digests)

    def of_other_ir(self, program: P, ir: Mapping[str, str]) -> list[str]:
        """The kernels made of other IR than this, the text of each symbol, or for all that is known."""
        return kernels_of_other_ir(self.content(program), program.digests, ir)

    def differences(self, program: P, other: P) -> list[str]:
        """What of a program another one has otherwise: kernels by their names, and the rest."""
        return [*differences(self.content(program), self.digests(other))]
