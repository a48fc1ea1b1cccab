"""What a run reads and prints: noted as it goes, by Python's audit events and in place of the two streams."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import source_from_cache
from typing import Any, cast

from .files import BEGUN_NS, State, digest_of, names_in, stat_of
from .store import Entry

RECENT_NS = 2_000_000_000
"""The times of a file that has changed so shortly before it is read prove nothing: the slowest clock of file
systems, that of FAT, ticks every 2 s."""
LOADED_NS = 10_000_000_000
"""Code that was loaded before its state is noted must be older than our start by this."""
UNSEEN = frozenset(
    (
        "builtins.input", "ftplib.connect", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
        "os.system", "pty.spawn", "socket.bind", "socket.connect", "socket.getaddrinfo", "sqlite3.connect",
        "subprocess.Popen", "urllib.Request",
    )
)  # fmt: skip
"""What leads to things that nobody can look at later, so that the run is not kept."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


class Recording:
    """All that a run reads and prints, between `with` and its end."""

    def __init__(self) -> None:
        self.files: dict[str, State] = {}
        self.folders: dict[str, str | None] = {}
        self.output: list[tuple[int, bytes]] = []
        self.is_spoiled = False
        """The run cannot be kept."""
        self._streams = sys.stdout, sys.stderr
        self._is_busy = False

    def __enter__(self) -> None:
        _watch(self)
        self._note_loaded()
        for number, stream in enumerate(self._streams):
            setattr(sys, ("stdout", "stderr")[number], RecordedStream(stream, number, self))

    def __exit__(self, *_: object) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                self.is_spoiled = True
        sys.stdout, sys.stderr = self._streams
        _watch(None)

    def result(self, most_bytes: int) -> Entry | None:
        """What was read and printed; None where it cannot be kept, or has changed meanwhile."""
        if self.is_spoiled or sum(len(chunk) for _, chunk in self.output) > most_bytes:
            return None
        try:
            files = {path: self._settled(path, state) for path, state in self.files.items()}
        except OSError:
            return None
        same = all(names_in(folder) == names for folder, names in self.folders.items())
        return Entry(files, self.folders, self.output) if same else None

    def _settled(self, path: str, state: State) -> State:
        """The state of a file with its digest, if it is still the same.

        Raises: OSError if it is not.
        """
        status, digest = state
        now = stat_of(path)
        content = None if now is None else digest_of(path)
        kept = now == status if digest is None else content == digest
        if not kept:
            raise OSError(f"{path} has changed")
        return status, content

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An event of Python."""
        if self._is_busy or self.is_spoiled:
            return
        if event in UNSEEN:
            self.is_spoiled = True
            return
        self._is_busy = True
        try:
            SEEN[event](self, *arguments)
        except (OSError, ValueError):
            self.is_spoiled = True
        finally:
            self._is_busy = False

    def opened(self, path: object, _: object, flags: int, *__: object) -> None:
        """A file is about to be opened."""
        if isinstance(path, int):  # by its number: the path was seen before, or it is a stream of the process
            return
        found = os.path.abspath(os.fsdecode(cast(Any, path)))
        if found == os.devnull:
            return
        if flags & WRITING:
            self.is_spoiled = self.is_spoiled or not _is_compiled(found)
        elif _is_compiled(found) and (source := _source_of(found)) is not None:
            self._note(source)
        else:
            self._note(found)

    def listed(self, path: object, *_: object) -> None:
        """The names in a folder are about to be read."""
        if isinstance(path, int):
            self.is_spoiled = True
            return
        found = os.path.abspath(os.fsdecode(cast(Any, path or ".")))
        self.folders.setdefault(found, names_in(found))

    def imported(self, _: object, path: object, *__: object) -> None:
        """A module is about to be imported; where it is a library, from this file."""
        if isinstance(path, str):
            self._note(os.path.abspath(path))

    def _note(self, path: str) -> None:
        """Raises: OSError for what is no plain file."""
        if path in self.files:
            return
        status = stat_of(path)
        if status is not None and max(status[1:3]) > time.time_ns() - RECENT_NS:
            if (digest := digest_of(path)) is None:
                raise OSError(f"{path} is too large to be read, and too new to be known by its times")
            self.files[path] = None, digest
        else:
            self.files[path] = status, None

    def _note_loaded(self) -> None:
        """The modules that are there already, and where others are looked for."""
        self._is_busy = True
        try:
            for path in {*map(_file_of, [*sys.modules.values()])} - {None}:
                assert path is not None, "left out"
                self._note(path)
                status = stat_of(path)
                if status is None or max(status[1:3]) > BEGUN_NS - LOADED_NS:
                    self.is_spoiled = True
            for folder in sys.path:
                self.listed(folder)
        except OSError:
            self.is_spoiled = True
        finally:
            self._is_busy = False


SEEN: Mapping[str, Callable[..., None]] = {
    "open": Recording.opened,
    "os.listdir": Recording.listed,
    "os.scandir": Recording.listed,
    "import": Recording.imported,
}
"""What notes what an event is about."""


class RecordedStream(io.TextIOWrapper):
    """A standard stream that notes what goes through it, as the bytes that it becomes."""

    def __init__(self, stream: Any, number: int, recording: Recording):
        self.original = stream
        """It goes on to this one."""
        super().__init__(
            cast(Any, _Noted(stream.buffer, number, recording)),
            stream.encoding,
            stream.errors,
            newline=None if os.name == "nt" else "\n",
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )


class _Noted(io.BufferedIOBase):
    """The bytes of a standard stream."""

    def __init__(self, buffer: Any, number: int, recording: Recording):
        self._buffer = buffer
        self._number = number
        self._recording = recording

    @property
    def name(self) -> Any:
        """What the stream calls itself."""
        return self._buffer.name

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._buffer.fileno()

    def isatty(self) -> bool:
        return self._buffer.isatty()

    def write(self, data: Any, /) -> int:
        """Raises: OSError, after which the run is not kept."""
        chunk = bytes(data)
        self._recording.output.append((self._number, chunk))
        left = memoryview(chunk)
        try:
            while left:
                left = left[self._buffer.write(left) :]
        except BaseException:
            self._recording.is_spoiled = True
            raise
        return len(chunk)

    def flush(self) -> None:
        """Raises: OSError, after which the run is not kept."""
        try:
            self._buffer.flush()
        except BaseException:
            self._recording.is_spoiled = True
            raise
        self._recording.output.append((self._number, b""))

    def close(self) -> None:
        """The stream below stays open."""


_watching: Recording | None = None
_is_hooked = False


def _watch(recording: Recording | None) -> None:
    """Let a recording see Python's events from now on; Python forgets no hook, so there is one at most."""
    global _watching, _is_hooked
    _watching = recording
    if not _is_hooked:
        sys.addaudithook(_hook)
        _is_hooked = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching is not None and (event in SEEN or event in UNSEEN):
        _watching.see(event, arguments)


def spoil() -> None:
    """Do not keep this run, if it is recorded: it gives something else every time."""
    if _watching is not None:
        _watching.is_spoiled = True


def _is_compiled(path: str) -> bool:
    return ".pyc" in os.path.basename(path)


def _source_of(path: str) -> str | None:
    """The source of compiled Python, if it is there."""
    try:
        source = source_from_cache(path)
    except ValueError:
        return None
    return source if os.path.isfile(source) else None


def _file_of(module: Any) -> str | None:
    """The file that a module was loaded from, if it was."""
    spec = getattr(module, "__spec__", None)
    path = getattr(spec, "origin", None) if getattr(spec, "has_location", False) else None
    path = path or getattr(module, "__file__", None)
    return os.path.abspath(path) if isinstance(path, str) else None
