"""Studies: what is known of them, and how they go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import attrgetter

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage

from ..about import About, about_from_json, about_to_json
from ..errors import OtherPlanError, StudyError
from ..outcome import Outcome, Trial
from ..places import shown_place
from ..space import Point
from ..tasks import Evaluate, Task, checked
from .cluster import DaskExecutor
from .dispatch import Dispatcher
from .distributions import to_params
from .executors import Asked, Executor, InProcessExecutor, ProcessExecutor
from .owners import HEARTBEAT_SECONDS
from .plan import StudyPlan, difference, directions, plan_from_json, plan_to_json
from .sampler import ExhaustedError, ExplorerSampler
from .snapshot import Snapshot
from .storages import decoding, named_errors, open_storage

PLAN = "plan"
"""The user attribute of a study that holds its plan."""

ABOUT = "about"
"""The one that holds what it is of, where that has been said."""

POLL_SECONDS = 0.5
"""How often a process with nothing to do looks for what others have done."""


class Study:
    """A search that is kept in a storage; made by `open_study` and `load_study`."""

    def __init__(self, plan: StudyPlan, storage: BaseStorage, place: str | None, about: About | None = None):
        self.plan = plan
        self.about = about or About()
        sampler = ExplorerSampler(plan.space, plan.objectives, plan.settings, plan.seed)
        self.optuna = optuna.load_study(study_name=plan.name, storage=storage, sampler=sampler)
        """The study as Optuna has it, for its plots and its dashboard."""
        self._place = place
        self._is_known = False
        """Whether nothing has been put into the queue since the storage was read."""
        self._dispatcher = Dispatcher(plan.space, self.optuna, storage, sampler)

    def trials(self) -> list[Trial]:
        """The evaluations that have ended, by number.

        Raises: StudyError where the storage fails, or what it has is none of a study's.
        """
        with decoding(self._place):
            return sorted(self._dispatcher.snapshot().ended, key=attrgetter("number"))

    def enqueue(self, point: Point) -> None:
        """Have a point evaluated next, unless it has been.

        Raises: SpaceError where it is no point of the space.
        """
        self.plan.space.check(point)
        self._is_known = False
        with named_errors(self._place):
            self.optuna.enqueue_trial(to_params(self.plan.space, point))

    def ask(self, budget: int | None = None) -> Asked | None:
        """A point for evaluations that the caller does; None where the budget has been asked for.

        It counts as under evaluation until `tell` or `release`, or until this process ends.

        Raises: ExhaustedError where the space has no more points.
        """
        with named_errors(self._place):
            return self._dispatcher.ask(budget, self._dispatcher.tidy())

    def tell(self, asked: Asked, outcome: Outcome) -> None:
        """Keep what came of a point that was asked for.

        Raises: StudyError where its trial has ended: it was told before, or has been given back.
        """
        with named_errors(self._place):
            outcome = checked(outcome, self.plan.objectives)
            try:
                self._dispatcher.keep_open(asked, outcome, time.time() - asked.start)
            except UpdateFinishedTrialError as error:
                raise StudyError(f"trial {asked.number} {self._dispatcher.ending(asked.number)}") from error

    def release(self, asked: Iterable[Asked]) -> None:
        """Give back points that will not be evaluated here; they are asked for again."""
        with named_errors(self._place):
            for one in asked:
                self._dispatcher.close(one.number, "its evaluation was ended")

    def run(
        self,
        evaluate: Evaluate,
        budget: int,
        *,
        jobs: int = 1,
        timeout: float | None = None,
        on_trial: Callable[[Trial], None] | None = None,
        stop: Callable[[], bool] | None = None,
        isolate: bool = True,
        cluster: str | None = None,
    ) -> None:
        """Evaluate points until `budget` evaluations have ended in all, here and in other processes.

        Up to `jobs` processes evaluate at a time, each for at most `timeout` seconds; an evaluation that
        raises an error, ends its process or takes too long is a result. `isolate=False` evaluates in this
        process instead: nothing protects it then, and nothing needs to be known to other processes.
        `cluster` is the address of a Dask scheduler whose workers evaluate instead of processes of this one.
        `on_trial` is told of each evaluation that ends meanwhile, of whichever process. Once `stop` gives
        True, no evaluation begins any more. Whatever ends it, the study can go on later.

        Raises: StudyError where the evaluation cannot be passed to processes, or the storage fails.
        """
        task = Task(evaluate, self.plan.objectives)
        executor: Executor
        if cluster is not None:
            executor = DaskExecutor(task, cluster, jobs, timeout, self._dispatcher.keep)
        elif isolate:
            executor = ProcessExecutor(task, jobs, timeout, self._dispatcher.keep)
        elif jobs == 1 and timeout is None:
            executor = InProcessExecutor(task, self._dispatcher.keep)
        else:
            raise StudyError("several jobs and a timeout need processes; leave isolate on")
        with named_errors(self._place):
            first = self._dispatcher.snapshot().count
            try:
                self._work(executor, budget, on_trial or (lambda trial: None), stop or (lambda: False))
            finally:
                executor.stop()
                self.release(executor.busy)
                self._dispatcher.close_own(first)

    def _work(
        self, executor: Executor, budget: int, on_trial: Callable[[Trial], None], stop: Callable[[], bool]
    ) -> None:
        seen = {trial.number for trial in self.trials()}
        signed = time.monotonic()
        ending = idle = False
        while True:
            state, self._is_known = self._dispatcher.tidy(), True
            for trial in _news(state.ended, seen):
                on_trial(trial)
            if len(state.ended) >= budget:
                return
            known = state if self._is_known else None
            ending = ending or stop() or not self._hand_out(executor, budget, known)
            if not executor.busy:
                if ending or (idle and not state.awaits_others):
                    return  # what is left, somebody here has asked for and not told
                time.sleep(POLL_SECONDS)
            idle = not executor.busy
            if time.monotonic() - signed > HEARTBEAT_SECONDS:
                signed = time.monotonic()
                for asked in executor.busy:
                    self._dispatcher.heartbeat(asked.number)
            executor.collect(POLL_SECONDS)

    def _hand_out(self, executor: Executor, budget: int, state: Snapshot | None) -> bool:
        """Give points to whoever is free, the first one by a state; False where the space has no more."""
        try:
            while executor.is_free and (asked := self._dispatcher.ask(budget, state)) is not None:
                executor.start(asked)
                state = None
        except ExhaustedError:
            return False
        return True


def _news(ended: Sequence[Trial], seen: set[int]) -> list[Trial]:
    """The trials that have not been seen, in the order of ending; they are seen now."""
    news: list[Trial] = []
    for trial in reversed(ended):
        if len(seen) == len(ended):
            break
        if trial.number not in seen:
            seen.add(trial.number)
            news.append(trial)
    return news[::-1]


def open_study(
    plan: StudyPlan, storage: str | None, *, must_exist: bool = False, about: About | None = None
) -> Study:
    """A study with a plan: a new one, or the one of this name that the storage has, if its plan is equal.

    `storage` is the path of an SQLite file, a `*.journal` file, the URL of a database, `grpc://host:port`, or
    None for memory. What is said `about` it takes the place of what was said before.

    Raises: StudyError where the storage cannot be opened, the study does not exist and must, or has another
    plan; SpaceError where a constraint is a Python function.
    """
    document = plan_to_json(plan)
    opened = open_storage(storage, must_exist=must_exist)
    place = shown_place(storage)
    with decoding(storage):
        names = [study.study_name for study in opened.get_all_studies()]
        if plan.name not in names:
            if must_exist:
                raise StudyError(f"there is no study {plan.name!r} at {place}{_others(names)}")
            with suppress(DuplicatedStudyError):  # another process was faster
                opened.create_new_study(directions(plan.objectives), plan.name)
        identity = opened.get_study_id_from_name(plan.name)
        if PLAN not in opened.get_study_user_attrs(identity) and not opened.get_all_trials(identity):
            opened.set_study_user_attr(identity, PLAN, document)
        attributes = opened.get_study_user_attrs(identity)
        if PLAN not in attributes:
            raise StudyError(f"the study {plan.name!r} at {place} has trials and no plan: Optuna has made it")
        different = difference(attributes[PLAN], document)
    if different is not None:
        way_out = "use that, or another name"
        raise OtherPlanError(f"the study {plan.name!r} at {place} has another plan: {different}; {way_out}")
    if about is None:
        about = about_from_json(attributes.get(ABOUT))
    elif attributes.get(ABOUT) != about_to_json(about):
        with named_errors(storage):
            opened.set_study_user_attr(identity, ABOUT, about_to_json(about))
    return Study(plan, opened, storage, about)


def load_study(storage: str, name: str | None = None) -> Study:
    """A study of a storage, with the plan that is kept there; `name` may be left out where there is one.

    Raises: StudyError where there is none, or there are several and no name.
    """
    opened = open_storage(storage, must_exist=True, writes=False)
    with decoding(storage):
        attributes = {study.study_name: study.user_attrs for study in opened.get_all_studies()}
    plans = {study: kept[PLAN] for study, kept in attributes.items() if kept.get(PLAN) is not None}
    place = shown_place(storage)
    if not plans:
        raise StudyError(f"there is no study at {place}")
    if name is None and len(plans) > 1:
        raise StudyError(f"name one of the studies at {place}{_others([*plans])}")
    name = name or next(iter(plans))
    if name not in plans:
        raise StudyError(f"there is no study {name!r} at {place}{_others([*plans])}")
    about = about_from_json(attributes[name].get(ABOUT))
    with decoding(storage):
        return Study(plan_from_json(name, plans[name]), opened, storage, about)


def _others(names: Sequence[str]) -> str:
    return f"; it has {', '.join(map(repr, names))}" if names else ""
