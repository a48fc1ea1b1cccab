"""Reading scenarios of HyperMapper 2.2.13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from .. import Method
from ..evolution import Evolution
from ..history import Objective
from ..optimizer import Settings
from ..parameters import Categorical, Ordinal
from ..space import Space
from .design import GRID_LIMIT, grid_size
from .document import Document, make_document, read_document
from .inputs import COLUMN_FAULTS, is_column, read_flag, read_inputs
from .keys import check_keys, is_number
from .scenario import DesignKind, Files, Mode, Scenario

METHODS: Mapping[str, Method] = {"local_search": "local-search", "evolutionary_optimization": "evolution"}
"""How points are chosen, by `optimization_method`; all others are the default here."""


def load_scenario(source: str | Path | Mapping[str, Any]) -> Scenario:
    """The scenario in a JSON file, or one that is at hand as a dictionary.

    Raises: OSError where the file cannot be read; ScenarioError where it is no scenario.
    """
    is_file = isinstance(source, (str, Path))
    return make_scenario(read_document(Path(source)) if is_file else make_document(dict(source)))


def make_scenario(document: Document) -> Scenario:
    """The scenario of a document.

    Raises: ScenarioError where it is none; it says what, where, and the way out.
    """
    unneeded = check_keys(document)
    space, defaults = read_inputs(document)
    value = document.value
    design, samples, iterations = _design(document, space)
    mode = cast(Mode, value.get("hypermapper_mode", {}).get("mode", "default"))
    minutes = value.get("time_budget", -1)
    scenario = Scenario(
        name=value.get("application_name", "application"),
        space=space,
        defaults=defaults,
        objectives=_objectives(document),
        flag=read_flag(document),
        timestamp=value.get("timestamp", "Timestamp"),
        design=design,
        samples=samples,
        iterations=iterations,
        batch=value.get("evaluations_per_optimization_iteration", 1),
        mode=mode,
        table=_table(document, mode),
        seconds=60.0 * minutes if minutes > 0 else None,
        settings=_settings(document, samples),
        files=_files(document),
        print_best=_print_best(document, mode),
        print_importances=value.get("print_parameter_importance", False),
        remarks=_remarks(document, unneeded),
    )
    _check_columns(document, scenario)
    _check_apart(document, scenario)
    if mode == "client-server":
        _check_wire(document, scenario)
    return scenario


def _design(document: Document, space: Space) -> tuple[DesignKind, int, int]:
    """The points to begin with: their kind and number; and the iterations after them."""
    value = document.value
    given = value.get("design_of_experiment", {})
    kind = cast(DesignKind, given.get("doe_type", "random sampling"))
    samples, iterations = given.get("number_of_samples", 10), value.get("optimization_iterations", 50)
    match value.get("optimization_method"):
        case _ if kind == "grid_search":
            return kind, _checked_grid(document, space), 0
        case "local_search":
            samples = value.get("local_search_random_points", samples)
            limit = value.get("local_search_evaluation_limit", -1)
            if limit > 0:
                batch = value.get("evaluations_per_optimization_iteration", 1)
                samples = min(samples, limit)
                iterations = (limit - samples) // batch
        case "evolutionary_optimization":
            samples = value.get("evolution_population_size", 50)
            iterations = value.get("evolution_generations", 150)
        case _:
            pass
    return kind, samples, iterations


def _checked_grid(document: Document, space: Space) -> int:
    """The size of the grid.

    Raises: ScenarioError where it is too large.
    """
    size = grid_size(space)
    if size > GRID_LIMIT:
        pointer = ("design_of_experiment", "doe_type")
        message = f"the grid has {size} points, at most {GRID_LIMIT} are evaluated"
        raise document.error(pointer, message, "name fewer values, or draw points with 'random sampling'")
    return size


def _remarks(document: Document, unneeded: Sequence[str]) -> tuple[str, ...]:
    """What is in the scenario and does nothing."""
    remarks = [f"these keys change nothing here: {', '.join(unneeded)}"] if unneeded else []
    feasible = document.value.get("feasible_output")
    if feasible is not None and not feasible.get("enable_feasible_predictor", False):
        remarks.append(
            "'feasible_output' does nothing without 'enable_feasible_predictor': true, all is feasible"
        )
    if document.value.get("models", {}).get("model") == "random_forest":
        remarks.append(
            "'models.model' is a hint, not an order: Gaussian processes predict, as they need fewer"
            " evaluations, and a forest learns what is feasible"
        )
    return tuple(remarks)


def _objectives(document: Document) -> tuple[Objective, ...]:
    """The objectives, with the upper limits of bounding boxes as capacities."""
    names = document.value.get("optimization_objectives")
    if not names:
        place = ("optimization_objectives",) if "optimization_objectives" in document.value else ()
        raise document.error(place, "the scenario has no 'optimization_objectives'", "name at least one")
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise document.error(("optimization_objectives", index), f"{name!r} is no name of an objective")
    limits = _limits(document, len(names))
    return tuple(Objective(name, capacity=limit) for name, limit in zip(names, limits, strict=True))


def _limits(document: Document, count: int) -> Sequence[float | None]:
    """The worst value of use of each objective, where the scenario has one."""
    if document.value.get("weight_sampling", "flat") != "bounding_box":
        return [None] * count
    pointer = ("bounding_box_limits",)
    limits = document.value.get(pointer[0], [0, 1])
    if not all(map(is_number, limits)) or len(limits) not in (2, 2 * count):
        wanted = "2 numbers" if count == 1 else f"2 or {2 * count} numbers"
        raise document.error(pointer, f"'bounding_box_limits' takes {wanted}, two for each objective")
    pairs = [limits[start : start + 2] for start in range(0, len(limits), 2)]
    return [float(max(pair)) for pair in (pairs if len(pairs) == count else pairs * count)]


def _settings(document: Document, samples: int) -> Settings:
    """How the optimizer works, where the scenario has a say in it."""
    value, default = document.value, Settings()
    strength = value.get("prior_beta", -1)
    return Settings(
        method=METHODS.get(value.get("optimization_method", ""), "default"),
        warm_up=samples,
        random_share=value.get("epsilon_greedy_threshold", default.random_share),
        prior_strength=default.prior_strength if strength < 0 else strength,
        starts=value.get("local_search_starting_points", default.starts),
        evolution=_evolution(document, samples),
    )


def _evolution(document: Document, population: int) -> Evolution:
    """How points evolve.

    Raises: ScenarioError for what HyperMapper refuses, too.
    """
    value, usual = document.value, Evolution()
    if value.get("optimization_method") != "evolutionary_optimization":
        return usual
    evolution = Evolution(
        population=population,
        by_age=value.get("regularize_evolution", usual.by_age),
        tournament=value.get("batch_size", usual.tournament),
        mutations=value.get("mutation_rate", usual.mutations),
        crossover=value.get("evolution_crossover", usual.crossover),
    )
    bounds = {
        "mutation_rate": (evolution.mutations, len(value["input_parameters"]), "parameters"),
        "batch_size": (evolution.tournament, population, "points in the population"),
    }
    for key, (number, most, what) in bounds.items():
        if number > most:
            raise document.error((key,), f"{key!r} is {number}, and there are {most} {what}")
    if evolution.crossover and evolution.tournament < 2:
        raise document.error(("batch_size",), "'evolution_crossover' needs a 'batch_size' of 2 or more")
    return evolution


def _table(document: Document, mode: Mode) -> Path | None:
    """The table of the exhaustive mode."""
    given = document.value.get("hypermapper_mode", {}).get("exhaustive_search_file")
    pointer = ("hypermapper_mode", "exhaustive_search_file")
    if mode == "exhaustive" and given is None:
        raise document.error(pointer[:1], "the mode 'exhaustive' needs an 'exhaustive_search_file'", key=True)
    if mode != "exhaustive" and given is not None:
        raise document.error(pointer, f"the mode {mode!r} has no 'exhaustive_search_file'", key=True)
    return None if given is None else Path(given)


def _files(document: Document) -> Files:
    """The files, with the application in front of the default names."""
    value = document.value
    folder = Path(value.get("run_directory", "."))
    name = value.get("application_name", "application")

    def named(key: str, default: str) -> Path:
        given = value.get(key, default)
        return Path(f"{name}_{given}" if given == default else given)

    def inside(key: str, path: Path) -> Path:
        """Raises: ScenarioError for what is not in the folder of the run."""
        if path.is_absolute() or path.drive or ".." in path.parts or path == Path():
            place = (key,) if key in value else ("application_name",)
            way_out = "name a file in the folder of the run, which 'run_directory' says"
            raise document.error(place, f"{str(path)!r} is not in the folder of the run", way_out)
        return folder / path

    return Files(
        samples=inside("output_data_file", named("output_data_file", "output_samples.csv")),
        front=inside("output_pareto_file", named("output_pareto_file", "output_pareto.csv")),
        log=inside("log_file", Path(value.get("log_file", "hypermapper_logfile.log"))),
        resume=_resume(document, folder, named("resume_optimization_data", "output_samples.csv")),
    )


def _check_apart(document: Document, scenario: Scenario) -> None:
    """Raises: ScenarioError where one file would be written over another one, or over what is read.

    A table that a run goes on with may be that of its evaluations.
    """
    read, files = {Path(document.name): "the scenario"}, scenario.files
    if scenario.table is not None:
        read[scenario.table] = "'exhaustive_search_file'"
    if files.resume is not None and files.resume.absolute() != files.samples.absolute():
        read[files.resume] = "'resume_optimization_data'"
    taken = {path.absolute(): what for path, what in read.items()}
    for key, path in files.written.items():
        other = taken.setdefault(path.absolute(), repr(key))
        if other != repr(key):
            told = f"{key!r} is {str(path)!r}, as is {other}"
            raise document.error((key,), told, "give it a file of its own")


def _resume(document: Document, folder: Path, table: Path) -> Path | None:
    """The table to begin with, where it is: as named, or in the folder of the run."""
    if not document.value.get("resume_optimization", False):
        return None
    places = [table, folder / table]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        pointer = ("resume_optimization_data",)
        way_out = "name the table of an earlier run, or leave out 'resume_optimization'"
        raise document.error(pointer, f"there is no table {table} to resume from", way_out)
    return found


def _print_best(document: Document, mode: Mode) -> bool:
    given = document.value.get("print_best", "auto")
    if given not in (True, False, "auto"):
        raise document.error(("print_best",), f"'print_best' is {given!r}", "write true, false or 'auto'")
    return mode != "client-server" if given == "auto" else given


def _check_columns(document: Document, scenario: Scenario) -> None:
    """All columns need names of their own that can be written in a line.

    Raises: ScenarioError where one has none.
    """
    columns = scenario.columns
    for name in columns:
        if not is_column(name):
            raise document.error((), f"the name {name!r} {COLUMN_FAULTS}")
        if columns.count(name) > 1:
            raise document.error((), f"two of the inputs, outputs and the timestamp have the name {name!r}")


def _check_wire(document: Document, scenario: Scenario) -> None:
    """The protocol has commas between values, and takes away blanks around them.

    Raises: ScenarioError for texts that would not come back as they are.
    """
    for parameter in scenario.space.parameters:
        if not isinstance(parameter, (Ordinal, Categorical)):
            continue
        for value in map(str, parameter.values):
            if value != value.strip() or "," in value:
                pointer = ("input_parameters", parameter.name, "values")
                message = f"{value!r} has a comma or blanks around it"
                raise document.error(pointer, message, "the mode 'client-server' cannot send it")
