"""Entries of the cache, a file each: written in one go, checked when they are read, the oldest removed.

An entry is a line with a digest of all that follows, a line of JSON, and the bytes that were printed.
Whatever is wrong with a file or the folder, there is no entry then, and the command runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from .files import State

SUFFIX, PART = ".result", ".result.part"
MOST_BYTES = 256 * 2**20
"""Of all entries together."""


class Entry:
    """What a command read and printed."""

    __slots__ = ("files", "folders", "output")

    def __init__(
        self,
        files: Mapping[str, State],
        folders: Mapping[str, str | None],
        output: Sequence[tuple[int, bytes]],
    ):
        self.files = files
        self.folders = folders
        """Digests of the names in them."""
        self.output = output
        """Chunks, with 0 for the standard output and 1 for the error stream; one of no bytes is a flush."""


def load(folder: str, key: str) -> Entry | None:
    """The entry of a key, if there is a whole one; it counts as used now."""
    path = os.path.join(folder, key + SUFFIX)
    try:
        with open(path, "rb") as file:
            digest, rest = file.readline().rstrip(), file.read()
        if digest != _digest(rest):
            return None
        head, _, content = rest.partition(b"\n")
        entry = _decoded(json.loads(head), content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # of another form
        return None
    with suppress(OSError):
        os.utime(path)
    return entry


def save(folder: str, key: str, entry: Entry) -> None:
    """Keep an entry, if the folder takes it, and no more than `MOST_BYTES` of all."""
    rest = _encoded(entry)
    part = os.path.join(folder, f"{key}.{os.getpid()}{PART}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with open(handle, "wb") as file:
                file.write(_digest(rest) + b"\n" + rest)
            os.replace(part, os.path.join(folder, key + SUFFIX))
        except BaseException:
            os.unlink(part)
            raise
        _make_room(folder)
    except OSError:  # a full disk, a folder that cannot be written: no entry then
        return


def _digest(rest: bytes) -> bytes:
    return blake2b(rest, digest_size=32).hexdigest().encode()


def _encoded(entry: Entry) -> bytes:
    chunks = [(number, len(chunk)) for number, chunk in entry.output]
    head = {"files": entry.files, "folders": entry.folders, "chunks": chunks}
    return json.dumps(head).encode() + b"\n" + b"".join(chunk for _, chunk in entry.output)


def _decoded(head: Any, content: bytes) -> Entry:
    files: dict[str, State] = {
        path: (None if status is None else tuple(status), digest)
        for path, (status, digest) in head["files"].items()
    }
    return Entry(files, head["folders"], [*_chunks(head["chunks"], content)])


def _chunks(sizes: Sequence[tuple[int, int]], content: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    for number, size in sizes:
        yield number, content[start : start + size]
        start += size


def _make_room(folder: str) -> None:
    """Remove what was used least lately, until the rest is small enough."""
    found = list[tuple[float, int, str]]()
    with os.scandir(folder) as there:
        for one in there:
            if one.name.endswith((SUFFIX, PART)):
                with suppress(OSError):  # another process has removed it
                    status = one.stat()
                    found.append((status.st_mtime, status.st_size, one.path))
    size = sum(size for _, size, _ in found)
    for _, bytes_, path in sorted(found):
        if size <= MOST_BYTES:
            return
        with suppress(OSError):
            os.unlink(path)
        size -= bytes_
