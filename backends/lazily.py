"""Parts of a target that are imported when they are first used: tools that need none start quickly."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import Any


def late(package: str | None, module: str, name: str) -> Callable[..., Any]:
    """A function of a module of a package, which is imported when the function is first called.

    `name` may be that of a method of something there, `TIES.tied`.
    """
    return lambda *arguments: attrgetter(name)(import_module(f".{module}", package))(*arguments)
