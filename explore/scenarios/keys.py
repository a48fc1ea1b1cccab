"""The keys of scenarios of HyperMapper 2.2.13, and what each of them does here.

`docs/scenarios.md` shows this table; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["text", "flag", "integer", "number", "list", "object", "text or flag", "text or list", "any"]
"""What JSON value a key takes; a whole number is a number, too."""

Use = Literal["honoured", "not needed"]
"""Whether a key does what it says, or belongs to a part of the other method that this one does without."""


@dataclass(frozen=True)
class Key:
    """One key; `path` has the keys around it in front, `*` stands for the name of a parameter."""

    path: str
    kind: Kind
    note: str
    use: Use = "honoured"
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    """All texts that it may be; none for any."""

    refused: Mapping[Any, str] = field(default_factory=dict[Any, str])
    """Values that HyperMapper takes and this does not, each with the way out."""


PRIORS = ("uniform", "gaussian", "decay", "exponential", "custom_gaussian", "estimate")
METHODS = (
    *("bayesian_optimization", "random_scalarizations", "prior_guided_optimization"),
    *("local_search", "evolutionary_optimization"),
)
DESIGNS = ("random sampling", "standard latin hypercube", "k latin hypercube", "grid_search")
MODES = ("default", "client-server", "exhaustive")

_BUDGET = "use bayesian_optimization, and set the budget with optimization_iterations"
_GRID_SEARCH = "enable_feasible_predictor_grid_search_on_recall_and_precision"
_DENSITIES = "give the prior as a list of densities, as custom_gaussian, or by name"

HONOURED = (
    Key("application_name", "text", "begins the names of the files"),
    Key("optimization_objectives", "list", "one, two, three or more, all minimised"),
    Key("input_parameters", "object", "the space; their order is that of the columns"),
    Key("input_parameters.*", "object", "a parameter"),
    Key(
        "input_parameters.*.parameter_type",
        "text",
        "the type",
        choices=("real", "integer", "ordinal", "categorical"),
    ),
    Key(
        "input_parameters.*.values",
        "list",
        "two bounds, or all values; ordinals are sorted, categoricals may be true and false",
    ),
    Key(
        "input_parameters.*.parameter_default",
        "any",
        "the defaults are evaluated first; parameters without one are drawn",
    ),
    Key(
        "input_parameters.*.prior",
        "text or list",
        "also with many objectives; names have the shapes of the paper; a list has a share for each value, "
        "or densities along the range of a real parameter",
        choices=PRIORS,
        refused={"estimate": _DENSITIES},
    ),
    Key("input_parameters.*.custom_gaussian_prior_means", "any", "for custom_gaussian"),
    Key("input_parameters.*.custom_gaussian_prior_stds", "any", "for custom_gaussian"),
    Key("custom_gaussian_prior_means", "list", "for parameters without means of their own"),
    Key("custom_gaussian_prior_stds", "list", "likewise; -1 is half the range"),
    Key("feasible_output", "object", "the flag that says whether a point is feasible"),
    Key("feasible_output.name", "text", "its column"),
    Key("feasible_output.true_value", "any", "its text for feasible points"),
    Key("feasible_output.false_value", "any", "its text for infeasible points"),
    Key(
        "feasible_output.enable_feasible_predictor",
        "flag",
        "only with this is there a flag at all, as in HyperMapper",
    ),
    Key("timestamp", "text", "the column of milliseconds since the start"),
    Key("design_of_experiment", "object", "the points that are evaluated before any model is"),
    Key(
        "design_of_experiment.doe_type",
        "text",
        "drawn from the priors; a grid has 10 values of each real parameter and no iterations after it",
        choices=DESIGNS,
    ),
    Key("design_of_experiment.number_of_samples", "integer", "how many", least=1),
    Key("optimization_iterations", "integer", "the iterations after the design", least=0),
    Key(
        "evaluations_per_optimization_iteration",
        "integer",
        "the evaluations in each; with more than 1 the function gets lists and gives lists",
        least=1,
    ),
    Key(
        "time_budget",
        "number",
        "minutes until no more evaluation begins; -1 is no limit",
        least=-1,
        refused={0: "write -1 for no limit"},
    ),
    Key("hypermapper_mode", "object", "who evaluates"),
    Key("hypermapper_mode.mode", "text", "a function, a client, or a table", choices=MODES),
    Key(
        "hypermapper_mode.exhaustive_search_file",
        "text",
        "the table; a point that it lacks counts as failed",
    ),
    Key(
        "optimization_method",
        "text",
        "the first three are all the default method here",
        choices=METHODS,
        refused={"local_search": _BUDGET, "evolutionary_optimization": _BUDGET},
    ),
    Key("models", "object", "without it, the default model here"),
    Key(
        "models.model",
        "text",
        "a hint: Gaussian processes predict, a forest learns what is feasible",
        choices=("random_forest", "gaussian_process"),
    ),
    Key("epsilon_greedy_threshold", "number", "the share of random points", least=0, most=1),
    Key(
        "prior_beta",
        "number",
        "priors count with the power of this over the number of evaluations; -1 is the default here",
        least=-1,
    ),
    Key(
        "weight_sampling",
        "text",
        "with bounding_box, the limits are worth searching for",
        choices=("flat", "bounding_box"),
    ),
    Key(
        "bounding_box_limits",
        "list",
        "the upper limit of each objective is its capacity, the worst value of any use",
    ),
    Key("run_directory", "text", "where the files go; it is made where there is none"),
    Key("output_data_file", "text", "the evaluations, row by row as they end"),
    Key("output_pareto_file", "text", "the front, when the run ends, for two objectives or more"),
    Key("log_file", "text", "what goes over the wire, and remarks"),
    Key("resume_optimization", "flag", "begin with the rows of a table"),
    Key("resume_optimization_data", "text", "the table"),
    Key("print_best", "text or flag", "whether the best point of one objective is printed"),
    Key(
        "print_parameter_importance",
        "flag",
        "the importances of `kl report` are printed at the end, and are in the output of `--json`",
    ),
    Key(
        "estimate_multivariate_priors",
        "flag",
        "only false: priors here come from the scenario",
        refused={True: _DENSITIES},
    ),
)
"""Those that do what they say."""


def _unneeded(note: str, kind: Kind, *paths: str) -> tuple[Key, ...]:
    """Keys that belong to what the method here does without; only their type is checked."""
    return tuple(Key(path, kind, note, "not needed") for path in paths)


_SEARCH = "how HyperMapper searches its acquisition function"
_SCALARS = "how HyperMapper makes one objective of many"
_PRIORS = "how HyperMapper weighs and estimates priors"
_FOREST = "the forests here have their own"
_EVOLUTION = "belongs to a method that is refused"
_PLOT = "for plots, which `kl report` makes here"
_PROFILE = "times of the parts of HyperMapper"

NOT_NEEDED = (
    *_unneeded(_SCALARS, "text", "acquisition_function", "scalarization_method", "scalarization_key"),
    *_unneeded(_SCALARS, "list", "local_search_scalarization_weights"),
    *_unneeded(_SEARCH, "text", "acquisition_function_optimizer"),
    *_unneeded(_SEARCH, "integer", "local_search_starting_points", "local_search_random_points"),
    *_unneeded(_SEARCH, "integer", "local_search_evaluation_limit", "max_number_of_predictions"),
    *_unneeded(_SEARCH, "integer", "cma_es_starting_points", "cma_es_random_points"),
    *_unneeded(_SEARCH, "number", "cma_es_sigma"),
    *_unneeded(_PRIORS, "text", "prior_method", "prior_estimation_file"),
    *_unneeded(_PRIORS, "number", "prior_floor", "prior_estimation_quantile"),
    *_unneeded(_PRIORS, "number", "model_posterior_weight", "model_good_quantile"),
    *_unneeded(_PRIORS, "number", "posterior_computation_lower_limit"),
    *_unneeded(_PRIORS, "integer", "bandwidth_parameter", "bandwidth_n_factor"),
    *_unneeded(_PRIORS, "integer", "prior_limit_estimation_points"),
    *_unneeded(_FOREST, "flag", f"feasible_output.{_GRID_SEARCH}", "models.bootstrap"),
    *_unneeded(_FOREST, "text", "feasible_output.feasible_predictor_grid_search_validation_file"),
    *_unneeded(_FOREST, "integer", "models.number_of_trees", "models.min_samples_split"),
    *_unneeded(_FOREST, "number", "models.max_features"),
    *_unneeded("models here always see the unit range", "flag", "normalize_inputs"),
    *_unneeded("the models here find out by themselves", "flag", "noise"),
    *_unneeded(_EVOLUTION, "integer", "evolution_population_size", "evolution_generations"),
    *_unneeded(_EVOLUTION, "integer", "mutation_rate", "batch_size"),
    *_unneeded(_EVOLUTION, "flag", "evolution_crossover", "regularize_evolution"),
    *_unneeded("`--jobs` says it here", "integer", "number_of_cpus"),
    *_unneeded("HyperMapper 2.2.13 reads it nowhere", "integer", "number_of_repetitions"),
    *_unneeded("the log here is short", "flag", "verbose_logging"),
    *_unneeded(_PROFILE, "flag", "profiling", "append_profiles"),
    *_unneeded(_PROFILE, "text", "profiling_file"),
    *_unneeded("the best point that was evaluated is printed", "flag", "print_posterior_best"),
    *_unneeded(_PLOT, "object", "output_image"),
    *_unneeded(_PLOT, "text", "output_image.output_image_pdf_file"),
    *_unneeded(_PLOT, "list", "output_image.optimization_objectives_labels_image_pdf"),
    *_unneeded(_PLOT, "flag", "output_image.image_xlog", "output_image.image_ylog"),
    *_unneeded(_PLOT, "integer", "output_image.objective_1_max", "output_image.objective_2_max"),
)
"""Those that are read, checked for their type, and else change nothing."""


KEYS: Mapping[str, Key] = {key.path: key for key in (*HONOURED, *NOT_NEEDED)}
"""All keys by path."""
