"""Small scenarios for the tests of scenarios, functions for them, and how they are run."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kl.explore.scenarios.optimizer import run_to_end
from kl.explore.scenarios.reading import load_scenario
from kl.explore.scenarios.recorder import Result
from kl.explore.scenarios.run import Options
from kl.explore.scenarios.scenario import Scenario

REAL = {"parameter_type": "real", "values": [0, 1]}
Function = Callable[[dict[str, Any]], Any]


def scenario(inputs: Mapping[str, Any] | None = None, **more: Any) -> Scenario:
    """A scenario with one objective, from a dictionary."""
    base = {"optimization_objectives": ["v"], "input_parameters": inputs or {"x": REAL}}
    return load_scenario({**base, **more})


def document(folder: Path, **more: Any) -> dict[str, Any]:
    """A scenario with one objective and two inputs, with results in a folder."""
    inputs = {
        "x": {"parameter_type": "real", "values": [-1, 1]},
        "n": {"parameter_type": "integer", "values": [0, 9]},
    }
    base = {"application_name": "app", "optimization_objectives": ["v"], "run_directory": str(folder)}
    small = {"design_of_experiment": {"number_of_samples": 4}, "optimization_iterations": 3}
    return {**base, **small, "input_parameters": inputs, **more}


def run(
    folder: Path, function: Function | None, options: Options | None = None, **more: Any
) -> tuple[Result, str]:
    """Run a scenario; what it found, and what it said."""
    output = io.StringIO()
    scenario = load_scenario(document(folder, **more))
    result = run_to_end(scenario, function, options or Options(), sys.stdin, output)
    return result, output.getvalue()


def rows_of(folder: Path) -> list[list[str]]:
    """The table of a run."""
    return list(csv.reader((folder / "app_output_samples.csv").read_text(encoding="utf-8").splitlines()))


def height(inputs: Mapping[str, float]) -> float:
    """Something to minimise."""
    return inputs["x"] ** 2 + inputs["n"]


def both(inputs: Mapping[str, float]) -> dict[str, object]:
    """Two objectives and a flag."""
    return {"v": inputs["x"], "w": -inputs["x"] + inputs["n"], "Valid": inputs["n"] % 2 == 0}


BOTH = {
    "optimization_objectives": ["v", "w"],
    "feasible_output": {"enable_feasible_predictor": True, "true_value": "1", "false_value": "0"},
}
