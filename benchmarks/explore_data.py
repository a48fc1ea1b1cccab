"""The file of curves: one line of JSON for each run, so that comparisons need not run the peers again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from explore_runs import TARGETS, Curve

DATA = Path(__file__).parent / "data" / "explore_curves.jsonl"

LEAST_GROWTH = 0.002
"""The file has no smaller steps, unless they cross a target."""

Key = tuple[str, str, int]
"""Tool, problem and seed of a run."""


def load(path: Path) -> dict[Key, Curve]:
    """The curves of a file; of runs that it has twice, the later."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(line["tool"], line["problem"], line["seed"]): _curve(line) for line in lines}


def _curve(line: dict[str, Any]) -> Curve:
    return Curve(tuple((count, ratio) for count, ratio in line["steps"]), line["evaluations"])


def append(path: Path, key: Key, version: str, command: str, curve: Curve) -> None:
    """Add a run of a version of its tool, made by a command; it is safe whatever comes after."""
    tool, problem, seed = key
    steps = [[count, round(ratio, 6)] for count, ratio in _marked(curve)]
    line = {
        "tool": tool,
        "version": version,
        "command": command,
        "problem": problem,
        "seed": seed,
        "evaluations": curve.evaluations,
        "steps": steps,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _marked(curve: Curve) -> list[tuple[int, float]]:
    """The steps that cross a target, or are a little above the one before."""
    marked: list[tuple[int, float]] = []
    for count, ratio in curve.steps:
        last = marked[-1][1] if marked else 0.0
        if ratio - last >= LEAST_GROWTH or any(last < target <= ratio for target in TARGETS):
            marked.append((count, ratio))
    return marked


def of_tool(curves: dict[Key, Curve], tool: str, problem: str) -> dict[int, Curve]:
    """The runs of a tool on a problem, by seed."""
    return {seed: curve for (name, where, seed), curve in curves.items() if (name, where) == (tool, problem)}
