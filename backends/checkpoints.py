"""The tensors of a checkpoint: of a file, of the files that an index names, or of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .safetensors import CheckpointError, StoredTensor, json_object, read_header

INDEX = ".safetensors.index.json"
"""How the name of an index ends."""
MOST_NAME = 255
"""Characters of the name of a file, of which no file system has more."""


def read_checkpoint(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a checkpoint, by name; of files only headers are read.

    A folder is what its index names, or all its .safetensors files where it has no index.

    Raises: CheckpointError for a header against the rules, a name in two files, an index that does not say
        where each tensor is, or a folder that has several of them or files besides; OSError.
    """
    if path.is_dir():
        return _read_folder(path)
    return _read_index(path) if path.name.endswith(INDEX) else read_header(path)


def few(names: Sequence[str]) -> str:
    """The first names of a list, and how many there are besides."""
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def few_characters(value: object) -> str:
    """What stands in the place of a name, cut short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _read_folder(folder: Path) -> dict[str, StoredTensor]:
    files, indices = (sorted(folder.glob(f"*{end}")) for end in (".safetensors", INDEX))
    if len(indices) > 1:
        names = few([index.name for index in indices])
        raise CheckpointError(f"{folder} has several indices: {names}", "give one of them as the checkpoint")
    if not indices:
        if not files:
            raise CheckpointError(f"{folder} is a folder without .safetensors files")
        return _joined(files)
    tensors = _read_index(indices[0])
    named = {tensor.path.name for tensor in tensors.values()}
    others = [file.name for file in files if file.name not in named]
    if others:
        raise CheckpointError(
            f"{folder} has {few(others)}, which {indices[0].name} does not name",
            f"give {indices[0]} itself as the checkpoint, or one of the files",
        )
    return tensors


def _joined(files: Iterable[Path]) -> dict[str, StoredTensor]:
    """The tensors of several files.

    Raises: CheckpointError if a name stands in two.
    """
    tensors: dict[str, StoredTensor] = {}
    for file in files:
        header = read_header(file)
        twice = [name for name in header if name in tensors]
        if twice:
            raise CheckpointError(
                f"{few(twice)} stands both in {tensors[twice[0]].path} and in {file}",
                "give one of the files as the checkpoint",
            )
        tensors |= header
    return tensors


def _read_index(path: Path) -> dict[str, StoredTensor]:
    files = _weight_map(path)
    missing = sorted({file for file in files.values() if not (path.parent / file).is_file()})
    if missing:
        lost = [name for name, file in files.items() if file in missing]
        raise CheckpointError(f"{path} names {few(missing)}, which is not there: it holds {few(lost)}")
    tensors = _joined(path.parent / file for file in sorted(set(files.values())))
    for name, file in files.items():
        if name not in tensors:
            raise CheckpointError(f"{path} says that '{name}' is in {file}, which does not have it")
        if tensors[name].path.name != file:
            raise CheckpointError(
                f"{path} says that '{name}' is in {file}; it is in {tensors[name].path.name}"
            )
    unnamed = [name for name in tensors if name not in files]
    if unnamed:
        raise CheckpointError(f"{path} does not name {few(unnamed)} of {tensors[unnamed[0]].path.name}")
    return tensors


def _weight_map(path: Path) -> Mapping[str, str]:
    """The file of each tensor by an index.

    Raises: CheckpointError unless all are names of files beside it.
    """
    found = json_object(path.read_bytes(), f"{path} is no index: it").get("weight_map")
    if not isinstance(found, dict) or not found:
        raise CheckpointError(f"{path} is no index: it has no weight_map of tensors and their files")
    for name, file in found.items():
        if (
            not isinstance(file, str)
            or Path(file).name != file
            or file in ("", "..")
            or len(file) > MOST_NAME
        ):
            raise CheckpointError(
                f"{path}: the file of '{name}' is {few_characters(file)}, not the name of one beside it"
            )
    return found
