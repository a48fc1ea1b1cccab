"""Where results are kept, if anywhere: the variable `KL_CACHE` says it, else the user's cache directory."""

from __future__ import annotations

import os
import sys

from ... import __version__

VARIABLE = "KL_CACHE"
OFF, ON = ("0", "off"), ("1", "on")
"""What `KL_CACHE` may say in place of a folder."""


def cache_folder() -> str | None:
    """The folder of the cache; None where it is off.

    It is off in what is no plain installation, as a checkout that is worked at, unless `KL_CACHE` says more.
    """
    said = os.environ.get(VARIABLE, "")
    if said.lower() in OFF:
        return None
    if said and said.lower() not in ON:
        return os.path.abspath(said)
    return user_folder() if said or is_installed() else None


def is_installed(package: str | None = None) -> bool:
    """Whether the package lies beside the record of its installation, as `pip install` puts it.

    That of an editable installation lies elsewhere, in a checkout.
    """
    folder = package or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    record = os.path.join(f"kernel_looping-{__version__}.dist-info", "RECORD")
    return os.path.isfile(os.path.join(os.path.dirname(folder), record))


def user_folder() -> str | None:
    """The folder in the user's cache directory; None where the user has no home.

    `XDG_CACHE_HOME` counts everywhere, if it is absolute, as its specification says.
    """
    home = os.path.expanduser("~")
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):
        if not os.path.isabs(home):
            return None
        match sys.platform:
            case "darwin":
                root = os.path.join(home, "Library", "Caches")
            case "win32":
                root = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
            case _:
                root = os.path.join(home, ".cache")
    return os.path.join(root, "kl")
