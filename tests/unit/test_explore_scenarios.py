"""Scenarios of HyperMapper: what they say, and the points that they begin with."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenario_documents import REAL, scenario
from scipy.stats import gaussian_kde

from kl.explore.errors import SpaceError
from kl.explore.evolution import Evolution
from kl.explore.parameters import Categorical, Integer, Ordinal, Real
from kl.explore.priors import prior_place, prior_share
from kl.explore.sampling import prior_mass, sample_prior
from kl.explore.scenarios.answers import point_texts, read_value
from kl.explore.scenarios.design import first_points, grid_size, hypercube, hypercubes
from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.keys import KEYS
from kl.explore.scenarios.reading import load_scenario
from kl.explore.scenarios.scenario import within
from kl.explore.space import Space
from kl.explore.store import load_space, save_space

ROOT = Path(__file__).parents[2]


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
    drawn = np.array([sample_prior(real, np.random.default_rng(seed)) for seed in range(400)])
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
    assert found.settings.model == "gaussian"
    assert found.remarks == (
        "'models.model' is a hint, not an order: Gaussian processes predict, as they need fewer evaluations,"
        " and a forest learns what is feasible",
    )
    assert found.settings.random_share == 0.2
    assert found.settings.prior_strength == 7
    assert [objective.capacity for objective in found.objectives] == [4, 3]


def test_a_budget_below_the_design_shrinks_the_design_and_says_so():
    found = scenario(design_of_experiment={"doe_type": "random sampling", "number_of_samples": 20})
    assert within(found, None) == within(found, 21) == found
    for budget, samples in ((20, 10), (7, 3), (1, 1)):
        less = within(found, budget)
        assert (less.samples, less.settings.warm_up) == (samples, samples)
        assert less.remarks == (
            f"the design of experiments has {samples}, not 20 points: the budget is {budget}",
        )
        assert within(less, budget) == less


def test_categoricals_may_be_true_and_false():
    found = scenario(
        {"on": {"parameter_type": "categorical", "values": [True, False], "parameter_default": False}}
    )
    assert found.defaults == {"on": False}
    (on,) = found.space.parameters
    assert [read_value(on, text) for text in ("True", "false", "False", "true")] == [True, False, False, True]
    assert point_texts(found, {"on": True}) == ["True"]
    with pytest.raises(ScenarioError, match="none of its values"):
        read_value(on, "1")


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


def test_methods_have_their_own_budgets():
    found = scenario(optimization_method="evolutionary_optimization")
    assert (found.settings.method, found.samples, found.iterations) == ("evolution", 50, 150)
    found = scenario(
        optimization_method="evolutionary_optimization",
        evolution_population_size=7,
        evolution_generations=3,
        mutation_rate=1,
        batch_size=4,
        evolution_crossover=True,
        regularize_evolution=True,
    )
    assert (found.budget, found.settings.warm_up, found.remarks) == (10, 7, ())
    assert found.settings.evolution == Evolution(7, True, 4, 1, True)
    found = scenario(optimization_method="local_search")
    assert (found.settings.method, found.samples, found.iterations) == ("local-search", 10, 50)
    limits = {
        "local_search_random_points": 5,
        "local_search_evaluation_limit": 12,
        "local_search_starting_points": 3,
    }
    found = scenario(optimization_method="local_search", **limits)
    assert (found.samples, found.budget, found.settings.starts, found.remarks) == (5, 12, 3, ())
    assert scenario(**limits).remarks == (f"these keys change nothing here: {', '.join(limits)}",)
    assert scenario(**limits).budget == 60


def write_samples(path: Path, rows: Sequence[tuple[float, float, str]]) -> str:
    lines = ["x,v,Valid,Timestamp", *(f"{x},{v},{valid},0" for x, v, valid in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_an_estimated_prior_is_where_the_good_rows_are(tmp_path: Path):
    rows = [
        (0.1, 9.0, "true"),
        (0.3, 1.0, "true"),
        (0.32, 2.0, "true"),
        (0.9, 0.0, "false"),
        (0.7, 8.0, "true"),
    ]
    keys = {
        "prior_estimation_file": write_samples(tmp_path / "s.csv", rows),
        "prior_estimation_quantile": 0.5,
    }
    wide = {"bandwidth_n_factor": 1, "bandwidth_parameter": 4}
    flag = {"feasible_output": {"enable_feasible_predictor": True}}
    inputs = {"x": {**REAL, "prior": "estimate"}}

    def shares(**more: Any) -> np.ndarray:
        (x,) = scenario(inputs, **keys, **more).space.parameters
        assert isinstance(x, Real)
        assert isinstance(x.prior, tuple)
        return np.array(x.prior)

    found = shares(**wide, **flag)
    centers = (np.arange(len(found)) + 0.5) / len(found)
    expected = gaussian_kde([0.3, 0.32], bw_method=2 ** (-1 / 5))(centers)  # Scott's rule
    assert found / found.sum() == pytest.approx(expected / expected.sum(), rel=0.02, abs=2e-6)
    write_samples(tmp_path / "s.csv", [(*numbers, flag.title()) for *numbers, flag in rows])
    assert (shares(**wide, **flag) == found).all(), "as HyperMapper writes flags"
    assert shares(**wide, **flag, prior_floor=0.5).min() == pytest.approx(
        0.5 / 1.5 * shares(**wide, **flag, prior_floor=0.5).max(), rel=0.01
    )
    assert abs(centers[int(np.argmax(shares(**wide)))] - 0.31) > 0.005, "without a flag, 0.9 is good, too"
    narrow = shares(**flag)  # with HyperMapper's factors
    assert np.count_nonzero(narrow > 0.01 * narrow.max()) <= 4


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has 0 good rows, estimate needs two different values at least; raise"),
        ([(0.5, 1.0, "true")], "has 1 good row, estimate needs two"),
        ([(0.5, 1.0, "true"), (0.5, 1.0, "true")], "has 2 good rows, estimate needs two"),
        ([(7.0, 1.0, "true"), (7.1, 1.0, "true")], "2 good rows, but none between 0.0 and 1.0, from which"),
        ([(0.5, float("nan"), "true")], "s.csv:2: 'nan' is no number"),
    ],
)
def test_a_prior_needs_rows(rows: list[tuple[float, float, str]], message: str, tmp_path: Path):
    with pytest.raises(ScenarioError, match=re.escape(message)):
        scenario(
            {"x": {**REAL, "prior": "estimate"}},
            prior_estimation_file=write_samples(tmp_path / "s.csv", rows),
        )


def test_files_go_to_the_run_directory():
    found = scenario(run_directory="runs", output_data_file="a.csv", application_name="app")
    assert found.files.samples == Path("runs/a.csv")
    assert found.files.front == Path("runs/app_output_pareto.csv")


def test_all_keys_are_documented():
    page = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.startswith("|")]
    notes = {path: row[2] for row in rows if len(row) == 4 for path in re.findall(r"`([\w.*]+)`", row[1])}
    assert {key.path: notes.get(key.path) for key in KEYS.values()} == {k.path: k.note for k in KEYS.values()}
    for key in KEYS.values():
        for value, way_out in key.refused.items():
            text = str(value).lower() if isinstance(value, bool) else value
            assert f"| `{key.path}` | `{text}` | {way_out} |" in page


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
    drawn = [sample_prior(ordinal, np.random.default_rng(seed)) for seed in range(300)]
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
