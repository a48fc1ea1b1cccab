"""In which language an input is written: told by how it begins, unless the user says it."""

from __future__ import annotations

from pathlib import Path

from ..frontends import Frontend
from .universe import frontends
from .values import HELP_MARK, STDIN, InputError


def find_frontend(path: str, data: bytes, language: str | None = None, *, programs: bool = True) -> Frontend:
    """The frontend of a language; if none is said, the first that recognises what a file holds.

    The suffix decides where none does; the standard input is then taken for IR.

    Raises: InputError where there is none.
    """
    known: list[Frontend] = []
    text = _text(data)
    for frontend in frontends(programs=programs):
        if frontend.name == language or (language is None and text is not None and frontend.recognises(text)):
            return frontend
        known.append(frontend)
    if language is not None:
        names = ", ".join(frontend.name for frontend in known)
        raise InputError(f"unknown frontend '{language}'{HELP_MARK}known are {names}")
    suffix = ".mlir" if path == STDIN else Path(path).suffix
    for frontend in known:
        if suffix in frontend.suffixes:
            return frontend
    kinds = [" ".join([one.description, *(f"({suffix})" for suffix in one.suffixes)]) for one in known]
    way_out = f"known are {', '.join(kinds[:-1])} and {kinds[-1]}; -f says which it is"
    raise InputError(f"{path}: unknown kind of file{HELP_MARK}{way_out}")


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
