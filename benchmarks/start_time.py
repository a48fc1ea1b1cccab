"""How long `kl` takes from its start to its end: cold, and with its result in the cache.

Run from the repository root: `.venv/bin/python benchmarks/start_time.py [--before DIR] [--runs N]`. Prints
the least user seconds of several processes, as ratios to those of the checkout `--before` where one is given:

- `imports` is a process that imports what the command does, and ends;
- `cold` runs the command with the cache off;
- `miss` runs it with an empty cache, whose entry it writes;
- `hit` runs it again.

Byte code is there in all of them. Processes of both checkouts take turns, so that both meet the same load.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("--help", "time mini", "time llama3_8b", "compare llama3_tiny")
CACHED = COMMANDS[1:]
MODULES = "kl, diagnostics, compilation, variants"


@dataclass(frozen=True)
class Checkout:
    """A checkout with its own `.venv`, and a folder for byte code and cached results."""

    path: Path
    folder: Path

    def seconds(self, *arguments: str, cache: str = "0") -> float:
        """The user seconds of a Python process with these arguments."""
        variables = {**os.environ, "KL_CACHE": cache, "PYTHONPYCACHEPREFIX": str(self.folder / "code")}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        process = subprocess.Popen(
            [str(self.path / ".venv/bin/python"), *arguments],
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.path}: {' '.join(arguments)} ends with {process.returncode}")
        return used.ru_utime

    def measures(self, command: str, *, cached: bool) -> dict[str, float]:
        """The seconds of one process of each kind."""
        call = (str(self.path / ".venv/bin/kl"), *command.split())
        found = {"imports": self.seconds("-c", f"from kl.tools import {MODULES}")} if cached else {}
        found["cold"] = self.seconds(*call)
        if cached:
            cache = str(self.folder / "results")
            shutil.rmtree(cache, ignore_errors=True)
            found["miss"] = self.seconds(*call, cache=cache)
            found["hit"] = self.seconds(*call, cache=cache)
        return found


def least(runs: Iterator[dict[str, float]]) -> dict[str, float]:
    """The least of each kind."""
    all_runs = list(runs)
    return {name: min(one[name] for one in all_runs) for name in all_runs[0]}


def rows(command: str, new: Checkout, old: Checkout | None, runs: int) -> Iterator[tuple[str, ...]]:
    """The lines of a command's table: what, seconds before, seconds now, the ratio."""
    turns: list[tuple[dict[str, float], dict[str, float] | None]] = []
    for _ in range(runs + 1):
        before = None if old is None else old.measures(command, cached=command in CACHED)
        turns.append((new.measures(command, cached=command in CACHED), before))
    measured = least(one for one, _ in turns[1:])  # the first writes byte code
    given = {} if old is None else least(one for _, one in turns[1:] if one is not None)
    for name, seconds in measured.items():
        base = given.get(name if name == "imports" else "cold")
        ratio = "" if base is None else f"{base / seconds:.1f}x"
        yield command, name, "" if base is None else f"{base:.2f}", f"{seconds:.2f}", ratio


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, metavar="DIR", help="a checkout to compare with")
    parser.add_argument(
        "--runs", type=int, default=5, metavar="N", help="processes of each kind (default: 5)"
    )
    options = parser.parse_args()
    table = Table("command", "kind", "before, s", "now, s", "faster")
    with tempfile.TemporaryDirectory() as folder:
        new = Checkout(ROOT, Path(folder) / "new")
        old = None if options.before is None else Checkout(options.before.resolve(), Path(folder) / "old")
        for command in COMMANDS:
            for row in rows(command, new, old, options.runs):
                table.add_row(*row)
            table.add_section()
    Console().print(table)


if __name__ == "__main__":
    main()
