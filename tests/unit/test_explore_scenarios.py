"""Scenarios of HyperMapper: what they say, and what is wrong with some."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.explore.draws import draw_prior, prior_mass
from kl.explore.errors import SpaceError
from kl.explore.parameters import Categorical, Integer, Ordinal, Real
from kl.explore.priors import prior_place, prior_share
from kl.explore.scenarios.design import first_points, grid_size, hypercube, hypercubes
from kl.explore.scenarios.document import parse_document
from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.keys import HONOURED, KEYS
from kl.explore.scenarios.reading import load_scenario, make_scenario
from kl.explore.scenarios.scenario import Scenario
from kl.explore.space import Space
from kl.explore.store import load_space, save_space

ROOT = Path(__file__).parents[2]
REAL = {"parameter_type": "real", "values": [0, 1]}


def scenario(inputs: Mapping[str, Any] | None = None, **more: Any) -> Scenario:
    """A scenario with one objective, from a dictionary."""
    base = {"optimization_objectives": ["v"], "input_parameters": inputs or {"x": REAL}}
    return load_scenario({**base, **more})


def refused(inputs: Mapping[str, Any] | None = None, **more: Any) -> str:
    """The message about a scenario that is refused."""
    with pytest.raises(ScenarioError) as error:
        scenario(inputs, **more)
    return str(error.value)


def test_defaults_are_those_of_hypermapper():
    plain = scenario()
    assert plain.name == "application"
    assert (plain.samples, plain.iterations, plain.batch, plain.budget) == (10, 50, 1, 60)
    assert (plain.mode, plain.flag, plain.seconds, plain.print_best) == ("default", None, None, True)
    assert plain.columns == ("x", "v", "Timestamp")
    assert plain.files.samples == Path("application_output_samples.csv")
    assert plain.files.front == Path("application_output_pareto.csv")
    assert plain.files.log == Path("hypermapper_logfile.log")
    assert plain.settings.warm_up == 10
    assert plain.remarks == ()


def test_all_types_of_parameters():
    found = scenario(
        {
            "r": {"parameter_type": "real", "values": [-5, 10], "prior": "gaussian", "parameter_default": 0},
            "i": {"parameter_type": "integer", "values": [9, 2], "parameter_default": 3.0},
            "o": {"parameter_type": "ordinal", "values": [8, 1, 2.5], "prior": [0.5, 0.2, 0.3]},
            "c": {"parameter_type": "categorical", "values": ["a", "b"], "parameter_default": "b"},
        }
    )
    assert found.space.parameters == (
        Real("r", -5.0, 10.0, prior="gaussian"),
        Integer("i", 2, 9),
        Ordinal("o", (1, 2.5, 8), prior=(0.2, 0.3, 0.5)),
        Categorical("c", ("a", "b")),
    )
    assert found.defaults == {"r": 0.0, "i": 3, "c": "b"}
    assert isinstance(found.defaults["r"], float)


def test_lists_are_priors():
    found = scenario(
        {
            "r": {"parameter_type": "real", "values": [0, 10], "prior": [0, 1]},
            "i": {"parameter_type": "integer", "values": [1, 4], "prior": [0.1, 0.2, 0.3, 0.4]},
            "c": {"parameter_type": "categorical", "values": ["a", "b"], "prior": [0.25, 0.75]},
        }
    )
    real, integer, categorical = found.space.parameters
    assert not isinstance(real, Categorical | Integer)
    assert isinstance(integer, Integer)
    assert [prior_mass(integer, value) for value in range(1, 5)] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert isinstance(categorical, Categorical)
    assert categorical.prior == (0.25, 0.75)
    drawn = np.array([draw_prior(real, np.random.default_rng(seed)) for seed in range(400)])
    assert drawn.mean() == pytest.approx(10 * 2 / 3, abs=0.5)  # the mean of a density that rises from 0


def test_bell_curves_are_priors():
    own = {**REAL, "prior": "custom_gaussian", "custom_gaussian_prior_means": [0.2, 0.8]}
    own["custom_gaussian_prior_stds"] = [0.01, 0.01]
    shared = {**REAL, "prior": "custom_gaussian"}
    found = scenario(
        {"x": own, "y": shared}, custom_gaussian_prior_means=[0, 0.5], custom_gaussian_prior_stds=[0.1]
    )
    x, y = found.space.parameters
    assert isinstance(x, Real)
    assert isinstance(y, Real)
    assert prior_share(x.prior, 0.1, 0.3) == pytest.approx(0.5)
    assert prior_share(x.prior, 0.3, 0.7) == pytest.approx(0, abs=1e-6)
    assert prior_share(y.prior, 0.4, 0.6) == pytest.approx(0.6827, abs=1e-3)


def test_methods_models_and_boxes_change_the_settings():
    found = scenario(
        models={"model": "random_forest"},
        epsilon_greedy_threshold=0.2,
        prior_beta=7,
        weight_sampling="bounding_box",
        bounding_box_limits=[0, 4, 3, 1],
        optimization_objectives=["a", "b"],
    )
    assert found.settings.model == "forest"
    assert found.settings.random_share == 0.2
    assert found.settings.prior_strength == 7
    assert [objective.capacity for objective in found.objectives] == [4, 3]


def test_a_flag_is_there_only_with_the_predictor():
    off = scenario(feasible_output={"name": "Good"})
    assert off.flag is None
    assert "enable_feasible_predictor" in off.remarks[0]
    on = scenario(feasible_output={"name": "Good", "enable_feasible_predictor": True})
    assert on.flag is not None
    assert (on.flag.true, on.flag.false) == ("true", "false")
    assert on.columns == ("x", "v", "Good", "Timestamp")


def test_keys_without_effect_are_remarked():
    found = scenario(cma_es_sigma=0.3, models={"model": "gaussian_process", "number_of_trees": 5})
    assert found.remarks == ("these keys change nothing here: cma_es_sigma, models.number_of_trees",)


def test_files_go_to_the_run_directory():
    found = scenario(run_directory="runs", output_data_file="a.csv", application_name="app")
    assert found.files.samples == Path("runs/a.csv")
    assert found.files.front == Path("runs/app_output_pareto.csv")


def test_all_keys_are_documented():
    page = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.startswith("|")]
    notes = {path: row[2] for row in rows if len(row) == 4 for path in re.findall(r"`([\w.*]+)`", row[1])}
    assert {key.path: notes.get(key.path) for key in KEYS.values()} == {k.path: k.note for k in KEYS.values()}
    for key in HONOURED:
        for value, way_out in key.refused.items():
            text = str(value).lower() if isinstance(value, bool) else value
            assert f"| `{key.path}` | `{text}` | {way_out} |" in page


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
        ({"parameter_type": "categorical", "values": [True]}, "a value of 'x' is true or false, not a text"),
        ({"parameter_type": "categorical", "values": []}, "parameter 'x' has no values"),
        ({"parameter_type": "ordinal", "values": [1, 1.0]}, "parameter 'x' has a value twice"),
        (
            {**REAL, "prior": "estimate"},
            "'prior' is 'estimate', which is not supported; give the prior as a list",
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
        ({"optimization_method": "evolutionary_optimization"}, "is not supported; use bayesian_optimization"),
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


def test_a_file_may_have_a_byte_order_mark(tmp_path: Path):
    path = tmp_path / "s.json"
    document = {"optimization_objectives": ["v"], "input_parameters": {"x": REAL}}
    path.write_text(json.dumps(document), encoding="utf-8-sig")
    assert load_scenario(str(path)) == load_scenario(document)


def test_a_design_begins_with_the_defaults():
    found = scenario({"x": {**REAL, "parameter_default": 0.25}, "y": REAL})
    (point,) = first_points(found, np.random.default_rng(0))
    assert point["x"] == 0.25
    found.space.check(point)
    assert first_points(scenario(), np.random.default_rng(0)) == []


def test_a_latin_hypercube_has_a_point_in_each_part():
    space = Space(
        (
            Real("r", 0.0, 1.0),
            Integer("i", 0, 19),
            Real("p", 0.0, 1.0, prior=(0.0, 1.0)),
            Categorical("c", ("a", "b"), (0.25, 0.75)),
        )
    )
    points = hypercube(space, 20, np.random.default_rng(3))
    assert sorted(int(float(str(point["r"])) * 20) for point in points) == list(range(20))
    assert sorted(int(str(point["i"])) for point in points) == list(range(20))
    assert sorted(int((float(str(point["p"])) * 2 - 1) * 20) for point in points) == list(range(20))
    assert [point["c"] for point in points].count("a") == 5


def test_k_latin_hypercubes_have_one_for_each_combination():
    space = Space((Real("r", 0.0, 1.0), Categorical("c", ("a", "b", "c"))))
    points = hypercubes(space, 14, np.random.default_rng(3))
    assert len(points) == 12  # the other two are drawn
    for value in "abc":
        places = [int(float(str(point["r"])) * 4) for point in points if point["c"] == value]
        assert sorted(places) == [0, 1, 2, 3]
    assert len(hypercubes(space, 2, np.random.default_rng(3))) == 2


def test_a_grid_has_all_combinations():
    found = scenario(
        {"x": REAL, "c": {"parameter_type": "categorical", "values": ["a", "b"]}},
        design_of_experiment={"doe_type": "grid_search"},
    )
    points = first_points(found, np.random.default_rng(0))
    assert len(points) == grid_size(found.space) == found.budget == 20
    assert {point["x"] for point in points} >= {0.0, 1.0}


def test_shares_are_priors_of_any_numeric_parameter():
    shares = (0.1, 0.0, 0.3, 0.6)
    ordinal = Ordinal("o", (1, 2, 4, 8), prior=shares)
    assert [prior_mass(ordinal, value) for value in ordinal.values] == pytest.approx(shares)
    drawn = [draw_prior(ordinal, np.random.default_rng(seed)) for seed in range(300)]
    assert 2 not in drawn
    assert drawn.count(8) / 300 == pytest.approx(0.6, abs=0.1)
    assert prior_share(shares, 0.0, 1.0) == 1
    assert prior_place(shares, 0.4) == pytest.approx(0.75)
    assert prior_place("gaussian", 0.5) == pytest.approx(0.5)
    space = Space((ordinal, Real("r", 0.0, 1.0, prior=(1.0, 2.0))))
    assert load_space(save_space(space)) == space
    assert "ordinal 1 < 2 < 4 < 8, prior of 4 shares" in str(space)
    with pytest.raises(SpaceError, match="needs shares of 0 or more, one above 0"):
        Integer("i", 0, 3, prior=(0.0, 0.0))
