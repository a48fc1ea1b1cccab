"""pymoo's NSGA-II as a peer, told the slacks as constraints; its variant for mixed variables where there are
categories. The warm-up sample is in the first population.
"""

from __future__ import annotations

import numpy as np
from protocol import Driver
from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowding
from pymoo.core.evaluator import Evaluator
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.termination import NoTermination
from pymoo.core.variable import Choice, Integer
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.problems.static import StaticProblem

POPULATION = 20


def main() -> None:
    """Run until the benchmark has enough."""
    driver = Driver()
    parameters, start = driver.task["parameters"], [point for point, _ in driver.warm_up]
    known = {tuple(point): answer for point, answer in driver.warm_up}
    names = [p["name"] for p in parameters]
    mixed = any(p["kind"] == "categorical" for p in parameters)
    sizes = [p["size"] for p in parameters]
    common = {"n_obj": driver.task["objectives"], "n_ieq_constr": driver.task["slacks"]}
    random = np.random.default_rng(driver.task["seed"])
    if mixed:
        kinds = {
            p["name"]: Integer(bounds=(0, p["size"] - 1))
            if p["kind"] == "ordinal"
            else Choice(options=list(range(p["size"])))
            for p in parameters
        }
        problem = Problem(vars=kinds, **common)
        first = Population.new(
            X=np.array([dict(zip(names, point, strict=True)) for point in start], dtype=object)
        )
        algorithm = MixedVariableGA(pop_size=POPULATION, sampling=first, survival=RankAndCrowding())
    else:
        problem = Problem(n_var=len(sizes), xl=0, xu=np.array(sizes) - 1, vtype=int, **common)
        more = IntegerRandomSampling()(problem, max(POPULATION - len(start), 0), random_state=random).get("X")
        algorithm = NSGA2(
            pop_size=POPULATION,
            sampling=np.concatenate([np.array(start), more]) if len(more) else np.array(start),
            crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
            mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
            eliminate_duplicates=True,
        )
    algorithm.setup(problem, termination=NoTermination(), seed=driver.task["seed"], verbose=False)
    while True:
        asked = algorithm.ask()
        answers = []
        for x in asked.get("X"):
            point = [int(x[name]) for name in names] if mixed else [int(value) for value in x]
            answers.append(known.get(tuple(point)) or driver.evaluate(point))
        static = StaticProblem(
            problem, F=np.array([a.values for a in answers]), G=np.array([a.slacks for a in answers])
        )
        Evaluator().eval(static, asked)
        algorithm.tell(infills=asked)


main()
