"""`kl compile --floorplan`: what lies where, and what links carry, as the pass that routes has checked it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from xdsl.dialects.builtin import IntegerAttr

from kl.backends.floorplans import Floorplan, KernelPlan, LinkLoad, PlacedChannel, PlacedStage, PortLoad
from kl.dialects.dataflow import KernelOp, StageOp
from kl.dialects.machine import Machine
from kl.dialects.rdu_machine import machine_of
from kl.frontends.located_parser import LocatedParser
from kl.passes.placing.turns import turns
from kl.tools.kl import main
from kl.tools.options import JSON_VERSION
from kl.tools.universe import make_context

ROOT = Path(__file__).parents[2]
MINI, TINY = str(ROOT / "examples/mini.kl"), str(ROOT / "examples/llama3_tiny.kl")
DETOURS = [MINI, "--single-call", "--set", "rdn_bytes_per_cycle=2"]
"""By the usual ways a link would carry more."""
CASES = {
    "mini": [MINI],
    "unlooped": [MINI, "--param", "layers=2", "--no-loop", "--single-call"],
    "detours": DETOURS,
    "one die": [MINI, "--set", "dies=1", "--set", "grid_columns=40"],
    "sockets": [TINY, "--sockets", "2"],
    "resident": [TINY, "--resident"],
    "resident in one call": [TINY, "--resident", "--steps-per-call", "4"],
}
Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: str) -> Any:
    """The JSON document of a command that succeeds."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def networks(text: str) -> tuple[dict[str, KernelOp], Machine]:
    """The networks of a printed module, and its machine."""
    module = LocatedParser(make_context(), text, "x.mlir").parse_module()
    return {op.sym_name.data: op for op in module.ops if isinstance(op, KernelOp)}, machine_of(module)


def place_of(unit: int, machine: Machine) -> list[int]:
    """Column and row of a unit over all dies, as docs/machine.md numbers them."""
    rows = -(-max(machine.pcus, machine.pmus) // machine.dies // machine.grid_columns)
    column, step = divmod(unit, rows)
    down = column % 2 == 0
    return [column, step if down else rows - 1 - step]


def cells(first: Any, count: Any, machine: Machine) -> list[list[int]]:
    """The places of units as the IR gives them."""
    begin = first.value.data
    return [place_of(unit, machine) for unit in range(begin, begin + count.value.data)]


@pytest.mark.parametrize("case", CASES)
def test_the_floorplan_is_that_of_the_ir(case: str, capsys: Capture):
    compiled = document(capsys, "compile", *CASES[case], "--floorplan")
    plan = compiled["floorplan"]
    kernels, machine = networks(compiled["text"])
    assert [kernel["kernel"] for kernel in plan["kernels"]] == [*kernels]
    assert plan["link_bytes_per_cycle"] == machine.rdn_bytes_per_cycle
    for kernel in plan["kernels"]:
        network = kernels[kernel["kernel"]]
        check_links(kernel, network, plan)
        check_units(kernel, network, machine)
        for kind in ("stages", "channels"):
            check_places(kernel[kind], plan)


def check_links(kernel: Any, network: KernelOp, plan: Any) -> None:
    """The largest load is the one of the attribute, before that is rounded up; links join neighbours."""
    loads = [link["bytes_per_cycle"] for link in kernel["links"]]
    written = network.attributes["busiest_link_bytes_per_cycle"]
    assert isinstance(written, IntegerAttr)
    assert ceil(max(loads, default=0)) == written.value.data
    assert all(0 < load <= plan["link_bytes_per_cycle"] for load in loads)
    for link in kernel["links"]:
        (column, row), (to_column, to_row) = link["start"], link["end"]
        assert abs(column - to_column) + abs(row - to_row) == 1
    ends = Counter((*link["start"], *link["end"]) for link in kernel["links"])
    assert max(ends.values(), default=1) == 1


def check_units(kernel: Any, network: KernelOp, machine: Machine) -> None:
    stages = [op for op in network.units() if isinstance(op, StageOp)]
    assert [one["cells"] for one in kernel["stages"]] == [
        cells(op.pcu_first, op.pcus, machine) for op in stages
    ]
    names = [one["name"] for one in kernel["stages"]]
    assert len({*names}) == len(names)
    channels = [op for op in network.channels() if op.pmus is not None and op.pmus.value.data]
    shown, others = kernel["channels"][: len(channels)], kernel["channels"][len(channels) :]
    assert [one["cells"] for one in shown] == [cells(op.pmu_first, op.pmus, machine) for op in channels]
    assert all(one["resident"] and not one["stages"] for one in others)
    assert {stage for one in shown for stage in one["stages"]} <= {*names}


def check_places(units: Any, plan: Any) -> None:
    """On the grid, and no cell twice."""
    taken = Counter(tuple(cell) for one in units for cell in one["cells"])
    assert all(0 <= column < plan["dies"] * plan["columns"] for column, _ in taken)
    assert all(0 <= row < plan["rows"] for _, row in taken)
    assert max(taken.values(), default=1) == 1


def test_there_are_detours_among_the_cases(capsys: Capture):
    kernels, machine = networks(document(capsys, "compile", *DETOURS)["text"])
    assert any(turn.routes.paths for network in kernels.values() for turn in turns(network, machine))


@pytest.mark.parametrize("case", ["mini", "detours", "sockets"])
def test_what_ports_move_is_what_comes_from_memory_and_goes_there(case: str, capsys: Capture):
    """Of kernels whose units all run at one rate."""
    compiled = document(capsys, "compile", *CASES[case], "--floorplan")
    kernels, machine = networks(compiled["text"])
    columns = {0, compiled["floorplan"]["dies"] * compiled["floorplan"]["columns"] - 1}
    for kernel in compiled["floorplan"]["kernels"]:
        found = turns(kernels[kernel["kernel"]], machine)
        assert {port["place"][0] for port in kernel["ports"]} <= columns
        if len(found) == 1:
            come = sum(flow.bytes_per_cycle for flow in found[0].flows if flow.far_sources)
            leave = sum(flow.bytes_per_cycle for flow in found[0].flows if flow.far_targets)
            ports = kernel["ports"]
            assert sum(port["in_bytes_per_cycle"] for port in ports) == pytest.approx(come)
            assert sum(port["out_bytes_per_cycle"] for port in ports) == pytest.approx(leave)


def test_resident_weights_lie_there_while_any_kernel_runs(capsys: Capture):
    kernels = document(capsys, "compile", TINY, "--resident", "--floorplan")["floorplan"]["kernels"]
    held = [{tuple(c) for one in k["channels"] if one["resident"] for c in one["cells"]} for k in kernels]
    assert held[0]
    assert all(one == held[0] for one in held)


def fields_of(kind: type) -> Iterator[str]:
    return (one.name for one in fields(kind))


def test_the_fields_are_documented(capsys: Capture):
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    compiled = document(capsys, "compile", MINI, "--floorplan")
    assert compiled["version"] == JSON_VERSION
    assert [*compiled["floorplan"]] == [*fields_of(Floorplan)]
    kinds = (Floorplan, KernelPlan, PlacedStage, PlacedChannel, LinkLoad, PortLoad)
    assert [name for kind in kinds for name in fields_of(kind) if f"`{name}`" not in page] == []


def test_a_row_for_each_kernel(capsys: Capture):
    assert main(["compile", MINI, "--floorplan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["kernel", "block.loop", "step.head", "step.argmax"]
    assert lines[1].split()[1:5] == ["3", "936", "936", "0"]


def test_with_the_map_of_the_memory(capsys: Capture):
    both = document(capsys, "compile", MINI, "--floorplan", "--memory")
    assert both["floorplan"] == document(capsys, "compile", MINI, "--floorplan")["floorplan"]
    assert both["memory"] == document(capsys, "compile", MINI, "--memory")["memory"]


@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow"])
def test_no_floorplan_above_the_lowest_level(level: str, capsys: Capture):
    assert main(["compile", MINI, "--to", level, "--floorplan"]) == 1
    assert f"places are planned below the level {level}" in capsys.readouterr().err


def test_no_floorplan_of_a_saved_program(tmp_path: Path, capsys: Capture):
    path, output = tmp_path / "mini.json", tmp_path / "never.json"
    assert main(["compile", MINI, "--to", "program", "-o", str(path)]) == 0
    assert main(["compile", str(path), "--floorplan", "-o", str(output)]) == 1
    assert "is a program, which has no loads of links any more" in capsys.readouterr().err
    assert not output.exists(), "files are written last"


def test_the_floorplan_of_planned_ir(tmp_path: Path, capsys: Capture):
    path = tmp_path / "mini.mlir"
    assert main(["compile", MINI, "-o", str(path)]) == 0
    again, first = (document(capsys, "compile", one, "--floorplan")["floorplan"] for one in (str(path), MINI))
    for kernel in (*again["kernels"], *first["kernels"]):
        for stage in kernel["stages"]:
            file, line, _ = stage.pop("location").rsplit(":", 2)
            assert file in (str(path), MINI)
            assert int(line) > 0
    assert again == first


@pytest.mark.parametrize(
    "arguments",
    [["llama3_8b.kl"], ["llama3_2_1b.kl", "--sockets", "16", "--set", "clock_hz=800000000"]],
    ids=["8B", "1B on 16 sockets at half the clock"],
)
def test_both_edges_bring_about_as_much(arguments: list[str], capsys: Capture):
    """Of the kernels whose streams keep HBM busy; in program order one of them brings up to three times as
    much."""
    model, *options = arguments
    plan = document(capsys, "compile", str(ROOT / "examples" / model), *options, "--floorplan")["floorplan"]
    busy = dict[str, list[float]]()
    for kernel in plan["kernels"]:
        edges = [0.0, 0.0]
        for port in kernel["ports"]:
            edges[port["place"][0] > 0] += port["in_bytes_per_cycle"]
        if sum(edges) > 900:
            busy[kernel["kernel"]] = edges
    assert {*busy} == {"decoder.loop", "step.head"}
    assert all(max(edges) <= 1.2 * min(edges) for edges in busy.values()), busy
