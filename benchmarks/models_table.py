"""A table of published models: what `kl` makes of each config, and what it takes on a machine.

Run from the repository root with the configs to read, files or folders as `kl` takes them:
`.venv/bin/python benchmarks/models_table.py configs/*.json --markdown table.md`. Each model is imported
as it is, without a parameter set by hand, and timed by `kl time` on 8 and on 16 sockets, looped, as a user
would do it. `claim` is the number of parameters in the file's name. `loops` are those of the looped program:
`4×(5×)` is a loop of 4 rounds with one of 5 inside. Shares are of the roofline, which counts the full HBM
bandwidth; a model that does not fit says by how much. `--jobs` takes several at once.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block
from xdsl.utils.exceptions import DiagnosticException

from kl.dialects.kernel import LoopOp
from kl.dialects.machine import SN40L
from kl.dialects.nn import CallOp
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context
from kl.tools.variants import VARIANTS

SOCKETS = (8, 16)
KL = (sys.executable, "-m", "kl.tools.kl")


@dataclass(frozen=True)
class Row:
    """A model."""

    name: str
    architecture: str
    parameters: int
    claim: str
    pattern: str
    loops: str
    calls: str
    speeds: tuple[str, ...]
    """On each number of sockets."""


class Refused(Exception):
    """A model that `kl` does not take, with its message."""


def run(*arguments: str) -> str:
    """What `kl` prints.

    Raises: Refused where it fails.
    """
    done = subprocess.run([*KL, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(next((line for line in done.stderr.splitlines() if "error:" in line), done.stderr))
    return done.stdout


def compressed(names: Sequence[str]) -> str:
    """Names in a row as runs and periods: `4 × [5 local, 1 global], 2 local`."""
    for period in range(2, len(names) // 2 + 1):
        rounds = next((n for n, name in enumerate(names) if name != names[n % period]), len(names)) // period
        if len(set(names[:period])) > 1 and rounds > 1:
            rest = names[period * rounds :]
            return ", ".join([f"{rounds} × [{runs(names[:period])}]", *([runs(rest)] if rest else [])])
    return runs(names)


def runs(names: Sequence[str]) -> str:
    """Names in a row: `5 local, 1 global`."""
    return ", ".join(f"{len([*same])} {name}" for name, same in groupby(names))


def pattern_of(module: ModuleOp) -> str:
    """The kinds of layers that a step calls."""
    return compressed([op.callee.root_reference.data for op in module.walk() if isinstance(op, CallOp)])


def loops_in(block: Block) -> Iterator[str]:
    """The loops of a body, each with those inside."""
    for op in block.ops:
        if isinstance(op, LoopOp):
            inside = " + ".join(loops_in(op.body.block))
            yield f"{op.count.value.data}×" + (f"({inside})" if inside else "")


def loops_of(module: ModuleOp) -> str:
    """The loops that a model on one socket is given."""
    set_machine(module, SN40L)
    lower(make_context(), module, "kernel", VARIANTS["looped"].choice)
    bodies = (op.regions[0].block for op in module.ops if op.regions and op.regions[0].blocks)
    return ", ".join(" + ".join(found) for body in bodies if (found := [*loops_in(body)])) or "none"


def timed(path: str, sockets: int, level: int) -> dict[str, Any]:
    """What `kl time` says of a level of optimisation.

    Raises: Refused where it does not fit.
    """
    return json.loads(run("time", path, "--sockets", str(sockets), f"-O{level}", "--json"))


def calls_on(path: str, sockets: int) -> str:
    """Kernel calls a token, unfused, fused and looped."""
    try:
        return " / ".join(f"{timed(path, sockets, level)['kernel_calls_per_token']:g}" for level in range(3))
    except Refused:
        return ""


def speed_on(path: str, sockets: int) -> str:
    """Tokens a second of the looped program and its share of the roofline, or why it was not timed."""
    try:
        found = timed(path, sockets, 2)
    except Refused as refused:
        short = re.search(r"([\d.]+ \w+) short", str(refused))
        return f"{short[1]} short a socket" if short else str(refused)
    return f"{found['tokens_per_second']:.0f} ({found['roofline_share']:.0%})"


def row_of(path: str, sockets: Sequence[int]) -> Row | str:
    """The row of a config, or why it is refused."""
    try:
        given = json.loads(run("import", path, "--json"))
    except Refused as refused:
        return f"{Path(path).stem}: {refused}"
    module = load_model(given["text"], path)
    pattern, speeds = pattern_of(module), [speed_on(path, number) for number in sockets]
    try:
        loops = loops_of(module)
    except DiagnosticException as error:
        loops = str(error).splitlines()[0]
    claim = re.search(r"(?:^|[-_])(\d+(?:\.\d+)?[bBmM])(?=$|[-_])", Path(path).stem)
    fits = [number for number, speed in zip(sockets, speeds, strict=True) if "short" not in speed]
    return Row(
        Path(path).stem,
        given["architecture"],
        given["parameters"],
        claim[1] if claim else "",
        pattern,
        loops,
        calls_on(path, fits[0]) if fits else "",
        tuple(speeds),
    )


def columns(sockets: Sequence[int]) -> list[str]:
    """What the table has."""
    own = [
        "model",
        "architecture",
        "parameters",
        "claim",
        "layers",
        "loops",
        "calls unfused / fused / looped",
    ]
    return [*own, *(f"tokens/s on {number} sockets (share)" for number in sockets)]


def cells(row: Row) -> list[str]:
    """The texts of a row."""
    own = [row.name, row.architecture, f"{row.parameters:,}", row.claim, row.pattern, row.loops, row.calls]
    return [*own, *row.speeds]


def markdown(rows: Sequence[Row], sockets: Sequence[int]) -> str:
    """The table in Markdown."""
    head = columns(sockets)
    lines = [head, ["---"] * len(head), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Print the table in Markdown; 1 where a model was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("configs", nargs="+", help="config.json files or folders")
    parser.add_argument("--sockets", type=int, nargs="+", default=SOCKETS)
    parser.add_argument("--jobs", type=int, default=1, help="models at a time")
    parser.add_argument("--markdown", help="write the table to this file, too")
    given = parser.parse_args()
    with ThreadPoolExecutor(given.jobs) as pool:
        made = pool.map(partial(row_of, sockets=given.sockets), given.configs)
        found = [*track(made, total=len(given.configs), console=Console(stderr=True))]
    rows = [row for row in found if isinstance(row, Row)]
    refused = [row for row in found if isinstance(row, str)]
    table = markdown(rows, given.sockets)
    print(table, end="")
    print("\n".join(refused))
    if given.markdown:
        Path(given.markdown).write_text(table, encoding="utf-8")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
