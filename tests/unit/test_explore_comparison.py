"""The benchmark of the explorer: statistics, what is told to whom, peers that are missing, a short run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    """The modules of the benchmark, which are not of the package."""
    sys.path.insert(0, str(BENCHMARKS))
    import explore_data
    import explore_peers
    import explore_runs
    import explore_statistics
    import explore_tables
    import explore_variants
    import problems

    import explore

    yield SimpleNamespace(
        explore=explore,
        data=explore_data,
        peers=explore_peers,
        runs=explore_runs,
        statistics=explore_statistics,
        tables=explore_tables,
        variants=explore_variants,
        problems=problems,
    )
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def small(modules: Any) -> Any:
    """A problem of 36 points whose front is the line x + y = 5, the rest of it infeasible below."""

    def formula(x: Any) -> tuple[np.ndarray, np.ndarray]:
        return np.stack([x["x0"], x["x1"]]), np.stack([5 - x["x0"] - x["x1"]])

    return modules.problems.grid("small", (modules.problems.axis(0, 5, 6),) * 2, formula, (6.0, 6.0))


def test_the_running_time_counts_what_failed_runs_cost(modules: Any):
    curves = [modules.runs.Curve(((3, 0.5), (10, 0.99)), 50), modules.runs.Curve(((4, 0.9),), 50)]
    runs = modules.statistics.runs_to(curves, 0.99)
    assert runs.running_time == 60
    assert modules.statistics.runs_to(curves, 0.9).running_time == 14 / 2
    assert modules.statistics.runs_to(curves, 1.0).running_time == float("inf")
    assert modules.statistics.runs_to(curves, 1.0).least_running_time == 100


def test_the_interval_of_a_ratio_holds_it_and_none_without_spread(modules: Any):
    def runs(*costs: int) -> Any:
        return modules.statistics.Runs(np.array(costs, dtype=float), np.ones(len(costs), dtype=bool))

    rng = np.random.default_rng(0)
    exact = modules.statistics.ratio([(runs(10, 10), runs(40, 40)), (runs(5, 5), runs(5, 5))], rng)
    assert (exact.value, exact.low, exact.high) == pytest.approx((2, 2, 2))
    spread = modules.statistics.ratio([(runs(8, 10, 12), runs(30, 40, 50))], rng)
    assert spread.value == pytest.approx(4)
    assert spread.low < spread.value < spread.high


def test_a_resample_without_our_success_counts_against_us(modules: Any):
    ours = modules.statistics.Runs(np.array([10.0, 50.0]), np.array([True, False]))
    theirs = modules.statistics.Runs(np.array([100.0, 100.0]), np.array([False, False]))
    found = modules.statistics.ratio([(ours, theirs)], np.random.default_rng(0))
    assert found.value == pytest.approx(200 / 60)
    assert found.low == 0


def test_holm_multiplies_by_the_tests_that_are_left(modules: Any):
    assert modules.statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert modules.statistics.holm([0.9, 0.8]) == [1.0, 1.0]


def test_paired_runs_are_cut_at_the_smaller_budget(modules: Any):
    curve = modules.runs.Curve
    ours = [curve(((count, 1.0),), 200) for count in range(20, 32)]
    theirs = [curve((), 60)] * 12
    assert modules.statistics.paired_test(ours, theirs, 0.99) < 0.001
    late = [curve(((100, 1.0),), 200)] * 12
    assert modules.statistics.paired_test(late, theirs, 0.99) == 1.0


def test_repeated_points_cost_nothing_and_infeasible_ones_do(modules: Any, small: Any):
    record = modules.runs.Record(small, 10)
    for x in (0.0, 5.0, 5.0, 0.0):
        record.evaluate({"x0": x, "x1": 0.0})
    assert record.evaluations == 2
    assert record.steps == [(2, 6 / 21)]  # (5, 0) covers 1 x 6 of the 21 squares that the front covers


@pytest.mark.parametrize("told", ["slacks", "flags", "failures"])
def test_the_explorer_finds_the_whole_front(modules: Any, small: Any, told: str):
    curve = modules.runs.run_optimizer(small, 0, 36, told=told)
    assert curve.reaching(1.0 - 1e-9) is not None


def test_all_tools_begin_with_the_same_points(modules: Any, small: Any):
    curves = [modules.runs.run_random(small, 3), modules.runs.run_optimizer(small, 3, 10)]
    starts = [[step for step in curve.steps if step[0] <= 10] for curve in curves]
    assert starts[0] == starts[1] != []


def test_constraints_and_priors_can_be_withheld(modules: Any):
    nest = modules.explore.find_problem("loop-nest")
    loose = modules.variants.without_constraints(nest)
    broken = {**next(iter(nest.space.points())), "tile1": 1, "lanes": 2}
    assert loose.evaluate(broken) == modules.problems.Answer(None, {}, False)
    assert not modules.variants.without_priors(nest).space.has_priors
    wrong = modules.variants.with_wrong_priors(nest).space.parameters[0]
    assert wrong.prior == "exponential"


def test_a_peer_learns_of_points_that_break_known_constraints(modules: Any):
    nest = modules.explore.find_problem("loop-nest")
    record = modules.runs.Record(nest, 5)
    told = modules.peers._answer(nest, ["g0"], [0, 0, 0, 0, 1, 0, 0], record)  # two lanes for a tile of one
    assert told == {"values": list(nest.reference), "slacks": [0.0, 1.0], "feasible": False}
    assert record.evaluations == 0


def test_missing_peers_are_left_out(modules: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["run", "--tools", "optuna-gp", "--peers", str(tmp_path), "--data", str(tmp_path / "curves")]
    modules.explore.main([*words, "--problems", "srn"])
    assert "optuna-gp is left out: it is not installed in" in capsys.readouterr().out
    assert not (tmp_path / "curves").exists()


def test_a_script_of_a_peer_is_told_and_asks(modules: Any, small: Any, tmp_path: Path):
    python = tmp_path / "optuna" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "script.py").write_text(
        f"import sys; sys.path.insert(0, {str(BENCHMARKS / 'peers')!r})\n"
        "from protocol import Driver\n"
        "driver = Driver()\n"
        "print('what libraries print does no harm')\n"
        "assert [p['size'] for p in driver.task['parameters']] == [6, 6]\n"
        "for x in range(6):\n"
        "    assert driver.evaluate([x, 5 - x]).feasible\n"
    )
    peer = modules.peers.Peer("p", modules.peers.OPTUNA, str(tmp_path / "script.py"), (), 40, 1)
    curve = modules.peers.run_peer(peer, small, 0, tmp_path)
    assert curve.steps[-1][1] == pytest.approx(1.0)


def test_curves_are_run_once_and_reported(
    modules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "curves.jsonl"
    quick = modules.variants.Variant("explorer", "as it is", budget=14, seeds=1)
    monkeypatch.setattr(modules.explore, "VARIANTS", (quick,))
    words = ["run", "--tools", "explorer", "random", "--data", str(file), "--problems", "srn", "--seeds", "1"]
    modules.explore.main(words)
    before = file.read_text()
    assert len(before.splitlines()) == 2
    modules.explore.main(words)
    assert file.read_text() == before
    modules.explore.main(["report", "--data", str(file), "--problems", "srn"])
    printed = capsys.readouterr().out
    assert "all problems: evaluations to 0.99" in printed
    assert "random" in printed


def test_the_kept_curves_can_be_read(modules: Any):
    curves = modules.data.load(modules.data.DATA)
    assert {"explorer", "random"} <= {tool for tool, _, _ in curves}
    lines = [json.loads(line) for line in modules.data.DATA.read_text().splitlines()]
    assert all(line["version"] for line in lines)
    for line in lines:
        script, *words = line["command"].split()
        arguments = modules.explore.parse(words)
        assert script == "benchmarks/explore.py"
        assert (arguments.tools, arguments.problems) == ([line["tool"]], [line["problem"]])
        assert modules.explore.FIRST_SEED <= line["seed"] < modules.explore.FIRST_SEED + arguments.seeds


def test_runs_on_all_problems_are_compared_to_each_target(modules: Any, capsys: pytest.CaptureFixture[str]):
    curve = modules.runs.Curve
    curves = {
        **{("explorer", "p", seed): curve(((10, 0.92), (20, 0.96)), 50) for seed in range(3)},
        **{("other", "p", seed): curve(((30, 0.92), (80, 1.0)), 100) for seed in range(3)},
    }
    console = modules.explore.Console(width=120)
    for target, expected in ((0.9, "3.0 [3.0, 3.0]"), (0.95, "4.0 [4.0, 4.0]"), (0.99, "0.0 [0.0, 0.0]")):
        modules.tables.print_pooled(console, curves, ["p"], ["explorer", "other"], target)
        assert expected in capsys.readouterr().out


def test_the_command_of_a_run_makes_it(modules: Any):
    first = modules.explore.FIRST_SEED
    words = modules.explore.command_of(("random", "srn", first + 2)).split()[1:]
    arguments = modules.explore.parse(words)
    assert (arguments.tools, arguments.problems, arguments.seeds) == (["random"], ["srn"], 3)
