"""Malformed IR and malformed models: each gives one message with a position, exit code 1, and never
a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kl.tools.kl_opt import main

TESTS = Path(__file__).parents[1]
FILES = sorted([*TESTS.glob("bad_mlir/*.mlir"), *TESTS.glob("bad_models/*.kl")])
EXPECTED = re.compile(r"// error: (?P<place>\d+:\d+): (?P<text>.*)")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_one_positioned_error(path: Path, capsys: pytest.CaptureFixture[str]):
    expected = EXPECTED.match(path.read_bytes().split(b"\n")[0].decode())
    assert expected, "the first line says which error is expected"
    assert main([str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"{path}:{expected['place']}: error: {expected['text']}")
    assert captured.err.count("error:") == 1
    assert "Traceback" not in captured.err


def test_enough_files_of_each_kind():
    assert len([path for path in FILES if path.suffix == ".mlir"]) >= 10
