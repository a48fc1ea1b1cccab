"""The command `kl explore`: with a function, with a client, interrupted, killed, and with wrong input."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interrupts import heed_interrupts

from kl.tools.kl import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples/explore"
FUNCTIONS = EXAMPLES / "functions.py"
KL = [sys.executable, "-m", "kl.tools.kl"]

Capture = pytest.CaptureFixture[str]

SLOW = """
import time

def slow(inputs):
    time.sleep(0.05)
    return inputs["x"] ** 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for each test, since results go to where the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_slow(folder: Path, samples: int) -> list[str]:
    """A scenario with a slow function, and the command that runs it."""
    document = {
        "application_name": "slow",
        "optimization_objectives": ["v"],
        "design_of_experiment": {"number_of_samples": samples},
        "optimization_iterations": 0,
        "input_parameters": {"x": {"parameter_type": "real", "values": [-1, 1]}},
    }
    (folder / "slow.json").write_text(json.dumps(document))
    (folder / "slow.py").write_text(SLOW)
    return [*KL, "explore", "slow.json", "--function", "slow.py:slow"]


def rows_of(path: Path) -> list[list[str]]:
    """The rows of a table, without its header; none where it is not there."""
    return list(csv.reader(path.read_text().splitlines()))[1:] if path.exists() else []


def wait_for_rows(path: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until a table has so many rows."""
    end = time.monotonic() + 60
    while len(rows_of(path)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "no rows"
        time.sleep(0.02)


def test_a_run_says_that_it_has_evaluated_nothing(tmp_path: Path, capsys: Capture):
    command = write_slow(tmp_path, 3)[4:]
    assert main(["explore", *command]) == 0
    assert "none of them is new" not in capsys.readouterr().out
    assert main(["explore", *command, "--resume"]) == 0
    assert (
        "3 evaluations, 3 feasible, 0 failed\nnone of them is new: nothing was left"
        in capsys.readouterr().out
    )
    short = {**json.loads(Path("slow.json").read_text()), "time_budget": 1e-9}
    Path("slow.json").write_text(json.dumps(short))
    assert main(["explore", *command]) == 1
    assert "nothing has been evaluated: the time was over\nhelp: raise" in capsys.readouterr().err


def test_a_front_is_printed(capsys: Capture):
    scenario = str(EXAMPLES / "chakong_haimes.json")
    assert main(["explore", scenario, "--function", f"{FUNCTIONS}:chakong_haimes", "--budget", "24"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["f1_value", "f2_value", "x1", "x2"]
    assert out[-3].startswith("24 evaluations, ")
    assert out[-2:] == [
        "all evaluations are in chakong_haimes_output_samples.csv",
        "the front is in chakong_haimes_output_pareto.csv",
    ]


def test_a_run_ends_where_models_expect_little(capsys: Capture):
    run = ["explore", str(EXAMPLES / "branin.json"), "--function", f"{FUNCTIONS}:branin"]
    options = ["--budget", "60", "--stop-gain", "1", "--storage", "kept.db"]
    assert main([*run, *options]) == 0
    count, stopped, _ = capsys.readouterr().out.splitlines()[-3:]
    assert (number := int(count.split()[0])) < 60
    assert stopped.startswith(f"stopped after {number} evaluations: the expected gain of another one is ")
    assert main([*run, *options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["evaluations"] == number, "nothing more is evaluated"
    assert stopped.endswith(f" {100 * document['expected_gain']:.2g} %")
    assert main([*run, *options, "--method", "evolution"]) == 1
    assert "the method evolution expects no gains" in capsys.readouterr().err


def test_a_document_is_printed(capsys: Capture):
    options = ["--budget", "12", "--json", "--seed", "3"]
    assert (
        main(["explore", str(EXAMPLES / "branin.json"), "--function", f"{FUNCTIONS}:branin", *options]) == 0
    )
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert captured.err == ""
    assert (document["scenario"], document["evaluations"], document["failed"]) == ("branin", 12, 0)
    (best,) = document["front"]
    values = [float(row[2]) for row in rows_of(Path(document["files"]["samples"]))]
    assert best["values"] == [min(values)]


def test_points_of_equal_values_are_one_row_that_counts_them(folder: Path, capsys: Capture):
    (folder / "flat.py").write_text("def flat(point):\n    return 1.0\n")
    run = [
        "explore",
        str(EXAMPLES / "branin.json"),
        "--function",
        f"{folder / 'flat.py'}:flat",
        "--budget",
        "6",
    ]
    assert main([*run, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["values"], one["equal"]) for one in document["front"]] == [([1.0], 5)]
    assert (document["evaluations"], document["repeated"]) == (6, 0)
    assert main(run) == 0
    heads, row, *_ = capsys.readouterr().out.splitlines()
    assert heads.split()[:2] == ["Value", "equal"]
    assert row.split()[:2] == ["1", "5"]


def test_remarks_go_to_stderr(folder: Path, capsys: Capture):
    document = json.loads((EXAMPLES / "branin.json").read_text()) | {"noise": False}
    (folder / "s.json").write_text(json.dumps(document))
    assert main(["explore", "s.json", "--function", f"{FUNCTIONS}:branin", "--budget", "2"]) == 0
    assert capsys.readouterr().err == (
        "kl: remark: these keys change nothing here: noise\n"
        "kl: remark: the design of experiments has 1, not 10 points: the budget is 2\n"
    )


def test_a_client_is_served(folder: Path):
    scenario = json.loads((EXAMPLES / "client_chakong_haimes.json").read_text()) | {
        "optimization_iterations": 3
    }
    (folder / "s.json").write_text(json.dumps(scenario))
    client = [sys.executable, str(EXAMPLES / "client.py"), *KL, "explore", "s.json"]
    done = subprocess.run(client, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "End of HyperMapper\n", "")
    assert len(rows_of(folder / "client_chakong_haimes_output_samples.csv")) == 23


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("", "kl: error: the client closed its end, a line of names was to come\n"),
        ("\x00\x01garbage\n", "kl: error: the client's answer has no input 'x1', its names are"),
        (
            "x1,x2,f1_value,f2_value,Valid\n1,2\n",
            "kl: error: row 1 of the client's answer has 2 values for 5 names",
        ),
    ],
)
def test_clients_that_make_no_sense(answer: str, message: str):
    command = [*KL, "explore", str(EXAMPLES / "client_chakong_haimes.json")]
    done = subprocess.run(command, input=answer, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stdout.startswith("Request 20\n")


def test_a_client_that_does_not_read_is_gone():
    command = [*KL, "explore", str(EXAMPLES / "client_chakong_haimes.json")]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert done.returncode == 1
    assert done.stderr.decode() == "kl: error: the client does not read any more\n"


def test_ctrl_c_keeps_what_was_evaluated(folder: Path):
    table = folder / "slow_output_samples.csv"
    process = subprocess.Popen(
        write_slow(folder, 200),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    wait_for_rows(table, 3, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    note = "interrupted; --resume goes on with slow_output_samples.csv\n"
    assert (process.returncode, out, err) == (130, "", note)
    assert len(rows_of(table)) >= 3


def test_killed_runs_go_on(folder: Path):
    """At random moments, no finished evaluation is lost, and the number at the end is the same."""
    table, command = folder / "slow_output_samples.csv", write_slow(folder, 30)
    rng, known = random.Random(5), list[list[str]]()
    for attempt in range(3):
        resume = ["--resume"] if attempt else []
        process = subprocess.Popen(
            [*command, *resume], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_for_rows(table, len(known) + 2, process)
        time.sleep(rng.random() * 0.2)
        process.kill()
        process.communicate()
        rows = [row for row in rows_of(table) if len(row) == 3]
        assert rows[: len(known)] == known
        known = rows
    assert main(["explore", "slow.json", "--function", "slow.py:slow", "--resume"]) == 0
    rows = rows_of(table)
    assert rows[: len(known)] == known
    assert len({row[0] for row in rows}) == len(rows) == 30


def test_a_function_that_ends_its_process_is_a_failure(folder: Path, capsys: Capture):
    write_slow(folder, 6)
    (folder / "end.py").write_text(
        "import os\n\ndef end(inputs):\n    return os._exit(9) if inputs['x'] > 0 else 1\n"
    )
    assert main(["explore", "slow.json", "--function", "end.py:end", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["evaluations"] == 6
    assert document["failed"] == 6 - document["feasible"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json"], "kl: error: nowhere.json: No such file or directory\n"),
        (
            [str(EXAMPLES / "branin.json")],
            "kl: error: the mode 'default' needs a function\nhelp: give one (--function)",
        ),
        (
            [str(EXAMPLES / "branin.json"), "--function", "nowhere.py:f"],
            "kl: error: there is no file nowhere.py\n",
        ),
        (
            [str(EXAMPLES / "branin.json"), "--function", "builtins:str"],
            "kl: error: the objective 'Value' is ",
        ),
        (
            [str(EXAMPLES / "client_chakong_haimes.json"), "--json"],
            "kl: error: in the mode 'client-server' stdout belongs to the client\nhelp: leave out --json\n",
        ),
        (
            [str(EXAMPLES / "branin.json"), "--function", f"{FUNCTIONS}:branin", "--storage", "no/where.db"],
            "kl: error: the storage no/where.db is in a folder that does not exist: no\n",
        ),
    ],
)
def test_commands_that_cannot_run(arguments: list[str], message: str, capsys: Capture):
    assert main(["explore", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(message)
    assert captured.out == ""


def test_a_message_shows_the_place(folder: Path, capsys: Capture):
    (folder / "s.json").write_text('{\n  "optimization_iteration": 3\n}\n')
    assert main(["explore", "s.json"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "s.json:2:3: error: unknown key 'optimization_iteration'",
        '    "optimization_iteration": 3',
        "    ^^^^^^^^^^^^^^^^^^^^^^^^",
        "help: did you mean 'optimization_iterations'?",
    ]
