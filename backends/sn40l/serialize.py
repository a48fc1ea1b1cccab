"""Programs as JSON: `{"format": "kl-program", "version": 6, "program": {…}, "digests": {…}}`.

What stands in there is in `documents.py`. Documents of earlier versions are read, too (`old_forms.py`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ..digests import Digests
from ..json_text import json_text
from .digests import TIES
from .documents import decode, encode
from .errors import ProgramError
from .names import told_apart
from .old_forms import modernise
from .program import VERSION, Program

FORMAT = "kl-program"
"""Says what a document is."""
FIRST_WITH_DIGESTS = 6
"""The version from which on programs have digests."""


def load_program(path: str | Path) -> Program:
    """Read a program from a file.

    Raises: ProgramError as `decode_program` does, OSError if the file cannot be read.
    """
    return decode_program(Path(path).read_bytes())


def decode_program(data: bytes) -> Program:
    """The program in what a file holds.

    Raises: ProgramError as `parse_program` does, and for what is no text.
    """
    try:
        return parse_program(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProgramError(f"not a {FORMAT} document: no UTF-8 text at byte {error.start}") from None


def dump_program(program: Program) -> str:
    """A program as text, with the digests that it has had since it was emitted; else with those of now."""
    digests = TIES.digests(program) if program.digests is None else program.digests
    whole = encode(program)
    del whole["digests"]
    document = {"format": FORMAT, "version": VERSION, "program": whole, "digests": encode(digests)}
    return json_text(document, indent=1) + "\n"


def parse_program(text: str) -> Program:
    """The program in a text; `check_program` says whether it makes sense.

    Units that were saved with one name get numbers behind it, as those of a kernel are told apart by name.

    Raises: ProgramError if the text is no such document, has another version, or a field is missing,
        unknown or of the wrong type.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProgramError(f"not a {FORMAT} document: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProgramError(f'not a {FORMAT} document: it has no "format": "{FORMAT}"')
    version = document.get("version")
    if type(version) is not int or version not in range(1, VERSION + 1):
        raise ProgramError(f"version {version!r} of {FORMAT}; this reader knows versions 1 to {VERSION}")
    program = document.get("program")
    modernise(program, version)
    if isinstance(program, dict) and "digests" in program:
        raise ProgramError("program: unknown field 'digests'; they stand beside the program")
    decoded = decode(Program, program, "program")
    digests = decode(Digests, document.get("digests"), "digests") if version >= FIRST_WITH_DIGESTS else None
    return replace(decoded, kernels=tuple(map(told_apart, decoded.kernels)), digests=digests)
