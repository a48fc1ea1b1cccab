"""Programs survive the way through JSON; documents that are none are refused with the place."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.serialize import dump_program, load_program, parse_program
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort
from kl.backends.tensors import TensorSpec
from kl.backends.weights import Part


def test_a_program_survives_saving_and_loading(decoder: Any, tmp_path: Path) -> None:
    program = decoder()
    (tmp_path / "program.json").write_text(dump_program(program), encoding="utf-8")
    loaded = load_program(tmp_path / "program.json")
    assert loaded == program
    assert time_step(loaded, {"position": 3}) == time_step(program, {"position": 3})


def test_numbers_of_attributes_keep_their_type(network: Any) -> None:
    net = network()
    spec = TensorSpec((1, 8), "f32")
    x, y = net.memory("x", "input", 1, 8), net.memory("y", "value", 1, 8)
    w = net.memory("w", "weight", 8)
    row, weight, out = net.channel(1, 8), net.channel(8), net.channel(1, 8)
    net.load("load", x, row)
    net.load("load w", w, weight)
    body = [Instruction("nn.rms_norm", (0, 1), spec, {"eps": 1e-5, "count": 3})]
    ports = [InputPort(row, spec), InputPort(weight, TensorSpec((8,), "f32"))]
    net.stage("norm", 1, ports, [OutputPort(out, 2)], body)
    net.store("store", out, y)
    program = net.program()
    loaded = parse_program(dump_program(program))
    attributes = loaded.kernels[0].units[2].body[0].attributes
    assert attributes == {"eps": 1e-5, "count": 3}
    assert [type(value) for value in attributes.values()] == [float, int]
    assert loaded == program


def rope_document(network: Any, attributes: dict[str, Any], version: int) -> str:
    """A program with a rope of such attributes, as a document of a version."""
    net = network()
    spec = TensorSpec((1, 8), "f32")
    x, position, y = (
        net.memory("x", "input", 1, 8),
        net.memory("p", "weight", 8),
        net.memory("y", "value", 1, 8),
    )
    row, at, out = net.channel(1, 8), net.channel(8), net.channel(1, 8)
    net.load("load", x, row)
    net.load("load p", position, at)
    ports = [InputPort(row, spec), InputPort(at, TensorSpec((8,), "f32"))]
    body = [Instruction("nn.rope", (0, 1), spec, {"head_dim": 8, "frequencies": (1.0,)})]
    net.stage("rope", 1, ports, [OutputPort(out, 2)], body)
    net.store("store", out, y)
    document = json.loads(dump_program(net.program()))
    document["program"]["kernels"][0]["units"][2]["body"][0]["attributes"] = attributes
    document["version"] = version
    return json.dumps(document)


def attributes_of_rope(text: str) -> Any:
    """The attributes of the rope of a document, read and written and read again."""
    program = parse_program(text)
    assert parse_program(dump_program(program)) == program
    return program.kernels[0].units[2].body[0].attributes


def test_lists_of_attributes_come_back_as_they_were(network: Any) -> None:
    attributes = {"head_dim": 8, "frequencies": (1.0, 0.1, 1 / 3), "interleaved": 1}
    assert attributes_of_rope(rope_document(network, attributes, 4)) == attributes


def test_the_rope_of_an_old_program_has_its_frequencies(network: Any) -> None:
    plain = {"head_dim": 4, "theta": 1e4}
    wanted = {"head_dim": 4, "frequencies": (1.0, 0.01)}
    assert attributes_of_rope(rope_document(network, plain, 3)) == wanted
    scaling = {"scaling_factor": 8.0, "low_frequency_factor": 1.0, "high_frequency_factor": 4.0}
    scaled = plain | scaling | {"original_context": 8}
    # A wave of 2 pi positions lies between 8 / 4 and 8 / 1, one of 200 pi is stretched by the whole factor.
    kept = (8 / (2 * math.pi) - 1.0) / 3.0
    short, long = attributes_of_rope(rope_document(network, scaled, 3))["frequencies"]
    assert short == pytest.approx(kept + (1 - kept) / 8.0, rel=1e-15)
    assert long == 0.01 / 8.0


@pytest.mark.parametrize("attributes", [{}, {"head_dim": 4, "theta": 0.0}, {"head_dim": 0, "theta": 1e4}])
def test_a_rope_without_numbers_is_refused(network: Any, attributes: dict[str, Any]) -> None:
    with pytest.raises(ProgramError, match=r"of a rope is .*, not above zero"):
        parse_program(rope_document(network, attributes, 3))


def test_what_is_known_of_weights_comes_back(decoder: Any) -> None:
    program = decoder()
    weight = next(region for region in program.regions if region.kind == "weight")
    changed = replace(
        weight, rows=Part(0, 4), columns=Part(1, 2, 8), layers=(3, 1), values=(0.1, 1 / 3, -1e-300)
    )
    regions = tuple(changed if region is weight else region for region in program.regions)
    program = replace(program, regions=regions)
    assert parse_program(dump_program(program)) == program


def test_fields_with_a_default_may_be_left_out(decoder: Any) -> None:
    program = decoder()
    document = json.loads(dump_program(program))
    del document["program"]["tokens_per_step"]
    del document["program"]["machine"]["pcus"]
    assert parse_program(json.dumps(document)) == program


def edited(program: Any, path: tuple[str | int, ...], value: object) -> str:
    """The document of a program with one entry replaced, or removed where the value is `...`."""
    document = json.loads(dump_program(program))
    here = document
    for step in path[:-1]:
        here = here[step]
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return json.dumps(document)


UNIT = ("program", "kernels", 0, "units", 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "elf", 'not a kl-program document: it has no "format": "kl-program"'),
        (("format",), ..., "not a kl-program document"),
        (("version",), 7, "version 7 of kl-program; this reader knows versions 1 to 6"),
        (("version",), ..., "version None of kl-program; this reader knows versions 1 to 6"),
        (
            (*UNIT, "rate"),
            7,
            "program.kernels[0].units[0].rate: expected a string, found 7",
        ),
        (("program",), ..., "program: expected an object (Program), found null"),
        (("program",), [1], "program: expected an object (Program), found [1]"),
        (("program", "name"), ..., "program: field 'name' of Program is missing"),
        (("program", "name"), 7, "program.name: expected a string, found 7"),
        (("program", "nme"), 7, "program: unknown field 'nme'; Program has name, machine"),
        (("program", "regions"), {}, "program.regions: expected a list, found {}"),
        (
            ("program", "regions", 0, "address"),
            1.5,
            "program.regions[0].address: expected an integer, found 1.5",
        ),
        (
            ("program", "regions", 0, "address"),
            True,
            "program.regions[0].address: expected an integer, found true",
        ),
        (("program", "regions", 0, "live"), [1], "program.regions[0].live: expected a list of 2, found [1]"),
        (("program", "regions", 0, "stacked"), 0, "stacked: expected true or false, found 0"),
        (("program", "regions", 0, "checkpoint"), 5, "checkpoint: expected a string, found 5"),
        (
            ("program", "regions", 0, "tensor", "dtype"),
            "f12",
            "tensor: unknown element type 'f12'; known: bf16",
        ),
        (
            ("program", "machine", "pcus"),
            0,
            "program.machine: machine parameter pcus is 0; it must be positive",
        ),
        (
            (*UNIT, "kind"),
            "Loader",
            "units[0].kind: expected one of Load, Gather, Store, Stage, Carry, Counter, Collective, found",
        ),
        (
            (*UNIT, "kind"),
            ...,
            "units[0].kind: expected one of Load, Gather, Store, Stage, Carry, Counter, Collective,"
            " found null",
        ),
        (
            (*UNIT, "kind"),
            [],
            "units[0].kind: expected one of Load, Gather, Store, Stage, Carry, Counter, Collective, found []",
        ),
        (
            UNIT,
            "load",
            "units[0]: expected an object (Load, Gather, Store, Stage, Carry, Counter, Collective), found",
        ),
        (
            ("program", "commands", 0, "kernel"),
            None,
            "program.commands[0].kernel: expected a string, found null",
        ),
        (
            ("program", "kernels", 0, "units", 4, "body", 0, "attributes"),
            {"eps": "small"},
            "attributes.eps: expected an integer, found",
        ),
        (
            ("program", "kernels", 0, "units", 4, "body", 0, "attributes"),
            3,
            "attributes: expected an object, found 3",
        ),
    ],
)
def test_a_malformed_document_is_refused(
    decoder: Any, path: tuple[str | int, ...], value: object, message: str
) -> None:
    with pytest.raises(ProgramError) as caught:
        parse_program(edited(decoder(), path, value))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"kl-program"', "[" * 100_000])
def test_a_text_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ProgramError, match="not a kl-program document"):
        parse_program(text)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "program.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProgramError, match="no UTF-8 text at byte 0"):
        load_program(path)
