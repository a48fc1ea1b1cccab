"""Published models as inputs: a folder, a `config.json`, a safetensors file or index, as text in `.kl`.

`kl import` prints that text; every other command reads it in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..frontends.source_errors import SourceError
from .diagnostics import Diagnostic, report
from .examples import examples
from .options import PublishedOptions
from .universe import recipes
from .values import HELP_MARK, InputError, Number, cut, shown_path

if TYPE_CHECKING:  # the tools read command lines without numpy and without recipes
    from ..backends.safetensors import StoredTensor
    from ..frontends.importing import Imported

CONFIG = "config.json"
INDEX = ".safetensors.index.json"
OTHERS = ("*.bin", "*.pt", "*.pth", "*.gguf")
"""Files of weights that are not read."""
QUANTIZED = ("quantization_config", "compression_config")
"""The keys of a config that say how weights are stored."""
SCHEMES = {"hf_quant_config.json": "modelopt", "quantize_config.json": "gptq", "quant_config.json": "awq"}
"""Files beside a config that say it instead, and which method each is of."""
INNER = "quantization"
"""The key of hf_quant_config.json that has it."""
KEYS = {"model_type", "architectures", "hidden_size", "num_hidden_layers", "text_config", "n_layer", "n_embd"}
"""A JSON object with one of these keys is a config."""


@dataclass(frozen=True)
class Files:
    """What a published model consists of."""

    path: str
    """As the user gave it."""
    config: Path | None
    checkpoint: Path | None
    """A folder, a file or an index; None where there is a config alone."""

    @property
    def name(self) -> str:
        """What the model is called: its folder, or the file if that has a name of its own."""
        path = self.checkpoint or self.config or Path(self.path)
        stem = path.name.removesuffix(INDEX).removesuffix(".safetensors").removesuffix(".json")
        plain = path.is_dir() or stem in ("config", "model")
        return (path if path.is_dir() else path.parent).resolve().name if plain else stem


def find_files(path: str) -> Files | None:
    """The files of a published model, or None where the path is no such thing.

    Raises: InputError for an empty path and for a folder without a config, OSError.
    """
    if not path:
        raise InputError(f"the name of the input is empty{HELP_MARK}give a file, an example, or - for stdin")
    found = Path(path)
    if found.is_dir():
        config = found / CONFIG
        if not config.is_file() and any(one.name == path for one in examples("model")):
            return None
        if not config.is_file():
            raise InputError(
                f"{shown_path(path)} has no {CONFIG}{HELP_MARK}give a folder of a published model"
            )
        holds = any(found.glob("*.safetensors")) or any(found.glob(f"*{INDEX}"))
        if not holds:
            _check_other(found, path)
        return Files(path, config, found if holds else None)
    if path.endswith((".safetensors", INDEX)):
        found.stat()
        config = found.parent / CONFIG
        return Files(path, config if config.is_file() else None, found)
    if path.endswith(".json") and found.is_file() and (found.name == CONFIG or _is_config(found)):
        return Files(path, found, None)
    return None


def _check_other(folder: Path, path: str) -> None:
    """Raises: InputError for a folder whose weights are in files of other kinds."""
    found = sorted(one for kind in OTHERS for one in folder.glob(kind))
    if found:
        raise InputError(
            f"{shown_path(path)} has no .safetensors, and {found[0].name} is not read{HELP_MARK}"
            f"save the weights as safetensors, or give its {CONFIG} for random ones"
        )


def _is_config(path: Path) -> bool:
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and bool(KEYS & values.keys())


def read_config(path: Path) -> Mapping[str, Any]:
    """The values of a config.

    Raises: InputError for what is no JSON object, or has a key twice; OSError.
    """
    where = shown_path(str(path))
    try:
        values = json.loads(path.read_bytes(), object_pairs_hook=partial(_once, where))
        _check_texts(values, where)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{where} is a {type(values).__name__}, not an object of keys and values")
    return values


def _check_texts(value: Any, where: str) -> None:
    """Raises: InputError for a text that no file can hold, as JSON may escape half of a surrogate pair."""
    match value:
        case str() if any("\ud800" <= one <= "\udfff" for one in value):
            raise InputError(f"{where}: the text {cut(value)!a} has half of a surrogate pair")
        case dict():
            _check_texts([*value, *value.values()], where)
        case list():
            for one in value:
                _check_texts(one, where)
        case _:
            pass


def with_quantization(path: Path, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config of a file with what a file beside it says of how weights are stored, where it says nothing.

    Raises: InputError for what is no JSON object; OSError.
    """
    if path.name != CONFIG or any(config.get(key) is not None for key in QUANTIZED):
        return config
    beside = [name for name in SCHEMES if (path.parent / name).is_file()]
    if len(beside) > 1:
        raise InputError(
            f"{shown_path(str(path.parent))} has {' and '.join(beside)}{HELP_MARK}keep one of them"
        )
    if not beside:
        return config
    found = read_config(path.parent / beside[0])
    inner = found.get(INNER)
    if isinstance(inner, dict):
        found = {**{name: value for name, value in found.items() if name != INNER}, **inner}
    return {**config, QUANTIZED[0]: {"quant_method": SCHEMES[beside[0]], **found}}


def _once(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{where} has the key {twice} twice{HELP_MARK}leave one of them out")
    return values


def report_notes(notes: Iterable[str], program: str = "kl") -> None:
    """Say what of a published model is left out."""
    for note in notes:
        report(Diagnostic(note, severity="note"), {}, program)


def imported(
    files: Files,
    parameters: Mapping[str, Number],
    published: PublishedOptions,
    *,
    elsewhere: bool = False,
    quantize: str | None = None,
    cache_type: str | None = None,
) -> Imported:
    """The text of a published model.

    Patterns of `--ignore` may be for the tensors of another checkpoint, if `elsewhere`. `quantize` is the
    form of all matrices, of a model without checkpoint, and `cache_type` the type of its caches.

    Raises: InputError for what is not known or does not fit, files that cannot be read and options that say
        nothing; OSError.
    """
    from ..backends.checkpoints import read_checkpoint
    from ..backends.safetensors import CheckpointError
    from ..frontends.importing import Source, import_model
    from ..frontends.importing.checks import Tensor

    config = {} if files.config is None else with_quantization(files.config, read_config(files.config))
    if published.architecture is not None and files.config is not None:
        raise InputError(
            f"{shown_path(str(files.config))} says what it is, {config.get('model_type')}{HELP_MARK}"
            "--architecture is for a checkpoint without a config"
        )
    try:
        tensors = {} if files.checkpoint is None else read_checkpoint(files.checkpoint)
        headers = {name: Tensor(one.shape, one.dtype) for name, one in tensors.items()}
        source = Source(
            files.name,
            config,
            None if files.checkpoint is None else headers,
            published.ignore,
            parameters,
            recipes(),
            None if files.config is not None else published.architecture or "",
            quantize,
            cache_type,
        )
        found = import_model(source)
        if found.tied_copy is not None:
            _check_equal(*(tensors[name] for name in found.tied_copy))
    except CheckpointError as error:
        way_out = f"{HELP_MARK}{error.way_out}" if error.way_out else ""
        raise InputError(f"{error}{way_out}") from error
    except SourceError as error:  # it names a key or a tensor
        raise InputError(f"{shown_path(files.path)}: {error}") from error
    if found.unmatched and not elsewhere:
        raise InputError(
            f"--ignore '{found.unmatched[0]}' matches no key of the config and no unread tensor{HELP_MARK}"
            "leave it out"
        )
    return found


def check_plain(path: str, published: PublishedOptions | None) -> None:
    """Raises: InputError for `--architecture` of an input that says itself what it is."""
    if published is not None and published.architecture is not None:
        raise InputError(
            f"--architecture is for a checkpoint without a config{HELP_MARK}{shown_path(path)} is none"
        )


def _check_equal(copy: StoredTensor, original: StoredTensor) -> None:
    """Raises: CheckpointError where a stored copy of a tied head has other numbers than the embedding."""
    import numpy as np

    from ..backends.safetensors import CheckpointError

    one, two = copy.read(), original.read()
    alike = one.dtype == two.dtype and one.shape == two.shape
    if alike and np.array_equal(one.view(np.uint8), two.view(np.uint8)):
        return
    raise CheckpointError(
        f"{copy} is not equal to '{original.name}', though the config says that the head is tied",
        "say tie_word_embeddings = false in the config",
    )
