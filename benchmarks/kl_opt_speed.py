"""User time of `kl-opt` against `xdsl-opt` on the same files, as whole processes.

Run from the repository root: `.venv/bin/python benchmarks/kl_opt_speed.py [RUNS]`. The two run in turn, so
that a machine whose speed drifts changes both; the ratio is the median of those of the pairs. Measured are an
empty module, which is the time of starting up, and a function of additions, printed as it is, in generic
form, and after passes. `kl-opt` checks dominance and knows where each operation stands; `xdsl-opt` does not.
Exit code 1 where a ratio is above the bar.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

BAR = 1.15
"""User time may be so many times that of `xdsl-opt`."""
ADDITIONS = 1000
CASES = {
    "start-up": ("empty", ()),
    "parse and print": ("large", ()),
    "generic form": ("large", ("--print-op-generic",)),
    "three passes": ("large", ("-p", "cse,canonicalize,dce")),
}
"""By name, the file and the options."""


def write_files(folder: Path) -> None:
    """The modules that the cases read."""
    adds = [f"  %x{i + 1} = arith.addi %x{i}, %x{max(0, i - 3)} : i32\n" for i in range(ADDITIONS)]
    body = f"func.func @f(%x0: i32) -> i32 {{\n{''.join(adds)}  func.return %x{ADDITIONS} : i32\n}}\n"
    (folder / "empty.mlir").write_text("builtin.module {\n}\n")
    (folder / "large.mlir").write_text(body)


def user_seconds(command: list[str]) -> float:
    """User time of a process and what it starts."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime


def measure(file: Path, options: tuple[str, ...], runs: int) -> list[tuple[float, float]]:
    """Seconds of `xdsl-opt` and of `kl-opt`, in pairs; the first pair fills caches and is left out."""
    tools = [str(Path(sys.executable).parent / name) for name in ("xdsl-opt", "kl-opt")]
    pairs = [tuple(user_seconds([tool, str(file), *options]) for tool in tools) for _ in range(runs + 1)]
    return [(theirs, ours) for theirs, ours in pairs[1:]]


def main(arguments: list[str]) -> int:
    """Measure, print, and compare with the bar."""
    runs = int(arguments[0]) if arguments else 7
    table = Table("", "xdsl-opt", "kl-opt", "ratio", title="user time")
    worst = 0.0
    with TemporaryDirectory() as folder:
        write_files(Path(folder))
        for name, (file, options) in CASES.items():
            pairs = measure(Path(folder) / f"{file}.mlir", options, runs)
            theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(us / them for them, us in pairs)
            worst = max(worst, ratio)
            table.add_row(name, f"{theirs:.2f} s", f"{ours:.2f} s", f"{ratio:.2f}x")
    console = Console()
    console.print(table)
    console.print(f"bar: at most {BAR:.2f}x")
    return int(worst > BAR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
