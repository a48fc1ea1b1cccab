"""`optimize`, as HyperMapper has it: a scenario, and a function to minimise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from ..outcome import Trial
from .answers import point_texts
from .errors import ScenarioError
from .functions import FunctionEvaluation, Lookup
from .protocol import END, Client
from .reading import load_scenario
from .recorder import Log, Result
from .run import Options, run_scenario
from .scenario import Scenario, within

Function = Callable[[dict[str, Any]], Any]
"""Takes a value for each input by name, and gives a number, or a dictionary of the outputs by name."""


def optimize(
    parameters_file: str | Path | Mapping[str, Any],
    black_box_function: Function | None = None,
    options: Options | None = None,
) -> Result:
    """Run a scenario, a JSON file or a dictionary, as `hypermapper.optimizer.optimize` does.

    The mode `client-server` asks by standard output and hears by standard input.

    Raises: OSError for files that cannot be read or written; ScenarioError for what is wrong with the
    scenario, the function or the client; StudyError for a storage that cannot be used.
    """
    options = options or Options()
    scenario = within(load_scenario(parameters_file), options.budget if options.storage is None else None)
    return run_to_end(scenario, black_box_function, options, sys.stdin, sys.stdout)


def run_to_end(
    scenario: Scenario,
    function: Function | None,
    options: Options,
    answers: TextIO,
    output: TextIO,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Result:
    """Run a scenario, and say on `output` what HyperMapper says at its end.

    Raises: like `optimize`.
    """
    evaluation = _evaluation(scenario, function, options)
    log = Log(scenario.files.log)
    for remark in scenario.remarks:
        log.note(remark)
    client = Client(scenario, answers, output, log.note)
    try:
        result = run_scenario(scenario, options, evaluation or client, log, on_trial)
        client.say(*(_best_lines(result) if scenario.print_best else ()), END)
    except (ScenarioError, OSError) as error:
        log.note(f"the run ends: {error}")
        raise
    return result


def _evaluation(
    scenario: Scenario, function: Function | None, options: Options
) -> FunctionEvaluation | Lookup | None:
    """What evaluates in this process; None where a client does.

    Raises: ScenarioError where the mode needs something else than there is.
    """
    if scenario.mode == "default" and function is None:
        way_out = 'give one (--function), or set \'hypermapper_mode\' to {"mode": "client-server"}'
        raise ScenarioError("the mode 'default' needs a function", way_out)
    if scenario.mode != "default" and function is not None:
        raise ScenarioError(
            f"the mode {scenario.mode!r} takes no function", "leave it out, or 'hypermapper_mode'"
        )
    if options.jobs > 1 and (scenario.mode != "default" or scenario.batch > 1):
        what = "the function gets whole batches" if scenario.mode == "default" else f"mode {scenario.mode!r}"
        raise ScenarioError(f"{options.jobs} jobs cannot work here: {what}", "use one job")
    for name in ("cluster", "timeout"):
        if getattr(options, name) is not None and (scenario.mode != "default" or scenario.batch > 1):
            message = f"a {name} needs a function that gets one point at a time"
            raise ScenarioError(message, f"leave out --{name}")
    if scenario.table is not None:
        return Lookup(scenario, scenario.table)
    return None if function is None else FunctionEvaluation(scenario, function)


def _best_lines(result: Result) -> list[str]:
    """The best point of one objective, as HyperMapper prints it."""
    scenario = result.scenario
    if len(scenario.objectives) > 1:
        return []
    best = next(iter(result.front), None)
    if best is None:
        return ["No feasible point found.", ""]
    names = [part.name for part in (*scenario.space.parameters, *scenario.objectives)]
    cells = [*point_texts(scenario, best.point), *map(str, best.outcome.values or ())]
    return ["Best point found:", ",".join(names), ",".join(cells), ""]
