"""Prints random modules, reads the text back, and says what is lost.

Run from the repository root: `.venv/bin/python benchmarks/hunt_text.py --seed 0 --count 10000`. Each module
is printed in the forms of its operations and in the generic one, with locations and without. Each text must
read back as the same module, bit by bit, and print the same text (`tests/unit/text_checks.py`). A seed always
gives the same module. Exit code 1 means that there are findings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))
from random_ir import Modules
from text_checks import open_context, text_findings

from kl.tools.chunks import forget_resources

SHOWN = 5
"""Findings that are printed; the others are counted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Check the modules of some seeds."""
    parser = argparse.ArgumentParser(description="Hunt modules whose text does not read back")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--count", type=int, default=10_000, help="modules to check")
    options = parser.parse_args(argv)
    context = open_context()
    failures = 0
    for seed in range(options.seed, options.seed + options.count):
        forget_resources(context)
        found = list(text_findings(context, Modules(Random(seed), context).module()))
        failures += bool(found)
        if found and failures <= SHOWN:
            print(f"seed {seed}: {found[0]}\n")
    print(f"{options.count} modules, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
