"""Files that are written: in one go, when all is well, and never in place of what is still needed.

The new text goes into a file beside the old one, which it then replaces. So a run that fails, is
interrupted or meets a full disk leaves the old file as it was, the input too.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import Field
from io import StringIO
from pathlib import Path
from stat import S_IMODE
from tempfile import mkstemp
from typing import Any, TextIO

from .command_line import option_fields
from .values import HELP_MARK, InputError

STDOUT = "-"
"""What stands for the standard output where a file is named."""
PUBLISHED = ("config.json", "tokenizer.json", ".safetensors", ".safetensors.index.json")
"""How the names of a published model's files end."""


def check_is_file(option: str, path: str | None) -> None:
    """Raises: InputError for stdout where an option writes beside what is printed there."""
    if path == STDOUT:
        raise InputError(f"{option} - would write between the tables on stdout{HELP_MARK}give {option} FILE")


def check_kept(option: str, path: str | None, kept: Mapping[str, str | None]) -> None:
    """Raises: InputError where what an option writes would take the place of a file that is to stay."""
    for what, other in kept.items():
        if path is not None and other is not None and _takes_place(path, other.removeprefix("sqlite:///")):
            raise InputError(f"{option} {path} would overwrite {what}{HELP_MARK}give another file")


def _takes_place(path: str, other: str) -> bool:
    """Whether a file is another one, or one of the files that make a folder a published model."""
    written, read = Path(os.path.realpath(path)), Path(os.path.realpath(other))
    return written == read or (written.parent == read and written.name.endswith(PUBLISHED))


def check_files(said: object) -> None:
    """Raises: InputError where an option would write over the file that another one of them reads."""
    known = list(_options(said))
    for writer, path in known:
        kind = writer.metadata.get("writes")
        if not kind or not isinstance(path, str) or path == STDOUT:
            continue
        flag = next(iter(writer.metadata["names"]), f"--{writer.name}")
        for reader, text in known:
            what: str = reader.metadata.get("reads", "")
            for file in (text, *text.split(",")) if what and isinstance(text, str) else ():
                if kind != "IR" or not file.endswith(".mlir"):
                    check_kept(flag, path, {what: file})


def _options(said: object) -> Iterator[tuple[Field[Any], Any]]:
    """The options of a dataclass and of the groups in it, with their values."""
    for one, _, inner in option_fields(type(said)):
        value = getattr(said, one.name)
        yield from [(one, value)] if inner is None else _options(value)


def write_file(path: str | Path, text: str) -> None:
    """Replace a file by a text, or make it.

    Raises: OSError, with its path.
    """
    with replacing(path) as file:
        file.write(text)


@contextmanager
def replacing(path: str | Path) -> Generator[TextIO]:
    """A text in place of a file; it takes the file's place at the end, if nothing is raised.

    A symbolic link stays and leads to it, other names of the old file keep the old one. What is no plain
    file, `/dev/stdout` or a pipe, is written as it is, and so is a file in a folder that takes no other.

    Raises: OSError, with the path.
    """
    real = os.path.abspath(path) if _is_special(path) else os.path.realpath(path)
    try:
        if _is_special(real) or (os.path.exists(real) and not os.access(os.path.dirname(real), os.W_OK)):
            yield from _written_at_the_end(real)
        else:
            yield from _renamed(real)
    except OSError as error:
        if error.filename in (None, real, *_beside(error, real)):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def _is_special(path: str | Path) -> bool:
    """Whether a path is that of a device, a pipe or a stream of a process."""
    whole = os.path.abspath(path)
    return whole.startswith(("/dev/", "/proc/")) or (os.path.exists(whole) and not os.path.isfile(whole))


def _beside(error: OSError, real: str) -> list[object]:
    """The file of an error, if it is ours that lies beside another one."""
    name = error.filename
    return [name] if isinstance(name, str) and os.path.dirname(name) == os.path.dirname(real) else []


def _written_at_the_end(real: str) -> Generator[TextIO]:
    text = StringIO()
    yield text
    with open(real, "w", encoding="utf-8") as file:
        file.write(text.getvalue())


def _renamed(real: str) -> Generator[TextIO]:
    handle, beside = mkstemp(prefix=f".{os.path.basename(real)}.", dir=os.path.dirname(real))
    try:
        with open(handle, "w", encoding="utf-8") as file:
            yield file
        os.chmod(beside, _mode(real))
        os.replace(beside, real)
    except BaseException:
        with suppress(OSError):
            os.remove(beside)
        raise


def _mode(real: str) -> int:
    """The permissions of a file, or of a new one."""
    with suppress(OSError):
        return S_IMODE(os.stat(real).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


class PendingFile(StringIO):
    """What goes into a file at the end: to close it writes nothing, `commit` does."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path

    def close(self) -> None:
        """Leave the text for `commit`."""

    def commit(self) -> None:
        """Write the file.

        Raises: OSError, with its path.
        """
        write_file(self._path, self.getvalue())
