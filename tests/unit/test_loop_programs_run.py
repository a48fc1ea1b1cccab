"""Looped or refused, the schedules of the loop-kernels tests run right: the engine gives the reference's bits."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.tools.kl import main

FILES = Path(__file__).parents[1] / "filecheck" / "passes"
CASES = {
    f"{path.stem}-{number}": text
    for path in sorted(FILES.glob("loop-kernels*.mlir"))
    for number, text in enumerate(path.read_text().split("// -----\n"))
}


def test_there_are_cases():
    assert len(CASES) > 20


@pytest.mark.parametrize("case", CASES)
def test_the_program_gives_the_bits_of_the_reference(case: str, tmp_path: Path):
    file = tmp_path / "case.mlir"
    file.write_text(CASES[case])
    assert main(["run", str(file), "--steps", "2", "--check"]) == 0
