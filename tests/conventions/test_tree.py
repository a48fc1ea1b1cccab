"""The tree holds nothing of the machine that it was written on, and no leftovers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN_PATHS = re.compile(r"(?<![\w./}])/(?:work|root|home|Users)/\w")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def tracked_files() -> list[Path]:
    """The files under version control that hold text; none where this is no checkout, or git is missing."""
    if shutil.which("git") is None:
        return []
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    paths = [ROOT / line for line in done.stdout.splitlines()]
    return [path for path in paths if path.is_file() and path.suffix != ".safetensors"]


@pytest.mark.parametrize("pattern", [FOREIGN_PATHS, UNFINISHED], ids=["foreign paths", "unfinished"])
def test_no_file_holds(pattern: re.Pattern[str]):
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in tracked_files()}
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if pattern.search(text)] == []
