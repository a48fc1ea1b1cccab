"""`kl explore`: run a scenario of HyperMapper, with a Python function, a client, or a table of answers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from io import StringIO
from typing import TYPE_CHECKING, Any

from ..command_line import group, option, written
from ..options import JSON_VERSION
from ..output import check_kept
from ..point_tables import print_points
from ..scenario_views import Views, show_view
from ..study_options import StudyOptions, naming_storage, stopped_text, study_group
from ..terminal import print_json
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ...explore.reports.importance import Importances
    from ...explore.scenarios.functions import NamedFunction
    from ...explore.scenarios.recorder import Result
    from ...explore.scenarios.scenario import Scenario
    from ...explore.scenarios.table import Row


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command line of `kl explore` says."""

    input: str | None = option(
        "a scenario in HyperMapper's JSON, or an example by its name; it may stand behind --pareto, --plot, "
        "--hvi and --compare, too, then the file of the plot",
        "input",
        nargs="?",
        metavar="SCENARIO",
    )
    function: str | None = option(
        "the Python function to minimise, of a module or of a file (FILE.py:NAME)", metavar="MODULE:NAME"
    )
    study: StudyOptions = study_group("nowhere, the scenario's table has all evaluations", None)
    views: Views = group()


def run(command: Command) -> int:
    """Run the scenario to its end, or make something of the tables that earlier runs have left."""
    from ...explore.scenarios.reading import load_scenario
    from ..examples import find_input

    named, views = command.views.split() if command.input is None else (command.input, command.views)
    action = views.action
    if action is not None:
        _refuse_run_options(command, action)
    scenario = load_scenario(find_input(named, "scenario"))
    if action is None:
        return _run_to_end(scenario, command, named)
    show_view(scenario, views)
    return 0


def _refuse_run_options(command: Command, action: str) -> None:
    """Raises: InputError for options of runs where nothing is run."""
    function = () if command.function is None else ("--function",)
    word = next((word for word in (*function, *written(command.study)) if word.startswith("--")), None)
    if word is not None:
        raise InputError(
            f"{action} evaluates nothing, and {word} belongs to a run{HELP_MARK}leave out {word}"
        )


def _run_to_end(scenario: Scenario, command: Command, named: str) -> int:
    from ...explore.places import shown_place
    from ...explore.scenarios.protocol import ClientGoneError
    from ...explore.scenarios.scenario import within
    from ..diagnostics import Diagnostic, discard_output, report
    from ..study_display import print_importances

    if command.study.method != "default":
        scenario = replace(scenario, settings=replace(scenario.settings, method=command.study.method))
    command.study.check_method(scenario.settings.method)
    scenario = within(scenario, command.study.budget if command.study.storage is None else None)
    _check_files(scenario, command)
    is_client = scenario.mode == "client-server"
    if is_client and command.study.json:
        raise InputError(
            f"in the mode 'client-server' stdout belongs to the client{HELP_MARK}leave out --json"
        )
    for remark in scenario.remarks:
        report(Diagnostic(remark, severity="remark"), {}, "kl")
    try:
        result = _run(scenario, command, is_client)
    except ClientGoneError:
        discard_output()
        raise
    except KeyboardInterrupt:
        kept = shown_place(command.study.storage or str(scenario.files.samples))
        print(f"interrupted; --resume goes on with {kept}", file=sys.stderr)
        raise
    if not result.rows:
        raise InputError(f"nothing has been evaluated: the time was over{HELP_MARK}raise 'time_budget'")
    importances = result.importances(command.study.seed) if scenario.print_importances else ()
    if command.study.json:
        print_json(_document(named, result, importances))
        return 0
    if not is_client:
        _print(result)
    if importances:
        with redirect_stdout(sys.stderr if is_client else sys.stdout):
            print_importances(importances)
    return 0


def _run(scenario: Scenario, command: Command, is_client: bool) -> Result:
    from ...explore.scenarios.optimizer import run_to_end
    from ...explore.scenarios.run import Options
    from ..study_display import study_progress

    study = command.study
    options = Options(
        seed=study.seed,
        jobs=study.at_a_time,
        cluster=study.cluster,
        timeout=study.timeout,
        isolate=True,
        storage=study.storage,
        budget=study.budget,
        stop_gain=study.stop_gain,
        resume=study.resume,
    )
    output = sys.stdout if is_client else StringIO()  # what is printed below says more
    budget = study.budget or scenario.budget
    progress = study_progress(scenario.objectives, (), budget, silent=study.json or is_client)
    # What functions print is for people, and goes where the progress goes.
    with progress as on_trial, redirect_stdout(sys.stderr), naming_storage(study.storage):
        function = _function(command.function)
        return run_to_end(scenario, function, options, sys.stdin, output, on_trial)


def _check_files(scenario: Scenario, command: Command) -> None:
    """Raises: InputError where a run would write over its study, or over the file of its function."""
    source = None if command.function is None else command.function.rpartition(":")[0]
    for key, path in scenario.files.written.items():
        kept = {"the study": command.study.storage, "the function": source}
        check_kept(key, str(path), kept)


def _function(name: str | None) -> NamedFunction | None:
    """The function by its name, also in other processes; it is this one that says if there is none."""
    from ...explore.scenarios.functions import NamedFunction, load_function

    if name is None:
        return None
    load_function(name)
    return NamedFunction(name)


def _count(result: Result, status: str) -> int:
    return sum(row.outcome.status == status for row in result.counted)


def _document(path: str, result: Result, importances: Sequence[Importances]) -> dict[str, Any]:
    scenario = result.scenario
    names = [objective.name for objective in scenario.objectives]
    files = {"samples": str(scenario.files.samples), "log": str(scenario.files.log)}
    if len(names) > 1:
        files["front"] = str(scenario.files.front)
    document = {
        "version": JSON_VERSION,
        "input": path,
        "scenario": scenario.name,
        "evaluations": len(result.counted),
        "repeated": len(result.rows) - len(result.counted),
        "feasible": _count(result, "feasible"),
        "failed": sum(row.outcome.has_failed for row in result.counted),
        "objectives": names,
        "front": [
            {"point": row.point, "values": list(row.outcome.values or ()), "equal": len(others)}
            for row, *others in _fronts(result)
        ],
        "files": files,
        "expected_gain": result.gain,
        "remarks": list(scenario.remarks),
    }
    return document | ({"importances": [asdict(one) for one in importances]} if importances else {})


def _fronts(result: Result) -> list[list[Row]]:
    """The front, points of equal values together, by the values."""
    groups: dict[tuple[float, ...], list[Row]] = {}
    for row in result.front:
        groups.setdefault(row.outcome.values or (), []).append(row)
    return [groups[values] for values in sorted(groups)]


def _print(result: Result) -> None:
    scenario, fronts = result.scenario, _fronts(result)
    has_equal = any(len(equal) > 1 for equal in fronts)
    heads = [*(objective.name for objective in scenario.objectives), *(["equal"] if has_equal else [])]
    points, rows = [_point(scenario, equal[0]) for equal in fronts], []
    for row, *others in fronts:
        counts = [str(len(others) or "")] if has_equal else []
        rows.append([*(f"{value:.6g}" for value in row.outcome.values or ()), *counts])
    print_points(heads, rows, points, texts=())
    failed = sum(row.outcome.has_failed for row in result.counted)
    again = len(result.rows) - len(result.counted)
    more = f"; {again} more repeated points" if again else ""
    print(f"{len(result.counted)} evaluations, {_count(result, 'feasible')} feasible, {failed} failed{more}")
    if result.gain is not None:
        print(stopped_text(len(result.counted), result.gain))
    elif result.known == len(result.rows):
        print("none of them is new: nothing was left to evaluate; --budget says how many there may be in all")
    print(f"all evaluations are in {scenario.files.samples}")
    if len(scenario.objectives) > 1:
        print(f"the front is in {scenario.files.front}")


def _point(scenario: Scenario, row: Row) -> dict[str, str]:
    from ...explore.scenarios.answers import point_texts

    names = [parameter.name for parameter in scenario.space.parameters]
    texts = zip(names, point_texts(scenario, row.point), strict=True)
    return {name: _short(text) for name, text in texts if text}


def _short(text: str) -> str:
    """A text, with few digits where it is a number that has many."""
    try:
        return text if len(text) < 10 else f"{float(text):.6g}"
    except ValueError:
        return text
