"""Looped or refused, the schedules of the loop-kernels tests run right: the engine gives the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.tools.kl import main as kl
from kl.tools.kl_opt import main as kl_opt

FILES = Path(__file__).parents[1] / "filecheck" / "passes"
PASSES = "outline-kernels,merge-identical-kernels,loop-kernels"
CASES = {
    f"{path.stem}-{number}": text
    for path in sorted(FILES.glob("loop-kernels*.mlir"))
    for number, text in enumerate(path.read_text().split("// -----\n"))
}


def test_there_are_cases():
    assert len(CASES) > 20


@pytest.mark.parametrize("case", CASES)
def test_the_program_gives_the_bits_of_the_reference(case: str, tmp_path: Path):
    given, looped = tmp_path / "given.mlir", tmp_path / "looped.mlir"
    given.write_text(CASES[case])
    assert kl_opt([str(given), "-p", PASSES, "-o", str(looped)]) == 0
    assert kl(["run", str(looped), "--steps", "2", "--check"]) == 0
