"""What of a checkpoint no weight reads: whole tensors, and rows or columns of those that are read in part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

from .checkpoints import few
from .parts import Part, Parts
from .safetensors import CheckpointError, StoredTensor
from .tensors import Array

WHOLE = "all of it"
"""What of a tensor is not read where no weight reads any of it."""


def check_read(
    tensors: Mapping[str, StoredTensor], read: Mapping[str, Sequence[Parts]], ignore: Sequence[str]
) -> dict[str, str]:
    """Tensors that are not read, or not wholly, and that a pattern of `ignore` lets pass: what of each.

    Raises: CheckpointError if there are others, or a pattern lets none pass.
    """
    left = {
        name: rest
        for name, tensor in tensors.items()
        if (rest := _unread(tensor.shape, read[name]) if name in read else WHOLE)
    }
    patterns = [pattern for pattern in ignore if pattern not in left]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in left):
            found = any(fnmatchcase(name, pattern) for name in tensors)
            which = "only tensors that the model reads" if found else "no tensor of the checkpoint"
            raise CheckpointError(f"--ignore '{pattern}' matches {which}")
    named = {*ignore}
    ignored = {
        name: rest
        for name, rest in left.items()
        if name in named or any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    _refuse(tensors, {name: rest for name, rest in left.items() if name not in ignored}, read)
    return ignored


def note_read(read: dict[str, list[Parts]], tensors: Iterable[StoredTensor], part: Parts) -> None:
    """Add to what is read of tensors, by their names."""
    for tensor in tensors:
        read.setdefault(tensor.name, []).append(part)


def _refuse(
    tensors: Mapping[str, StoredTensor], left: Mapping[str, str], read: Mapping[str, Sequence[Parts]]
) -> None:
    """Raises: CheckpointError if something is left, naming it."""
    if not left:
        return
    whole = [name for name in left if name not in read]
    name = next(iter(whole or left))
    those = "it" if whole else f"those {left[name].partition(' ')[0]}"
    way_out = f"a weight can read {those} with `from`, or --ignore '{name}' leaves {those} out"
    if whole:
        many = "tensors" if len(whole) > 1 else "a tensor"
        raise CheckpointError(f"the checkpoint has {many} that no weight reads: {few(whole)}", way_out)
    others = f", nor some of {few([*left][1:])}" if len(left) > 1 else ""
    raise CheckpointError(f"no weight reads {left[name]} of {tensors[name]}{others}", way_out)


def _unread(shape: Sequence[int], parts: Sequence[Parts]) -> str:
    """Which rows or columns of a tensor no part has; empty if there are none."""
    import numpy as np

    if (None, None) in parts:
        return ""
    rows, columns = (*shape[-2:], 1)[:2]
    row_masks, column_masks = _masks([r for r, _ in parts], rows), _masks([c for _, c in parts], columns)
    for which in np.unique(column_masks, axis=1).T:
        covered: Array = np.any(row_masks[which], axis=0)
        if not covered.all():
            alike: Array = np.all(which == column_masks.T, axis=1)
            texts = [f"rows {_runs(~covered)} of {rows}"] if covered.any() or alike.all() else []
            texts += [f"columns {_runs(alike)} of {columns}"] if not alike.all() else []
            return " in ".join(texts)
    return ""


def _masks(parts: Sequence[Part | None], extent: int) -> Array:
    """Per part which of an axis it has."""
    import numpy as np

    return np.stack([part.mask(extent) if part is not None else np.ones(extent, np.bool_) for part in parts])


def _runs(mask: Array) -> str:
    """The runs of ones of a mask: `0..4, 8..12 and 3 more`."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))).tolist()
    runs = [f"{first}..{last}" for first, last in [*pairwise(edges)][::2]]
    return ", ".join(runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
