"""Our own targets, and what they write of IR, by name; each is imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .targets import AnyTarget


def _load(module: str, name: str) -> Any:
    return getattr(import_module(f".{module}", __package__), name)


TARGETS: Mapping[str, Callable[[], AnyTarget]] = {
    "sn40l": partial(_load, "sn40l.target", "SN40L_TARGET"),
    "sequence": partial(_load, "sequence.target", "SEQUENCE_TARGET"),
    "cpu": partial(_load, "cpu.target", "CPU_TARGET"),
}
WRITERS: Mapping[str, Callable[[], type[Any]]] = {"c": partial(_load, "cpu.writer", "CWriter")}
"""Classes of xDSL for `kl-opt -t`: what is written of a module at the level that a target takes."""
