"""What a run says to failures and to answers, options, tables and functions that make no sense."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenario_documents import BOTH, Function, document, height, rows_of, run

from kl.explore.scenarios.answers import read_answer
from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.functions import load_function
from kl.explore.scenarios.reading import load_scenario
from kl.explore.scenarios.run import Options


def test_failures_are_results(tmp_path: Path):
    def function(inputs: dict[str, Any]) -> float:
        if inputs["n"] > 4:
            raise RuntimeError("too high")
        return height(inputs) if inputs["n"] != 4 else float("nan")

    result, _ = run(tmp_path, function, design_of_experiment={"number_of_samples": 12})
    failed = [row for row in result.rows if row.outcome.has_failed]
    assert all(int(str(row.point["n"])) >= 4 for row in failed)
    assert len(failed) >= 2
    assert {row.outcome.message for row in failed} <= {
        "RuntimeError: too high",
        "the objective 'v' is not finite",
    }
    assert len(rows_of(tmp_path)) - 1 == len(result.rows) - len(failed)
    assert "RuntimeError: too high" in (tmp_path / "hypermapper_logfile.log").read_text()


def test_a_function_that_always_fails_ends_the_run(tmp_path: Path):
    def function(inputs: dict[str, Any]) -> float:
        sys.exit(3)

    with pytest.raises(
        ScenarioError, match="the first 3 evaluations have failed, the last with SystemExit: 3"
    ):
        run(tmp_path, function)
    with pytest.raises(ScenarioError, match="all 2 evaluations have failed"):
        run(tmp_path, function, Options(budget=2))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "the objective 'v' is None, not a number"),
        ("fast", "the objective 'v' is 'fast', not a number"),
        (True, "the objective 'v' is True, not a number"),
        ([1, 2], "the objective 'v' is [1, 2], not a number"),
        ({"w": 1}, "the answer lacks the objective 'v', it has 'w'"),
        ({}, "the answer lacks the objective 'v', it has nothing"),
    ],
)
def test_answers_of_functions_that_make_no_sense(tmp_path: Path, answer: object, message: str):
    with pytest.raises(ScenarioError) as error:
        run(tmp_path, lambda inputs: answer)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (1.0, "the function gave 1.0; give a dictionary with 'v' and 'w' and 'Valid'"),
        ({"v": 1, "w": 2}, "the answer lacks the flag 'Valid', it has 'v', 'w'"),
        ({"v": 1, "w": 2, "Valid": "perhaps"}, "the flag 'Valid' is 'perhaps', neither '1' nor '0'"),
    ],
)
def test_answers_with_flags_that_make_no_sense(tmp_path: Path, answer: object, message: str):
    with pytest.raises(ScenarioError) as error:
        run(tmp_path, lambda inputs: answer, **BOTH)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (1.0, "the function got 3 points at once and gave 1.0 as 'v'; give a list, or set"),
        ([1.0], "the function got 3 points and gave 1 values of 'v'"),
    ],
)
def test_answers_to_batches_that_make_no_sense(tmp_path: Path, answer: object, message: str):
    with pytest.raises(ScenarioError) as error:
        run(tmp_path, lambda inputs: answer, evaluations_per_optimization_iteration=3)
    assert message in str(error.value)


@pytest.mark.parametrize("flag", [True, 1, np.bool_(True), "1", "true", [True]])
def test_flags_have_many_forms(tmp_path: Path, flag: object):
    scenario = load_scenario(document(tmp_path, **BOTH))
    outcome = read_answer(scenario, {"v": np.float32(1.5), "w": [2], "Valid": flag, "more": 3})
    assert (outcome.status, outcome.values) == ("feasible", (1.5, 2.0))


@pytest.mark.parametrize(
    ("options", "function", "more", "message"),
    [
        (Options(), None, {}, "the mode 'default' needs a function"),
        (
            Options(),
            height,
            {"hypermapper_mode": {"mode": "client-server"}},
            "the mode 'client-server' takes no function",
        ),
        (Options(jobs=2), height, {"evaluations_per_optimization_iteration": 2}, "2 jobs cannot work here"),
        (Options(jobs=2), None, {"hypermapper_mode": {"mode": "client-server"}}, "2 jobs cannot work here"),
        (
            Options(timeout=1),
            height,
            {"evaluations_per_optimization_iteration": 2},
            "a timeout needs a function",
        ),
    ],
)
def test_runs_that_cannot_begin(
    tmp_path: Path, options: Options, function: Function | None, more: dict[str, Any], message: str
):
    with pytest.raises(ScenarioError, match=message):
        run(tmp_path, function, options, **more)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table .* is empty"),
        ("x,n\n", "has no column 'v', it has x, n"),
        ("x,n,v\n0,1\n", r"\.csv:2: the row has 2 cells for 3 columns"),
        ("x,n,v\n0,1.5,2\n", r"\.csv:2: n = '1.5' is none of its values"),
        ("x,n,v\nhalf,1,2\n", r"\.csv:2: x = 'half' is none of its values"),
        ("x,n,v\n0,1,fast\n", r"\.csv:2: the objective 'v' is 'fast', not a number"),
    ],
)
def test_tables_that_make_no_sense(tmp_path: Path, text: str, message: str):
    table = tmp_path / "app_output_samples.csv"
    table.write_text(text)
    with pytest.raises(ScenarioError, match=message):
        run(tmp_path, height, Options(resume=True))
    assert table.read_text() == text


def test_a_table_that_is_no_text(tmp_path: Path):
    (tmp_path / "app_output_samples.csv").write_bytes(b"x,\xff\n")
    with pytest.raises(ScenarioError, match="is no table: 'utf-8' codec can't decode"):
        run(tmp_path, height, Options(resume=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("height", "'height' names no function; write module:name or file.py:name"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        ("no.such.module:f", "no.such.module cannot be loaded: ModuleNotFoundError"),
        ("math:nothing", "math has no function 'nothing'"),
        ("math:pi", "math has no function, but a value 'pi'"),
    ],
)
def test_functions_that_are_not_there(text: str, message: str):
    with pytest.raises(ScenarioError) as error:
        load_function(text)
    assert str(error.value).startswith(message)
