"""What comes from outside and is wrong is one message that names it: texts, numbers, studies, packages."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec

from kl.backends.routing import parse_routing
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.serialize import parse_program
from kl.dialects.cpu_machine import CpuMachine
from kl.dialects.machine import BOUNDS, MOST_PMU_BYTES, MOST_SWITCHES, SN40L, Machine
from kl.dialects.sequence_machine import SequenceMachine
from kl.explore.errors import SpaceError, StudyError
from kl.explore.expressions import MOST_CHARACTERS, make_constraint
from kl.explore.parameters import Integer, Permutation, Real
from kl.explore.places import shown_place
from kl.explore.scenarios.errors import ScenarioError
from kl.explore.scenarios.reading import load_scenario
from kl.explore.store import load_space
from kl.explore.studies.study import load_study
from kl.tools.blame import PluginError
from kl.tools.kl import main
from kl.tools.pass_text import make
from kl.tools.reference import differing
from kl.tools.tuning.parameters import parse_cost
from kl.tools.values import InputError, cut, parse_toml

ROOT = Path(__file__).parents[2]
MINI = str(ROOT / "examples/mini.kl")
JOURNAL = ROOT / "tests/hunt/seeds/study.journal"
DIGITS = "9" * 5_000
"""More than Python reads."""

Capture = pytest.CaptureFixture[str]


# Machines


def test_every_parameter_has_a_bound_and_a_reason():
    for one in fields(Machine):
        most, reason = Machine.bound_of(one.name)
        assert getattr(SN40L, one.name) <= most < 2**63
        assert reason
    classes = (Machine, SequenceMachine, CpuMachine)
    assert {one.metadata["unit"] for kind in classes for one in fields(kind)} == {*BOUNDS}
    assert Machine.bound_of("pmus")[0] * MOST_PMU_BYTES < 2**63


@pytest.mark.parametrize("name", [one.name for one in fields(Machine)])
def test_more_than_the_bound_is_refused(name: str):
    most, reason = Machine.bound_of(name)
    with pytest.raises(ValueError, match=f"{name} is {most + 1}; the most is {most}: {reason}"):
        SN40L.with_values({name: most + 1})


def test_a_grid_has_so_many_rows_and_columns_at_most():
    wide = {"dies": 2, "grid_columns": MOST_SWITCHES}
    with pytest.raises(ValueError, match=f"are a grid of 2048 columns; the most is {MOST_SWITCHES}"):
        SN40L.with_values(wide)
    with pytest.raises(ValueError, match=f"are a grid of 8192 rows; the most is {MOST_SWITCHES}"):
        SN40L.with_values({"pmus": 16_384, "grid_columns": 1})


@pytest.mark.parametrize("text", [f"pmus = {DIGITS}", "a = " + "[" * 5_000, "pmus = \udcff"])
def test_a_machine_file_that_python_cannot_read_is_no_toml(text: str):
    with pytest.raises(InputError, match=r"^m\.toml is no TOML"):
        parse_toml(text.encode("utf-8", "surrogateescape"), "m.toml")


# Expressions


@pytest.mark.parametrize(
    "text",
    [
        '"x" * 10000000000 * n',
        "n * (1, 2)",
        "[0] * n",
        '"%9999999999d" % n',
        '"a" + "b"',
        "min(1, 2) + (n,)",
    ],
)
def test_only_numbers_are_computed_with(text: str):
    with pytest.raises(SpaceError, match=r"fails at .* is no number"):
        make_constraint(text).value({"n": 3})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n + " * MOST_CHARACTERS + "1", f"characters, the most is {MOST_CHARACTERS}"),
        ("-" * 3_000 + "n", "too deep in each other"),
        ("(" * 190 + "n" + ")" * 190, ""),
        ("(" * 1_500 + "n" + ")" * 1_500, "is not an expression|too deep"),
        ("n\0", "is not an expression"),
        ("n + '\udcff'", "is not an expression"),
        ("n < 3j", "may not use 3j"),
        ("n == b'x'", "may not use b'x'"),
        ("n == ...", "may not use Ellipsis"),
        ("_mul", "may not use the name _mul"),
    ],
)
def test_a_text_that_is_no_expression_is_refused(text: str, message: str):
    if not message:
        make_constraint(text)
        return
    with pytest.raises(SpaceError, match=message) as error:
        make_constraint(text)
    assert len(str(error.value)) < 300


def test_expressions_still_say_what_they_say():
    point = {"n": 8, "c": "a", "p": (1, 0)}
    for text in (
        "n % 4 == 0 and n / 2 + 1 == 5",
        "c == 'a'",
        "c in ('a', 'b')",
        "p[0] * n - 1 == 7",
        "len(p) * 4 == n",
    ):
        assert make_constraint(text).holds(point), text


@pytest.mark.parametrize("text", ["1e308 * 10", "9" * 400, "1e308 * 10 - 1e308 * 10"])
def test_a_cost_is_a_finite_number(text: str):
    with pytest.raises(InputError, match=r"--cost a is .*, which is no finite number"):
        parse_cost(f"a = {text}", {"pmus": 3})


def test_bounds_of_spaces_are_numbers_that_can_be_drawn():
    for make_one in (
        lambda: Integer("x", 0, 2**63),
        lambda: Real("x", -1e308, 1e308),
        lambda: Permutation("x", 10**9),
        lambda: load_space(f'{{"version": {DIGITS}}}'),
        lambda: load_space("[" * 100_000),
    ):
        with pytest.raises(SpaceError):
            make_one()


# Documents


def test_a_number_with_too_many_digits_is_no_json():
    with pytest.raises(ProgramError, match="not a kl-program document"):
        parse_program(f'{{"format": {DIGITS}}}')
    with pytest.raises(ValueError, match="it is no JSON"):
        parse_routing(f"[{DIGITS}]")


@pytest.mark.parametrize("text", [f'{{"time_budget": {DIGITS}}}', '{"a":' * 100_000])
def test_a_scenario_that_python_cannot_read_is_named(text: str, tmp_path: Path):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=r"s\.json"):
        load_scenario(path)


def test_a_config_is_named(tmp_path: Path, capsys: Capture):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "llama", "hidden_size": "x" * 90}))
    assert main(["import", str(path)]) == 1
    assert f"kl: error: {path}: hidden_size is" in capsys.readouterr().err


def test_a_config_with_half_of_a_character_is_named(tmp_path: Path, capsys: Capture):
    config = json.loads((ROOT / "tests/imports/llama.json").read_text())
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config | {"architectures": ["\ud800"]}))
    assert f"{path}: the text '\\ud800' has half of a surrogate pair" in refused(
        "import", str(path), capsys=capsys
    )


@pytest.mark.parametrize(
    "line",
    [
        f"compile MINI --to nn --pipeline loop-kernels{{max-period={DIGITS}}}",
        f"run MINI --tokens {DIGITS}",
        f"tune MINI --fix tile-stages.tile-bytes={DIGITS} --budget 1",
    ],
)
def test_a_number_of_too_many_digits_is_an_error_of_its_option(line: str, capsys: Capture):
    assert "internal" not in refused(*line.replace("MINI", MINI).split(), capsys=capsys)


def test_a_layer_of_too_many_digits_is_none(tmp_path: Path, capsys: Capture):
    path, row = str(tmp_path / "model.safetensors"), np.zeros((4, 4), np.float32)
    layers = (f"model.layers.{layer}.mlp.up_proj.weight" for layer in ("0", DIGITS))
    save_file(dict.fromkeys(["model.embed_tokens.weight", *layers], row), path)
    assert "internal" not in refused(
        "import", path, "--architecture", "llama", "--param", "heads=2", capsys=capsys
    )


@pytest.mark.parametrize("name", ["layers=1e1", "layers=10.0", "layers=10", "layers=0x0A"])
def test_a_whole_number_is_one_however_it_is_written(name: str, capsys: Capture):
    assert main(["compile", MINI, "--to", "nn", "--param", name]) == 0
    assert "tensor<10x64x64xbf16>" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["layers=1.5", "layers=1e30", "layers=nan", "layers=1e400"])
def test_a_fraction_is_no_count(name: str, capsys: Capture):
    assert main(["compile", MINI, "--to", "nn", "--param", name]) == 1
    assert capsys.readouterr().err.count("error:") == 1


# Studies


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"op_code":2', b'"op_code":2,,'),
        (b'"study_id":0', b'"study_ip":0'),
        (b'"version":1,"space"', b'"version":1,"spice"'),
        (b'"objectives":[', b'"objectives":[3,'),
        (b'"x"', b'"\xff"'),
        (b'"node_limit":200000', b'"node_limit":"x"'),
    ],
)
def test_a_damaged_study_is_named(old: bytes, new: bytes, tmp_path: Path, capsys: Capture):
    path, data = tmp_path / "s.journal", JOURNAL.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    assert main(["report", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kl: error: ")
    assert str(path) in line


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("mysql+pymysql://me:se:cr@et@host:3306/db", "mysql+pymysql://me:***@host:3306/db"),
        ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:///a@b:c.db", "sqlite:///a@b:c.db"),
        ("grpc://host:13000", "grpc://host:13000"),
        ("a:b@c.db", "a:b@c.db"),
    ],
)
def test_a_password_is_not_shown(place: str, shown: str):
    assert shown_place(place) == shown


@pytest.mark.parametrize("place", ["nosuch://me:secret@host/db", "postgresql+nosuch://me:secret@host/db"])
def test_a_storage_that_fails_does_not_tell_its_password(place: str):
    with pytest.raises(StudyError) as error:
        load_study(place)
    assert "secret" not in str(error.value)
    assert "me:***@host" in str(error.value)


# Numbers


def test_all_nans_are_one_value_and_zeros_are_two():
    for kind in (np.float32, ml_dtypes.bfloat16, np.float16):
        bits = np.uint32 if kind is np.float32 else np.uint16
        quiet = np.array([np.nan], kind)
        other = (quiet.view(bits) ^ bits(1)).view(kind)
        assert np.isnan(other.astype(np.float64)).all()
        assert not differing(quiet, other).any()
        assert not differing(quiet, -quiet).any()
        assert differing(quiet, np.array([1], kind)).all()
        assert differing(np.array([0.0], kind), np.array([-0.0], kind)).all()
    assert differing(np.array([[1, 2]]), np.array([[1, 3]])).tolist() == [[False, True]]
    assert differing(np.array(1.0, np.float32), np.array(1.0, np.float32)).tolist() is False


# Packages and messages


@dataclass(frozen=True)
class UnknownPass(ModulePass):
    """A pass whose option is of a type that is known to type checkers alone."""

    name = "unknown"
    size: Nowhere = 3  # noqa: F821  # pyright: ignore

    def apply(self, ctx: Any, op: Any) -> None:
        """Nothing."""


def test_options_of_unknown_types_are_the_fault_of_their_package():
    with pytest.raises(
        PluginError, match="the types of the options of the pass 'unknown' are not known: NameError"
    ):
        make("pass", UnknownPass, ArgSpec("unknown", {}))


def test_what_is_read_makes_no_message_long(capsys: Capture):
    assert cut("abc", 3) == "abc"
    assert cut("x" * 30 + "end", 8) == "xxxxxx … nd"
    for line in (["time", "x" * 200 + "y" * 90_000], ["z" * 90_000], ["time", MINI, "-" + "z" * 90_000]):
        with suppress(SystemExit):
            main(line)
        assert len(capsys.readouterr().err) < 10_000


def test_an_option_counts_no_more_than_anyone_waits_for(capsys: Capture):
    with pytest.raises(SystemExit, match="2"):
        main(["run", MINI, "--steps", "9223372036854775808"])
    assert "'9223372036854775808' is more than 1000000" in capsys.readouterr().err


# Found by the hunt


def refused(*line: str, capsys: Capture) -> str:
    """The message of a command that is refused."""
    assert main([*line]) == 1
    return capsys.readouterr().err


def test_a_label_of_two_blocks_is_an_error_of_the_text(tmp_path: Path, capsys: Capture):
    path = tmp_path / "m.mlir"
    path.write_text(
        '"test.f"() ({\n^bb0:\n  "cf.br"()[^bb1] : () -> ()\n^bb1:\n^bb1:\n  "cf.br"()[^bb2] : () -> ()\n'
        '^bb2:\n  "cf.br"()[^bb1] : () -> ()\n}) : () -> ()\n'
    )
    assert f"{path}:" in refused("time", str(path), capsys=capsys)


def test_a_key_of_dots_is_named(tmp_path: Path, capsys: Capture):
    config = json.loads((ROOT / "tests/imports/llama.json").read_text())
    config["rope_scaling"] = {"rope_type": "linear", "factor": 2.0, "..": False}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert "rope_scaling..." in refused("time", str(path), capsys=capsys)


def test_a_method_that_is_a_list_is_named(tmp_path: Path, capsys: Capture):
    config = json.loads((ROOT / "tests/imports/llama.json").read_text())
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config | {"quantization_config": {"quant_method": ["fp8"]}}))
    assert "quantization_config.quant_method is" in refused("time", str(path), capsys=capsys)


def test_an_outcome_of_other_objectives_is_damage(tmp_path: Path, capsys: Capture):
    path = tmp_path / "study.journal"
    path.write_text(JOURNAL.read_text().replace('"values":[3.0,0.0],"slacks"', '"values":[3.0],"slacks"'))
    assert "has the values (3.0,) of 2 objectives" in refused("report", str(path), capsys=capsys)


@pytest.fixture
def saved(tmp_path: Path, capsys: Capture) -> Path:
    """The program of a small model."""
    path = tmp_path / "p.json"
    assert main(["compile", MINI, "--to", "program", "-o", str(path)]) == 0
    return path


def test_numbers_of_programs_have_a_bound(saved: Path, capsys: Capture):
    text = saved.read_text()
    huge = text.replace('"latency_cycles": ', f'"latency_cycles": {10**40}', 1)
    saved.write_text(huge)
    message = refused("time", str(saved), capsys=capsys)
    assert "latency_cycles: expected at most 4611686018427387904, found 1000000" in message


def test_lists_in_lists_are_no_texts():
    from kl.explore.scenarios.keys import is_printable

    deep: Any = "text"
    for _ in range(5_000):
        deep = [deep]
    assert is_printable(deep)
    assert not is_printable([["a", "\x00"]])
