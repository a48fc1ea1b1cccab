"""The options of `kl run` that change how steps end: what they write, and where they are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import kl
from kl.tools.kl import main

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples" / "llama3_tiny.kl")
MINI = str(ROOT / "examples" / "mini.kl")

Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["run", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: Capture, *arguments: str) -> str:
    capsys.readouterr()
    assert main(["run", *arguments]) == 1
    return capsys.readouterr().err


def test_logits_of_all_steps_are_written(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "logits.npy"
    path.write_text("old")
    found = document(capsys, TINY, "--tokens", "3,5", "--steps", "3", "--logits", str(path))
    logits = np.load(path)
    assert found["logits"] == str(path)
    assert logits.shape == (4, 1, 256), "those of the prompt's own steps, too"
    assert logits.dtype == np.float32
    seen = [one["values"] for step in found["steps"] for one in step["observed"]]
    assert np.array_equal(logits, np.array(seen, np.float32))
    assert found["prompts"][0]["made"] == logits[1:, 0].argmax(axis=-1).tolist()
    assert [*tmp_path.iterdir()] == [path]


def test_the_table_does_not_repeat_the_file(tmp_path: Path, capsys: Capture) -> None:
    assert main(["run", TINY, "--steps", "2", "--logits", str(tmp_path / "l.npy")]) == 0
    assert "logits" not in capsys.readouterr().out


def test_the_seed_draws_and_temperature_decides(capsys: Capture) -> None:
    def made(*options: str) -> list[int]:
        return document(capsys, TINY, "--tokens", "3", "--steps", "6", *options)["prompts"][0]["made"]

    greedy = made()
    assert made("--top-k", "1") == made("--top-p", "1e-9") == greedy
    hot = made("--temperature", "2")
    assert made("--temperature", "2", "--seed", "0") == hot != greedy
    assert made("--temperature", "2", "--check", "--model", TINY) == hot


def test_python_takes_the_same(tmp_path: Path, capsys: Capture) -> None:
    compiled = kl.compile(TINY)
    said = document(capsys, TINY, "--tokens", "3", "--steps", "4", "--temperature", "1.5", "--top-k", "9")
    path = tmp_path / "logits.npy"
    found = compiled.run(tokens=[3], steps=4, temperature=1.5, top_k=9, logits=path, check=True)
    assert [*map(list, found.made)] == [said["prompts"][0]["made"]]
    assert found.equal
    assert np.load(path).shape == (4, 1, 256)
    assert compiled.run(tokens=[3], steps=4).made != found.made, "the compilation stays what it was"
    for value in (0, -1, float("nan")):
        with pytest.raises(kl.Error, match=r"temperature: .* is not a number above 0"):
            compiled.run(tokens=[3], temperature=value)
    with pytest.raises(kl.Error, match="it takes a number"):
        compiled.run(tokens=[3], top_p="much")  # type: ignore[arg-type]


def test_where_the_end_of_steps_cannot_be_changed(tmp_path: Path, capsys: Capture) -> None:
    path, program = str(tmp_path / "logits.npy"), str(tmp_path / "tiny.json")
    assert main(["compile", TINY, "--to", "program", "-o", program]) == 0
    for options in (["--logits", path], ["--temperature", "2"]):
        said = refused(capsys, program, *options)
        assert "tiny.json has its kernels already" in said
        assert "help: --temperature, --top-k, --top-p and --logits change how the steps" in said
        with pytest.raises(kl.Error, match="has its kernels already"):
            kl.compile(program).run(temperature=2.0)
    assert "a call makes 2" in refused(
        capsys, TINY, "--logits", path, "--steps", "2", "--steps-per-call", "2"
    )
    assert "is no file in a folder" in refused(capsys, TINY, "--logits", str(tmp_path))
    assert "is no file in a folder" in refused(capsys, TINY, "--logits", str(tmp_path / "no" / "l.npy"))
    assert "--logits - would write" in refused(capsys, TINY, "--logits", "-")
    assert "the step has 0 inputs that are a position" in refused(capsys, MINI, "--temperature", "2")
    assert "tokens are drawn by one of up to" in refused(capsys, TINY, "--top-k", "2", "--seed", str(2**63))
    assert not Path(path).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device without room")
def test_logits_that_cannot_be_written_are_named(tmp_path: Path, capsys: Capture) -> None:
    assert "--logits /dev/full cannot be written: No space" in refused(capsys, TINY, "--logits", "/dev/full")
    path = tmp_path / "l.npy"
    path.write_text("before")
    with patch.object(np, "save", _full):
        assert f"--logits {path} cannot be written: No space" in refused(capsys, TINY, "--logits", str(path))
    assert [one.name for one in tmp_path.iterdir()] == ["l.npy"]
    assert path.read_text() == "before"


def _full(path: object, values: object) -> None:
    raise OSError(28, "No space left")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", "0"], "0 is not a number above 0"),
        (["--temperature", "inf"], "inf is not a number above 0"),
        (["--top-p", "1.5"], "1.5 is not a number above 0, and 1 at most"),
        (["--top-p", "x"], "'x' is no number"),
        (["--top-k", "0"], "0 is not positive"),
    ],
)
def test_wrong_values_are_usage(options: list[str], message: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["run", TINY, *options])
    assert message in capsys.readouterr().err
