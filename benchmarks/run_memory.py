"""How much memory `kl run` takes, beside the bytes of its weights: random ones, and those of a checkpoint.

Run from the repository root: `.venv/bin/python benchmarks/run_memory.py [--before DIR] [--steps N ...]`. The
model is `llama3_tiny` with other numbers, of 225 MB in bf16. Printed is the peak of resident memory that the
system counts for the process (`ru_maxrss`), mapped pages of the file among it, as MB and as a ratio: what is
more than the peak of a model of some kB, over the bytes of the weights.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
LARGE = {"layers": 8, "hidden": 1024, "heads": 16, "kv_heads": 4, "ffn": 3072, "vocab": 8192}
WRITE = """
import json, sys
import numpy as np
from pathlib import Path
from kl.backends.sn40l.serialize import load_program
from kl.backends.sn40l.signature import weight_specs
from kl.backends.weights import seeded_weights
program, path = map(Path, sys.argv[1:])
specs = weight_specs(load_program(program))
weights, header, end, arrays = seeded_weights(specs, 0), {}, 0, []
for spec in specs:
    for name, one in zip(spec.layer_names, weights.slices[spec.name]):
        one = one.swapaxes(-1, -2) if spec.transposed else one
        assert str(one.dtype) == "bfloat16" and one.flags.c_contiguous
        header[name] = {"dtype": "BF16", "shape": one.shape, "data_offsets": [end, end + one.nbytes]}
        end, arrays = end + one.nbytes, [*arrays, one]
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with path.open("wb") as file:
    file.write(len(text).to_bytes(8, "little") + text)
    for one in arrays:
        file.write(one.tobytes())
"""
"""Writes the random weights of a saved program as a checkpoint."""


def peak(checkout: Path, *arguments: str) -> tuple[float, float]:
    """The peak of resident memory of a process of Python or `kl`, in MB of 10^6 bytes; its user seconds."""
    program = "python" if arguments[0] == "-c" else "kl"
    command = [str(checkout / ".venv/bin" / program), *arguments]
    environment = {**os.environ, "KL_CACHE": "0"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{checkout}: {' '.join(arguments)} ends with {process.returncode}")
    return used.ru_maxrss * 1024 / 1e6, used.ru_utime


def parameters() -> list[str]:
    """The options that make the model large."""
    return [word for name, value in LARGE.items() for word in ("--param", f"{name}={value}")]


def rows(checkout: Path, folder: Path, steps: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """What is run, the bytes of its weights, its peak, the ratio and the time."""
    program, weights = folder / "program.json", folder / "model.safetensors"
    peak(ROOT, "compile", "llama3_tiny", *parameters(), "--to", "program", "-o", str(program))
    peak(ROOT, "-c", WRITE, str(program), str(weights))
    run, size = ("run", "llama3_tiny"), weights.stat().st_size / 1e6
    base, seconds = peak(checkout, *run)
    yield "llama3_tiny", "", f"{base:.0f}", "", f"{seconds:.1f}"
    given = ["--weights", str(weights)]
    runs = [
        (f"{name}, {n} steps", [*more, "--steps", str(n)])
        for name, more in (("random", []), ("checkpoint", given))
        for n in steps
    ]
    for name, more in [*runs, ("checkpoint, 1 step, --check", [*given, "--check"])]:
        most, seconds = peak(checkout, *run, *parameters(), *more)
        yield name, f"{size:.0f}", f"{most:.0f}", f"{(most - base) / size:.2f}", f"{seconds:.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--steps", type=int, nargs="+", default=[2, 20])
    options = parser.parse_args(arguments)
    table = Table("checkout", "run", "weights MB", "peak MB", "ratio", "user s")
    for checkout in filter(None, (options.before, ROOT)):
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(checkout, Path(folder), options.steps):
                table.add_row(str(checkout.name), *row)
    Console().print(table)


if __name__ == "__main__":
    main()
