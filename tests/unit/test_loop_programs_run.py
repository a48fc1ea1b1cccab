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


def cases():
    """The cases; those that stack weights wait for the check of a program's arguments.

    It wants an argument within one region, and the parts of a `kernel.stack` are neighbouring regions.
    """
    spans_regions = pytest.mark.xfail(strict=True, reason="an argument may not span regions")
    stacking = {name for name, text in CASES.items() if "kernel.stack" in text}
    return [pytest.param(name, marks=spans_regions if name in stacking else ()) for name in CASES]


@pytest.mark.parametrize("case", cases())
def test_the_program_gives_the_bits_of_the_reference(case: str, tmp_path: Path):
    given, looped = tmp_path / "given.mlir", tmp_path / "looped.mlir"
    given.write_text(CASES[case])
    assert kl_opt([str(given), "-p", PASSES, "-o", str(looped)]) == 0
    assert kl(["run", str(looped), "--steps", "2", "--check"]) == 0
