"""Reports say what was searched: names, units, and what one would take without a search."""

from __future__ import annotations

import re
from dataclasses import replace
from math import prod
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from kl.explore.about import About, about_from_json, about_to_json
from kl.explore.errors import StudyError
from kl.explore.history import Objective
from kl.explore.outcome import Outcome, Trial
from kl.explore.pages import palette
from kl.explore.parameters import Categorical, Integer, Permutation
from kl.explore.reports.analysis import Report, analyse
from kl.explore.reports.figures import PAGE_COLORS, SMALLEST, STYLE
from kl.explore.reports.front_table import front_columns, table_rows
from kl.explore.reports.html import render_html
from kl.explore.reports.plots import draw, write_plots
from kl.explore.reports.record import StudyRecord
from kl.explore.reports.units import in_units, scaling
from kl.explore.scenarios.run import _about
from kl.explore.scenarios.scenario import Scenario
from kl.explore.space import Point, Space
from kl.explore.studies.plan import StudyPlan
from kl.explore.studies.study import load_study, open_study
from kl.tools.kl import main

TINY = Path(__file__).parents[2] / "examples" / "llama3_tiny.kl"
SPACE = Space(
    (Integer("tile", 1, 64, "pow2"), Categorical("memory", ("sram", "hbm")), Permutation("order", 2))
)
USUAL: Point = {"tile": 8, "memory": "sram", "order": (0, 1)}
OTHER: Point = {"tile": 1, "memory": "hbm", "order": (0, 1)}
ABOUT = About(
    "llama, <16> sockets",
    (("model", "folder/llama.kl"),),
    {"latency": "s", "traffic": "bytes", "tile": "rows", "sram": "bytes", "power": "W"},
    (("looped", USUAL), ("fused", OTHER), ("never", {**USUAL, "tile": 64})),
)
OBJECTIVES = (Objective("latency"), Objective("traffic", capacity=9_000_000))


def evaluate(point: Point) -> Outcome:
    tile = int(str(point["tile"]))
    if tile == 64:
        return Outcome(slacks={"sram": 4096.0}, status="infeasible", message="too large")
    slow = 2 if point["memory"] == "hbm" else 1
    values = (slow * 5.4671e-2 / tile, 1_000_000.0 * tile)
    return Outcome(
        values, {"sram": -1.0}, details={"power": 0.25, "latency": values[0], "pipeline": f"t{tile}"}
    )


def record(about: About = ABOUT) -> StudyRecord:
    points = [USUAL, OTHER, *({**USUAL, "tile": 2**n, "order": (1, 0)} for n in range(7))]
    trials = tuple(Trial(n, point, evaluate(point), 1e9 + n, 0.5) for n, point in enumerate(points))
    return StudyRecord("tiles-1234", SPACE, OBJECTIVES, trials, about)


@pytest.fixture(scope="module")
def plain() -> Report:
    """What JSON has: numbers as they were told."""
    return analyse(record())


@pytest.fixture(scope="module")
def report() -> Report:
    """What people see."""
    return analyse(in_units(record()))


def test_about_is_kept_beside_the_plan_and_may_be_said_anew(tmp_path: Path):
    path = str(tmp_path / "s.db")
    plan = StudyPlan("tiles", SPACE, OBJECTIVES)
    assert open_study(plan, path).about == About()
    assert open_study(plan, path, about=ABOUT).about == ABOUT
    assert open_study(plan, path).about == load_study(path).about == ABOUT, "saying nothing changes nothing"
    anew = replace(ABOUT, title="other")
    open_study(plan, path, about=anew)
    assert load_study(path).about == anew
    with pytest.raises(StudyError, match="has another plan"):
        open_study(replace(plan, seed=1), path, about=ABOUT)
    assert load_study(path).about == anew, "the study of another plan is not renamed"


@pytest.mark.parametrize(
    "document", [None, 3, [], {}, {"title": "x"}, {**about_to_json(ABOUT), "units": [1]}]
)
def test_what_others_have_kept_is_nothing_said(document: object):
    assert about_from_json(document) == About()


def test_the_page_names_what_was_searched(report: Report):
    page = render_html(report)
    assert "<title>llama, &lt;16&gt; sockets: report</title>" in page
    assert "<h1>llama, &lt;16&gt; sockets</h1>" in page
    assert "study tiles-1234</p>" in page
    assert "<dt>model</dt><dd><code>folder/llama.kl</code></dd>" in page
    nameless = render_html(analyse(in_units(record(About()))))
    assert "<h1>tiles-1234</h1>" in nameless
    assert "(default)" not in nameless
    assert render_html(report) == page


def test_values_are_shown_in_units_that_suit_them(plain: Report, report: Report):
    latency, traffic = report.summary.objectives
    assert (latency.unit, traffic.unit, traffic.capacity) == ("ms", "MB", 9.0)
    factors = (1e3, 1e-6)
    for before, after in zip(plain.evaluations, report.evaluations, strict=True):
        wanted = (
            None if before.values is None else [a * b for a, b in zip(before.values, factors, strict=True)]
        )
        assert after.values == (None if wanted is None else pytest.approx(wanted))
    for before, after in zip(plain.front, report.front, strict=True):
        assert after.values == pytest.approx([a * b for a, b in zip(before.values, factors, strict=True)])
        assert after.point == before.point, "what one sets stays as one sets it"
    assert plain.volumes is not None
    assert report.volumes is not None
    assert report.volumes.values == pytest.approx([one * prod(factors) for one in plain.volumes.values])
    assert report.volumes.reference.values[1] == 9.0
    assert in_units(in_units(record())) == in_units(record())


@pytest.mark.parametrize(
    ("unit", "values", "shown"),
    [
        ("s", [5e-5, 6e-5, 1.0], ("µs", 1e6)),
        ("bytes", [3e9, 2e9], ("GB", 1e-9)),
        ("bytes", [4096, 65536, 2**20], ("KiB", 1 / 1024)),
        ("bytes", [64, 128, 4096], ("bytes", 1.0)),
        ("bytes/s", [1.6e12], ("TB/s", 1e-12)),
        ("Hz", [1.6e9], ("GHz", 1e-9)),
        ("tiles", [1e9], ("tiles", 1.0)),
        ("s", [0.0], ("s", 1.0)),
    ],
)
def test_units_suit_what_is_in_the_middle(unit: str, values: list[float], shown: tuple[str, float]):
    assert scaling(unit, values, binary=True) == (shown[0], pytest.approx(shown[1]))
    assert "i" not in scaling(unit, values)[0] or unit == "tiles"


def test_every_column_and_axis_has_its_unit(report: Report):
    heads = [column.heading for column in front_columns(report)]
    assert heads == [
        "trial",
        "latency (ms)",
        "traffic (MB)",
        "equal",
        "behind the front",
        "tile (rows)",
        "memory",
        "order",
        "power (W)",
        "pipeline",
    ]
    page = render_html(report)
    assert "4.096 kB" in page, "what fell short"
    assert "latency (ms), minimised" in page
    assert "traffic (MB), minimised" in page


def test_points_by_default_stand_beside_the_front_and_in_the_plot(report: Report):
    rows = table_rows(report)
    others = [(row.name, row.is_on_front) for row in rows if "," in row.name]
    assert others == [("#0, looped", True), ("#1, fused", False), ("never, without values", False)]
    assert render_html(report).count('<tr class="default">') == 2
    assert 'looped (default)</th><th class="n">fused</th>' in render_html(report)
    markup = next(plot for plot in draw(report) if plot.name == "front")
    legend = [text.get_text() for text in markup.figure.legends[0].get_texts()]
    assert legend[-2:] == ["looped (default)", "fused"]
    x, y = markup.figure.axes[0].collections[-1].get_offsets()[0]
    assert (x, y) == pytest.approx((2 * 54.671, 1.0))


def test_points_by_default_are_in_the_plot_of_three_objectives():
    made = record()
    trials = tuple(
        replace(
            one, outcome=replace(one.outcome, values=None if (v := one.outcome.values) is None else (*v, 3.0))
        )
        for one in made.trials
    )
    made = replace(made, objectives=(*OBJECTIVES, Objective("units")), trials=trials)
    for plot in draw(analyse(in_units(made)))[:2]:
        legend = [text.get_text() for text in plot.figure.legends[0].get_texts()]
        assert legend[-2:] == ["looped (default)", "fused"], plot.name
        assert len(plot.figure.axes) == {"front-3d": 2, "front": 3}[plot.name]
        for axes in plot.figure.axes:
            labels = [one.get_label() for one in axes.collections]
            assert {"front", "looped (default)", "fused"} <= {*labels}, plot.name
        if plot.name == "front-3d":
            assert plot.figure.axes[0].get_zlabel() == "units, minimised"
            (marked,) = (one for one in plot.figure.axes[0].collections if one.get_label() == "fused")
            assert [float(column[0]) for column in marked._offsets3d] == pytest.approx([109.342, 1.0, 3.0])


def test_values_that_are_the_defaults_are_marked(report: Report):
    columns = {column.name: column for column in front_columns(report)}
    for name, usual in USUAL.items():
        assert columns[name].usual == usual
        marked = [value == usual for value in columns[name].values]
        assert marked == [row.point[name] == usual for row in table_rows(report)]
        assert any(marked)
        assert not all(marked)
    page = render_html(report)
    assert page.count('<span class="default" title="as by default">sram</span>') == len(
        [row for row in table_rows(report) if row.point["memory"] == "sram"]
    )


def test_pictures_have_their_texts_and_the_page_its_palette(report: Report, tmp_path: Path):
    page = render_html(report)
    texts = re.findall(r'<svg class="plot" role="img" aria-label="([^"]+)"', page)
    assert texts == [plot.text for plot in draw(report)]
    assert palette.page_style() in page.replace("&#34;", '"')
    assert {*PAGE_COLORS} <= {color.light for color in palette.PAGE.values()}
    for path in write_plots(report, tmp_path):
        text = path.read_text("utf-8")
        ElementTree.fromstring(text)
        assert "llama, &lt;16&gt; sockets" in text, "a file of its own says of what it is"


def test_no_letters_of_a_figure_are_too_small():
    assert 840 / 648 * SMALLEST >= 11
    style = matplotlib.rc_params_from_file(STYLE, use_default_template=False)
    assert min(size for name, size in style.items() if name.endswith("size")) >= SMALLEST


def test_a_search_of_mappings_says_what_it_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    asked = (
        "--budget",
        "2",
        "--sockets",
        "2",
        "--param",
        "layers=2",
        "--explore",
        "hbm_latency_cycles=10..20",
    )
    assert main(["tune", str(TINY), *asked]) == 0
    about = load_study("llama3_tiny.tune.db").about
    assert about.title == "llama3_tiny on sn40l, 2 sockets: mappings"
    assert dict(about.facts) == {"model": str(TINY), "target": "sn40l", "changed": "layers=2 sockets=2"}
    found = {
        name: about.units[name]
        for name in ("latency", "units", "allocate-units.percent", "hbm_latency_cycles")
    }
    assert [*found.values()] == ["s", "PCUs and PMUs", "%", "cycles"]
    assert "loop-kernels" not in about.units
    assert main(["report", "llama3_tiny.tune.db", "-o", "r.html"]) == 0
    assert "<h1>llama3_tiny on sn40l, 2 sockets: mappings</h1>" in Path("r.html").read_text("utf-8")


def test_a_scenario_has_a_default_where_it_names_a_whole_point():
    space = Space((Integer("a", 1, 4), Integer("b", 1, 4)))

    def about(**defaults: int) -> About:
        scenario = Scenario.__new__(Scenario)
        for name, value in {"name": "branin", "space": space, "defaults": defaults}.items():
            object.__setattr__(scenario, name, value)
        return _about(scenario)

    assert about(a=1, b=2) == About("branin", (), {}, (("default", {"a": 1, "b": 2}),))
    assert about(a=1).defaults == ()
