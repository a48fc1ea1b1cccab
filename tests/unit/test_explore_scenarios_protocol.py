"""The protocol between a scenario's run and a client, to the letter."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.optimizer import run_to_end
from kl.explore.scenarios.protocol import ClientGoneError
from kl.explore.scenarios.reading import load_scenario
from kl.explore.scenarios.recorder import Result
from kl.explore.scenarios.run import Options
from kl.explore.scenarios.scenario import Scenario

Answer = Callable[[list[list[str]]], list[str]]
"""The lines that a client answers to some rows of inputs."""


class Talk(io.TextIOBase):
    """Both ends of the pipes: what is said goes to a client, whose lines are what is heard."""

    def __init__(self, answer: Answer):
        self.said: list[str] = []
        self._answer = answer
        self._lines: Iterator[str] = iter(())

    def write(self, text: str) -> int:
        lines = text.splitlines()
        self.said += lines
        assert text.endswith("\n")
        if lines[0].startswith("Request"):
            assert int(lines[0].split()[1]) == len(lines) - 2
            self._lines = iter(self._answer([line.split(",") for line in lines[1:]]))
        return len(text)

    def readline(self, size: int | None = -1) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return next(self._lines, "")


def make_scenario(folder: Path, **more: Any) -> Scenario:
    """A scenario for a client: two objectives and a flag."""
    base = {
        "application_name": "app",
        "optimization_objectives": ["f", "g"],
        "hypermapper_mode": {"mode": "client-server"},
        "feasible_output": {
            "enable_feasible_predictor": True,
            "name": "Ok",
            "true_value": "yes",
            "false_value": "no",
        },
        "design_of_experiment": {"number_of_samples": 3},
        "optimization_iterations": 2,
        "run_directory": str(folder),
        "input_parameters": {
            "x": {"parameter_type": "real", "values": [0, 10], "parameter_default": 5},
            "n": {"parameter_type": "ordinal", "values": [1, 2, 4]},
            "c": {"parameter_type": "categorical", "values": ["red", "7"]},
        },
    }
    return load_scenario({**base, **more})


def good(request: list[list[str]]) -> list[str]:
    """What a client that does all right answers; it takes the inputs in another order, with few digits."""
    names, *rows = request
    assert names == ["x", "n", "c"]
    lines = ["c,x,n,g,f,Ok,more\n"]
    for x, n, c in rows:
        value = float(x) * float(n)
        lines.append(f"{c}, {float(x):.5g} ,{float(n)},{value},{-value},{'yes' if c == 'red' else 'no'},1\n")
    return lines


def run(folder: Path, answer: Answer, **more: Any) -> tuple[Talk, Result]:
    """A run with a client."""
    talk = Talk(answer)
    return talk, run_to_end(make_scenario(folder, **more), None, Options(), talk, talk)  # pyright: ignore[reportArgumentType]  # is read and written


def test_the_design_is_one_request_and_each_iteration_another(tmp_path: Path):
    talk, result = run(tmp_path, good)
    heads = [line for line in talk.said if line.startswith("Request")]
    assert heads == ["Request 3", "Request 1", "Request 1"]
    assert talk.said[1] == "x,n,c"
    assert talk.said[2].startswith("5.0,")
    assert talk.said[-1] == "End of HyperMapper"
    assert len(result.rows) == 5


def test_iterations_ask_for_batches(tmp_path: Path):
    talk, _ = run(tmp_path, good, evaluations_per_optimization_iteration=4)
    assert [line for line in talk.said if line.startswith("Request")] == [
        "Request 3",
        "Request 4",
        "Request 4",
    ]


def test_the_tables_have_what_was_asked_and_answered(tmp_path: Path):
    _, result = run(tmp_path, good)
    data = (tmp_path / "app_output_samples.csv").read_bytes().decode()
    assert data.count("\r\n") == 6
    header, *rows = csv.reader(data.splitlines())
    assert header == ["x", "n", "c", "f", "g", "Ok", "Timestamp"]
    for row, cells in zip(result.rows, rows, strict=True):
        assert cells[:3] == [str(row.point["x"]), str(row.point["n"]), row.point["c"]]
        assert float(cells[4]) == pytest.approx(float(cells[0]) * float(cells[1]), rel=1e-3)
        assert cells[5] == ("yes" if cells[2] == "red" else "no")
        assert int(cells[6]) >= 0
    front = list(csv.reader((tmp_path / "app_output_pareto.csv").read_text().splitlines()))
    assert front[0] == header
    assert all(cells in rows and cells[5] == "yes" for cells in front[1:])
    assert len(front) - 1 == len(result.front)


def test_the_log_has_both_sides(tmp_path: Path):
    talk, _ = run(tmp_path, good)
    log = (tmp_path / "hypermapper_logfile.log").read_text().splitlines()
    assert [line for line in log if line in talk.said] == talk.said
    assert "c,x,n,g,f,Ok,more" in log


def test_the_best_point_is_said_if_wanted(tmp_path: Path):
    one = {"optimization_objectives": ["f"], "print_best": True}
    talk, result = run(tmp_path, good, **one)
    (best,) = result.front
    assert best.outcome.values is not None
    cells = ",".join(str(part) for part in (*best.point.values(), *best.outcome.values))
    assert talk.said[-5:] == ["Best point found:", "x,n,c,f", cells, "", "End of HyperMapper"]
    assert not (tmp_path / "app_output_pareto.csv").exists()


def test_rows_may_come_in_another_order(tmp_path: Path):
    def turned(request: list[list[str]]) -> list[str]:
        names, *rows = good(request)
        return ["\n", names, *reversed(rows)]

    _, straight = run(tmp_path, good)
    _, other = run(tmp_path, turned)
    assert [(row.point, row.outcome) for row in straight.rows] == [
        (row.point, row.outcome) for row in other.rows
    ]


def test_a_small_space_ends_the_run(tmp_path: Path):
    inputs = {"n": {"parameter_type": "ordinal", "values": [1, 2]}}

    def answer(request: list[list[str]]) -> list[str]:
        return ["n,f,g,Ok\n", *(f"{n},0,0,yes\n" for (n,) in request[1:])]

    talk, result = run(tmp_path, answer, input_parameters=inputs)
    assert len(result.rows) == 2
    assert (talk.said[:2], sorted(talk.said[2:4])) == (["Request 2", "n"], ["1", "2"])
    assert talk.said[4:] == ["End of HyperMapper"]


def test_objectives_of_infeasible_points_may_be_no_numbers(tmp_path: Path):
    def answer(request: list[list[str]]) -> list[str]:
        return ["x,n,c,f,g,Ok\n", *(f"{','.join(row)},nan,inf,no\n" for row in request[1:])]

    _, result = run(tmp_path, answer)
    assert [row.outcome.status for row in result.rows] == ["infeasible"] * 5
    assert "nan,nan,no" in (tmp_path / "app_output_samples.csv").read_text()


def edited(line: int, old: str, new: str) -> Answer:
    """A good answer with one wrong line."""

    def answer(request: list[list[str]]) -> list[str]:
        lines = good(request)
        assert old in lines[line]
        lines[line] = lines[line].replace(old, new)
        return lines

    return answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda request: [], "the client closed its end, a line of names was to come"),
        (lambda request: good(request)[:-1], "the client closed its end, row 3 of 3 was to come"),
        (
            lambda request: ["hello\n"],
            "the client's answer has no input 'x', its names are hello; begin each",
        ),
        (edited(0, "g", "h"), "the client's answer has no output 'g', its names are c, x, n, h, f, Ok, more"),
        (edited(2, ",1\n", "\n"), "row 2 of the client's answer has 6 values for 7 names"),
        (edited(1, "5", "6"), "no row of the client's answer is about the point 5.0,"),
        (edited(1, ",1\n", ",1,2\n"), "row 1 of the client's answer has 8 values for 7 names"),
    ],
)
def test_answers_that_make_no_sense(tmp_path: Path, answer: Answer, message: str):
    with pytest.raises(ScenarioError) as error:
        run(tmp_path, answer)
    assert message in str(error.value)
    assert f"the run ends: {error.value.message}" in (tmp_path / "hypermapper_logfile.log").read_text()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("fast,1,yes", "row 1 of the client's answer: the objective 'f' is 'fast', not a number"),
        ("1,1,maybe", "row 1 of the client's answer: the flag 'Ok' is 'maybe', neither 'yes' nor 'no'"),
    ],
)
def test_values_that_make_no_sense(tmp_path: Path, cells: str, message: str):
    def answer(request: list[list[str]]) -> list[str]:
        return ["x,n,c,f,g,Ok\n", *(f"{','.join(row)},{cells}\n" for row in request[1:])]

    with pytest.raises(ScenarioError) as error:
        run(tmp_path, answer)
    assert str(error.value) == message


def test_a_client_that_leaves_later_loses_nothing(tmp_path: Path):
    requests = 0

    def answer(request: list[list[str]]) -> list[str]:
        nonlocal requests
        requests += 1
        return good(request) if requests < 3 else []

    with pytest.raises(ClientGoneError) as error:
        run(tmp_path, answer)
    assert "4 evaluations are in" in error.value.way_out
    talk = Talk(good)
    scenario = make_scenario(tmp_path)
    result = run_to_end(scenario, None, Options(resume=True), talk, talk)  # pyright: ignore[reportArgumentType]  # as above
    assert [line for line in talk.said if line.startswith("Request")] == ["Request 1"]
    assert len(result.rows) == 5


def test_a_client_that_sends_no_text(tmp_path: Path):
    answers = io.TextIOWrapper(io.BytesIO(b"x,n\xff\n"), "utf-8")
    with pytest.raises(ScenarioError, match="bytes that are not text in UTF-8"):
        run_to_end(make_scenario(tmp_path), None, Options(), answers, io.StringIO())


def test_a_client_that_does_not_listen_is_gone(tmp_path: Path):
    class Deaf(Talk):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    talk = Deaf(good)
    with pytest.raises(ClientGoneError, match="does not read any more"):
        run_to_end(make_scenario(tmp_path), None, Options(), talk, talk)  # pyright: ignore[reportArgumentType]  # as above
