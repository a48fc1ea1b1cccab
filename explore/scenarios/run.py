"""Running a scenario on a study."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from ..about import About
from ..outcome import Trial, expected_gain, promises_little
from ..space import Point
from ..studies.executors import Asked
from ..studies.plan import StudyPlan
from ..studies.sampler import ExhaustedError
from ..studies.study import Study, open_study
from .design import first_points
from .errors import ScenarioError
from .functions import FunctionEvaluation, Lookup
from .protocol import Client
from .recorder import Log, Recorder, Result
from .scenario import Scenario
from .table import Row, read_table, write_table


@dataclass(frozen=True)
class Options:
    """What a run takes beside its scenario."""

    seed: int = 0
    jobs: int = 1
    """Processes that evaluate at a time."""

    cluster: str | None = None
    """The Dask scheduler whose workers evaluate instead."""

    timeout: float | None = None
    """Seconds that an evaluation may take."""

    isolate: bool = False
    """Evaluate in another process also with one job and no timeout: whatever it does, this one goes on."""

    storage: str | None = None
    """Where the study is kept; None is this process."""

    budget: int | None = None
    """Evaluations in all, instead of what the scenario says."""

    stop_gain: float | None = None
    """End where models expect no larger share of another evaluation; None is never."""

    resume: bool = False
    """Go on with what an earlier run of the scenario has left: its study, or where none is kept its table."""


def run_scenario(
    scenario: Scenario,
    options: Options,
    evaluation: FunctionEvaluation | Lookup | Client,
    log: Log,
    on_trial: Callable[[Trial], None],
) -> Result:
    """Evaluate until the budget, the time or the space is used up.

    Raises: ScenarioError where what evaluates is broken or gone; StudyError where the storage is. What has
    been evaluated until then is in the table, and in the storage.
    """
    earlier = _earlier_rows(scenario, options)
    must_exist = options.resume and options.storage is not None
    plan, about = _plan(scenario, options.seed), _about(scenario)
    study = open_study(plan, options.storage, must_exist=must_exist, about=about)
    recorder = Recorder(scenario, [*_rows_of(study), *_learn(study, earlier)], log, on_trial)
    known = len(recorder.rows)
    work = _begin(scenario, options, study, recorder, len(earlier))
    try:
        work.evaluate(evaluation)
    except ScenarioError as error:
        if recorder.rows and not error.way_out:
            count, path = len(recorder.rows), scenario.files.samples
            error.way_out = f"{count} evaluations are in {path}, --resume goes on with them"
        raise
    finally:
        is_early = len(recorder.rows) < work.total and work.promises_little
        gain = expected_gain(study.trials()) if is_early else None
        result = Result(scenario, tuple(recorder.rows), known, gain)
        if len(scenario.objectives) > 1:
            write_table(scenario, scenario.files.front, result.front)
    if result.rows and all(row.outcome.has_failed for row in result.rows):
        raise ScenarioError(f"all {len(result.rows)} evaluations have failed", f"see {scenario.files.log}")
    return result


def _plan(scenario: Scenario, seed: int) -> StudyPlan:
    return StudyPlan(scenario.name, scenario.space, scenario.objectives, scenario.settings, seed)


def _about(scenario: Scenario) -> About:
    """What reports name; scenarios have no units. Where all parameters have a default, they are a point."""
    is_whole = scenario.defaults.keys() == scenario.space.by_name.keys()
    return About(scenario.name, (), {}, (("default", scenario.defaults),) if is_whole else ())


def _earlier_rows(scenario: Scenario, options: Options) -> list[Row]:
    """The rows of a table to begin with, each point once.

    Raises: OSError where it cannot be read; ScenarioError where there is none, or it does not fit.
    """
    path = scenario.files.resume
    if path is None and options.resume and options.storage is None:
        path = scenario.files.samples
        if not path.exists():
            raise ScenarioError(f"there is no table {path} to resume from", "begin without --resume")
    rows = [] if path is None else read_table(scenario, path)
    return list({scenario.space.key(row.point): row for row in rows}.values())


def _begin(scenario: Scenario, options: Options, study: Study, recorder: Recorder, earlier: int) -> _Work:
    """The work that is left. A scenario that resumes by itself adds its iterations to what was there."""
    design = first_points(scenario, np.random.default_rng([options.seed, 1]))
    first = max(scenario.samples, earlier if scenario.files.resume else 0)
    if scenario.design == "grid_search":
        first = len(design)  # the defaults may be beside the grid
    total = options.budget or first + scenario.iterations * scenario.batch
    known = {scenario.space.key(row.point) for row in recorder.rows}
    queue = deque(point for point in design[:total] if scenario.space.key(point) not in known)
    deadline = time.monotonic() + (inf if scenario.seconds is None else scenario.seconds)
    return _Work(scenario, options, study, recorder, queue, first, total, deadline)


def _rows_of(study: Study) -> list[Row]:
    """What a study has evaluated already."""
    trials = sorted(study.trials(), key=lambda trial: trial.start + trial.seconds)
    start = min((trial.start for trial in trials), default=0.0)
    return [
        Row(trial.point, trial.outcome, round((trial.start + trial.seconds - start) * 1000))
        for trial in trials
    ]


def _learn(study: Study, rows: Sequence[Row]) -> list[Row]:
    """Give a study the rows that it does not have, and say which these are.

    Raises: ScenarioError where it has others: which of them are to go on cannot be told.
    """
    key = study.plan.space.key
    known = {key(trial.point) for trial in study.trials()}
    new = [row for row in rows if key(row.point) not in known]
    if known and new:
        message = f"the study has {len(known)} evaluations, and lacks {len(new)} of those in the table"
        raise ScenarioError(message, "resume from one of them, not from both")
    for row in new:
        study.enqueue(row.point)
        asked = study.ask()
        assert asked is not None, "there is no budget"
        study.tell(asked, row.outcome)
    return new


@dataclass(frozen=True)
class _Work:
    """A run that has begun: of `total` evaluations, `first` are the design; those of its points that are not
    just drawn are in `queue`.
    """

    scenario: Scenario
    options: Options
    study: Study
    recorder: Recorder
    queue: deque[Point]
    first: int
    total: int
    deadline: float
    """From then on, by the monotonic clock, no evaluation begins."""

    def evaluate(self, evaluation: FunctionEvaluation | Lookup | Client) -> None:
        """Evaluate in the way that the scenario wants."""
        match evaluation:
            case Client():
                self._evaluate_batches(evaluation, self.first)
            case FunctionEvaluation() if self.scenario.batch > 1:
                self._evaluate_batches(evaluation, self.scenario.batch)
            case _:
                self._evaluate_singly(evaluation)

    def _is_over(self) -> bool:
        return time.monotonic() >= self.deadline or self.promises_little

    @property
    def promises_little(self) -> bool:
        """Whether the run ends since models expect little."""
        share = self.options.stop_gain
        return share is not None and promises_little(self.study.trials(), share)

    def _evaluate_singly(self, evaluation: FunctionEvaluation | Lookup) -> None:
        """One point at a time for each job."""
        jobs, timeout = self.options.jobs, self.options.timeout

        def on_trial(trial: Trial) -> None:
            self.recorder.record(trial)
            self._feed(1)

        self._feed(jobs)
        isolate = self.options.isolate or jobs > 1 or timeout is not None
        self.study.run(
            evaluation,
            self.total,
            jobs=jobs,
            timeout=timeout,
            on_trial=on_trial,
            stop=self._is_over,
            isolate=isolate and isinstance(evaluation, FunctionEvaluation),
            cluster=self.options.cluster,
        )

    def _evaluate_batches(self, evaluation: FunctionEvaluation | Client, design_batch: int) -> None:
        """Several points at once: up to `design_batch` in the design, then as the scenario says."""
        while not self._is_over():
            done = len(self.recorder.rows)
            left = min(self.first, self.total) - done
            count = min(design_batch, left) if left > 0 else min(self.scenario.batch, self.total - done)
            asked = list(self._ask(count))
            if not asked:
                return
            try:
                outcomes = evaluation.evaluate([one.point for one in asked])
            except BaseException:
                self.study.release(asked)
                raise
            end = time.time()
            for one, outcome in zip(asked, outcomes, strict=True):
                self.study.tell(one, outcome)
                self.recorder.record(Trial(one.number, one.point, outcome, one.start, end - one.start))

    def _feed(self, count: int) -> None:
        """Let the study have the next points of the design: it is quicker with short queues."""
        for _ in range(min(count, len(self.queue))):
            self.study.enqueue(self.queue.popleft())

    def _ask(self, count: int) -> Iterator[Asked]:
        """So many points, or fewer where there are no more."""
        self._feed(count)
        try:
            for _ in range(count):
                asked = self.study.ask(self.total)
                if asked is None:  # other processes have evaluated the rest
                    return
                yield asked
        except ExhaustedError:
            return
