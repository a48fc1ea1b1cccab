"""Optuna as a peer: its TPE, GP and NSGA-II samplers, all told the slacks as constraints."""

from __future__ import annotations

import sys

import optuna
from protocol import Driver

CONSTRAINTS = "answers"


def _sampler(name: str, seed: int, start: int) -> optuna.samplers.BaseSampler:
    def constraints(trial: optuna.trial.FrozenTrial) -> list[float]:
        return trial.user_attrs[CONSTRAINTS]

    if name == "tpe":
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=start, multivariate=True, constraints_func=constraints
        )
    if name == "gp":
        return optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=start, deterministic_objective=True, constraints_func=constraints
        )
    return optuna.samplers.NSGAIISampler(
        seed=seed, population_size=max(start, 20), constraints_func=constraints
    )


def main() -> None:
    """Run until the benchmark has enough."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    driver = Driver()
    parameters = driver.task["parameters"]
    sampler = _sampler(sys.argv[1], driver.task["seed"], len(driver.warm_up))
    study = optuna.create_study(directions=["minimize"] * driver.task["objectives"], sampler=sampler)
    known = list(driver.warm_up)
    for point, _ in known:
        study.enqueue_trial({p["name"]: value for p, value in zip(parameters, point, strict=True)})
    while True:
        trial = study.ask()
        point = [
            trial.suggest_int(p["name"], 0, p["size"] - 1)
            if p["kind"] == "ordinal"
            else trial.suggest_categorical(p["name"], list(range(p["size"])))
            for p in parameters
        ]
        answer = known.pop(0)[1] if known else driver.evaluate(point)
        trial.set_user_attr(CONSTRAINTS, answer.slacks)
        study.tell(trial, answer.values)


main()
