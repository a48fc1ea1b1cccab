"""What `kl explore` makes of tables without a run: fronts and plots."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from scenario_documents import BOTH, document

from kl.tools.kl import main

Capture = pytest.CaptureFixture[str]

HYPERMAPPER = """x,n,v,w,Valid,Timestamp
-0.5,0.0,1.0,4.0,True,1
0.5,1,2.0,3.0,True,25
0.25,2,3.0,3.5,True,31
0.75,3,0.5,0.5,False,40
"""
"""A table as HyperMapper writes it: the flag as True and False, whole numbers as floats."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scenario of two objectives and its table."""
    monkeypatch.chdir(tmp_path)
    write_scenario(**{**BOTH, "feasible_output": {"enable_feasible_predictor": True}})
    Path("app_output_samples.csv").write_text(HYPERMAPPER)
    return tmp_path


def write_scenario(**more: object) -> None:
    """Replace the scenario."""
    Path("s.json").write_text(json.dumps(document(Path(), **more)))


def refused(arguments: list[str], capsys: Capture) -> str:
    """The message for a command line that makes no sense."""
    assert main(["explore", "s.json", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_the_front_of_a_table_is_written(capsys: Capture):
    assert main(["explore", "s.json", "--pareto"]) == 0
    out = capsys.readouterr().out
    assert out == "2 of 4 evaluations are on the front, which is in app_output_pareto.csv\n"
    assert list(csv.reader(Path("app_output_pareto.csv").read_text().splitlines())) == [
        ["x", "n", "v", "w", "Valid", "Timestamp"],
        ["-0.5", "0", "1.0", "4.0", "true", "1"],
        ["0.5", "1", "2.0", "3.0", "true", "25"],
    ]


def test_the_front_of_another_table(capsys: Capture):
    Path("other.csv").write_text("\n".join(HYPERMAPPER.splitlines()[:2]) + "\n")
    assert main(["explore", "s.json", "--pareto", "other.csv"]) == 0
    assert capsys.readouterr().out.startswith("1 of 1 evaluations")


def test_fronts_that_cannot_be_written(capsys: Capture):
    assert "s.json: error" not in refused(["--pareto", "nowhere.csv"], capsys)
    assert refused(["--pareto", "--budget", "3"], capsys) == (
        "kl: error: --pareto evaluates nothing, and --budget belongs to a run\nhelp: leave out --budget\n"
    )
    Path("app_output_samples.csv").write_text("".join(HYPERMAPPER.splitlines(keepends=True)[::4]))
    assert "no row of app_output_samples.csv is feasible\nhelp: there is no" in refused(["--pareto"], capsys)
    Path("app_output_samples.csv").unlink()
    assert "no table app_output_samples.csv\nhelp: run the scenario first" in refused(["--pareto"], capsys)
    Path("app_output_pareto.csv").write_text(HYPERMAPPER)
    assert "would replace the table" in refused(["--pareto", "app_output_pareto.csv"], capsys)
    Path("wrong.csv").write_text("x,n,v\n1,2,3\n")
    assert "wrong.csv has no column 'w'" in refused(["--pareto", "wrong.csv"], capsys)


def test_importances_are_printed_at_the_end(capsys: Capture):
    Path("f.py").write_text("def f(inputs):\n    return {'v': 2 + inputs['x'] + 0.001 * inputs['n']}\n")
    write_scenario(print_parameter_importance=True, design_of_experiment={"number_of_samples": 30})
    run = ["explore", "s.json", "--function", "f.py:f", "--budget"]
    assert main([*run, "31"]) == 0
    out = capsys.readouterr().out
    shares = dict(line.split(maxsplit=1) for line in out[out.index("share of the importance") :].splitlines())
    assert float(shares["x"].partition("%")[0]) > 90
    assert float(shares["n"].partition("%")[0]) < 10
    assert "feasibility" not in out
    assert main([*run, "4"]) == 0
    note = "no importances for v: 4 evaluations with values, at least 20 are needed\n"
    assert capsys.readouterr().out.endswith(note)
    assert main([*run, "4", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)["importances"]
    assert (document["target"], document["evaluations"], document["entries"]) == ("v", 4, [])
