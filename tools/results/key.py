"""What a command's result is found by: the command line and all around it that is no file it reads."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from hashlib import blake2b

from ... import __version__
from .files import digest_of

COMMANDS = ("compare", "compile", "time")
"""The commands whose results are kept."""
FORMAT = 1
"""Of the entries; it grows with every change of their form."""
PREFIXES = ("KL_", "LC_", "PYTHON", "JUPYTER_", "TTY_")
NAMES = frozenset(
    ("COLORTERM", "COLUMNS", "FORCE_COLOR", "HOME", "LANG", "LANGUAGE", "LINES", "NO_COLOR", "TERM")
)
"""The variables that change what is printed, or what is found; with those that begin with `PREFIXES`."""
MOST_ARGUMENT_BYTES = 2**20
"""Of smaller files that are arguments, several versions are kept side by side."""


def is_cacheable(arguments: Sequence[str]) -> bool:
    """Whether a command line is looked up: not what reads the standard input, nor under a debugger."""
    watched = sys.gettrace() is not None or sys.getprofile() is not None
    return arguments[:1] != [] and arguments[0] in COMMANDS and "-" not in arguments and not watched


def key_of(arguments: Sequence[str]) -> str:
    """The key of a command line here and now."""
    extra = {**sys._xoptions}  # pyright: ignore[reportPrivateUsage]  # Python's documentation has it
    python = (sys.version, sys.executable, sys.flags, sys.warnoptions, extra, sys.path)
    variables = {
        name: value
        for name, value in sorted(os.environ.items())
        if name in NAMES or name.startswith(PREFIXES)
    }
    streams = [(one.isatty(), one.encoding, one.errors) for one in (sys.stdout, sys.stderr)]
    sizes = [_terminal_size(handle) for handle in range(3)]
    parts = [FORMAT, __version__, arguments, python, os.getcwd(), variables, streams, sizes]
    files = [_argument(text) for one in arguments for text in (one, one.partition("=")[2]) if text]
    return blake2b(json.dumps([*parts, files]).encode(), digest_size=32).hexdigest()


def _terminal_size(handle: int) -> tuple[int, int] | None:
    try:
        columns, lines = os.get_terminal_size(handle)
    except (OSError, ValueError):
        return None
    return columns, lines


def _argument(text: str) -> object:
    """What stands where an argument would lead, if it is a path: it decides how the argument is read."""
    if os.path.isdir(text):
        return "folder"
    if not os.path.isfile(text):
        return os.path.exists(text)
    beside = os.path.isfile(os.path.join(os.path.dirname(text), "config.json"))
    return beside, digest_of(text, MOST_ARGUMENT_BYTES)
