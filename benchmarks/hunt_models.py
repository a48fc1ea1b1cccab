"""Checks random models in all variants, and says what the models bring together and what does not hold.

Run from the repository root: `.venv/bin/python benchmarks/hunt_models.py --seed 0 --count 2000 --jobs 2`.
Each model is compiled in every variant of `kl compare`, run with data beside the reference, timed without
data with and without jumps, and the calls that its loops leave are compared with the fewest that there are
(`tests/unit/model_checks.py`). Of all findings of one likeness the seeds are printed, and the smallest model
that shows it. A seed always gives the same model. Exit code 1 means that there are findings; a model that the
compiler refuses is one, as all of these models ought to work.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from multiprocessing import get_context
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))
from layer_models import Model, model_text
from layer_models_ir import is_said_by_language, machine_changes, model_module
from model_checks import Checked, Facts, Finding, check_model
from model_reduction import reduced
from random_models import random_model

SHOWN_SEEDS = 12
"""Of each finding; the others are counted."""


@dataclass
class Hunt:
    """What has been found so far."""

    models: int = 0
    mix: Counter[str] = field(default_factory=Counter[str])
    """How many models have what `Facts` names."""
    calls: Counter[int] = field(default_factory=Counter[int])
    """How many models have so many calls before looping."""
    found: dict[tuple[str, str], list[tuple[int, Finding]]] = field(
        default_factory=dict[tuple[str, str], list[tuple[int, Finding]]]
    )

    def add(self, seed: int, checked: Checked) -> None:
        """Count a model."""
        self.models += 1
        for finding in checked.findings:
            self.found.setdefault(finding.likeness, []).append((seed, finding))
        if checked.facts is not None:
            self.calls[checked.facts.calls] += 1
            for one in fields(Facts):
                self.mix[one.name] += bool(getattr(checked.facts, one.name))


def checked_seed(seed: int) -> tuple[int, Checked]:
    """The model of a seed, checked."""
    return seed, check_model(random_model(Random(seed)))


def checked_seeds(first: int, count: int, jobs: int) -> Iterator[tuple[int, Checked]]:
    """The models of some seeds, checked by some processes, in the order in which they are done."""
    seeds = range(first, first + count)
    if jobs == 1:
        yield from map(checked_seed, seeds)
        return
    with get_context("spawn").Pool(jobs, gc.set_threshold, (100_000,)) as pool:
        yield from pool.imap_unordered(checked_seed, seeds, chunksize=4)


def smallest(seed: int, finding: Finding) -> Model:
    """The smallest model that shows a finding of that of a seed."""

    def shows(model: Model) -> bool:
        return any(one.likeness == finding.likeness for one in check_model(model).findings)

    return reduced(random_model(Random(seed)), shows)


def model_as_text(model: Model) -> str:
    """A model as the text of a file, and what its machine must be set to."""
    module = model_module(model)
    options = "".join(f" --set {name}={value}" for name, value in machine_changes(model, module).items())
    text = model_text(model) if is_said_by_language(model) else str(module)
    return f"// options:{options or ' none'}\n{text.strip()}"


def print_mix(hunt: Hunt, console: Console) -> None:
    """What the models bring together."""
    table = Table("models with", "number", "share", title=f"{hunt.models} random models")
    for one in fields(Facts):
        if one.name != "calls":
            share = hunt.mix[one.name] / max(hunt.models, 1)
            table.add_row(one.name.replace("_", " "), f"{hunt.mix[one.name]}", f"{100 * share:.0f} %")
    small = sum(number for calls, number in hunt.calls.items() if calls <= 12)
    table.add_row("12 calls at most", f"{small}", f"{100 * small / max(hunt.models, 1):.0f} %")
    console.print(table)


def print_findings(hunt: Hunt, console: Console, *, reduce: bool) -> None:
    """Each kind of finding with its seeds and the smallest model."""
    for found in hunt.found.values():
        seed, finding = found[0]
        seeds = sorted({seed for seed, _ in found})
        shown = ", ".join(map(str, seeds[:SHOWN_SEEDS])) + (", …" if len(seeds) > SHOWN_SEEDS else "")
        variants = ", ".join(dict.fromkeys(one.variant for _, one in found))
        console.print(f"\n{finding.kind} ({variants}), {len(seeds)} models, seeds {shown}", markup=False)
        console.print(finding.message, markup=False, highlight=False)
        if reduce:
            console.print(model_as_text(smallest(seed, finding)), markup=False, highlight=False)


def main() -> int:
    """Hunt and print; 1 if there are findings."""
    parser = argparse.ArgumentParser(description="check random models in all variants")
    parser.add_argument("--seed", type=int, default=0, help="of the first model (default: 0)")
    parser.add_argument("--count", type=int, default=100, help="models, with seeds in a row (default: 100)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--no-reduce", action="store_true", help="do not look for the smallest model")
    given = parser.parse_args()
    gc.set_threshold(100_000)
    console, hunt, start = Console(width=140, soft_wrap=True), Hunt(), time.perf_counter()
    for seed, checked in checked_seeds(given.seed, given.count, given.jobs):
        hunt.add(seed, checked)
        if sys.stderr.isatty():
            print(f"\r{hunt.models} of {given.count}", end="", file=sys.stderr)
    seconds = time.perf_counter() - start
    print_mix(hunt, console)
    console.print(f"seeds {given.seed} to {given.seed + given.count - 1}, {seconds:.0f} s")
    print_findings(hunt, console, reduce=not given.no_reduce)
    if not hunt.found:
        console.print("nothing found: bits, cycles, jumps and the number of calls are as they must be")
    return int(bool(hunt.found))


if __name__ == "__main__":
    raise SystemExit(main())
