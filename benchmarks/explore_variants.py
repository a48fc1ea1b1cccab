"""The explorer as it is, its ablations, and what they change of a problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from explore_runs import DEFAULTS, Told
from problems import Answer, Problem

from kl.explore.optimizer import Settings
from kl.explore.parameters import Categorical, Parameter, Permutation, Value
from kl.explore.priors import Prior
from kl.explore.space import Space

Change = Callable[[Problem], Problem]

OPPOSITE: dict[Prior, Prior] = {"decay": "exponential", "exponential": "decay", "uniform": "uniform"}


def unchanged(problem: Problem) -> Problem:
    """The problem itself."""
    return problem


def without_constraints(problem: Problem) -> Problem:
    """The known constraints are not told: points that break them can be asked for, and are infeasible."""

    def evaluate(point: Mapping[str, Value]) -> Answer:
        return problem.evaluate(point) if problem.space.satisfies(point) else Answer(None, {}, False)

    return replace(problem, space=Space(problem.space.parameters), evaluate=evaluate)


def without_priors(problem: Problem) -> Problem:
    """All values are as good, for all that is told."""
    return _with_priors(problem, lambda _: "uniform")


def with_wrong_priors(problem: Problem) -> Problem:
    """Priors prefer the end that they should not."""
    return _with_priors(problem, lambda prior: OPPOSITE.get(prior, prior))


def _with_priors(problem: Problem, change: Callable[[Prior], Prior]) -> Problem:
    def changed(parameter: Parameter) -> Parameter:
        if isinstance(parameter, (Categorical, Permutation)):
            return parameter
        return replace(parameter, prior=change(parameter.prior))

    parameters = tuple(map(changed, problem.space.parameters))
    return replace(problem, space=Space(parameters, problem.space.constraints))


@dataclass(frozen=True)
class Variant:
    """A way to run the explorer."""

    name: str
    meaning: str
    settings: Settings = DEFAULTS
    told: Told = "slacks"
    batch: int = 1
    change: Change = field(default=unchanged)
    knows_reference: bool = False
    """Whether it is told the reference point, as capacities."""
    budget: int = 150
    seeds: int = 5

    def applies(self, problem: Problem) -> bool:
        """Whether the variant differs from the explorer as it is on a problem."""
        if self.change is without_constraints:
            return bool(problem.space.constraints)
        return self.change is unchanged or problem.space.has_priors


EXPLORER = Variant("explorer", "as it is, told the slacks", seeds=10)
CAPACITY = Variant("explorer-capacity", "told the reference point, too", knows_reference=True, seeds=10)
BINARY = Variant("explorer-flags", "told objectives, and feasible or not", told="flags", seeds=5)

VARIANTS = (
    EXPLORER,
    CAPACITY,
    BINARY,
    Variant("no-classifier", "as above, not learning feasibility", Settings(use_classifier=False), "flags"),
    Variant("failures", "told nothing of infeasible points", told="failures"),
    Variant("no-log", "models see objectives as they are", Settings(use_logs=False)),
    Variant("no-constraints", "known constraints not told", change=without_constraints),
    Variant("no-prior", "uniform priors", change=without_priors),
    Variant("wrong-prior", "priors at the wrong end", change=with_wrong_priors),
    Variant("forest", "forests in place of processes", Settings(model="forest")),
    Variant("batch-4", "four points at a time", batch=4),
    Variant("batch-16", "sixteen points at a time", batch=16),
    Variant("pareto-wall", "the paper's Algorithm 1", Settings("pareto-wall"), "flags", 10, budget=600),
)
"""All runs of the explorer; those from the fourth on are for the table of ablations."""
