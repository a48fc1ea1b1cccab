"""What `kl-opt` reads: in which language a text is, and published models, which are read as text of ours."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from ..languages import find_frontend
from ..pass_text import parse_specs
from ..sources import check_plain, find_files, imported, report_notes
from ..values import STDIN

if TYPE_CHECKING:
    from ...frontends.importing import Imported
    from .command import KlOptCommand


def published(command: KlOptCommand, program: str) -> Imported | None:
    """The published model that the input is; None for any other input. What is left out of it is said.

    Raises: SourceError or InputError for what cannot be read, OSError.
    """
    file = command.input_file
    files = None if file in (None, STDIN) or command.frontend is not None else find_files(file)
    if files is None:
        check_plain(file or STDIN, command.published)
        return None
    found = imported(files, {}, command.published)
    report_notes(found.notes, program)
    return found


def language(command: KlOptCommand, path: str, data: bytes, foreign: Collection[str]) -> str:
    """The name of the frontend that an input is for; `foreign` ones recognise nothing by themselves.

    Raises: InputError for a file of another kind.
    """
    if command.frontend is not None:
        return parse_specs(command.frontend)[0].name
    suffix = Path(path).suffix[1:]
    return suffix if suffix in foreign else find_frontend(path, data, programs=False).name
