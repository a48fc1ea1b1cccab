"""What reads inputs: the command line, and the functions below it where a command would start processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from kl.tools.diagnostics import guarded
from kl.tools.kl import main

DRAWN = 3
"""Points that are drawn of a space."""


def tool(words: Sequence[str]) -> int:
    """Run `kl`."""
    return main([*words])


def scenario(path: Path) -> int:
    """Read a scenario and make its first points; nothing is evaluated and nothing written."""

    def read() -> int:
        import numpy as np

        from kl.explore.scenarios.design import first_points
        from kl.explore.scenarios.reading import load_scenario

        found = load_scenario(path)
        given = json.loads(path.read_bytes().decode("utf-8-sig"))
        folder = (Path.cwd() / given.get("run_directory", ".")).resolve()
        for one in (found.files.samples, found.files.front, found.files.log):
            assert (Path.cwd() / one).resolve().is_relative_to(folder), f"{one} is not in {folder}"
        if found.samples <= 100:
            first_points(found, np.random.default_rng(0))
        return 0

    return guarded("kl", read, {})


def cost(path: Path) -> int:
    """Read the cost of a machine and evaluate it."""

    def read() -> int:
        from kl.dialects.machine import SN40L
        from kl.tools.tuning.parameters import parse_cost

        text = path.read_bytes().decode("utf-8", "surrogateescape")
        terms = {**dict(SN40L.items()), "sram_bytes": SN40L.sram_bytes}
        value = parse_cost(text, terms).of({**terms, "pmus": 10**6, "hbm_bytes": 2**63 - 1})
        assert isinstance(value, float)
        return 0

    return guarded("kl", read, {})


def space(path: Path) -> int:
    """Read a space that was saved, and draw points of it."""

    def read() -> int:
        import numpy as np

        from kl.explore.store import load_space

        found = load_space(path.read_bytes().decode("utf-8", "replace"))
        found.sample(np.random.default_rng(0), DRAWN)
        return 0

    return guarded("kl", read, {})
