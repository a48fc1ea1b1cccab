"""HyperMapper 2.2.13 as a peer, with its defaults (random forests, EI). It is told feasible or infeasible: it
has no use for slacks. The warm-up sample is a run that it resumes.
"""

from __future__ import annotations

import csv
import json
import os
import random
import tempfile
from pathlib import Path

import numpy as np
from hypermapper import optimizer
from protocol import Answer, Driver

MANY = 100_000


def main() -> None:
    """Run until the benchmark has enough."""
    driver = Driver()
    parameters = driver.task["parameters"]
    names = [f"x{k}" for k in range(len(parameters))]  # its schema wants plain words
    goals = [f"f{k}" for k in range(driver.task["objectives"])]
    random.seed(driver.task["seed"])
    np.random.seed(driver.task["seed"])
    folder = Path(tempfile.mkdtemp())
    os.environ["PWD"] = str(folder)
    os.chdir(folder)

    def inputs(p: dict[str, object]) -> dict[str, object]:
        ordinal = p["kind"] == "ordinal"
        values = [value if ordinal else str(value) for value in range(int(str(p["size"])))]
        return {"parameter_type": p["kind"], "values": values}

    def outputs(answer: Answer) -> dict[str, object]:
        return {**dict(zip(goals, answer.values, strict=True)), "Valid": answer.feasible}

    with open("start.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*names, *goals, "Valid", "Timestamp"])
        for place, (point, answer) in enumerate(driver.warm_up):
            rows.writerow([*point, *answer.values, answer.feasible, place])
    scenario = {
        "application_name": "peer",
        "optimization_objectives": goals,
        "feasible_output": {
            "enable_feasible_predictor": True,
            "name": "Valid",
            "true_value": "True",
            "false_value": "False",
        },
        "input_parameters": {name: inputs(p) for name, p in zip(names, parameters, strict=True)},
        "optimization_iterations": MANY,
        "design_of_experiment": {"doe_type": "random sampling", "number_of_samples": len(driver.warm_up)},
        "resume_optimization": True,
        "resume_optimization_data": str(folder / "start.csv"),
        "run_directory": str(folder),
    }
    Path("scenario.json").write_text(json.dumps(scenario))

    def black_box(point: dict[str, object]) -> dict[str, object]:
        return outputs(driver.evaluate([int(float(str(point[name]))) for name in names]))

    optimizer.optimize("scenario.json", black_box)


main()
