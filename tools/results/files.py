"""The states of files and folders, and whether they are still the same.

A file is the same if its size, times and number are, or else its content. The times of a file that was
written just before it was read prove nothing, as clocks tick slowly: such a file is known by its content.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from hashlib import blake2b

BEGUN_NS = time.time_ns()
"""When this was loaded, hardly later than the process began, or than the one that it is forked from."""
Stat = tuple[int, int, int, int]
"""Size in bytes, times of the last change of content and of anything in ns, number of the file."""
MOST_DIGEST_BYTES = 32 * 2**20
"""The content of larger files, of checkpoints, is not read."""


State = tuple[Stat | None, str | None]
"""How a file was: its status, None if that proves nothing, and a digest, None if it was not read.

Of a file that was not there both are None.
"""


def stat_of(path: str) -> Stat | None:
    """The status of a plain file; None where there is nothing.

    Raises: OSError for what is there and is no plain file, or cannot be seen.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path} is no plain file")
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def digest_of(path: str, most_bytes: int = MOST_DIGEST_BYTES) -> str | None:
    """A digest of the content of a file; None if it is too large, or cannot be read."""
    try:
        with open(path, "rb") as file:
            content = file.read(most_bytes + 1)
    except OSError:
        return None
    return None if len(content) > most_bytes else blake2b(content, digest_size=16).hexdigest()


def names_in(folder: str) -> str | None:
    """A digest of the names in a folder, but for compiled Python; None where there is none."""
    try:
        names = sorted(name for name in os.listdir(folder) if name != "__pycache__")
    except OSError:
        return None
    return blake2b("\0".join(names).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def unchanged(files: Mapping[str, State], folders: Mapping[str, str | None]) -> bool:
    """Whether files and folders are as they were."""
    try:
        return all(_is_same(path, *state) for path, state in files.items()) and all(
            names_in(path) == names for path, names in folders.items()
        )
    except OSError:
        return False


def _is_same(path: str, status: Stat | None, digest: str | None) -> bool:
    found = stat_of(path)
    if found is None:
        return status is None and digest is None
    return found == status or (digest is not None and digest_of(path) == digest)
