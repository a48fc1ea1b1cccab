"""The options of a study: how it is kept, how long it runs, and how its points are chosen."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..explore import Method
from .command_line import Natural, Positive, Share, group, option
from .options import json_option
from .values import HELP_MARK, InputError, seconds


@dataclass(frozen=True)
class StudyOptions:
    """How a study is kept and run; commands say themselves where that is, and how long, by default."""

    storage: str | None = option("where the study is kept", metavar="FILE|URL")
    budget: Positive | None = option("end after N evaluations")
    """None where the input says it."""
    jobs: Positive | None = option(
        "evaluate N points at a time (default: 1; with --cluster as many as its workers have threads)",
        default=None,
    )
    cluster: str | None = option(
        "evaluate on the workers of this Dask scheduler, tcp://HOST:PORT (the extra `cluster`)",
        metavar="ADDRESS",
    )
    timeout: float | None = option(
        "stop an evaluation that takes longer; it counts as timed out", type=seconds, metavar="SECONDS"
    )
    stop_gain: Share | None = option(
        "end before the budget where none of the last 10 points that models chose was expected to improve the"
        " front by more than this share, 0.001 for 0.1 %% (default: never)"
    )
    seed: Natural = option("seed of all choices (default: 0)", default=0)
    resume: bool = option(
        "refuse to begin a new study; without it, a study that is there goes on as well", default=False
    )
    json: bool = json_option()
    method: Method = option(
        "how points are chosen (default: default); docs/explore.md describes them", default="default"
    )

    def check_method(self, method: Method) -> None:
        """Raises: InputError where a method that expects no gains is to end by them."""
        if self.stop_gain is not None and method != "default":
            way_out = f"{HELP_MARK}leave out --stop-gain, or take the method default"
            raise InputError(f"--stop-gain: the method {method} expects no gains{way_out}")

    @property
    def at_a_time(self) -> int:
        """How many points are evaluated at a time.

        Raises: StudyError where the cluster does not answer.
        """
        if self.jobs is not None or self.cluster is None:
            return self.jobs or 1
        from ..explore.studies.cluster import cluster_threads

        return cluster_threads(self.cluster)


def study_group(storage: str, budget: int | None) -> Any:
    """The group of `StudyOptions` with the defaults of storage, in words, and budget."""
    usual = "what the input says" if budget is None else budget
    kept = "where the study is kept: an SQLite file, FILE.journal, a database URL, grpc://host:port"
    end = "end after N evaluations in all, also those of earlier runs"
    return group(
        storage={"help": f"{kept} (default: {storage})"},
        budget={"help": f"{end} (default: {usual})", "default": budget},
    )


def stopped_text(evaluations: int, gain: float | None) -> str:
    """What a search says that `--stop-gain` has ended."""
    what = f"the expected gain of another one is {100 * (gain or 0.0):.2g} %"
    return f"stopped after {evaluations} evaluations: {what}"


@contextmanager
def naming_storage(storage: str | None) -> Generator[None]:
    """Where a study has another plan, say by which option it was found, and two ways out.

    Raises: InputError then.
    """
    from ..explore.errors import OtherPlanError
    from ..explore.places import shown_place

    try:
        yield
    except OtherPlanError as error:
        found = f"it was found in --storage {shown_place(storage)}"
        way_out = "give another --storage for a new study, or the options that the old one was begun with"
        raise InputError(f"{str(error).rpartition('; ')[0]}{HELP_MARK}{found}; {way_out}") from None
