"""How fast the engine times a step, and how much it gains by not replaying iterations that are alike.

Run from the repository root: `.venv/bin/python benchmarks/engine_speed.py`. Prints, for models with their
looped kernels, the seconds of `time_step` with all iterations replayed and with jumps, and their ratio; then
what looking for a period costs where there is none. The reports must be equal; times are of the processor,
the best of some runs, as other work on the machine slows it down.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from kl.backends.sn40l import fast_forward
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.positions import context_length, position_inputs
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.report import Report
from kl.backends.targets import Choice
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

EXAMPLES = Path(__file__).parent.parent / "examples"
MODELS = (("mini", 1), ("llama3_2_1b", 1), ("llama3_8b", 1), ("llama3_70b", 8), ("llama3_405b", 16))
"""Examples and the sockets that they run on; the last one has 126 layers."""
RUNS = 5


def looped(name: str, sockets: int) -> Program:
    """The looped program of an example."""
    path = EXAMPLES / f"{name}.kl"
    module = load_model(path.read_text(encoding="utf-8"), path.name, {})
    set_machine(module, SN40L.with_values({"sockets": sockets}))
    lower(make_context(), module, "rdu", Choice())
    return emit_program(module, name)


def best(action: Callable[[], Report]) -> tuple[float, Report]:
    """Seconds of the fastest of some runs, and the result of the last one."""
    times: list[float] = []
    for _ in range(RUNS):
        start = time.process_time()
        result = action()
        times.append(time.process_time() - start)
    return min(times), result


def measure(name: str, sockets: int) -> list[str]:
    """A row of the table."""
    program = looped(name, sockets)
    scalars = position_inputs(program, (context_length(program) or 1) - 1)
    full, replayed = best(lambda: time_step(program, scalars, jump=False))
    jumping, jumped = best(lambda: time_step(program, scalars))
    with patch.object(fast_forward, "period_between", lambda *_: None):
        searching, _ = best(lambda: time_step(program, scalars))
    assert replayed == jumped, "jumps change nothing"
    layers = max(kernel.iterations for kernel in program.kernels)
    return [
        name,
        f"{sockets}",
        f"{layers}",
        f"{full * 1000:.1f} ms",
        f"{jumping * 1000:.1f} ms",
        f"{full / jumping:.1f}x",
        f"{(searching / full - 1) * 100:+.1f} %",
    ]


def main() -> None:
    """Measure and print."""
    gc.set_threshold(100_000)
    columns = ["model", "sockets", "layers", "full replay", "with jumps", "ratio", "search in vain"]
    table = Table(*columns, title="timing one step")
    for name, sockets in MODELS:
        table.add_row(*measure(name, sockets))
    console = Console(width=100)
    console.print(table)
    console.print("bars: 126 layers at least 20x and under 500 ms; a search in vain costs a few per cent")


if __name__ == "__main__":
    main()
