"""What is written stays where it is to be, over nothing that is read, and can be read again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from scenario_documents import document, scenario

from kl.explore.errors import StudyError
from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.reading import load_scenario
from kl.explore.studies.storages import open_storage
from kl.tools.kl import main
from kl.tools.output import check_kept
from kl.tools.values import InputError

ROOT = Path(__file__).parents[2]
MINI = str(ROOT / "examples/mini.kl")
JOURNAL = ROOT / "tests/hunt/seeds/study.journal"
DATABASE = ROOT / "tests/hunt/seeds/study.sql"

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "more",
    [
        {"application_name": "../x"},
        {"application_name": "/tmp/x"},
        {"log_file": "a/../../x"},
        {"log_file": ""},
        {"output_data_file": "/tmp/x.csv"},
        {"output_pareto_file": "../x.csv"},
    ],
)
def test_a_scenario_names_no_file_beyond_its_folder(more: dict[str, Any], tmp_path: Path):
    with pytest.raises(ScenarioError, match="is not in the folder of the run"):
        load_scenario(document(tmp_path, **more))
    assert [*tmp_path.iterdir()] == []


EXHAUSTIVE = {"hypermapper_mode": {"mode": "exhaustive", "exhaustive_search_file": "t.csv"}}
RESUMED = {"resume_optimization": True, "resume_optimization_data": "t.csv"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"output_pareto_file": "x.csv", "output_data_file": "x.csv"}, "'x.csv', as is 'output_data_file'"),
        ({"log_file": "l.csv", "output_data_file": "l.csv"}, "'l.csv', as is 'output_data_file'"),
        ({"log_file": "s.json"}, "'s.json', as is the scenario"),
        ({"output_pareto_file": "t.csv", **EXHAUSTIVE}, "'t.csv', as is 'exhaustive_search_file'"),
        ({"output_data_file": "t.csv", **EXHAUSTIVE}, "'t.csv', as is 'exhaustive_search_file'"),
        ({"log_file": "t.csv", **RESUMED}, "'t.csv', as is 'resume_optimization_data'"),
    ],
)
def test_files_of_a_scenario_are_not_written_over_one_another(
    more: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("")
    Path("s.json").write_text(json.dumps(document(Path(), **more)))
    with pytest.raises(ScenarioError, match=message):
        load_scenario("s.json")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("time MODEL --trace MODEL", "--trace {} would overwrite the model"),
        ("run MODEL --logits MODEL", "--logits {} would overwrite the model"),
        ("tune MODEL --budget 1 -o MODEL", "-o {} would overwrite the model"),
        ("tune MODEL --budget 1 --storage MODEL", "--storage {} would overwrite the model"),
        ("compile MODEL -o MODEL", "-o {} would overwrite the model"),
        ("compile MODEL --to program -o x.csv --machine x.csv", "-o x.csv would overwrite the machine"),
        ("import config.json -o config.json", "-o config.json would overwrite the model"),
        ("import . -o config.json", "-o config.json would overwrite the model"),
        ("tune MODEL --machine x.csv --budget 1 -o x.csv", "-o x.csv would overwrite the machine"),
        ("show MODEL --machines sn40l-8,x.csv -o x.csv", "-o x.csv would overwrite a machine"),
        ("time MODEL --experts x.csv --trace x.csv", "--trace x.csv would overwrite the experts"),
        ("run MODEL --weights x.csv --logits x.csv", "--logits x.csv would overwrite the weights"),
        ("run MODEL --weights . --logits config.json", "--logits config.json would overwrite the weights"),
        ("run MODEL --check --model x.csv --logits x.csv", "--logits x.csv would overwrite the other model"),
        ("report sqlite:///x.csv -o x.csv", "-o x.csv would overwrite the study"),
        ("calibrate x.csv --machine h100 -o x.csv", "-o x.csv would overwrite the table"),
        ("report x.csv -o x.csv", "-o x.csv would overwrite the study"),
        ("explore s.json --function x.csv:f", "output_data_file x.csv would overwrite the function"),
        ("explore s.json --function m:f --storage x.csv", "output_data_file x.csv would overwrite the study"),
    ],
)
def test_nothing_is_written_over_what_is_read(
    command: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    monkeypatch.chdir(tmp_path)
    model, text = tmp_path / "m.kl", Path(MINI).read_text()
    model.write_text(text)
    Path("s.json").write_text(json.dumps(document(Path(), output_data_file="x.csv")))
    Path("x.csv").write_text("kept")
    Path("config.json").write_text('{"model_type": "llama"}')
    assert main(command.replace("MODEL", str(model)).split()) == 1
    assert message.format(model) in capsys.readouterr().err
    assert (model.read_text(), Path("x.csv").read_text()) == (text, "kept")
    assert Path("config.json").read_text() == '{"model_type": "llama"}'


def test_what_is_no_file_of_a_published_model_may_be_written_beside_it(tmp_path: Path):
    (tmp_path / "trace.json").write_text("of the last run")
    check_kept("--trace", str(tmp_path / "trace.json"), {"the model": str(tmp_path)})
    for name in ("config.json", "generation_config.json", "model.safetensors.index.json"):
        with pytest.raises(InputError, match="would overwrite the model"):
            check_kept("--trace", str(tmp_path / name), {"the model": str(tmp_path)})


def test_a_comma_in_a_name_hides_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    monkeypatch.chdir(tmp_path)
    Path("a,b.kl").write_text(Path(MINI).read_text())
    assert main(["compile", "a,b.kl", "-o", "a,b.kl"]) == 1
    assert "would overwrite the model" in capsys.readouterr().err


def test_a_scenario_may_name_a_folder_in_its_own(tmp_path: Path):
    assert scenario(run_directory=str(tmp_path), log_file="logs/x.log").files.log == tmp_path / "logs/x.log"


def test_nothing_is_written_behind_the_torn_line_of_a_journal(tmp_path: Path):
    """What stands there could not be read; whole lines before it still can."""
    path, data = tmp_path / "study.journal", JOURNAL.read_bytes()
    torn = data + data[:20]
    path.write_bytes(torn)
    with pytest.raises(StudyError, match=f"the last line of {path} is torn"):
        open_storage(str(path))
    assert path.read_bytes() == torn
    assert main(["report", str(path), "-o", str(tmp_path / "r.html")]) == 0


def test_what_optuna_warns_of_is_said_once(tmp_path: Path, capsys: Capture, caplog: pytest.LogCaptureFixture):
    """A time that is no text: Optuna warns of it, and tries another way, which fails as well."""
    database = tmp_path / "study.db"
    with closing(sqlite3.connect(database)) as opened:
        opened.executescript(DATABASE.read_text())
        opened.execute("update trials set datetime_start = cast(x'ff' as text)")
        opened.commit()
    optuna.logging.enable_propagation()
    try:
        assert main(["report", str(database)]) == 1
    finally:
        optuna.logging.disable_propagation()
    said = capsys.readouterr().err
    assert said.startswith(f"kl: error: the storage {database} does not work: Could not decode")
    assert not caplog.records
