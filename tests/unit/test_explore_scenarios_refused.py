"""Scenarios that make no sense are refused, with messages that say where it is and what to write."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_documents import REAL, scenario

from kl.explore.scenarios.design import first_points
from kl.explore.scenarios.document import parse_document
from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.reading import load_scenario, make_scenario

ROOT = Path(__file__).parents[2]


def refused(inputs: Mapping[str, Any] | None = None, **more: Any) -> str:
    """The message about a scenario that is refused."""
    with pytest.raises(ScenarioError) as error:
        scenario(inputs, **more)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "s.json:1:2: this is not JSON: expecting property name enclosed in double quotes"),
        ('{"a": 1,\n "a": 2}', 's.json:2:2: the key "a" is there twice; leave one out'),
        ("3", "s.json:1:1: a scenario is an object, this is a number"),
        ('{"seed": 1}', "s.json:1:2: unknown key 'seed'"),
        (
            '{\n  "optimisation_iterations": 3}',
            "s.json:2:3: unknown key 'optimisation_iterations'; did you mean 'optimization_iterations'?",
        ),
        ('{"models": {"modle": 1}}', "s.json:1:13: unknown key 'modle' in 'models'; did you mean 'model'?"),
        ('{"timestamp": null}', "s.json:1:15: 'timestamp' takes a text, this is null"),
        (r'{"log_file": "\u0000"}', r"s.json:1:14: 'log_file' is '\x00', which has characters that cannot"),
        ('{"noise": 1}', "s.json:1:11: 'noise' takes true or false, this is a number"),
        ('{"time_budget": true}', "s.json:1:17: 'time_budget' takes a number, this is true or false"),
        ('{"time_budget": NaN}', "s.json:1:17: 'time_budget' takes a number, this is too large a number"),
        (
            '{"time_budget": 0}',
            "s.json:1:17: 'time_budget' is 0, which is not supported; write -1 for no limit",
        ),
        ('{"optimization_iterations": -1}', "s.json:1:29: 'optimization_iterations' is -1, the least is 0"),
        ('{"epsilon_greedy_threshold": 2}', "s.json:1:30: 'epsilon_greedy_threshold' is 2, the most is 1"),
        (
            '{"hypermapper_mode": {"mode": "server"}}',
            "s.json:1:31: 'mode' is 'server'; known are default, client-server, exhaustive",
        ),
        ("{}", "s.json:1:1: the scenario has no 'input_parameters'; name at least one"),
    ],
)
def test_messages_say_where(text: str, message: str):
    with pytest.raises(ScenarioError) as error:
        make_scenario(parse_document(text, "s.json"))
    assert str(error.value).startswith(message)


def test_depth_is_bounded():
    with pytest.raises(ScenarioError, match="too deep"):
        parse_document("[" * 100_000, "s.json")


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"parameter_type": "real"}, "parameter 'x' has no 'values'"),
        ({"values": [0, 1]}, "parameter 'x' has no 'parameter_type'"),
        (
            {**REAL, "paramter_default": 0},
            "unknown key 'paramter_default' in 'x'; did you mean 'parameter_default'?",
        ),
        ({**REAL, "transform": "log"}, "unknown key 'transform' in 'x'; known are"),
        ({"parameter_type": "real", "values": [1, 0]}, "parameter 'x' has an empty range: 1.0 to 0.0"),
        (
            {"parameter_type": "real", "values": [1]},
            "real parameter 'x' takes two numbers, the bounds, not [1]",
        ),
        ({"parameter_type": "integer", "values": [1, 2.5]}, "integer 'x' has the bound 2.5"),
        (
            {"parameter_type": "ordinal", "values": ["low", 1]},
            "a value of ordinal 'x' is 'low', not a number",
        ),
        (
            {"parameter_type": "categorical", "values": [None]},
            "a value of 'x' is null, no text, number, true or",
        ),
        ({"parameter_type": "categorical", "values": [True, 1]}, "parameter 'x' has a value twice"),
        ({"parameter_type": "categorical", "values": []}, "parameter 'x' has no values"),
        ({"parameter_type": "ordinal", "values": [1, 1.0]}, "parameter 'x' has a value twice"),
        (
            {**REAL, "prior": "estimate"},
            "the table samples.csv cannot be read: No such file or directory; name one as 'prior_",
        ),
        ({**REAL, "prior": ["a"]}, "a list as prior has numbers only"),
        ({**REAL, "prior": [1]}, "parameter 'x': the prior is no list of two or more densities"),
        ({**REAL, "prior": [0, 0]}, "parameter 'x': the prior is no list of two or more densities"),
        (
            {"parameter_type": "ordinal", "values": [1, 2], "prior": [0.5, 0.6]},
            "parameter 'x': the shares of the prior add up to 1.1, not to 1",
        ),
        (
            {"parameter_type": "categorical", "values": ["a", "b"], "prior": [1]},
            "parameter 'x': the prior has 1 shares for 2 values; give a share for each value",
        ),
        (
            {"parameter_type": "categorical", "values": ["a", "b"], "prior": [-1, 2]},
            "parameter 'x': the prior has the share -1; shares are 0 or more",
        ),
        (
            {"parameter_type": "categorical", "values": ["a", "b"], "prior": "decay"},
            "parameter 'x': a categorical has no prior 'decay'",
        ),
        (
            {"parameter_type": "integer", "values": [0, 1], "prior": "custom_gaussian"},
            "parameter 'x': only real parameters have custom_gaussian priors",
        ),
        (
            {**REAL, "prior": "custom_gaussian", "custom_gaussian_prior_means": [1, 2]},
            "parameter 'x': custom_gaussian has 2 means and 1 deviations",
        ),
        (
            {**REAL, "prior": "custom_gaussian", "custom_gaussian_prior_stds": [0]},
            "parameter 'x': custom_gaussian has the deviation 0",
        ),
        (
            {
                **REAL,
                "prior": "custom_gaussian",
                "custom_gaussian_prior_means": [90],
                "custom_gaussian_prior_stds": [1],
            },
            "parameter 'x': custom_gaussian has nothing between 0.0 and 1.0; move its means there",
        ),
        (
            {**REAL, "prior": "custom_gaussian", "custom_gaussian_prior_means": 3},
            "parameter 'x': custom_gaussian_prior_means takes numbers in a list, not 3",
        ),
        ({**REAL, "parameter_default": 2}, "the default is none of the values: x = 2 is not between"),
        ({**REAL, "parameter_default": "a"}, "the default is none of the values: x = 'a' is not between"),
    ],
)
def test_parameters_that_make_no_sense(parameter: dict[str, Any], message: str):
    assert message in refused({"x": parameter})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"optimization_objectives": []}, "the scenario has no 'optimization_objectives'"),
        ({"optimization_objectives": ["a,b"]}, "the name 'a,b' is empty, or has a comma, a quote or"),
        ({"optimization_objectives": [3]}, "3 is no name of an objective"),
        ({"timestamp": " "}, "the name ' ' is empty, or has a comma, a quote or"),
        (
            {"optimization_objectives": ["x"]},
            "two of the inputs, outputs and the timestamp have the name 'x'",
        ),
        (
            {"optimization_objectives": ["v", "v"]},
            "two of the inputs, outputs and the timestamp have the name 'v'",
        ),
        ({"input_parameters": {"a,b": REAL}}, "the name 'a,b' is empty, or has a comma, a quote or"),
        (
            {"hypermapper_mode": {"mode": "exhaustive"}},
            "the mode 'exhaustive' needs an 'exhaustive_search_file'",
        ),
        (
            {"hypermapper_mode": {"exhaustive_search_file": "a"}},
            "the mode 'default' has no 'exhaustive_search_file'",
        ),
        (
            {"optimization_method": "evolutionary_optimization", "mutation_rate": 2},
            "'mutation_rate' is 2, and there are 1 parameters",
        ),
        (
            {"optimization_method": "evolutionary_optimization", "batch_size": 51},
            "'batch_size' is 51, and there are 50 points in the population",
        ),
        (
            {
                "optimization_method": "evolutionary_optimization",
                "batch_size": 1,
                "evolution_crossover": True,
            },
            "'evolution_crossover' needs a 'batch_size' of 2 or more",
        ),
        ({"optimization_method": "random"}, "known are bayesian_optimization, random_scalarizations"),
        ({"optimization_method": "local_search", "local_search_evaluation_limit": 0}, "write -1 for what"),
        (
            {"estimate_multivariate_priors": True},
            "'estimate_multivariate_priors' is True, which is not supported",
        ),
        (
            {"weight_sampling": "bounding_box", "bounding_box_limits": [1]},
            "'bounding_box_limits' takes 2 numbers",
        ),
        ({"print_best": "sometimes"}, "'print_best' is 'sometimes'; write true, false or 'auto'"),
        ({"resume_optimization": True}, "there is no table application_output_samples.csv to resume from"),
        (
            {"feasible_output": {"enable_feasible_predictor": True, "true_value": "NO", "false_value": "no"}},
            "'true_value' and 'false_value' are both 'NO'; make them differ",
        ),
        (
            {
                "hypermapper_mode": {"mode": "client-server"},
                "input_parameters": {"x": {"parameter_type": "categorical", "values": ["a,b"]}},
            },
            "'a,b' has a comma or blanks around it; the mode 'client-server' cannot send it",
        ),
        (
            {
                "design_of_experiment": {"doe_type": "grid_search"},
                "input_parameters": dict.fromkeys("abcde", REAL),
            },
            "the grid has 100000 points, at most 10000 are evaluated",
        ),
        (
            {
                "custom_gaussian_prior_means": [1, 2, 3],
                "input_parameters": {"x": {**REAL, "prior": "custom_gaussian"}},
            },
            "custom_gaussian_prior_means has 3 numbers, 1 or 1 are needed",
        ),
    ],
)
def test_scenarios_that_make_no_sense(keys: dict[str, Any], message: str):
    assert message in refused(**keys)


def test_files_that_are_no_scenarios(tmp_path: Path):
    path = tmp_path / "s.json"
    with pytest.raises(FileNotFoundError):
        load_scenario(path)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ScenarioError, match=r"s\.json is not text in UTF-8: byte 7 is wrong"):
        load_scenario(path)


def test_a_dictionary_is_like_a_file():
    assert scenario({"x": {**REAL, "values": (0, 1)}}) == scenario()
    assert "the scenario is not JSON: Object of type set" in refused({"x": {**REAL, "values": {0, 1}}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
"""Any JSON, also what only Python takes for it."""


def changed(value: Any, rng: random.Random, new: Any) -> Any:
    """A document with a part of it changed to something new."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.2:
        return new
    if isinstance(value, list):
        place = rng.randrange(len(value))
        return [*value[:place], changed(value[place], rng, new), *value[place + 1 :]]
    key = rng.choice(list(value))
    return value | {key: changed(value[key], rng, new)}


@given(st.sampled_from(sorted((ROOT / "examples/explore").glob("*.json"))), st.randoms(), JSON)
def test_any_change_is_read_or_refused(path: Path, rng: random.Random, new: Any):
    text = json.dumps(changed(json.loads(path.read_text(encoding="utf-8")), rng, new))
    with suppress(ScenarioError):
        first_points(make_scenario(parse_document(text, "s.json")), np.random.default_rng(0))
