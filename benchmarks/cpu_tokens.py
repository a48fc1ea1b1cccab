"""How fast this computer decodes, and what looping kernels gains on it: measured, variants in turn.

Run from the repository root: `.venv/bin/python benchmarks/cpu_tokens.py`. For each model (`--models`) it
measures steps of unfused, fused, looped and stepped programs and, with torch installed (the extra `oracle`),
a step by torch in bf16, round by round; then prints tokens/s, the bandwidth of weights and its share of what
a loop that only reads a gigabyte reaches, ratios with 95 % intervals of their medians, what a boundary
between kernels costs, and the peak memory of another process that makes steps. All weights are random.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from cpu_models import SHAPES, VARIANTS, program
from cpu_torch import torch_step

from kl.backends.cpu.calibration import Probes
from kl.backends.cpu.program import available_cores
from kl.backends.cpu.timing import Measurement, measured_in_turn
from kl.backends.measured import Measured, median_interval

ROUNDS = 15
MIB = 1 << 20
Rows = list[list[str]]


def measure(name: str, arguments: argparse.Namespace, read: float) -> tuple[Rows, Rows, Rows]:
    """The rows of a model in the tables of speeds, ratios and memory."""
    machine = {"threads": arguments.threads, "sum_bits": 32 if arguments.fast else 64}
    ours = {one: _loaded(name, one, arguments.position, machine) for one in VARIANTS}
    torch = torch_step(SHAPES[name], arguments.position, arguments.threads)
    names, calls = [*ours], [_after_one(one.executor.run_calls, one.call) for one in ours.values()]
    if torch is not None:
        names, calls = [*names, "torch bf16"], [*calls, _after_one(torch, _timed(torch))]
    found = dict(zip(names, measured_in_turn(calls, ROUNDS), strict=True))
    steps = {one: ours[one].program.steps if one in ours else 1 for one in found}
    own = [_speed(name, one, found[one], steps[one], ours.get(one), read) for one in found]
    return own, [*_ratios(name, found, steps, ours)], [_memory(name, arguments)]


def _loaded(name: str, variant: str, position: int, machine: dict[str, int]) -> Measurement:
    """A variant whose last step is at the position; there is room for no more."""
    made = program(name, variant, position + 1, machine)
    one = Measurement(made, position + 1 - made.steps)
    one.prepare()
    return one


def _timed(call: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    return timed


def _after_one(call: Callable[[], object], timed: Callable[[], float]) -> Callable[[], float]:
    """What is timed runs once before, so that it finds its threads awake and caches as it leaves them."""

    def both() -> float:
        call()
        return timed()

    return both


def _speed(
    name: str, variant: str, found: Measured, steps: int, ours: Measurement | None, read: float
) -> list[str]:
    step, weights = found.median / steps, 2 * SHAPES[name].weights
    low, high = (found.percentile(share) / steps for share in (0.1, 0.9))
    calls = "" if ours is None else f"{ours.kernel_calls / steps:g}"
    return [
        *(name, variant, calls, f"{step * 1e3:.3f}", f"{low * 1e3:.3f} to {high * 1e3:.3f}"),
        *(f"{1 / step:.1f}", f"{weights / step / 1e9:.2f}", f"{weights / step / read:.0%}"),
    ]


def _ratios(
    name: str, found: dict[str, Measured], steps: dict[str, int], ours: dict[str, Measurement]
) -> Iterator[list[str]]:
    """How many times as fast one is as another, and what each call that it saves costs."""
    pairs = [("fused", "unfused"), ("looped", "fused"), ("looped", "unfused"), ("stepped", "looped")]
    for one, base in [*pairs, *([("looped", "torch bf16")] if "torch bf16" in found else [])]:
        ratio = found[one].ratio(found[base], steps[one] / steps[base])
        cells = [name, f"{one} over {base}", f"{ratio.times:.3f}", f"{ratio.low:.3f} to {ratio.high:.3f}"]
        if base not in ours:
            yield [*cells, "", "", ""]
            continue
        saved = ours[base].kernel_calls / steps[base] - ours[one].kernel_calls / steps[one]
        both = zip(found[base].samples, found[one].samples, strict=True)
        costs = tuple((slow / steps[base] - fast / steps[one]) / saved * 1e6 for slow, fast in both)
        low, high = median_interval(costs)
        yield [*cells, f"{saved:g}", f"{median(costs):.2f}", f"{low:.2f} to {high:.2f}"]


def _memory(name: str, arguments: argparse.Namespace) -> list[str]:
    """The peak of another process that makes a step of the looped program."""
    command = [sys.executable, __file__, "--memory-of", name, "--position", f"{arguments.position}"]
    command += ["--threads", f"{arguments.threads}", *(["--fast"] if arguments.fast else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, peak = map(int, done.stdout.split())
    weights = 2 * SHAPES[name].weights
    cells = [name, *(f"{one / MIB:.0f}" for one in (weights, peak, before))]
    return [*cells, f"{peak / weights:.2f}", f"{(peak - before) / weights:.2f}"]


def print_memory(arguments: argparse.Namespace) -> None:
    """Print the most bytes that this process has had: before it loads weights, and behind a step."""
    machine = {"threads": arguments.threads, "sum_bits": 32 if arguments.fast else 64}
    made = program(arguments.memory_of, "looped", arguments.position + 1, machine)
    one, before = Measurement(made, arguments.position), _peak()
    one.executor.step(one.inputs)
    print(before, _peak())


def _peak() -> int:
    """The most bytes that this process has had; the system's own count has those of its parent, too."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def print_table(columns: Sequence[str], rows: Rows, *, markdown: bool) -> None:
    """Print a table, for people or as markdown; all but the first two columns are numbers."""
    print()
    if markdown:
        rules = ["---" if number < 2 else "--:" for number in range(len(columns))]
        for row in [[*columns], rules, *rows]:
            print(f"| {' | '.join(row)} |")
        return
    widths = [max(len(row[number]) for row in [[*columns], *rows]) for number in range(len(columns))]
    for row in [[*columns], *rows]:
        cells = zip(row, widths, strict=True)
        print("  ".join(f"{one:<{w}}" if n < 2 else f"{one:>{w}}" for n, (one, w) in enumerate(cells)))


SPEEDS = ("model", "variant", "calls", "ms/token", "10 % to 90 %", "tokens/s", "GB/s", "of reads")
RATIOS = ("model", "what", "times", "95 %", "calls saved", "µs each", "95 %")
MEMORY = ("model", "MiB of weights", "peak", "of that before", "peak over weights", "without before")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="micro,135M,1B", help="of micro, 135M and 1B, with commas")
    parser.add_argument(
        "--position", type=int, default=127, help="of the (last) token; the context ends there"
    )
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--fast", action="store_true", help="sums in f32 and in any order")
    parser.add_argument("--markdown", action="store_true", help="print tables for a page")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure all models and print the tables."""
    arguments = parsed()
    if arguments.memory_of is not None:
        print_memory(arguments)
        return
    probes = Probes(arguments.threads)
    read = median(probes.read_bandwidth() for _ in range(6))
    how = f"threads: {arguments.threads}, {'fast' if arguments.fast else 'exact'}"
    print(f"{how}, position {arguments.position}; a loop that only reads 1 GiB: {read / 1e9:.2f} GB/s")
    del probes
    tables = [measure(name, arguments, read) for name in arguments.models.split(",")]
    for columns, parts in zip((SPEEDS, RATIOS, MEMORY), zip(*tables, strict=True), strict=True):
        print_table(columns, [row for part in parts for row in part], markdown=arguments.markdown)


if __name__ == "__main__":
    main()
