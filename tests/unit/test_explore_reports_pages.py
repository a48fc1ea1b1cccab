"""Pages and plots of reports: whole, safe, the same each time; and the command `kl report`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from kl.explore import extras
from kl.explore.about import About
from kl.explore.errors import MissingExtraError
from kl.explore.history import Objective
from kl.explore.outcome import Outcome, Trial
from kl.explore.parameters import Categorical, Condition, Integer, Ordinal, Permutation, Real, Value
from kl.explore.reports.analysis import Report, analyse
from kl.explore.reports.figures import MOST_TICKS, drawing, label, new_panels, number_axis
from kl.explore.reports.html import render_html
from kl.explore.reports.importance import MAIN_SHARE
from kl.explore.reports.plots import draw, write_plots
from kl.explore.reports.record import StudyRecord
from kl.explore.space import Point, Space
from kl.explore.studies.plan import StudyPlan
from kl.explore.studies.study import open_study
from kl.tools.kl import main
from kl.tools.study_display import print_report

ROOT = Path(__file__).parents[2]
VOID = {"meta", "link", "br", "img", "input", "hr"}
EVIL = "<script>alert('1')</script> & \"$x_{1}$\" {{ 7 * 7 }} [/bold]"

SPACE = Space(
    (
        Integer("tile", 1, 512, "pow2"),
        Categorical("memory", ("sram", "hbm")),
        Integer("banks", 1, 8, when=Condition("memory", ("sram",))),
        Real("clock", 0.5, 4.0, "log"),
        Ordinal("size", ("s", "m", "l")),
        Permutation("order", 3),
    ),
)

Capture = pytest.CaptureFixture[str]


def number(value: Value | None) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def evaluate(point: Point, count: int = 2) -> Outcome:
    """A mapping: large tiles in SRAM do not fit."""
    if number(point["tile"]) > 64 and point["memory"] == "sram":
        return Outcome(status="infeasible", message=f"tile {point['tile']} does not fit")
    values = (number(point["tile"]) / number(point["clock"]) + 1, 9 - number(point.get("banks")), 3.0, -1.0)
    return Outcome(
        values[:count], details={"pipeline": f"tile-loops{{tile={point['tile']}}}", "seconds": 1.5}
    )


def record(
    count: int = 2, n: int = 60, space: Space = SPACE, answer: Callable[[Point], Outcome] | None = None
) -> StudyRecord:
    """A study with so many objectives."""
    goals = (
        Objective("time"),
        Objective("area", "maximise", 2.0),
        Objective("c"),
        Objective("d", capacity=0.0),
    )
    points = space.sample(np.random.default_rng(1), n)
    answers = answer or (lambda point: evaluate(point, count))
    trials = tuple(Trial(i, point, answers(point), 1e9 + i, 0.5) for i, point in enumerate(points))
    return StudyRecord("mapping", space, goals[:count], trials)


@cache
def report(count: int) -> Report:
    return analyse(record(count))


class Checker(HTMLParser):
    """Collects what is wrong with a page: tags that do not match, and whatever would load something."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "xlink:href") and (value or "").startswith("#"):
                self.targets.append((value or "")[1:])
            elif name in ("src", "href", "xlink:href", "action") or name.startswith("on"):
                self.faults.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.text += data


def check_page(page: str) -> Checker:
    checker = Checker(page)
    assert checker.faults == []
    assert checker.open == []
    assert checker.scripts == 1
    assert len(set(checker.ids)) == len(checker.ids)
    assert set(checker.targets) <= set(checker.ids)
    assert "@import" not in page
    assert "url(http" not in page
    assert "nan" not in checker.text.split()
    return checker


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_page_is_whole_and_needs_nothing_else(count: int):
    page = render_html(report(count))
    text = check_page(page).text
    assert "tile > 64" in text
    assert "tile-loops{tile=" in text
    assert page.count("<svg") == len(draw(report(count)))


def test_plots_by_the_number_of_objectives():
    names = {count: [plot.name for plot in draw(report(count))] for count in (1, 2, 3, 4)}
    assert names[1][:2] == ["best", "importances"]
    assert names[2][:3] == ["front", "hypervolume", "importances"]
    assert names[3][:3] == ["front-3d", "front", "hypervolume"]
    assert names[4][:2] == ["front", "hypervolume"]
    assert names[2][3:] == ["dependence-1-time", "dependence-2-area", "dependence-3-feasibility"]


@pytest.mark.parametrize("count", [2, 3])
def test_axes_span_what_is_feasible_and_leave_out_what_is_far_off(count: int):
    def answer(point: Point) -> Outcome:
        tile = number(point["tile"])
        status = "infeasible" if point["memory"] == "hbm" else "feasible"
        far = 1e4 if status == "infeasible" else 1.0
        values = (far * (tile + 40), far * (600 - tile), far * tile)
        return Outcome(values[:count], status=status)

    found = analyse(record(count, answer=answer))
    assert len(found.front) == 1, "what it dominates counts, too"
    plots = draw(found)[: count - 1]
    assert [plot.name for plot in plots] == ["front-3d", "front"][3 - count :]
    for plot in plots:
        plot.figure.draw_without_rendering()
        pairs = {1: [(0, 1)], 2: [(0, 1, 2)] * 2, 3: [(0, 1), (0, 2), (1, 2)]}[len(plot.figure.axes)]
        for axes, dims in zip(plot.figure.axes, pairs, strict=True):
            for name, k in zip("xyz", dims, strict=False):
                low, high = getattr(axes, f"get_{name}lim")()
                values = [one.values[k] for one in found.evaluations if one.feasible and one.values]
                assert low < min(values) < max(values) < high < 2 * max(values), (plot.name, name)


def test_names_are_text_whatever_is_in_them(capsys: Capture):
    space = Space((Integer(EVIL, 0, 40), Categorical("$y$", (EVIL, "b", "long" * 30))))

    def answer(point: Point) -> Outcome:
        x = number(point[EVIL])
        status = "feasible" if x < 30 else "failed"
        return Outcome((x, 40 - x), status=status, message=EVIL, details={EVIL: EVIL})

    made = record(space=space, answer=answer)
    made = StudyRecord(EVIL, space, (Objective(EVIL), Objective("日本")), made.trials)
    found = analyse(made)
    page = render_html(found)
    assert check_page(page).text.count("<script>alert('1')</script> & \"$x_{1}$\" {{ 7 * 7 }}") > 5
    assert "alert('1')</script>" not in page
    print_report(found)
    assert "[/bold]" in capsys.readouterr().out


ODD: dict[str, tuple[int, Callable[[Point], Outcome]]] = {
    "one": (1, evaluate),
    "none feasible": (30, lambda point: Outcome((1.0, number(point["clock"])), status="infeasible")),
    "failures": (30, lambda point: Outcome(status="failed")),
    "constant": (30, lambda point: Outcome((0.0, 0.0))),
    "beyond the capacity": (30, lambda point: Outcome((1.0, -5.0))),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_studies_have_pages(name: str, capsys: Capture):
    n, answer = ODD[name]
    found = analyse(record(n=n, answer=answer))
    check_page(render_html(found))
    print_report(found)
    assert "mapping: " in capsys.readouterr().out


def test_three_objectives_of_infeasible_points():
    found = analyse(
        record(3, 30, answer=lambda p: Outcome((1.0, 2.0, number(p["clock"])), status="infeasible"))
    )
    assert [plot.name for plot in draw(found)][:2] == ["front-3d", "front"]


NAMES = [f"a-rather-long-name-{letter}" for letter in "abcdefghij"]
WIDE = Space(tuple(Integer(name, 1, 9) for name in NAMES))


def summed(point: Point) -> Outcome:
    """A front of many points, of which the last three parameters are no part."""
    x = sum(number(point[name]) for name in NAMES[:7])
    message = "".join(f"{NAMES[k]} " for k in range(7) if number(point[NAMES[k]]) > 4)
    return Outcome((x, x), status="failed" if number(point[NAMES[0]]) == 9 else "feasible", message=message)


def test_tables_have_all_rows_all_parameters_and_all_messages(capsys: Capture):
    made = record(2, 150, WIDE, summed)
    found = analyse(made)
    print_report(found)
    text = capsys.readouterr().out
    assert len(found.front) > 20
    table = text.partition("trial ")[2].partition("share of the importance")[0]
    for one in found.front:
        assert f"#{one.number} " in table
        for name, value in one.point.items():
            assert f"{name}={value}" in table
    assert max(map(len, table.splitlines()[: 3 * len(found.front)])) <= 100
    assert len(found.messages) > 10
    assert sum(one.count for one in found.messages) == found.summary.evaluations - found.summary.feasible
    assert all(one.text.strip() in text for one in found.messages)
    page = check_page(render_html(found)).text
    assert all(one.text.strip() in page for one in found.messages)


def test_parameters_other_than_usual_are_named_and_what_is_usual_once(capsys: Capture):
    usual: Point = dict.fromkeys(NAMES, 5)
    points = [usual, {**usual, NAMES[0]: 1}, {**usual, NAMES[9]: 2}]
    trials = tuple(Trial(n, point, summed(point), 1e9, 0.5) for n, point in enumerate(points))
    about = About(defaults=(("by hand", usual),))
    print_report(analyse(StudyRecord("wide", WIDE, (Objective("x"), Objective("y")), trials, about)))
    text = capsys.readouterr().out
    assert text.count(f"{NAMES[0]}=1") == 1
    assert text.count(f"{NAMES[4]}=5") == 1, "only in the line of what is usual"
    assert "other than by hand" in text
    assert "#0, by hand" in text


def test_all_importances_above_a_share_are_shown_and_the_others_counted(capsys: Capture):
    found = analyse(record(1, 200, WIDE, lambda point: Outcome((summed(point).values or ())[:1])))
    shown = found.importances[0].main
    assert 5 < len(shown) < len(NAMES)
    assert all(entry.share >= MAIN_SHARE for entry in shown)
    print_report(found)
    text = capsys.readouterr().out
    assert all(f"\n{entry.parameter} " in text for entry in shown)
    assert f"{len(NAMES) - len(shown)} other parameters with less than 1.0 % each" in text
    page = check_page(render_html(found)).text
    assert all(f"{entry.parameter} {entry.share * 100:.1f} % ±" in page for entry in shown)
    (plot,) = (plot for plot in draw(found) if plot.name == "importances")
    assert len(plot.figure.axes[0].get_yticks()) == len(shown)


def test_files_are_the_same_each_time(tmp_path: Path):
    for folder in ("a", "b"):
        paths = write_plots(report(1), tmp_path / folder)
        (tmp_path / folder / "page.html").write_text(render_html(report(1)), encoding="utf-8")
    assert [path.suffix for path in paths] == [".svg"] * len(draw(report(1)))
    for path in (tmp_path / "a").iterdir():
        text = path.read_bytes()
        assert text == (tmp_path / "b" / path.name).read_bytes()
        assert b"dc:date" not in text


def test_plots_as_png(tmp_path: Path):
    for path in write_plots(report(1), tmp_path / "deep" / "er", "png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    draw(report(1))
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tile", "tile"),
        ("outline-kernels.granularity", "outline-kernels.\ngranularity"),
        ("merge-identical-kernels", "merge-identical-\nkernels"),
        ("x" * 30, "x" * 22 + "\n" + "x" * 8),
        ("a " * 30, "\n".join([" ".join("a" * 11)] * 2 + [" ".join("a" * 8)])),
        ("", ""),
    ],
)
def test_labels_are_narrow_and_keep_every_letter(text: str, shown: str):
    assert label(text) == shown
    assert label(text).replace("\n", "").replace(" ", "") == text.replace(" ", "")


def test_long_details_stand_below_the_table():
    pipeline = "shard-tensors{sockets=1},outline-kernels{granularity=op}"
    answer = Outcome((1.0, 3.0), details={"pipeline": pipeline, "note": "short"})
    page = render_html(analyse(record(n=1, answer=lambda point: answer)))
    assert f"<dt>#0</dt><dd><code>{pipeline}</code></dd>" in page
    assert '<button type="button">note</button>' in page
    assert '<button type="button">pipeline</button>' not in page


@pytest.mark.parametrize(("low", "high"), [(1, 60), (0.25, 300), (1e-9, 1e9), (3, 190), (1e-60, 1e60)])
def test_logarithmic_axes_have_some_ticks(low: float, high: float):
    with drawing():
        _, (axes,) = new_panels(1, 3.0)
        number_axis(axes, "x", low, high, is_log=True)
        axes.set_xlim(low, high)
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= MOST_TICKS


@pytest.mark.parametrize(
    ("module", "library"), [("matplotlib", "matplotlib"), ("jinja2", "jinja2"), ("sklearn", "scikit-learn")]
)
def test_missing_libraries_are_named(module: str, library: str, monkeypatch: pytest.MonkeyPatch):
    def gone(name: str) -> object:
        if name.partition(".")[0] == module:
            raise ModuleNotFoundError(name)
        return real(name)

    real = extras.import_module
    monkeypatch.setattr(extras, "import_module", gone)
    with pytest.raises(MissingExtraError, match=f"{library} is not installed; run: pip install"):
        render_html(analyse(record(n=25)))


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study of some points, kept in a file."""
    path = str(tmp_path_factory.mktemp("study") / "study.db")
    made = record(n=30)
    study = open_study(StudyPlan("mapping", made.space, made.objectives), path)
    for trial in made.trials:
        study.enqueue(trial.point)
    study.run(evaluate, 30, isolate=False)
    return path


def test_the_command_prints(storage: str, capsys: Capture):
    assert main(["report", storage]) == 0
    out = capsys.readouterr().out
    for text in (
        "mapping: ",
        "Of 30 evaluations",
        "hypervolume",
        "share of the importance",
        "where points are infeasible",
        "tile > 64",
        "does not fit",
        "pipeline: tile-loops{tile=",
    ):
        assert text in out


def test_the_command_gives_json(storage: str, capsys: Capture):
    assert main(["report", storage, "--json", "--name", "mapping"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == 1
    assert document["input"] == storage
    assert document["summary"]["evaluations"] == len(document["evaluations"]) == 30
    assert document["front"][0]["details"]["pipeline"].startswith("tile-loops")


def test_the_command_writes_files(storage: str, tmp_path: Path, capsys: Capture):
    page, plots = tmp_path / "report.html", tmp_path / "plots"
    assert main(["report", storage, "-o", str(page), "--plots", str(plots)]) == 0
    check_page(page.read_text(encoding="utf-8"))
    written = capsys.readouterr().out.splitlines()
    assert written == [str(page), *(line for line in written if Path(line).parent == plots)]
    assert all(Path(line).is_file() for line in written)


def test_a_dash_is_the_standard_output(
    storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    monkeypatch.chdir(tmp_path)
    assert main(["report", storage, "-o", "-", "--plots", "plots"]) == 0
    check_page(capsys.readouterr().out)
    assert [one.name for one in tmp_path.iterdir()] == ["plots"]
    assert main(["report", storage, "-o", "-", "--json"]) == 1
    assert "-o - and --json write to stdout both\nhelp: leave out one" in capsys.readouterr().err


def test_the_command_explains_what_is_wrong(storage: str, tmp_path: Path, capsys: Capture):
    def error(*arguments: str) -> str:
        assert main(["report", *arguments]) == 1
        return capsys.readouterr().err

    assert "there is no study at" in error(str(tmp_path / "none.db"))
    assert "there is no study 'other'" in error(storage, "--name", "other")
    assert "No such file or directory" in error(storage, "-o", str(tmp_path / "no" / "page.html"))
    empty = str(tmp_path / "empty.db")
    open_study(StudyPlan("empty", SPACE, (Objective("time"),)), empty)
    assert "study 'empty' has no evaluation that has ended; run it first" in error(empty)
