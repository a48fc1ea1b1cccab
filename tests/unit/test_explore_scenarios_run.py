"""Scenarios that run: with functions, with tables, after interruptions."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenario_documents import BOTH, both, document, height, rows_of, run

from kl.explore.errors import StudyError
from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.functions import NamedFunction, load_function
from kl.explore.scenarios.optimizer import optimize, run_to_end
from kl.explore.scenarios.reading import load_scenario
from kl.explore.scenarios.run import Options
from kl.explore.scenarios.table import read_table

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples/explore"
FUNCTIONS = {
    "branin": "branin",
    "batch_branin": "branin_batch",
    "multiobjective_branin": "branin_energy",
    "ordinal_multiobjective_branin": "branin_energy",
    "currinexp": "currin_exponential",
    "prior_currinexp": "currin_exponential",
    "chakong_haimes": "chakong_haimes",
    "dtlz1": "dtlz1",
}
"""The function of each example."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    function = load_function(f"{EXAMPLES / 'functions.py'}:{FUNCTIONS[name]}")
    scenario = load_scenario(EXAMPLES / f"{name}.json")
    assert scenario.remarks == ()
    options = Options(budget=min(scenario.samples + 2 * scenario.batch, 14))
    result = run_to_end(scenario, function, options, sys.stdin, io.StringIO())
    assert len(result.rows) == options.budget
    assert read_table(scenario, scenario.files.samples) == list(result.rows)


def test_examples_have_their_known_values():
    known = {
        "branin": ({"x1": np.pi, "x2": 2.275}, pytest.approx(0.397887, abs=1e-6)),
        "currin_exponential": ({"x1": 0, "x2": 1}, pytest.approx(3 * (1 - np.exp(-0.5)))),
        "chakong_haimes": ({"x1": -4, "x2": 4}, {"f1_value": 47, "f2_value": -45, "Valid": True}),
        "dtlz1": ({f"x{i}": 0.5 for i in range(1, 7)}, {"f1_value": 0.25, "f2_value": 0.25}),
    }
    for name, (inputs, expected) in known.items():
        assert load_function(f"{EXAMPLES / 'functions.py'}:{name}")(inputs) == expected


def test_optimize_is_called_as_in_hypermapper(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(document(tmp_path)))
    result = optimize(str(path), height)
    assert len(result.rows) == 7
    (best,) = result.front
    assert best.outcome.values is not None
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["Best point found:", "x,n,v"]
    assert out[2].split(",") == [str(part) for part in (*best.point.values(), *best.outcome.values)]
    assert out[3:] == ["", "End of HyperMapper"]


def test_the_same_seed_gives_the_same_points(tmp_path: Path):
    one, _ = run(tmp_path, height)
    two, _ = run(tmp_path, height)
    other, _ = run(tmp_path, height, Options(seed=1))
    assert [row.point for row in one.rows] == [row.point for row in two.rows]
    assert [row.point for row in one.rows] != [row.point for row in other.rows]


def test_rows_are_there_as_soon_as_evaluations_end(tmp_path: Path):
    seen: list[int] = []

    def function(inputs: dict[str, Any]) -> float:
        seen.append(len(rows_of(tmp_path)) - 1)
        return height(inputs)

    run(tmp_path, function)
    assert seen == list(range(7))
    assert rows_of(tmp_path)[0] == ["x", "n", "v", "Timestamp"]


def test_an_old_table_is_kept(tmp_path: Path):
    (tmp_path / "app_output_samples.csv").write_text("precious\n")
    run(tmp_path, height)
    assert (tmp_path / "app_output_samples.csv.old").read_text() == "precious\n"
    first = (tmp_path / "app_output_samples.csv").read_bytes()
    run(tmp_path, height, Options(resume=True, budget=9))
    assert not (tmp_path / "app_output_samples.csv.old2").exists(), "a run that goes on loses nothing"
    run(tmp_path, height, Options(seed=1))
    assert (tmp_path / "app_output_samples.csv.old").read_text() == "precious\n"
    assert (tmp_path / "app_output_samples.csv.old2").read_bytes().startswith(first)
    assert "the table that was there before is now" in (tmp_path / "hypermapper_logfile.log").read_text()


def test_two_objectives_have_a_front(tmp_path: Path):
    result, said = run(tmp_path, both, **BOTH)
    assert said == "End of HyperMapper\n"
    table = rows_of(tmp_path)
    assert table[0] == ["x", "n", "v", "w", "Valid", "Timestamp"]
    assert {cells[4] for cells in table[1:]} <= {"0", "1"}
    front = list(csv.reader((tmp_path / "app_output_pareto.csv").read_text().splitlines()))
    assert front[1:] == [cells for cells in table[1:] if cells in front]
    feasible = [row.outcome.values for row in result.rows if row.outcome.status == "feasible"]
    for row in result.front:
        assert row.outcome.values is not None
        assert not any(
            v <= row.outcome.values[0] and w < row.outcome.values[1] for v, w in filter(None, feasible)
        )


def test_batches_are_lists(tmp_path: Path):
    sizes: list[int] = []

    def function(inputs: dict[str, Any]) -> Any:
        if not isinstance(inputs["x"], list):
            sizes.append(1)
            return inputs["x"]
        sizes.append(len(inputs["x"]))
        return {"v": np.array(inputs["x"]) + inputs["n"]}

    result, _ = run(tmp_path, function, evaluations_per_optimization_iteration=3)
    assert sizes == [3, 1, 3, 3, 3]
    assert len(result.rows) == 13


def test_a_grid_is_evaluated_as_a_whole(tmp_path: Path):
    inputs = {
        "x": {"parameter_type": "real", "values": [0, 1], "parameter_default": 0.05},
        "n": {"parameter_type": "integer", "values": [0, 1]},
    }
    design = {"doe_type": "grid_search"}
    result, _ = run(tmp_path, height, input_parameters=inputs, design_of_experiment=design)
    assert len(result.rows) == 21  # the default is beside the grid
    assert len({tuple(row.point.values()) for row in result.rows}) == 21


def test_a_small_space_ends_the_run(tmp_path: Path):
    inputs = {"n": {"parameter_type": "integer", "values": [0, 2]}}
    result, _ = run(tmp_path, lambda point: point["n"], input_parameters=inputs)
    assert sorted(int(str(row.point["n"])) for row in result.rows) == [0, 1, 2]


def test_time_runs_out(tmp_path: Path):
    result, _ = run(tmp_path, height, time_budget=1e-9)
    assert result.rows == ()


def test_a_table_may_have_the_answers(tmp_path: Path):
    inputs = {"n": {"parameter_type": "integer", "values": [0, 3]}}
    table = tmp_path / "all.csv"
    table.write_text("v,n\n3,0\n2,1\n5,7\n1,2\n")  # 7 is outside of the space, 3 is missing
    mode = {"mode": "exhaustive", "exhaustive_search_file": str(table)}
    result, said = run(tmp_path, None, input_parameters=inputs, hypermapper_mode=mode)
    assert {row.point["n"]: row.outcome.values for row in result.rows} == {0: (3,), 1: (2,), 2: (1,), 3: None}
    assert "\n2,1.0\n" in said
    table.write_text("v,n\n3,9\n")
    with pytest.raises(ScenarioError, match="is a point of the space"):
        run(tmp_path, None, input_parameters=inputs, hypermapper_mode=mode)
    table.write_text("v,n\n3,0\nslow,1\n3,2\n3,3\n")
    with pytest.raises(ScenarioError, match="the objective 'v' is 'slow', not a number"):
        run(tmp_path, None, input_parameters=inputs, hypermapper_mode=mode)


def test_resuming_as_hypermapper_does_adds_iterations(tmp_path: Path):
    first, _ = run(tmp_path, height)
    table = tmp_path / "earlier.csv"
    (tmp_path / "app_output_samples.csv").rename(table)
    more = {"resume_optimization": True, "resume_optimization_data": str(table)}
    result, _ = run(tmp_path, height, **more)
    assert len(result.rows) == 7 + 3
    assert result.rows[:7] == first.rows
    assert [int(cells[3]) for cells in rows_of(tmp_path)[1:]] == sorted(
        row.milliseconds for row in result.rows
    )


def test_resuming_goes_on_to_the_same_end(tmp_path: Path):
    calls = 0

    def function(inputs: dict[str, Any]) -> float:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return height(inputs)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, function)
    assert len(rows_of(tmp_path)) == 5
    with (tmp_path / "app_output_samples.csv").open("a") as file:
        file.write("0.5,3")  # the process was stopped in the middle of a row
    result, _ = run(tmp_path, height, Options(resume=True))
    assert len(result.rows) == 7
    assert len({tuple(row.point.values()) for row in result.rows}) == 7
    with pytest.raises(ScenarioError, match=r"there is no table .*; begin without --resume"):
        run(tmp_path / "empty", height, Options(resume=True))


def test_a_storage_keeps_the_study(tmp_path: Path):
    storage = str(tmp_path / "study.db")
    with pytest.raises(StudyError, match="there is no study"):
        run(tmp_path, height, Options(storage=storage, resume=True))
    run(tmp_path, height, Options(storage=storage, budget=4))
    result, _ = run(tmp_path, height, Options(storage=storage, resume=True))
    assert len(result.rows) == 7
    assert len(rows_of(tmp_path)) == 8
    with pytest.raises(StudyError, match="has another plan: seed is 0, not 1"):
        run(tmp_path, height, Options(storage=storage, seed=1))


def test_a_study_and_a_table_are_not_mixed(tmp_path: Path):
    storage, table = str(tmp_path / "study.db"), tmp_path / "app_output_samples.csv"
    more = {"resume_optimization": True, "resume_optimization_data": str(table)}
    run(tmp_path, height, Options(budget=3))
    run(tmp_path, height, Options(storage=storage), **more)
    run(tmp_path, height, Options(storage=storage, budget=8), **more)  # the study has all of the table
    run(tmp_path, height, Options(seed=1))
    with pytest.raises(ScenarioError, match=r"has 8 evaluations, and lacks \d of those in the table"):
        run(tmp_path, height, Options(storage=storage), **more)


def test_processes_evaluate(tmp_path: Path):
    function = NamedFunction(f"{EXAMPLES / 'functions.py'}:branin")
    inputs = {"x1": {"parameter_type": "real", "values": [-5, 10]}}
    inputs["x2"] = {"parameter_type": "real", "values": [0, 15]}
    result, _ = run(tmp_path, function, Options(jobs=2, timeout=60.0), input_parameters=inputs)
    assert len(result.rows) == 7
    assert all(row.outcome.status == "feasible" for row in result.rows)


def test_a_row_that_a_table_has_twice_counts_once(tmp_path: Path):
    run(tmp_path, height)
    table = tmp_path / "app_output_samples.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join([*lines, lines[-1]]), encoding="utf-8")
    result, _ = run(tmp_path, height, Options(resume=True, budget=9))
    assert len({tuple(row.point.values()) for row in result.rows}) == len(result.rows) == 9
