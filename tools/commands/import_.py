"""`kl import`: the text of a published model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..command_line import option
from ..options import JSON_VERSION, PublishedOptions, json_option
from ..output import STDOUT, write_file
from ..streams import exact_output
from ..terminal import print_json
from ..values import HELP_MARK, InputError, Number, assignments, shown_path

if TYPE_CHECKING:
    from ...frontends.importing import Imported


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line of `kl import` says."""

    source: str = option(
        "a folder with a config.json, such a file, a .safetensors file or a .safetensors.index.json",
        "source",
        metavar="SOURCE",
        reads="the model",
    )
    output: str | None = option(
        "write there instead of to stdout", "-o", "--output", metavar="FILE", writes="file"
    )
    param: tuple[str, ...] = option(
        "another number for a parameter of the text, or one that a checkpoint without config does not say;"
        " may be repeated",
        default=(),
        metavar="NAME=VALUE",
    )
    published: PublishedOptions
    quantize: str | None = option(
        "the form in which matrices are stored, of a model without checkpoint: f8e4m3, i8, i4, mxfp4, nvfp4",
        metavar="TYPE",
    )
    cache_type: str | None = option(
        "the type of caches, such as f8e4m3 (default: what the config says, or that of the model)",
        metavar="TYPE",
    )
    json: bool = json_option()

    @property
    def parameters(self) -> Mapping[str, Number]:
        """The parameters that are said.

        Raises: InputError for a malformed one.
        """
        return assignments("--param", self.param)


def run(command: Command) -> int:
    """Write the text, and say on stderr what the model is and what of it is left out."""
    from ..sources import find_files, imported, report_notes

    files = find_files(command.source)
    if files is None:
        Path(command.source).stat()
        raise InputError(
            f"{shown_path(command.source)} is no published model{HELP_MARK}"
            "give a folder with a config.json, such a file, or a .safetensors file"
        )
    found = imported(
        files,
        command.parameters,
        command.published,
        quantize=command.quantize,
        cache_type=command.cache_type,
    )
    output = None if command.output == STDOUT else command.output
    if output is not None:
        write_file(output, found.text)
    elif not command.json:
        exact_output().write(found.text)
    if command.json:
        print_json(_document(command, found))
    else:
        report_notes((f"{found.architecture}, {found.counted}", *found.notes))
    return 0


def _document(command: Command, found: Imported) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        "source": command.source,
        "name": found.name,
        "architecture": found.architecture,
        "parameters": found.parameters,
        "active_parameters": found.active,
        "notes": [*found.notes],
        "unread": [*found.unread],
        "text": found.text if command.output in (None, STDOUT) else None,
    }
