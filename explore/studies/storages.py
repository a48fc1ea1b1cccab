"""Where studies are kept: an SQLite file, a database by its URL, a journal file, a gRPC server, or memory."""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time
import warnings
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, GrpcStorageProxy, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import URL
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from ..errors import SpaceError, StudyError
from ..places import shown_place
from .database import Database

JOURNAL_SUFFIX = ".journal"
GRPC_PREFIX = "grpc://"
POSTGRESQL = "; run: pip install 'kernel-looping[postgresql]', and begin the URL with postgresql+psycopg://"
TRIES = 4
PAUSE_SECONDS = 0.5
"""How often a database is opened anew after an error, and how long that waits at most."""

MOST_CHARACTERS = 200
"""Of what an error says of content that is damaged."""

BUSY_SECONDS = 60.0
"""How long an SQLite file may be busy with other processes."""


def open_storage(place: str | None, *, must_exist: bool = False, writes: bool = True) -> BaseStorage:
    """The storage at a place: a path, a URL, or None for memory.

    Raises: StudyError where it cannot be opened, a file must exist and does not, or is a journal that what
        `writes` would make unreadable.
    """
    if place is None:
        return InMemoryStorage()
    with decoding(place):
        if place.startswith(GRPC_PREFIX):
            return _open_grpc(place)
        if "://" in place:
            return _open_database(place)
        try:
            return _open_file(Path(place), must_exist, writes)
        except OSError as error:
            raise StudyError(f"the storage {place} cannot be opened: {error.strerror}") from error


@contextmanager
def decoding(place: str | None) -> Generator[None]:
    """Turn what Optuna and we raise at the content of a storage into StudyErrors: it is damaged.

    Nothing else is done meanwhile; so whatever is wrong then is wrong with what is read.
    """
    try:
        with named_errors(place):
            yield
    except (StudyError, SpaceError) as error:
        if place is None or (shown := shown_place(place)) in str(error):
            raise
        raise StudyError(f"{shown}: {error}") from error
    except OSError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}".partition("\n")[0][:MOST_CHARACTERS]
        raise StudyError(f"the storage {shown_place(place)} is damaged: {what}") from error


@contextmanager
def named_errors(place: str | None) -> Generator[None]:
    """Turn what storages raise into StudyErrors that name the place."""
    try:
        with quiet():
            yield
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error, *_grpc_errors()) as error:
        reason = _reason(error) if place is None else _reason(error).replace(place, shown_place(place))
        raise StudyError(f"the storage {shown_place(place)} does not work: {reason}") from error
    except ImportError as error:
        cause = error.__cause__ or error
        way_out = POSTGRESQL if (place or "").startswith("postgresql") else ""
        raise StudyError(
            f"the storage {shown_place(place)} needs a library that is missing: {cause}{way_out}"
        ) from error


def _reason(error: Exception) -> str:
    """The part of an error that says what happened, in one line."""
    cause = error.__cause__ or error
    details = getattr(cause, "details", None)  # of gRPC
    text = details() if callable(details) else getattr(cause, "orig", None) or cause
    return str(text).partition("\n")[0]


def _grpc_errors() -> tuple[type[Exception], ...]:
    """What gRPC raises, if it is in use."""
    grpc = sys.modules.get("grpc")
    return () if grpc is None else (grpc.RpcError,)


@contextmanager
def quiet() -> Generator[None]:
    """Let Optuna report errors only: what it warns of, our own messages say in one line."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.ERROR))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _check_file(path: Path, must_exist: bool) -> None:
    if path.is_dir():
        raise StudyError(f"the storage {path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise StudyError(f"the storage {path} is in a folder that does not exist: {path.parent}")
    if must_exist and not path.exists():
        raise StudyError(f"there is no study at {path}")


def _open_file(path: Path, must_exist: bool, writes: bool) -> BaseStorage:
    _check_file(path, must_exist)
    if path.suffix == JOURNAL_SUFFIX:
        if writes:
            _check_journal(path)
        return JournalStorage(JournalFileBackend(str(path)))
    _prepare(path)
    return _open_database(_file_url(path))


def _check_journal(path: Path) -> None:
    """Raises: StudyError for a last line that is torn: what is written behind it could not be read."""
    for _ in range(TRIES):  # another process may be writing it
        if _is_whole(path):
            return
        time.sleep(PAUSE_SECONDS)
    raise StudyError(
        f"the last line of {path} is torn, as by a process that was ended while it wrote; cut it off, and the"
        f" study goes on: sed -i '$d' {path}"
    )


def _is_whole(path: Path) -> bool:
    """Whether the last line of a file has its end; there may be none."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"
    return True


class _Connection(sqlite3.Connection):
    """To an SQLite file; one with a log of writes is not forced onto the disk at each of them.

    What has been written survives the end of any process; a power cut may take the last writes, as a whole.
    """

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        if self.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            self.execute("PRAGMA synchronous=NORMAL")


def _prepare(path: Path) -> None:
    """Let a new SQLite file keep a log of writes: faster, and readers and writers do not wait for each other.

    Its processes must share a machine then.
    """
    if not path.exists() or path.stat().st_size == 0:
        with closing(sqlite3.connect(path, BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def _file_url(path: Path) -> str:
    url = URL.create("sqlite", database=str(path.absolute())).render_as_string(hide_password=False)
    return url.replace("{", "{{").replace("}", "}}")  # Optuna takes URLs as templates


def _open_database(url: str) -> BaseStorage:
    """The storage at a database; a new one may be made by other processes at the same time."""
    is_file = url.startswith("sqlite")
    arguments = {"connect_args": {"timeout": BUSY_SECONDS, "factory": _Connection}} if is_file else {}
    meetings = (IntegrityError, ProgrammingError, StorageInternalError)
    for _ in range(TRIES):
        with suppress(*meetings, *([OperationalError] if is_file else [])):
            return optuna.storages.get_storage(Database(url, engine_kwargs=arguments))
        time.sleep(PAUSE_SECONDS * random.random())
    return optuna.storages.get_storage(Database(url, engine_kwargs=arguments))


def _open_grpc(place: str) -> BaseStorage:
    host, _, port = place.removeprefix(GRPC_PREFIX).rstrip("/").rpartition(":")
    if not host or not port.isdecimal():
        raise StudyError(f"the storage {shown_place(place)} is not of the form {GRPC_PREFIX}host:port")
    with warnings.catch_warnings():
        # A new part of Optuna; a change of it shows in our tests, users need not hear of it.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GrpcStorageProxy(host=host, port=int(port))
