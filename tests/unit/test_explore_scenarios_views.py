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


def test_rows_that_repeat_a_point_count_once(capsys: Capture):
    head, first, *others = HYPERMAPPER.splitlines()
    Path("other.csv").write_text("\n".join([head, first, first, *others]) + "\n")
    assert main(["explore", "s.json", "--pareto", "other.csv"]) == 0
    assert capsys.readouterr().out.startswith("2 of 4 evaluations")
    assert len(Path("app_output_pareto.csv").read_text().splitlines()) == 3
    assert main(["explore", "s.json", "--plot", "other.csv", "-o", "a.svg"]) == 0
    assert capsys.readouterr().out.startswith("4 evaluations, 2 of them")


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


def test_the_front_of_two_objectives_is_drawn(capsys: Capture):
    for name, head in (("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.PDF", b"%PDF")):
        assert main(["explore", "s.json", "--plot", "-o", name]) == 0
        out = capsys.readouterr().out
        assert out == f"4 evaluations, 2 of them on the front, are drawn in {name}\n"
        assert Path(name).read_bytes().startswith(head)


def test_plots_that_cannot_be_drawn(capsys: Capture):
    assert refused(["--plot"], capsys) == (
        "kl: error: --plot draws a plot and needs a file for it\nhelp: give -o FILE\n"
    )
    Path("large.csv").write_text("x,n,v,w,Valid\n0.5,1,1e70,2,true\n")
    assert "no row of large.csv has values" in refused(["--plot", "large.csv", "-o", "a.svg"], capsys)
    assert refused(["--plot", "-o", "a.jpg"], capsys) == (
        "kl: error: no plot can be written to a.jpg\nhelp: end its name with .svg, .png, .pdf\n"
    )
    write_scenario(optimization_objectives=["v", "w", "n2"])
    assert refused(["--plot", "-o", "a.svg"], capsys) == (
        "kl: error: --plot draws two objectives, the scenario has 3\nhelp: --hvi draws more than two\n"
    )
    assert "--compare draws one objective" in refused(["--compare", "a.csv", "-o", "a.svg"], capsys)
    write_scenario()
    assert "--hvi draws two objectives or more" in refused(["--hvi", "a.csv", "-o", "a.svg"], capsys)
    assert "--pareto and --plot make two things" in refused(["--pareto", "--plot", "-o", "a.svg"], capsys)
    assert "--exact goes with --hvi only" in refused(["--plot", "--exact", "a.csv", "-o", "a.svg"], capsys)
    assert "--output goes with --plot or --hvi or --compare only" in refused(["-o", "a.svg"], capsys)
    assert not list(Path().glob("a.*"))


def write_runs(values: dict[str, list[float]]) -> None:
    """Tables with one objective."""
    for name, column in values.items():
        Path(name).parent.mkdir(exist_ok=True)
        rows = [f"0,{number},{value}" for number, value in enumerate(column)]
        Path(name).write_text("\n".join(["x,n,v", *rows, ""]))


def test_runs_with_one_objective_are_compared(capsys: Capture):
    write_scenario()
    write_runs({"runs/a.csv": [5, 3, 4, 1], "runs/b.csv": [6, 7, 2], "runs/app_output_pareto.csv": [9]})
    write_runs({"c.csv": [4, 4]})
    compare = ["explore", "s.json", "--compare", "mine=runs", "c.csv", "-o", "c.svg"]
    assert main(compare) == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert out[1:3] == [
        ["mine", "2", "3", "2.5", "2.1", "to", "2.9"],  # of 3 and 2 after three evaluations
        ["c.csv", "1", "2", "4"],
    ]
    assert main([*compare, "--optimum", "0.5"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["mine", "2", "3", "2"]
    assert "a run has 1.0, which is less than the optimum 1.5" in refused(
        ["--compare", "runs", "--optimum", "1.5", "-o", "c.svg"], capsys
    )
    Path("none").mkdir()
    assert "no table (CSV) in the folder none" in refused(["--compare", "none", "-o", "c.svg"], capsys)


def test_what_runs_lack_of_the_hypervolume(capsys: Capture):
    head = "x,n,v,w,Valid\n"
    Path("a.csv").write_text(head + "0,0,0,4,true\n0,1,9,9,false\n0,2,4,0,true\n0,3,2,2,true\n")
    Path("b.csv").write_text(head + "0,4,1,1,true\n0,5,4,4,true\n")
    hvi = ["explore", "s.json", "--hvi", "one=a.csv", "two=b.csv", "-o", "h.svg"]
    assert main(hvi) == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    # Up to (4, 4), the best front has the area of (1, 1), 9, and (2, 2) has 4.
    assert out[1][:4] == ["one", "1", "4", f"{5 / 9:.6g}"]
    assert out[2][:4] == ["two", "1", "2", "0"]
    Path("exact.csv").write_text("w,v\n0,0\n")
    assert main([*hvi, "--exact", "exact.csv"]) == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[-1] for row in out[1:3]] == ["0.75", f"{7 / 16:.6g}"]
    Path("exact.csv").write_text("w,v\n3,3\n")  # a wrong one: the runs have more
    assert main([*hvi, "--exact", "exact.csv"]) == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[-1] for row in out[1:3]] == ["-3", "-8"]
    Path("c.csv").write_text(head + "0,0,1,3,true\n0,1,3,1,true\n0,2,3,3,true\n")
    assert main([*hvi[:3], "c=c.csv", *hvi[3:]]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-1] == f"{4 / 9:.6g}"  # two boxes of 3, 1 common
    Path("exact.csv").write_text("w,v\n0,much\n")
    assert "exact.csv:2: 'much' is no number" in refused([*hvi[2:], "--exact", "exact.csv"], capsys)
    Path("b.csv").write_text(head + "0,4,1,1,false\n")
    assert "a run of two has no feasible evaluation" in refused(hvi[2:], capsys)
    Path("a.csv").write_text(head + "0,4,1,1,true\n")
    alone = ["--hvi", "a.csv", "-o", "h.svg"]
    assert "all feasible evaluations have the same v: no front has a hypervolume" in refused(alone, capsys)
    Path("a.csv").write_text(head + "0,4,1,2,true\n0,5,2,1,true\n")
    message = "no point of the front is better than the worst values of all objectives\nhelp: use runs with"
    assert message in refused(alone, capsys)
    Path("exact.csv").write_text("w,v\n0,5\n")
    message = "no point of the exact front is better than the worst values of all objectives\nhelp: give all"
    assert message in refused([*alone, "--exact", "exact.csv"], capsys)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["--pareto", "s.json"], "app_output_pareto.csv"),
        (["--pareto", "s.json", "app_output_samples.csv"], "app_output_pareto.csv"),
        (["--pareto", "s.json", "app_output_samples.csv", "front.csv"], "front.csv"),
        (["s.json", "--pareto", "app_output_samples.csv", "front.csv"], "front.csv"),
        (["--plot", "s.json", "image.pdf"], "image.pdf"),
        (["--plot", "s.json", "-o", "image.pdf"], "image.pdf"),
        (["--plot", "s.json", "image.pdf", "pareto.csv", "app_output_samples.csv"], "image.pdf"),
        (["--hvi", "s.json", "hvi.pdf", "app_output_samples.csv"], "hvi.pdf"),
        (["--hvi", "s.json", "app_output_samples.csv", "-o", "hvi.svg"], "hvi.svg"),
    ],
)
def test_the_forms_of_the_other_commands(words: list[str], written: str):
    assert main(["explore", *words]) == 0
    assert Path(written).stat().st_size > 50


def test_wrong_forms_of_the_other_commands(capsys: Capture):
    for words, message in (
        ([], "there is no scenario\nhelp: name one: kl explore SCENARIO"),
        (["--pareto"], "there is no scenario"),
        (
            ["--pareto", "s.json", "a.csv", "b.csv", "c.csv"],
            "--pareto takes no 'c.csv'\nhelp: name 2 at most",
        ),
        (["--plot", "s.json", "a.pdf", "a", "b", "c", "d"], "--plot takes no 'c'\nhelp: name 1 at most"),
        (["--plot", "s.json", "a.csv"], "no plot can be written to a.csv"),
        (["--plot", "s.json"], "needs a file for it"),
        (["--hvi", "s.json", "a.pdf"], "--hvi needs runs\nhelp: name tables or folders of tables"),
        (["--pareto", "s.json", "--function", "m:f"], "--function belongs to a run"),
        (
            ["--pareto", "s.json", "app_output_samples.csv", "app_output_samples.csv"],
            "would replace the table",
        ),
    ):
        assert main(["explore", *words]) == 1
        assert message in capsys.readouterr().err
