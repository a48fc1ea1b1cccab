"""What the commands print with `--json` is what their schemas, and the pages, say."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from kl.backends.json_text import json_text
from kl.tools.kl import COMMANDS, main
from kl.tools.terminal import print_json

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MINI, TINY, MIXTURE = (str(EXAMPLES / f"{name}.kl") for name in ("mini", "llama3_tiny", "mixture"))
SCENARIOS = EXAMPLES / "explore"
FUNCTIONS = f"{SCENARIOS / 'functions.py'}:"
WITHOUT_JSON = {"completion", "new"}

Capture = pytest.CaptureFixture[str]

EMPTY = """model copy

dtype bf16

step(x[4, 8]) {
  return x
}
"""
OBSERVED = """model observed

dtype bf16
weight w[64, 64]

step(x[1, 64]) {
  y = x @ w
  observe y as "y"
  return y
}
"""


def schema_of(command: str) -> Any:
    """The schema of a command, as it is installed."""
    return json.loads((files("kl.tools.schemas") / f"{command}.json").read_text("utf-8"))


def closed(schema: Any) -> Any:
    """The same schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    return {**made, "additionalProperties": False} if isinstance(made.get("properties"), dict) else made


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def check(capsys: Capture, command: str, *arguments: str) -> Any:
    """Run a command; what it prints holds to its schema, and has no field beside it."""
    capsys.readouterr()
    assert main([command, *arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=no_constant)
    jsonschema.Draft202012Validator(closed(schema_of(command))).validate(document)
    return document


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files go into a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.kl").write_text(EMPTY)
    (tmp_path / "observed.kl").write_text(OBSERVED)
    (tmp_path / "steps.csv").write_text(STEPS)
    return tmp_path


STEPS = "model,batch,context,milliseconds,group\nllama3_tiny,1,64,0.9,a\nllama3_tiny,4,64,0.9,b\n"
DETAILS = ("--per-layer", "--per-stage", "--intervals", "--window", "20000:22000")
RUNS = {
    "time": [
        [MINI],
        [MINI, "--machine", "h100"],
        [MINI, "--machine", "dgx-h100", "--loop"],
        [MIXTURE, *DETAILS],
        [TINY, "--set", "hbm_bytes=200000", "--spill"],
    ],
    "compare": [[MINI], ["empty.kl"], [MINI, "--machines", "sn40l-8,h100"]],
    "show": [[MINI, "-o", "page.html"]],
    "verify": [[MINI, "--param", "layers=2", "--model", MINI]],
    "run": [
        [TINY, "--check"],
        [MINI, "--param", "layers=2", "--check", "--model", MINI],
        [TINY, "--stop-token", "3", "--steps-per-call", "2", "--steps", "2"],
    ],
    "compile": [[MINI, "--memory", "--floorplan", "--ir-after-all"], ["empty.kl"], [MINI, "-o", "x.mlir"]],
    "import": [[str(EXAMPLES / "qwen3_tiny.json")]],
    "machines": [[], ["b200"]],
    "calibrate": [["steps.csv", "--machine", "h100"], ["steps.csv", "--machine", "h100", "-o", "x.toml"]],
    "examples": [[]],
    "explore": [
        [str(SCENARIOS / "branin.json"), "--function", f"{FUNCTIONS}branin", "--budget", "6"],
        [str(SCENARIOS / "chakong_haimes.json"), "--function", f"{FUNCTIONS}chakong_haimes", "--budget", "6"],
    ],
}


@pytest.mark.parametrize(
    ("command", "arguments"), [(name, arguments) for name, runs in RUNS.items() for arguments in runs]
)
def test_documents_hold_to_their_schema(capsys: Capture, command: str, arguments: list[str]):
    check(capsys, command, *arguments)


def test_studies_hold_to_their_schema(capsys: Capture):
    check(capsys, "tune", MINI, "--budget", "5")
    check(capsys, "report", "mini.tune.db")


def test_what_is_observed_holds_to_the_schema(capsys: Capture):
    (step,) = check(capsys, "run", "observed.kl")["steps"]
    assert [one["label"] for one in step["observed"]] == ["y"]


def test_what_moves_nothing_has_no_roofline(capsys: Capture):
    document = check(capsys, "time", "empty.kl")
    names = [
        name for name in document if name.startswith(("roofline_", "attainable_")) and "cycles" not in name
    ]
    assert len(names) == 5
    assert {document[name] for name in [*names, "tokens_per_second"]} == {None}
    assert main(["time", "empty.kl"]) == 0
    assert "roofline" not in capsys.readouterr().out
    assert main(["show", "empty.kl", "--text"]) == 0
    assert main(["show", "empty.kl", "-o", "empty.html"]) == 0


def test_a_small_model_has_a_roofline(capsys: Capture, folder: Path):
    (folder / "small.kl").write_text(EMPTY.replace("return x", "return x + x"))
    document = check(capsys, "time", "small.kl")
    assert document["roofline_cycles"] == 0, "it is less than a cycle"
    rate = 4 * document["hbm_bandwidth_bytes_per_second"] / sum(document["bytes"].values())
    assert document["roofline_tokens_per_second"] == rate
    assert document["roofline_share"] == document["tokens_per_second"] / rate


needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


@needs_compiler
def test_a_measured_machine_holds_to_the_schema(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    for name in ("SECONDS", "WARM_SECONDS"):
        monkeypatch.setattr(f"kl.backends.cpu.timing.{name}", 0.0)
    for name, value in (("READ_BYTES", 1 << 16), ("CALLS", 3), ("BARRIERS", 3), ("PRODUCT_SECONDS", 0.0)):
        monkeypatch.setattr(f"kl.backends.cpu.calibration.{name}", value)
    small = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 2, "ffn": 128, "vocab": 256}
    monkeypatch.setattr("kl.tools.calibration.here.SMOLLM", small)
    document = check(capsys, "calibrate", "cpu", "-o", "here.toml")
    assert document["output"] == "here.toml"


@needs_compiler
def test_what_is_measured_holds_to_the_schema(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    for name in ("SECONDS", "WARM_SECONDS"):
        monkeypatch.setattr(f"kl.backends.cpu.timing.{name}", 0.0)
    on_cpu = (TINY, "--target", "cpu", "--set", "threads=1")
    timed = check(capsys, "time", *on_cpu)
    assert timed["measured"]["median_seconds"] == timed["seconds"]
    first, *others = check(capsys, "compare", *on_cpu)
    assert "measured_speedup" not in first
    assert all(("measured_speedup" in one) == ("refused" not in one) for one in others)


def test_every_command_with_json_has_a_schema():
    place = files("kl.tools.schemas")
    found = {Path(str(one)).stem for one in place.iterdir() if str(one).endswith(".json")}
    assert found == {*COMMANDS} - WITHOUT_JSON == {*RUNS, "tune", "report"}
    for command in found:
        jsonschema.Draft202012Validator.check_schema(schema_of(command))


def names_in(schema: Any) -> Iterator[str]:
    """All fields that a schema names."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from names_in(value)


def tables() -> Iterator[tuple[str, str]]:
    """Each command with a `--json` section, and the fields in the first column of its tables."""
    for page in ("commands.md", "reports.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for command, section in re.findall(r"^## `kl (\w+) --json`\n(.*?)(?=^#|\Z)", text, re.M | re.S):
            for cell in re.findall(r"^\|([^|]*`[^|]*)\|", section, re.M):
                for name in re.findall(r"`(\w+)`", cell):
                    yield command, name


def test_the_fields_of_the_pages_stand_in_the_schemas():
    told = list(tables())
    assert {command for command, _ in told} >= {
        "compare",
        "time",
        "tune",
        "run",
        "import",
        "compile",
        "report",
    }
    missing = [(command, name) for command, name in told if name not in {*names_in(schema_of(command))}]
    assert missing == []


def test_what_is_not_finite_is_null(capsys: Capture):
    assert json_text({"a": [float("inf"), 1.5]}) == '{"a":[null,1.5]}'
    print_json({"a": (float("nan"), {"b": -float("inf")})})
    assert json.loads(capsys.readouterr().out) == {"a": [None, {"b": None}]}


MAY_DUMP = {
    "backends/digests.py": "a hash",
    "backends/json_text.py": "all that is written",
    "backends/routing.py": "a message",
    "backends/safetensors.py": "checks and messages",
    "backends/sn40l/documents.py": "a message",
    "explore/about.py": "a copy",
    "explore/scenarios/document.py": "a copy",
    "explore/store.py": "the space of a study, whose numbers are finite",
    "explore/studies/database.py": "texts as Optuna keeps them",
    "explore/studies/plan.py": "copies and a message",
    "frontends/grammar.py": "the tables of the parser",
    "tools/results/key.py": "a hash",
    "tools/results/store.py": "the head of a result that is kept, of texts",
    "tools/testing/fork_server.py": "names for another process",
    "tools/testing/preloading.py": "a request",
}
"""Who writes JSON beside `json_text`, and what for."""


def test_one_function_writes_json():
    found = {
        str(path.relative_to(ROOT))
        for folder in ("dialects", "passes", "frontends", "backends", "explore", "tools")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("dump", "dumps")
        and isinstance(node.value, ast.Name)
        and node.value.id == "json"
    }
    assert found == {*MAY_DUMP}
