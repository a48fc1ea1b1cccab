"""Each edit of a saved program is noticed, and what runs on trust says so in every report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kl
from kl.backends.sn40l.digests import TIES
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.tools.kl import main

MINI = str(Path(__file__).parents[2] / "examples/mini.kl")
SMALL = ["--param", "layers=2"]
DEPTH = ("kernels", 0, "channels", 0, "depth")
REST = "all but its kernels (machine, regions, commands, inputs, outputs, tokens)"

Capture = pytest.CaptureFixture[str]
Path_ = tuple[str | int, ...]


def leaves(value: Any, path: Path_ = ()) -> list[tuple[Path_, Any]]:
    """All that can be edited of a document: its numbers, texts and flags, and lists that are empty."""
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in leaves(one, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for number, one in enumerate(value) for leaf in leaves(one, (*path, number))]
    return [(path, value)]


def with_value(document: Any, path: Path_, value: object) -> Any:
    """A copy of a document with one entry replaced."""
    copied = json.loads(json.dumps(document))
    here = copied
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return copied


def changed(value: Any) -> Any:
    """Another value of the same type, as far as that is known."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case _:
            return None


def test_every_edit_of_a_program_is_noticed_where_it_is(decoder: Callable[[], Any]):
    document = json.loads(dump_program(decoder()))
    noticed = 0
    for path, value in leaves(document["program"]):
        other = changed(value)
        if other is None:
            continue
        try:
            read = parse_program(json.dumps(with_value(document, ("program", *path), other)))
        except ProgramError:  # it is no program any more
            continue
        kernel = document["program"]["kernels"][0]["name"]
        wanted = (f"kernel '{kernel}'",) if path[0] == "kernels" else (REST,)
        if path == ("kernels", 0, "name"):
            wanted = (f"kernel '{kernel}x' (it is new)", f"kernel '{kernel}' (it is gone)", REST)
        assert TIES.provenance(read).edited == wanted, path
        noticed += 1
    assert noticed > 100


def test_layout_order_of_keys_and_defaults_are_no_edits(decoder: Callable[[], Any]):
    document = json.loads(dump_program(decoder()))
    program = dict(reversed(document["program"].items()))
    del program["tokens_per_step"]
    read = parse_program(json.dumps({**document, "program": program}))
    assert TIES.provenance(read).edited == ()


def test_lists_keep_their_order(decoder: Callable[[], Any]):
    document = json.loads(dump_program(decoder()))
    turned = with_value(document, ("program", "regions"), document["program"]["regions"][::-1])
    assert TIES.provenance(parse_program(json.dumps(turned))).edited == (REST,)


def test_an_edited_program_that_is_saved_again_stays_edited(decoder: Callable[[], Any]):
    document = json.loads(dump_program(decoder()))
    edited = parse_program(json.dumps(with_value(document, ("program", *DEPTH), 9)))
    again = parse_program(dump_program(edited))
    assert TIES.provenance(again).edited == TIES.provenance(edited).edited != ()
    assert again.digests == edited.digests != TIES.digests(edited)


def test_documents_of_this_version_have_digests(decoder: Callable[[], Any]):
    document = json.loads(dump_program(decoder()))
    del document["digests"]
    with pytest.raises(ProgramError, match="digests: expected an object"):
        parse_program(json.dumps(document))
    document["version"] = 5
    read = parse_program(json.dumps(document))
    assert TIES.provenance(read).edited == ()
    assert "nothing ties it to the IR" in TIES.provenance(read).untied


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of a small model."""
    path = tmp_path_factory.mktemp("saved") / "mini.json"
    assert main(["compile", MINI, *SMALL, "--to", "program", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def edited(saved: Path) -> Path:
    """The same with a channel that holds one tile more."""
    document = json.loads(saved.read_text())
    depth = document["program"]["kernels"][0]["channels"][0]["depth"]
    path = saved.with_name("edited.json")
    path.write_text(json.dumps(with_value(document, ("program", *DEPTH), depth + 1)))
    return path


def test_the_ir_of_a_kernel_is_the_same_by_whatever_way_it_comes(saved: Path, capsys: Capture):
    ir, again = saved.with_name("mini.mlir"), saved.with_name("again.json")
    assert main(["compile", MINI, *SMALL, "-o", str(ir)]) == 0
    assert main(["compile", str(ir), "--to", "program", "-o", str(again)]) == 0
    first, second = (json.loads(one.read_text())["digests"]["kernels"] for one in (saved, again))
    assert {name: one["ir"] for name, one in first.items()} == {
        name: one["ir"] for name, one in second.items()
    }
    other = saved.with_name("other.json")
    assert main(["compile", MINI, "--param", "layers=3", "--to", "program", "-o", str(other)]) == 0
    others = json.loads(other.read_text())["digests"]["kernels"]
    assert {one["ir"] for one in others.values()} - {one["ir"] for one in first.values()}


def test_verify_holds_a_program_against_ir(saved: Path, edited: Path, capsys: Capture):
    ir, other = saved.with_name("of.mlir"), saved.with_name("three.mlir")
    assert main(["compile", MINI, *SMALL, "-o", str(ir)]) == 0
    assert main(["compile", MINI, "--param", "layers=3", "-o", str(other)]) == 0
    assert main(["verify", str(saved), "--ir", str(ir)]) == 0
    assert main(["verify", str(edited), "--ir", str(ir), "--trust"]) == 0, "it was made of that once"
    capsys.readouterr()
    assert main(["verify", str(saved), "--ir", str(other)]) == 1
    assert "has other IR than" in (said := capsys.readouterr().err)
    assert said.rstrip().endswith(": kernel 'block.loop'")
    assert main(["verify", str(ir), "--ir", str(ir)]) == 1
    assert main(["verify", str(saved), "--ir", MINI]) == 1
    said = capsys.readouterr().err
    assert "of.mlir is no saved program" in said
    assert "mini.kl is at the level nn, sn40l takes the level rdu" in said


COMMANDS = (["run"], ["time"], ["compile", "--memory"], ["compile", "--to", "program"])


@pytest.mark.parametrize("command", COMMANDS)
def test_an_edited_program_is_refused(command: list[str], edited: Path, capsys: Capture):
    name, *rest = command
    assert main([name, str(edited), *rest]) == 1
    said = capsys.readouterr().err
    assert "edited.json was edited since it was compiled: kernel 'block.loop'" in said
    assert "help: --trust takes it as it is" in said


@pytest.mark.parametrize("command", COMMANDS[:3])
def test_on_trust_every_report_says_so(command: list[str], edited: Path, capsys: Capture):
    name, *rest = command
    assert main([name, str(edited), *rest, "--trust"]) == 0
    assert "edited since it was compiled: kernel 'block.loop'" in capsys.readouterr().out
    assert main([name, str(edited), *rest, "--trust", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["edited"] == ["kernel 'block.loop'"]


def test_traces_and_python_say_so_too(edited: Path, tmp_path: Path):
    trace = tmp_path / "trace.json"
    compiled = kl.compile(edited, trust=True)
    timing = compiled.time(trace=trace)
    assert json.loads(trace.read_text())["otherData"]["edited"] == ["kernel 'block.loop'"]
    for one in (compiled, timing, compiled.run(), compiled.memory()):
        assert one.edited == ("kernel 'block.loop'",)
        assert "edited since it was compiled: kernel 'block.loop'" in repr(one)
    assert "edited since it was compiled" in timing._repr_html_()
    with pytest.raises(kl.Error, match="was edited since it was compiled"):
        kl.compile(edited)


def test_what_is_not_edited_says_nothing(saved: Path, capsys: Capture):
    assert main(["time", str(saved)]) == 0
    assert main(["run", str(saved), "--trust", "--json"]) == 0
    captured = capsys.readouterr()
    assert '"edited": []' in captured.out
    assert (captured.err, "edited since" in captured.out) == ("", False)


def test_an_old_program_runs_with_a_note(saved: Path, tmp_path: Path, capsys: Capture):
    document = json.loads(saved.read_text())
    del document["digests"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps({**document, "version": 5}))
    assert main(["run", str(path)]) == 0
    assert "note: " in (said := capsys.readouterr().err)
    assert "nothing ties it to the IR that it came from" in said


def test_ir_may_be_edited_and_is_not_trusted(capsys: Capture):
    assert main(["time", MINI, "--trust"]) == 1
    assert "--trust is for programs" in capsys.readouterr().err
