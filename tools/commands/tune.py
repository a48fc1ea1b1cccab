"""`kl tune`: search the mappings of a model, or machines for it, for the best trade-offs."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...backends.tables import bytes_text, share_text, time_text
from ..command_line import Positive, option
from ..options import JSON_VERSION, ModelOptions, TuningOptions
from ..output import check_is_file, check_kept, write_file
from ..point_tables import print_points
from ..study_options import StudyOptions, naming_storage, stopped_text, study_group
from ..terminal import print_json
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ...explore.outcome import Trial
    from ..tuning.front import Found
    from ..tuning.search import Search
    from ..tuning.session import Session


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line of `kl tune` says."""

    model: ModelOptions
    tuning: TuningOptions
    study: StudyOptions = study_group("MODEL.tune.db in the current folder", 150)
    patience: Positive | None = option(
        "end before the budget where the front has not grown by more than 0.3 %% for N evaluations"
        " (default: never)",
        default=None,
    )
    output: str | None = option(
        "write the pipelines of the front there, too", "-o", "--output", metavar="FILE", writes="file"
    )


def run(command: Command) -> int:
    """Search until the budget is spent, then print the front."""
    from ...explore.outcome import without_repeats
    from ...explore.places import shown_place
    from ..tuning.front import Found, document
    from ..tuning.session import make_session

    check_is_file("-o", command.output)
    command.study.check_method(command.study.method)
    path = command.model.input
    storage = command.study.storage or f"{Path(path).stem}.tune.db"
    shown = shown_place(storage)
    check_kept("--storage", storage, {"the model": path})
    check_kept("-o", command.output, {"the study": storage})
    with resumable(shown):
        session = make_session(command.model, command.tuning, command.study)
        search = _search(session, storage, command)
    found = Found(session, without_repeats(session.plan.space, search.trials), search.inert, search.ended)
    if command.output is not None:
        write_file(command.output, _pipelines(found))
    if command.study.json:
        print_json({"version": JSON_VERSION, **document(found, path, shown)})
    elif found.front:
        _print(found, path, shown, command)
    if not found.front:
        raise InputError(
            f"none of {len(found.trials)} evaluations is feasible; most often: {found.reason}"
            f"{HELP_MARK}`kl report {shown}` says more; a larger machine or --budget may help"
        )
    return 0


@contextmanager
def resumable(storage: str) -> Generator[None]:
    """After Ctrl-C, say how a kept study goes on."""
    try:
        yield
    except KeyboardInterrupt:
        note = f"interrupted; the study is kept in {storage}: the same command goes on with it"
        print(note, file=sys.stderr)
        raise


def _search(session: Session, storage: str, command: Command) -> Search:
    """Run the study, or go on with it.

    Raises: StudyError where the storage does not go with it, InputError as an evaluation does.
    """
    from ...explore.studies.study import open_study
    from ..study_display import study_progress
    from ..tuning.search import Search

    options = command.study
    assert options.budget is not None, "the command line has a default"
    for point in [*session.defaults.values()][:1]:
        session.evaluation(point)  # what is wrong with the options shows here, not in every trial
    with naming_storage(storage):
        study = open_study(session.plan, storage, must_exist=options.resume, about=session.about)
    search = Search(session, study, options)
    progress = study_progress(session.plan.objectives, study.trials(), options.budget, silent=options.json)
    with progress as on_trial:
        search.run(on_trial, command.patience)
    return search


def _print(found: Found, path: str, storage: str, command: Command) -> None:
    from ...explore.outcome import expected_gain

    evaluated, feasible = len(found.trials), found.counts["feasible"]
    share = share_text(feasible / evaluated)
    print(
        f"{path}: {evaluated} evaluations, {share} of them feasible, {len(found.front)} on the front",
        end="\n\n",
    )
    if found.ended == "patience":
        print(f"ended before its budget: the front has hardly grown in {command.patience} evaluations\n")
    elif found.ended == "gain":
        print(f"{stopped_text(evaluated, expected_gain(found.trials))}\n")
    elif found.ended == "space":
        print("ended before its budget: there is no other point\n")
    _print_rows(found, "by hand", found.defaults, behind=True)
    _print_rows(found, "found", {f"#{trial.number}": trial for trial in found.front})
    if found.inert:
        print(f"these changed nothing around the best mapping: {', '.join(found.inert)}\n")
    for place, name in enumerate(found.names):
        best = min(found.front, key=lambda trial: (trial.outcome.values or ())[place])
        print(f"best {name}, #{best.number}:\n  {_command(found, best, path)}\n")
    print(f"the study is kept in {storage}; `kl report` says what matters and why points are infeasible")


def _print_rows(found: Found, title: str, trials: Mapping[str, Trial], *, behind: bool = False) -> None:
    """A table of trials by name, where there are any, and an empty line."""
    if not trials:
        return
    from ...explore.reports.formatting import value_text

    has_equal = any(len(found.equal_to(trial)) > 1 for trial in trials.values())
    more = ["behind the front"] if behind else ["equal"] if has_equal else []
    rows = [
        [name, *_values(found, trial), *(_more(found, trial, behind) for _ in more)]
        for name, trial in trials.items()
    ]
    points = [
        {knob: value_text(value) for knob, value in found.turned(trial).items()} for trial in trials.values()
    ]
    texts = (0, len(found.names) + 1) if behind else (0,)
    print_points([title, *found.names, *more], rows, points, "what is turned", texts)
    print()


def _values(found: Found, trial: Trial) -> list[str]:
    values = trial.outcome.values
    return ["-"] * len(found.names) if values is None else list(map(_text, found.names, values))


def _more(found: Found, trial: Trial, behind: bool) -> str:
    """How far a trial is behind the front; of one on the front, how many others have its values."""
    from ...explore.reports.formatting import behind_text

    if not behind:
        return str(len(found.equal_to(trial)) - 1 or "")
    if trial.outcome.status != "feasible":
        return "infeasible"
    one = found.behind(trial)
    if one is None:
        return "as good"
    return behind_text(one.number, dict(zip(found.names, one.shares, strict=True)))


def _text(name: str, value: float) -> str:
    """An objective as people read it."""
    match name:
        case "latency":
            return time_text(value)
        case "sram" | "hbm":
            return bytes_text(value)
        case _:
            return f"{value:.6g}"


def _command(found: Found, trial: Trial, path: str) -> str:
    return " ".join(["kl time", path, *found.options(trial), f"--pipeline '{found.pipeline(trial)}'"])


def _pipelines(found: Found) -> str:
    """The front as a text: for each point a comment, then its pipeline on a line."""
    lines: list[str] = []
    for trial in found.front:
        values = zip(found.names, trial.outcome.values or (), strict=True)
        shown = [f"trial {trial.number}", *(f"{name} {value:.17g}" for name, value in values)]
        lines += [f"# {', '.join([*shown, *found.options(trial)])}", found.pipeline(trial)]
    return "".join(f"{line}\n" for line in lines)
