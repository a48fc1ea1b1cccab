"""SMAC3's ParEGO with random forests as a peer. It knows no constraints: an infeasible point has the
reference point as its values, the worst of any use.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Integer
from protocol import Answer, Driver
from smac import HyperparameterOptimizationFacade, Scenario
from smac.multi_objective.parego import ParEGO
from smac.runhistory.dataclasses import TrialInfo, TrialValue

MANY = 100_000


def main() -> None:
    """Run until the benchmark has enough."""
    logging.disable(logging.CRITICAL)
    driver = Driver()
    parameters, seed, reference = driver.task["parameters"], driver.task["seed"], driver.task["reference"]
    space = ConfigurationSpace(seed=seed)
    for p in parameters:
        if p["kind"] == "ordinal":
            space.add(Integer(p["name"], (0, p["size"] - 1)))
        else:
            space.add(Categorical(p["name"], [str(value) for value in range(p["size"])]))
    scenario = Scenario(
        space,
        objectives=[f"f{k}" for k in range(driver.task["objectives"])],
        deterministic=True,
        n_trials=MANY,
        seed=seed,
        output_directory=Path(tempfile.mkdtemp()),
    )
    facade = HyperparameterOptimizationFacade
    smac = facade(
        scenario,
        lambda config, seed=0: reference,
        initial_design=facade.get_initial_design(scenario, n_configs=0),
        multi_objective_algorithm=ParEGO(scenario),
        intensifier=facade.get_intensifier(scenario, max_config_calls=1),
        overwrite=True,
        logging_level=False,
    )

    def value(answer: Answer) -> TrialValue:
        return TrialValue(cost=answer.values if answer.feasible else reference)

    for point, answer in driver.warm_up:
        named = {
            p["name"]: number if p["kind"] == "ordinal" else str(number)
            for p, number in zip(parameters, point, strict=True)
        }
        smac.tell(TrialInfo(Configuration(space, named), seed=0), value(answer))
    while True:
        info = smac.ask()
        smac.tell(info, value(driver.evaluate([int(info.config[p["name"]]) for p in parameters])))


main()
