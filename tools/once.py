"""Options that are given once: two values of one option are an error, not the later one in silence."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class Once(argparse.Action):
    """Stores the value of an option that may not be repeated."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Raises: argparse.ArgumentError at the second one."""
        _note(self, namespace, option_string)
        setattr(namespace, self.dest, values)


class OnceBoolean(argparse.BooleanOptionalAction):
    """A flag with a `--no-` form: both at once say nothing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Raises: argparse.ArgumentError where the other form was given."""
        _note(self, namespace, option_string, repeats=True)
        super().__call__(parser, namespace, values, option_string)


def refuse_repeats(parser: argparse.ArgumentParser) -> None:
    """Let all options with a value that are added from now on be given once, but for those that collect."""
    for action in (None, "store"):
        parser.register("action", action, Once)


def _note(
    action: argparse.Action,
    namespace: argparse.Namespace,
    flag: str | None,
    *,
    repeats: bool = False,
) -> None:
    """Remember that an option was given; `repeats` lets it be given again in the same form."""
    if flag is None:  # the input, which has no flag
        return
    given: dict[str, str] = vars(namespace).setdefault("given", {})
    if (before := given.get(action.dest)) is not None and not (repeats and before == flag):
        both = "it is given twice" if before == flag else f"{before} and {flag} are both given"
        raise argparse.ArgumentError(action, both)
    given[action.dest] = flag
