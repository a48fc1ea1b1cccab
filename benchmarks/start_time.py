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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("--help", "time mini", "time llama3_8b", "compare llama3_tiny")
CACHED = COMMANDS[1:]
IMPORTS = """
from kl.backends.sn40l import check, emit, timing
from kl.frontends import lowering, parser
from kl.tools import compilation, kl, lowering, variants
from kl.tools.commands import time
"""


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

    def uncached(self, command: str) -> dict[str, float]:
        """The seconds of one process that imports, and of one that runs a command."""
        imports = self.seconds("-c", IMPORTS)
        return {"imports": imports, "cold": self.seconds(*self._call(command))}

    def cached(self, command: str) -> dict[str, float]:
        """The seconds of one process that finds no result, and of one that finds it."""
        cache = str(self.folder / "results")
        shutil.rmtree(cache, ignore_errors=True)
        miss = self.seconds(*self._call(command), cache=cache)
        return {"miss": miss, "hit": self.seconds(*self._call(command), cache=cache)}

    def _call(self, command: str) -> tuple[str, ...]:
        return str(self.path / ".venv/bin/kl"), *command.split()


def least(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The least of each kind."""
    return {name: min(one[name] for one in runs) for name in (runs[0] if runs else ())}


def rows(command: str, new: Checkout, old: Checkout | None, runs: int) -> Iterator[tuple[str, ...]]:
    """The lines of a command's table: the kind, seconds before, the ratio, seconds now."""
    now: list[dict[str, float]] = []
    before: list[dict[str, float]] = []
    for _ in range(runs + 1):
        before += [] if old is None else [old.uncached(command)]
        now.append(new.uncached(command) | (new.cached(command) if command in CACHED else {}))
    base = least(before[1:])  # the first ones write byte code
    for name, seconds in least(now[1:]).items():
        was = base.get(name, base.get("cold"))
        yield name, *(("", "") if was is None else (f"{was:.2f}", f"{was / seconds:.1f}x")), f"{seconds:.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long kl takes from its start to its end.")
    parser.add_argument("--before", type=Path, metavar="DIR", help="a checkout to compare with")
    parser.add_argument(
        "--runs", type=int, default=5, metavar="N", help="processes of each kind (default: 5)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        new = Checkout(ROOT, Path(folder) / "new")
        old = None if options.before is None else Checkout(options.before.resolve(), Path(folder) / "old")
        for command in COMMANDS:
            table = Table("kind", "before, s", "faster", "now, s", title=f"kl {command}")
            for row in rows(command, new, old, options.runs):
                table.add_row(*row)
            Console().print(table)


if __name__ == "__main__":
    main()
