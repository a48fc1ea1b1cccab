"""Constants of a machine from measured steps: found again from noisy ones; held-out groups have no part."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kl.backends.calibration import Summary
from kl.backends.sequence.constants import (
    OF_A_MACHINE,
    Constant,
    Observation,
    applies,
    calibrated,
    features,
    predicted,
    rebased,
)
from kl.backends.sequence.costs import Conditions, step_seconds
from kl.backends.sequence.fitting import fitted, held_out, priors, with_one_point
from kl.backends.sequence.work import CacheRead, Exchange, Kernel, Phase, Product, StepWork
from kl.dialects.sequence_machine import H100, SequenceMachine
from kl.tools.calibration.tables import COLUMNS, read_table
from kl.tools.kl import main
from kl.tools.machine_files import find_machine
from kl.tools.values import InputError

Capture = pytest.CaptureFixture[str]
TRUTH = {
    "launch_ns": 3_000,
    "memory_permille": 850,
    "cache_permille": 595,
    "quantise_permille": 1_000,
    "collective_ns": 9_000,
    "serving_ns": 500_000,
}
LOOSE = tuple(replace(one, factor=20.0) for one in OF_A_MACHINE)
"""Constants of which hardly anything is known before."""


def work(layers: int, size: float, sockets: int, quantised: int = 1) -> StepWork:
    """A step of some layers, each of a product, a read of a cache and an exchange."""
    product = Product("fp8" if quantised else "bf16", 4, int(8 * size))
    read = CacheRead(4096, int(size / 4), Product("bf16", 4, int(size)))
    phases = (
        Phase("product", weight_bytes=size / sockets, products=(product,), quantised=quantised),
        Phase("attention", cache_reads=(read,)),
        Phase("all_reduce", exchanges=(Exchange("all_reduce", 65_536),) if sockets > 1 else ()),
    )
    kernels = tuple(Kernel(phase.name, ((phase, 1),)) for phase in phases)
    return StepWork("model", sockets, kernels, (0, 1, 2) * layers, 4096)


def observed(machine: SequenceMachine, noise: float = 0.0) -> list[Observation]:
    """Steps of a machine as they would be measured, in three groups, each off by up to `noise`."""
    found: list[Observation] = []
    for number, size in enumerate((2e6, 2e7, 2e8)):
        for layers, sockets, quantised in ((8, 1, 0), (16, 1, 1), (12, 2, 0), (10, 8, 1), (24, 4, 1)):
            made = work(layers, size, sockets, quantised)
            its = replace(machine, sockets=sockets)
            position = 100 if len(found) % 2 else 4000
            off = 1 + noise * math.sin(7.0 * len(found))
            seconds = step_seconds(its, made, Conditions(position)) * off
            plain = replace(H100, sockets=sockets)
            name = f"row {len(found)}"
            found.append(Observation(name, made, plain, position, seconds, f"size {number}"))
    return found


def errors(
    found: Sequence[Observation], constants: Sequence[Constant], values: dict[str, float]
) -> list[float]:
    return [predicted(one, constants, values) / one.seconds - 1 for one in found]


def test_constants_of_a_synthetic_machine_are_found_again():
    seen = observed(H100.with_values(TRUTH), noise=0.01)
    values = fitted(seen, LOOSE, priors(LOOSE))
    found = dict(calibrated(H100, LOOSE, values).items())
    for name, value in TRUTH.items():
        assert found[name] == pytest.approx(value, rel=0.06), name
    assert Summary.of(errors(seen, LOOSE, dict(values))).worst < 0.02


def test_priors_hold_where_nothing_is_measured_and_weigh_where_little_is():
    alone = [one for one in observed(H100.with_values(TRUTH)) if one.machine.sockets == 1][:1]
    values = fitted(alone, OF_A_MACHINE, priors(OF_A_MACHINE))
    by_name = {one.parameter: values[one.name] / one.prior for one in OF_A_MACHINE}
    assert by_name["collective_ns"] == by_name["quantise_permille"] == 1, "the step has neither"
    assert by_name["launch_ns"] > 1.01, "the step is slower than the priors say"
    assert abs(math.log(by_name["memory_permille"])) < math.log(1.05), "within a standard deviation"


def test_a_group_that_is_held_out_has_no_part_in_its_constants():
    seen = observed(H100.with_values(TRUTH), noise=0.01)
    slower = [replace(one, seconds=one.seconds * 3) if one.group == "size 1" else one for one in seen]
    before, after = held_out(seen, OF_A_MACHINE), held_out(slower, OF_A_MACHINE)
    seconds = [{one.observation.name: one.seconds for one in found} for found in (before, after)]
    groups = {one.name: one.group for one in seen}
    assert [one.observation.name for one in before] == [one.name for one in seen]
    for name, group in groups.items():
        assert (seconds[0][name] == seconds[1][name]) == (group == "size 1")


def test_one_point_of_a_group_helps_and_is_not_judged():
    seen = [one for one in observed(H100.with_values(TRUTH)) if one.machine.sockets == 1]
    found = list(with_one_point(seen, OF_A_MACHINE))
    assert [known for known, _ in found] == seen
    for known, rest in found:
        own = [one for one in seen if one.group == known.group and one is not known]
        assert [one.observation for one in rest] == own
    without = Summary.of(one.error for one in held_out(seen, OF_A_MACHINE)).mean
    assert Summary.of(one.error for _, rest in found for one in rest).mean < without


def test_shares_follow_the_parameter_that_they_are_of():
    values = {**priors(OF_A_MACHINE), "stream efficiency": 500.0}
    assert calibrated(H100, OF_A_MACHINE, values).cache_permille == 300
    before = {one.parameter: one.prior for one in rebased(OF_A_MACHINE, H100)}
    assert (before["cache_permille"], before["launch_ns"]) == (0.6, H100.launch_ns)
    assert before["serving_ns"] == 300_000, "the machine has none"


def test_a_constant_applies_where_its_tag_and_what_it_needs_are():
    one = observed(H100)[0]
    assert features(one.work) == {"caches"}
    assert features(work(1, 1e6, 2)) == {"caches", "exchanges", "quantised"}
    tagged = replace(OF_A_MACHINE[0], tag="new")
    assert not applies(tagged, one)
    assert applies(tagged, replace(one, tags=frozenset({"new"})))


def test_errors_are_summed_up_by_size():
    found = Summary.of([-0.5, 0.1, 0.2, -0.3, 0.0, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert found == Summary(10, pytest.approx(0.16), pytest.approx(0.1), 0.3, 0.5)
    assert found.cells == ("10", "16.0%", "10.0%", "30.0%", "50.0%")


HEADER = "model,batch,input,output,tp,milliseconds,group\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no column model"),
        ("model,batch\n", "there is no column context, nor input and output"),
        ("model,batch,context\n", "there is no column milliseconds, nor tokens_per_second"),
        (HEADER.replace(",tp", ",gpus"), "row 1, column 'gpus' is not known"),
        (HEADER.replace(",tp", ",batch"), "row 1, column batch is there twice"),
        (HEADER, "has no rows"),
        (HEADER + "mini,1,8,8,1\n", "row 2 has fewer cells"),
        (HEADER + "mini,1,8,8,1,2.0,a,b\n", "row 2 has more cells"),
        (HEADER + ",1,8,8,1,2.0,a\n", "row 2, column model: there is none"),
        (HEADER + "mini,1,8,8,1,2.0,a\nmini,0,8,8,1,2.0,a\n", "row 3, column batch: '0' is no whole number"),
        (HEADER + "mini,1,8,many,1,2.0,a\n", "row 2, column output: 'many' is no whole number"),
        (HEADER + "mini,1,8,8,-1,2.0,a\n", "row 2, column tp: '-1' is no whole number"),
        (HEADER + "mini,1,8,8,1,nan,a\n", "row 2, column milliseconds: 'nan' is no number above zero"),
        (HEADER + "mini,1,8,8,1,,a\n", "row 2, column milliseconds or tokens_per_second: neither is given"),
        (
            "model,batch,context,input,output,milliseconds\nmini,1,8,8,8,2\n",
            "row 2, column context or input: both are given",
        ),
        (
            "model,batch,context,input,output,milliseconds\nmini,1,8,,8,2\n",
            "row 2, column output: it goes with input",
        ),
        (
            "model,batch,context,milliseconds,parameters\nmini,1,8,2,layers\n",
            "row 2, column parameters: parameter 'layers' is no assignment",
        ),
        ('model,batch,context,milliseconds\n"mini,1,8,2\n', "row 2: unexpected end of data"),
    ],
)
def test_what_is_no_table_is_said_with_row_and_column(tmp_path: Path, text: str, message: str):
    table = tmp_path / "table.csv"
    table.write_text(text)
    with pytest.raises(InputError) as raised:
        read_table(str(table), {"mini"}.__contains__)
    assert message in str(raised.value)
    assert str(table) in str(raised.value)


def test_a_table_is_read(tmp_path: Path):
    table = tmp_path / "table.csv"
    table.write_text(
        "model,batch,context,input,output,tp,milliseconds,tokens_per_second,group,parameters\n"
        "mini,1,8,,,,2,,,layers=3 theta=1e4\n"
        "own.kl,4,,1024,512,2,,100,new,\n"
    )
    first, second = read_table(str(table), {"mini"}.__contains__)
    assert (first.line, first.position, first.seconds, first.group) == (2, 7, 0.002, "mini")
    assert (first.model.source, first.model.sockets) == ("mini", 1)
    assert first.model.parameters == (("layers", 3), ("theta", 1e4))
    assert (second.line, second.position, second.seconds, second.group) == (3, 1280, 0.01, "new")
    assert (second.model.source, second.model.batch, second.model.sockets) == (str(tmp_path / "own.kl"), 4, 2)


TINY = "llama3_tiny"
ROWS = HEADER + f"{TINY},1,64,64,1,0.9,a\n{TINY},1,64,64,2,1.1,b\n{TINY},4,64,64,1,0.9,b\n"


def test_a_machine_of_ones_own_takes_one_command_and_one_table(tmp_path: Path, capsys: Capture):
    table = tmp_path / "table.csv"
    table.write_text(ROWS)
    assert main(["calibrate", "--machine", "h100", str(table)]) == 0
    shown = capsys.readouterr().out
    assert "without a" in shown
    assert f"--machine {tmp_path / 'table.toml'}" in shown
    made, base = find_machine(str(tmp_path / "table.toml")), find_machine("h100")
    assert made.kind == "sequence"
    assert made.values.keys() == base.values.keys()
    assert made.values["launch_ns"] > base.values["launch_ns"]
    assert made.sources["launch_ns"] == "Fitted: by kl calibrate to 3 measured steps; 1,300 in h100"
    assert made.sources["memory_bandwidth"] == base.sources["memory_bandwidth"]
    assert made.values["quantise_permille"] == base.values["quantise_permille"], "no row has such kernels"
    assert main(["time", TINY, "--machine", str(tmp_path / "table.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sockets"] == 1


def test_one_group_has_no_held_out_error(tmp_path: Path, capsys: Capture):
    table = tmp_path / "table.csv"
    table.write_text(HEADER + f"{TINY},1,64,64,1,0.9,\n")
    assert main(["calibrate", "--machine", "h100", str(table), "-o", str(tmp_path / "m.toml"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["held_out"], document["groups"]) == (None, {})
    assert document["rows"][0]["held_out_error"] is None


@pytest.mark.parametrize(
    ("machine", "rows", "message"),
    [
        ("sn40l-8", ROWS, "is of the class sn40l"),
        ("h100", HEADER + f"{TINY},1,64,64,1,1,a\nnone.kl,1,64,64,1,1,a\n", "row 3, column model"),
        (
            "h100",
            HEADER.replace(",tp", ",type") + f"{TINY},1,64,64,i4,1,a\n",
            f"row 2, column model: {TINY} says itself",
        ),
        ("h100", HEADER + "mini,1,64,64,1,1,a\n", "row 2, column model: unknown parameter 'batch'"),
        ("h100", HEADER + f"{TINY},1,64,64,70000,1,a\n", "row 2, column model"),
    ],
)
def test_what_cannot_be_calibrated_is_one_message(
    tmp_path: Path, capsys: Capture, machine: str, rows: str, message: str
):
    table = tmp_path / "table.csv"
    table.write_text(rows)
    assert main(["calibrate", "--machine", machine, str(table)]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "table.toml").exists()


def test_without_scipy_the_extra_is_named(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    table = tmp_path / "table.csv"
    table.write_text(ROWS)
    assert main(["calibrate", "--machine", "h100", str(table)]) == 1
    assert "kernel-looping[calibrate]" in capsys.readouterr().err


def test_the_columns_stand_in_the_page():
    page = (Path(__file__).parents[2] / "docs/machine.md").read_text(encoding="utf-8")
    for name, meaning in COLUMNS.items():
        assert f"| `{name}` | {meaning} |" in page
