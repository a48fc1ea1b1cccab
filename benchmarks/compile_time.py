"""How compile time grows with the number of layers: it should grow with the number of different kernels.

Run from the repository root: `.venv/bin/python benchmarks/compile_time.py`. Prints the time from the model's
text to the program for 8, 32, 126 and 1000 layers of Llama-3.1-8B, the ratio to 8 layers, and the time of
`kl time` on the real model as a whole process. Medians; the machine's speed varies, the ratios hardly.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kl.backends.sn40l.emit import emit_program
from kl.backends.targets import Choice
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

MODEL = Path(__file__).parent.parent / "examples" / "llama3_8b.kl"
LAYERS = (8, 32, 126, 1000)
RUNS = 7
BAR = 3.0
"""1000 layers may cost at most so many times what 8 cost."""


def seconds_to_program(layers: int) -> float:
    """Seconds from the model's text to its program, looped, with this many layers."""
    text = MODEL.read_text(encoding="utf-8")
    start = time.perf_counter()
    module = load_model(text, MODEL.name, {"layers": layers})
    # 1000 layers are no model that fits a socket; how long compiling takes does not depend on that.
    set_machine(module, SN40L.with_values({"hbm_bytes": 2**50}))
    lower(make_context(), module, "rdu", Choice())
    emit_program(module, "benchmark")
    return time.perf_counter() - start


def seconds_to_result() -> float:
    """Seconds of `kl time` on the real model as a process, imports included."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "kl.tools.kl", "time", str(MODEL)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "KL_CACHE": "0"})
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    gc.set_threshold(100_000)
    seconds_to_program(2)
    console = Console()
    table = Table("layers", "text to program", "ratio to 8", title="compile time, looped")
    times = {n: statistics.median(seconds_to_program(n) for _ in range(RUNS)) for n in LAYERS}
    for layers, seconds in times.items():
        table.add_row(str(layers), f"{seconds * 1000:.0f} ms", f"{seconds / times[8]:.2f}x")
    console.print(table)
    console.print(f"bar: 1000 layers at most {BAR:.0f}x of 8 layers")
    whole = statistics.median(seconds_to_result() for _ in range(3))
    console.print(f"kl time {MODEL.name}, whole process: {whole:.2f} s; bar: 5 s")


if __name__ == "__main__":
    main()
