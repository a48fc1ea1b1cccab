"""`kl tune`: fronts whose pipelines give back the numbers, machines, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kl.explore.history import Objective
from kl.explore.outcome import Trial
from kl.explore.studies.study import load_study, open_study
from kl.tools.command_line import filled
from kl.tools.commands.tune import Command
from kl.tools.kl import main, make_parser
from kl.tools.tuning.search import Search
from kl.tools.tuning.session import make_session

ROOT = Path(__file__).parents[2]
MINI = str(ROOT / "examples/mini.kl")
TINY = str(ROOT / "examples/llama3_tiny.kl")
TOOLS = Path(sys.executable).parent

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies are kept in the current folder."""
    monkeypatch.chdir(tmp_path)


def tuned(capsys: Capture, *arguments: str) -> Any:
    """The document of a `kl tune` that succeeds."""
    assert main(["tune", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def message(capsys: Capture, *arguments: str) -> str:
    """The message of a `kl tune` that fails as it should."""
    assert main(["tune", *arguments]) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


def test_the_front_gives_its_numbers_back_and_is_no_worse_than_by_hand(capsys: Capture):
    document = tuned(capsys, TINY, "--budget", "12", "--objectives", "latency,units,hbm")
    assert document["objectives"] == ["latency", "units", "hbm"]
    assert document["evaluations"] == 12 == sum(document["outcomes"].values())
    assert [*document["defaults"]] == ["looped", "resident", "fused", "unfused"]
    front = document["front"]
    by_hand = [one["values"]["latency"] for one in document["defaults"].values()]
    assert min(one["values"]["latency"] for one in front) <= min(by_hand)
    for one in front:
        assert main(["time", TINY, "--pipeline", one["pipeline"], "--json"]) == 0
        timed = json.loads(capsys.readouterr().out)
        assert timed["seconds"] == one["values"]["latency"]
        assert timed["bytes"]["hbm_read"] + timed["bytes"]["hbm_written"] == one["values"]["hbm"]
    assert Path("llama3_tiny.tune.db").exists()


def test_the_pipelines_of_the_front_go_through_kl_opt(capsys: Capture):
    arguments = (MINI, "--budget", "6", "--knobs", "allocate-units.percent,loop-kernels", "-o", "front.txt")
    document = tuned(capsys, *arguments)
    lines = Path("front.txt").read_text(encoding="utf-8").splitlines()
    assert lines[1::2] == [one["pipeline"] for one in document["front"]]
    assert lines[0].startswith(f"# trial {document['front'][0]['trial']}, latency ")
    kl_opt = f"{TOOLS / 'kl-opt'} {MINI} -p '{lines[1]}'"
    command = f"{kl_opt} | {TOOLS / 'kl'} time - --json"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["seconds"] == document["front"][0]["values"]["latency"]


def test_the_worst_value_of_any_use_is_kept_with_the_study(capsys: Capture):
    tuned(capsys, MINI, "--budget", "2", "--worst", "latency=1e-3", "--storage", "s.db")
    objectives = load_study("s.db").plan.objectives
    assert objectives == (Objective("latency", capacity=1e-3), Objective("units", capacity=2080))


def test_the_same_command_goes_on(capsys: Capture):
    first = tuned(capsys, MINI, "--budget", "5", "--storage", "s.db")
    second = tuned(capsys, MINI, "--budget", "8", "--storage", "s.db", "--resume")
    assert first["evaluations"] == 5
    assert second["evaluations"] == 8
    assert first["study"] == second["study"]
    again = tuned(capsys, MINI, "--budget", "8", "--storage", "s.db")
    assert again["front"] == second["front"]


def test_it_prints_tables_and_the_best_commands(capsys: Capture):
    assert main(["tune", MINI, "--budget", "5", "--knobs", "allocate-units.percent,retain-weights"]) == 0
    out = capsys.readouterr().out
    assert "5 evaluations, 100.0 % of them feasible" in out
    assert "by hand" in out
    assert "looped" in out
    assert "resident" in out
    assert "fused" not in out, "loop-kernels is not turned"
    assert "best latency, #" in out
    assert f"kl time {MINI} --pipeline 'shard-tensors{{sockets=1}},outline-kernels" in out
    assert "mini.tune.db" in out


def test_the_best_commands_say_all_that_was_asked_for(capsys: Capture):
    asked = ["--param", "context=32", "--sockets", "2", "--set", "pmus=300", "--position", "7"]
    arguments = [TINY, *asked, "--orchestration", "software", "--budget", "2", "--knobs", "loop-kernels"]
    assert main(["tune", *arguments, "-o", "front.txt"]) == 0
    out = capsys.readouterr().out
    command = next(line.strip() for line in out.splitlines() if line.startswith("  kl time"))
    done = subprocess.run(
        ["sh", "-c", f"{TOOLS}/{command} --json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    comment = Path("front.txt").read_text(encoding="utf-8").splitlines()[0]
    assert f"latency {json.loads(done.stdout)['seconds']:.17g}," in comment
    for option in ("--param context=32", "--set pmus=300", "--orchestration software", "--position 7"):
        assert option in comment


def test_machines_against_their_cost(capsys: Capture):
    explore = ["--machine", "--explore", "hbm_bandwidth=2e11..4e12:log", "--explore", "pmus=260,520,1040"]
    document = tuned(capsys, TINY, *explore, "--cost", "price = pmus + hbm_bandwidth / 1e10", "--budget", "9")
    assert document["objectives"] == ["latency", "price"]
    assert document["knobs"] == []
    assert document["machine"] == ["hbm_bandwidth", "pmus"]
    assert [*document["defaults"]] == ["as given"]
    best = document["front"][-1]
    assert best["values"]["price"] == best["machine"]["pmus"] + best["machine"]["hbm_bandwidth"] / 1e10
    changes = [f"--set={name}={value}" for name, value in best["machine"].items()]
    assert main(["time", TINY, *changes, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == best["values"]["latency"]


def test_without_the_given_machine_nothing_is_by_hand(capsys: Capture):
    explore = ["--machine", "--explore", "pmus=260,520", "--explore", "pcus=260,520"]
    assert main(["tune", TINY, *explore, "--cost", "price = pmus + pcus", "--budget", "3"]) == 0
    out = capsys.readouterr().out
    assert "by hand" not in out
    assert "best price, #" in out


def test_machines_and_mappings_together(capsys: Capture):
    knobs = ["--knobs", "allocate-units.percent,overlap-collectives.algorithm", "--sockets", "2"]
    document = tuned(capsys, TINY, "--explore", "sockets=1,2", *knobs, "--budget", "6")
    assert document["machine"] == ["sockets"]
    assert document["knobs"] == ["overlap-collectives.algorithm", "allocate-units.percent"]
    for one in document["front"]:
        sockets = str(one["machine"]["sockets"])
        assert main(["time", TINY, "--sockets", sockets, "--pipeline", one["pipeline"], "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["seconds"] == one["values"]["latency"]


def test_a_pipeline_of_the_user_is_tuned(capsys: Capture):
    passes = (
        "outline-kernels{granularity=op},convert-kernel-to-dataflow,tile-stages,allocate-units{percent=50},"
        "schedule-stages,place-units,schedule-loop,route-channels,plan-memory,convert-dataflow-to-rdu"
    )
    document = tuned(capsys, MINI, "--pipeline", passes, "--budget", "3")
    assert [*document["defaults"]] == ["as given"]
    assert "loop-kernels" not in document["knobs"]
    assert document["defaults"]["as given"]["point"]["allocate-units.percent"] == 50
    assert document["defaults"]["as given"]["measures"]["pcus"] == 520


def test_no_feasible_point_says_what_is_in_the_way(capsys: Capture):
    arguments = [MINI, "--budget", "3", "--set", "rdn_bytes_per_cycle=1", "--fix", "loop-kernels=true"]
    text = message(capsys, *arguments, "--fix", "retain-weights=false", "--param", "layers=4")
    assert "none of 3 evaluations is feasible; most often: @" in text
    assert "kl report mini.tune.db" in text


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((MINI, "--objectives", "speed"), "unknown objective 'speed'\nhelp: known are latency, units,"),
        ((MINI, "--objectives", "latency,latency"), "--objectives has latency twice"),
        ((MINI, "--objectives", ""), "--objectives '' has an empty name"),
        ((MINI, "--worst", "hbm=3"), "--worst hbm: this is no objective of the search"),
        ((MINI, "--worst", "latency=0"), "--worst latency is 0; it must be positive"),
        ((MINI, "--knobs", "tiles"), "unknown knob 'tiles'\nhelp: this model has outline-kernels"),
        ((MINI, "--fix", "loop-kernels"), "--fix 'loop-kernels' is no assignment"),
        (
            (MINI, "--fix", "loop-kernels=true", "--fix", "loop-kernels=no"),
            "--fix loop-kernels is given twice, with True and False\nhelp: keep one",
        ),
        (
            (MINI, "--knobs", "loop-kernels,overlap", "--fix", "loop-kernels=true"),
            "--knobs turns loop-kernels, and --fix sets it to True\nhelp: leave it out of --knobs, or drop",
        ),
        ((MINI, "--knobs", "loop-kernels, loop-kernels"), "--knobs has loop-kernels twice"),
        ((MINI, "--knobs", ","), "--knobs ',' has an empty name\nhelp: write --knobs a,b"),
        ((MINI, "--objectives", "latency,"), "--objectives 'latency,' has an empty name"),
        (
            (MINI, "--fix", "retain-weights=no", "--fix", "retain-weights.percent=50"),
            "retain-weights.percent has no effect: its pass does not run\nhelp: turn retain-weights, too, or",
        ),
        (
            (MINI, "--fix", "loop-kernels=maybe"),
            "--fix loop-kernels = 'maybe' is none of True, False\nhelp: give .*--fix loop-kernels=true",
        ),
        (
            (MINI, "--fix", "tile-stages.least-tiles=900"),
            "is not a power of two .*\nhelp: give one of",
        ),
        (
            (MINI, "--worst", "latency=abc"),
            "latency: 'abc' is no number\nhelp: write --worst latency=",
        ),
        ((MINI, "--machine"), "nothing of it is to be explored\nhelp: say it with --explore"),
        ((MINI, "--machine", "--explore", "pmus=4,8", "--knobs", "loop-kernels"), "tunes the machine alone"),
        ((MINI, "--explore", "pmus=4,8", "--explore", "pmus=9"), "--explore has pmus twice"),
        ((MINI, "--cost", "units=pmus"), "--cost units: there is an objective of this name"),
        ((MINI, "--cost", "a=pmus", "--cost", "a=pcus"), "--cost a: there is an objective of this name"),
        ((MINI, "--cost", "area=size"), "--cost area names 'size'"),
        ((MINI, "--pipeline", "no-pass"), "unknown pass 'no-pass'"),
        ((MINI, "--pipeline", "merge-identical-kernels"), "no knob is left to turn"),
        ((MINI, "--pipeline", "outline-kernels", "--spill"), "--pipeline says all that is done"),
        ((MINI, "--set", "pmus=0"), "machine parameter pmus is 0"),
        ((MINI, "--resume"), "there is no study at mini.tune.db"),
        ((MINI, "--storage", "missing/s.db"), "is in a folder that does not exist"),
        ((MINI, "--param", "depth=3"), "depth"),
        ((TINY, "--position", "64"), "positions 0 to 63"),
        (("-",), "stdin cannot be tuned"),
        (("none.kl",), "none.kl: No such file"),
    ],
)
def test_wrong_input_is_named(capsys: Capture, arguments: tuple[str, ...], wanted: str):
    text = message(capsys, *arguments, "--budget", "1")
    assert re.search(wanted, text), text


def test_a_study_of_another_model_is_not_gone_on_with(capsys: Capture):
    tuned(capsys, MINI, "--budget", "1", "--storage", "s.db")
    text = message(capsys, TINY, "--budget", "1", "--storage", "s.db", "--resume")
    assert "there is no study 'llama3_tiny-" in text
    assert "it has 'mini-" in text


def test_a_study_of_another_plan_says_where_it_was_found(capsys: Capture):
    tuned(capsys, MINI, "--budget", "1", "--storage", "s.db")
    text = message(capsys, MINI, "--budget", "1", "--storage", "s.db", "--seed", "3")
    assert (
        "at s.db has another plan: seed is 0, not 3\nhelp: it was found in --storage s.db; give another"
        in text
    )
    tuned(capsys, MINI, "--budget", "1")
    text = message(capsys, MINI, "--budget", "1", "--seed", "3")
    assert "help: it was found in --storage mini.tune.db" in text


@pytest.mark.parametrize("option", [("--budget", "0"), ("--jobs", "0"), ("--timeout", "-1"), ("--seed", "x")])
def test_wrong_usage(option: tuple[str, str]):
    with pytest.raises(SystemExit) as end:
        main(["tune", MINI, *option])
    assert end.value.code == 2


def test_a_search_that_was_interrupted_goes_on_as_one_that_was_not():
    command = filled(Command, make_parser().parse_args(["tune", MINI, "--budget", "24"]))
    session = make_session(command.model, command.tuning, command.study)
    seen = 0

    def interrupted(trial: Trial) -> None:
        nonlocal seen
        seen += 1
        if seen % 7 == 0:
            raise KeyboardInterrupt

    whole = open_study(session.plan, None)
    Search(session, whole, command.study).run(lambda trial: None)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            Search(session, open_study(session.plan, "parts.db"), command.study).run(interrupted)
    parts = open_study(session.plan, "parts.db")
    Search(session, parts, command.study).run(lambda trial: None)
    assert [trial.point for trial in parts.trials()] == [trial.point for trial in whole.trials()]
    assert len(parts.trials()) == 24


def test_sweeps_find_one_value_of_one_knob_and_say_what_changes_nothing(capsys: Capture):
    arguments = (MINI, "--objectives", "latency", "--budget", "40")
    document = tuned(capsys, *arguments, "--set", "hbm_bandwidth=1e11")
    assert set(document["inert"]) <= set(document["knobs"])
    assert document["inert"]
    (best,) = document["front"]
    behind = document["defaults"]["looped"]["behind"]
    wanted = 1 - best["values"]["latency"] / document["defaults"]["looped"]["values"]["latency"]
    assert behind == pytest.approx(wanted)
    by = document["defaults"]["looped"]["dominated_by"]
    assert by == {"trial": best["trial"], "shares": {"latency": behind}}
    assert main(["tune", *arguments, "--set", "hbm_bandwidth=1e11"]) == 0
    text = capsys.readouterr().out
    assert "behind the front" in text
    assert f"latency {behind * 100:.2g} % (#{best['trial']})" in text
    assert f"{len(best['equal'])}  " in text.partition("  equal  ")[2].splitlines()[1]
    assert f"these changed nothing around the best mapping: {', '.join(document['inert'])}" in text


def test_sweeps_have_an_end_however_large_the_budget_is(monkeypatch: pytest.MonkeyPatch):
    command = filled(Command, make_parser().parse_args(["tune", MINI, "--budget", "12"]))
    session = make_session(command.model, command.tuning, command.study)
    monkeypatch.setattr("kl.tools.tuning.search.MOST_TURNS", 0)
    study = open_study(session.plan, None)
    Search(session, study, command.study).run(lambda trial: None)
    assert len(study.trials()) == 12
    assert max(trial.number for trial in study.trials()) == 11 + len(session.defaults), (
        "only they were queued"
    )


def test_patience_ends_a_search_before_its_budget(capsys: Capture):
    document = tuned(capsys, MINI, "--objectives", "latency", "--budget", "60", "--patience", "12")
    assert 12 < document["evaluations"] < 60
    assert document["ended"] == "patience"
    assert "--patience" in usage_error(capsys, MINI, "--patience", "0")


def test_a_search_ends_where_models_expect_little(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kl.tools.tuning.search.SWEPT_OF_ONE", 0.2)
    options = ("--objectives", "latency", "--budget", "70", "--stop-gain", "0.02")
    document = tuned(capsys, MINI, *options)
    assert document["ended"] == "gain"
    assert 24 <= document["evaluations"] < 70
    assert main(["tune", MINI, *options]) == 0
    text = f"stopped after {document['evaluations']} evaluations: the expected gain of another one is "
    assert text in capsys.readouterr().out, "nothing more is evaluated"
    assert "the method random expects no gains" in message(capsys, MINI, *options, "--method", "random")


def test_a_search_without_other_points_says_so(capsys: Capture):
    assert main(["tune", MINI, "--objectives", "latency", "--budget", "9", "--knobs", "loop-kernels"]) == 0
    assert "ended before its budget: there is no other point" in capsys.readouterr().out


def usage_error(capsys: Capture, *arguments: str) -> str:
    """What a wrong command line is answered with."""
    with pytest.raises(SystemExit):
        main(["tune", *arguments])
    return capsys.readouterr().err


def test_equal_mappings_are_one_row_and_the_one_that_turns_least_stands_for_them(capsys: Capture):
    document = tuned(capsys, MINI, "--objectives", "latency", "--budget", "30")
    values = [tuple(one["values"].values()) for one in document["front"]]
    assert len(set(values)) == len(values)
    trials = load_study("mini.tune.db").trials()
    for one in document["front"]:
        same = [trial.number for trial in trials if trial.outcome.values == tuple(one["values"].values())]
        assert sorted(same) == sorted([one["trial"], *one["equal"]])


@pytest.mark.parametrize("value", ["true", "True", "yes"])
def test_a_pass_is_fixed_to_run_in_any_of_the_words_for_it(value: str, capsys: Capture):
    document = tuned(capsys, MINI, "--budget", "2", "--fix", f"prefetch-weights={value}")
    assert "prefetch-weights" not in document["knobs"]
