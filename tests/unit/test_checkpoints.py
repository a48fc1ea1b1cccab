"""Checkpoints of several files: nothing is read twice or left out, and an index says what is so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import save, save_index

from kl.backends.checkpoints import few, read_checkpoint
from kl.backends.safetensors import CheckpointError

ONE = np.ones((2, 3), np.float32)
A, B = "model-1.safetensors", "model-2.safetensors"
INDEX = "model.safetensors.index.json"


def shards(folder: Path) -> Path:
    """Two files and their index."""
    save(folder / A, {"a": ONE, "b": ONE})
    save(folder / B, {"c": ONE})
    save_index(folder / INDEX, {"a": A, "b": A, "c": B})
    return folder


def test_a_file_a_folder_and_an_index_hold_tensors(tmp_path: Path):
    shards(tmp_path)
    assert [*read_checkpoint(tmp_path / A)] == ["a", "b"]
    for path in (tmp_path, tmp_path / INDEX):
        assert {name: one.path.name for name, one in read_checkpoint(path).items()} == {
            "a": A,
            "b": A,
            "c": B,
        }
    (tmp_path / INDEX).unlink()
    assert [*read_checkpoint(tmp_path)] == ["a", "b", "c"]


def test_an_index_leaves_other_files_alone(tmp_path: Path):
    save(shards(tmp_path) / "consolidated.safetensors", {"x": ONE})
    assert [*read_checkpoint(tmp_path / INDEX)] == ["a", "b", "c"]


def reindexed(**files: object) -> Callable[[Path], object]:
    """Writes another index."""
    return lambda folder: save_index(folder / INDEX, files)  # type: ignore[arg-type]


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "a stray file": (
        lambda folder: save(folder / "old.safetensors", {"x": ONE}),
        "has 'old.safetensors', which model.safetensors.index.json does not name",
    ),
    "a name in two files": (
        lambda folder: save(folder / B, {"c": ONE, "b": ONE}),
        f"'b' stands both in .*{A} and in .*{B}",
    ),
    "a missing file": (
        lambda folder: (folder / B).unlink(),
        f"names '{B}', which is not there: it holds 'c'",
    ),
    "a missing tensor": (
        reindexed(a=A, b=A, c=B, d=B),
        f"says that 'd' is in {B}, which does not have it",
    ),
    "another file": (reindexed(a=A, b=B, c=B), f"says that 'b' is in {B}; it is in {A}"),
    "a tensor not named": (reindexed(a=A, c=B), f"does not name 'b' of {A}"),
    "a file elsewhere": (
        reindexed(a=A, b=A, c=f"../{B}"),
        f"the file of 'c' is '../{B}', not the name of one",
    ),
    "the folder itself": (
        reindexed(a=A, b=A, c=".."),
        "the file of 'c' is '..', not the name of one beside it",
    ),
    "no name": (reindexed(a=A, b=A, c=7), "the file of 'c' is 7, not the name of one beside it"),
    "nothing": (reindexed(), "is no index: it has no weight_map"),
    "a list": (lambda folder: (folder / INDEX).write_text("[]"), r"is no index: it is no object: \[\]"),
    "no JSON": (lambda folder: (folder / INDEX).write_text("{"), "is no index: it is malformed: Expecting"),
    "a name twice": (
        lambda folder: (folder / INDEX).write_text(f'{{"weight_map": {{"a": "{A}", "a": "{A}"}}}}'),
        "is no index: it is malformed: 'a' stands in it twice",
    ),
    "two indices": (
        lambda folder: save_index(folder / "model.fp16.safetensors.index.json", {"c": B}),
        "has several indices: 'model.fp16.safetensors.index.json', 'model.safetensors.index.json'",
    ),
    "a wrong file": (lambda folder: (folder / B).write_bytes(b"x"), f"{B} is no safetensors file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_folder_is_refused(tmp_path: Path, name: str):
    spoil, message = WRONG[name]
    spoil(shards(tmp_path))
    with pytest.raises(CheckpointError, match=message) as caught:
        read_checkpoint(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_without_an_index_a_name_stands_in_one_file(tmp_path: Path):
    save(tmp_path / "a.safetensors", {"x": ONE})
    save(tmp_path / "copy.safetensors", {"x": ONE})
    with pytest.raises(CheckpointError, match=r"'x' stands both in .*a\.safetensors and in .*copy\.safe"):
        read_checkpoint(tmp_path)


def test_a_folder_without_files_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(CheckpointError, match=r"is a folder without \.safetensors files"):
        read_checkpoint(tmp_path)


def test_few_names_are_shown():
    assert few(["a", "b", "c"]) == "'a', 'b', 'c'"
    assert few([*"abcde"]) == "'a', 'b', 'c' and 2 more"
