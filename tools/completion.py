"""Completion of command lines: what a shell asks a tool for, while one types.

The library is argcomplete, as it knows bash, zsh and fish. A shell calls the tool itself, so that it offers
what is installed, passes of other packages too; nothing is imported unless a shell asks.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any, cast

from .values import InputError

ASKED = "_ARGCOMPLETE"
"""The variable that a shell sets when it asks."""


def is_asked() -> bool:
    """Whether a shell asks."""
    return ASKED in os.environ


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks and end there; where none asks, do nothing."""
    if not is_asked():
        return
    try:
        from argcomplete import autocomplete
    except ImportError:  # it was there when the script was made
        raise SystemExit(1) from None
    autocomplete(parser, default_completer=cast(Any, _offered))  # of which it asks that it can be called


def script(shell: str) -> str:
    """The script of a shell that completes the command lines of both tools.

    Raises: InputError without argcomplete.
    """
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        way_out = "pip install 'kernel-looping[completion]'"
        raise InputError(f"argcomplete is not installed; run: {way_out}") from None
    return shellcode(["kl", "kl-opt"], shell=shell)


def _offered(
    prefix: str, action: argparse.Action, parser: argparse.ArgumentParser, parsed_args: argparse.Namespace
) -> Iterable[str]:
    """What may stand as the value of an option without choices: passes, targets, else files."""
    from .universe import available_passes, multiverse

    if action.dest in ("passes", "pipeline"):
        before = prefix[: prefix.rfind(",") + 1]
        return [before + name for name in available_passes()]
    if action.dest == "target" and "-t" in action.option_strings:
        return list(multiverse().all_targets)
    from argcomplete.completers import FilesCompleter

    return FilesCompleter()(prefix)
