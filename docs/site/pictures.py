"""The pictures of `docs/gallery.md`, drawn by the commands that stand there.

Run from the repository root: `.venv/bin/python docs/site/pictures.py`, or `make pictures`. A command that
writes pictures (`--svg FOLDER`) runs in a folder of its own, beside the examples; those that the page shows
are kept. A test draws those again whose commands stand in `sh` blocks, and compares; a `text` block takes too
long for it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

DOCS = Path(__file__).parents[1]
PAGE = DOCS / "gallery.md"
COMMAND = re.compile(r"^kl .*--svg (\S+).*$", re.MULTILINE)
SHOWN = re.compile(r"!\[[^\]]*\]\((\S+\.svg)\)")


def commands() -> list[str]:
    """The commands of the page that write pictures."""
    return [match[0] for match in COMMAND.finditer(PAGE.read_text(encoding="utf-8"))]


def shown() -> list[str]:
    """The pictures that the page shows, as paths from its folder."""
    return SHOWN.findall(PAGE.read_text(encoding="utf-8"))


def stale(folder: Path) -> list[str]:
    """The pictures of the page that differ from those that have been drawn in a folder."""
    drawn = (name for name in shown() if (folder / name).parent.is_dir())
    return [name for name in drawn if _bytes(folder / name) != _bytes(DOCS / name)]


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def keep(folder: Path, names: Sequence[str]) -> None:
    """Replace the pictures beside the page by those that have been drawn in a folder."""
    for match in map(COMMAND.match, commands()):
        assert match is not None, "it was found so"
        shutil.rmtree(DOCS / match[1], ignore_errors=True)
    for name in names:
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, DOCS / name)


def main() -> None:
    """Draw all pictures, and keep them where every command has succeeded."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "examples").symlink_to(DOCS.parent / "examples")
        for command in commands():
            print(command, flush=True)
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            done = subprocess.run(
                ["sh", "-c", f"{command} >&2"], cwd=folder, check=False, env={**os.environ, "PATH": path}
            )
            if done.returncode != 0:
                sys.exit(f"error: {command} fails, no picture is changed")
        if missing := [name for name in shown() if not (folder / name).is_file()]:
            sys.exit(f"error: no command of {PAGE.name} draws {', '.join(missing)}")
        keep(folder, shown())


if __name__ == "__main__":
    main()
