"""`kl-opt` beyond single passes: options, input and output, and what it checks after each pass."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnknownLoc
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from kl.dialects import nn
from kl.frontends.located_parser import LocatedParser
from kl.passes import load_pass
from kl.tools import kl_opt
from kl.tools.driver import fill_locations, parse_passes
from kl.tools.universe import make_context

SILU = """\
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.gelu %y : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %z : tensor<1x8xbf16>
}
"""


@pytest.fixture
def silu(tmp_path: Path) -> str:
    """A file with a small module."""
    path = tmp_path / "silu.mlir"
    path.write_text(SILU)
    return str(path)


@dataclass(frozen=True)
class SwapOperationsPass(ModulePass):
    """A broken pass: it moves a use before its definition."""

    name = "swap-operations"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        first = next(o for o in op.walk() if isinstance(o, nn.SiluOp))
        second = first.next_op
        assert second is not None
        second.detach()
        block = first.parent
        assert block is not None
        block.insert_op_before(second, first)


@dataclass(frozen=True)
class ForgetLocationsPass(ModulePass):
    """A careless pass: its new operation has no location."""

    name = "forget-locations"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for old in [o for o in op.walk() if isinstance(o, nn.GeluOp)]:
            Rewriter.replace_op(old, nn.SiluOp(old.x))


@pytest.fixture
def more_passes(monkeypatch: pytest.MonkeyPatch):
    """Makes the passes above known to kl-opt."""
    register = kl_opt.KlOptMain.register_all_passes

    def register_more(self: kl_opt.KlOptMain) -> None:
        register(self)
        self.register_pass("swap-operations", lambda: SwapOperationsPass)
        self.register_pass("forget-locations", lambda: ForgetLocationsPass)

    monkeypatch.setattr(kl_opt.KlOptMain, "register_all_passes", register_more)


@pytest.mark.usefixtures("more_passes")
def test_dominance_is_checked_after_every_pass(silu: str, capsys: pytest.CaptureFixture[str]):
    assert kl_opt.main([silu, "-p", "swap-operations"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"{silu}:3:3: error: operand 0 of nn.gelu (%y) is used where")
    assert "note: found after the pass swap-operations" in err


@pytest.mark.usefixtures("more_passes")
def test_operations_without_location_get_one(silu: str, capsys: pytest.CaptureFixture[str]):
    assert kl_opt.main([silu, "-p", "forget-locations", "--print-debuginfo"]) == 0
    assert f'loc("{silu}":2:3)' in capsys.readouterr().out


def test_fill_locations_leaves_no_operation_without():
    module = LocatedParser(make_context(), SILU, "x.mlir").parse_module()
    silu = next(op for op in module.walk() if isinstance(op, nn.SiluOp))
    expected, silu.location = silu.parent_op(), UnknownLoc()
    fill_locations(module)
    assert expected is not None
    assert silu.location == expected.location


def test_the_ir_after_every_pass_goes_to_stderr(silu: str, capsys: pytest.CaptureFixture[str]):
    assert kl_opt.main([silu, "-p", "canonicalize,cse", "--print-ir-after-all", "--time-passes"]) == 0
    captured = capsys.readouterr()
    assert "IR after" not in captured.out
    assert captured.err.count("IR after") == 2
    assert captured.err.index("IR after cse") < captured.err.index("time of")


def test_errors_in_text_from_stdin_show_the_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    text = "func.func @f() {\n  func.return %x : i32\n}"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert kl_opt.main([]) == 1
    assert "<stdin>:2:15: error: value %x is used but never defined\n    func.return %x" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-p", "loop-kernls"], "unknown pass 'loop-kernls'\nhelp: did you mean loop-kernels"),
        (["-p", "cse{a=1}"], "pass cse has no option 'a'\nhelp: it has none"),
        (["-p", "outline-kernels{granularity=op,"], "malformed pass pipeline"),
        (["-p", "loop-kernels{min-count=many}"], "pass loop-kernels: "),
        (["-p", "tile-stages{tile-byte=4}"], "has no option 'tile-byte'\nhelp: its options are "),
        (["--param", "layers"], "--param 'layers' is no assignment"),
    ],
)
def test_wrong_options(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]):
    model = Path(__file__).parents[2] / "examples/llama3_tiny.kl"
    assert kl_opt.main([str(model), *arguments]) == 1
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing.mlir", "folder", "notes.txt"])
def test_files_that_are_no_input(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("")
    assert kl_opt.main([str(tmp_path / name)]) == 1
    assert capsys.readouterr().err.startswith(f"kl-opt: error: {tmp_path / name}")


def test_nested_too_deeply(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "deep.mlir"
    path.write_text("builtin.module {\n" * 5000)
    assert kl_opt.main([str(path)]) == 1
    assert "nested too deeply" in capsys.readouterr().err


def test_a_string_that_is_not_closed_ends(tmp_path: Path):
    path = tmp_path / "open.mlir"
    path.write_text('nn.state @s : memref<1xbf16> {note = "' + "a, " * 1000 + "}\n")
    assert kl_opt.main([str(path)]) == 1


def test_pass_options_arrive():
    (made,) = parse_passes(
        {"outline-kernels": lambda: load_pass("outline-kernels")}, "outline-kernels{granularity=op}"
    )
    assert made == load_pass("outline-kernels")(granularity="op")  # pyright: ignore[reportCallIssue]


def test_version_names_kl_and_xdsl(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        kl_opt.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("kl-opt 0.")


def test_a_closed_pipe_ends_it_quietly(tmp_path: Path):
    path = tmp_path / "long.mlir"
    path.write_text("".join(f"nn.weight @w{i} : tensor<8xbf16>\n" for i in range(5000)))
    tool = Path(sys.executable).parent / "kl-opt"
    with subprocess.Popen([tool, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_regions_nest_as_deep_as_for_xdsl_opt(tmp_path: Path):
    path = tmp_path / "nested.mlir"
    path.write_text('"a.b"() ({\n' * 100 + '"c.d"() : () -> ()\n' + "}) : () -> ()\n" * 100)
    assert kl_opt.main([str(path), "--allow-unregistered-dialect"]) == 0


def test_parameters_of_ir_are_an_error(silu: str, capsys: pytest.CaptureFixture[str]):
    assert kl_opt.main([silu, "--param", "batch=2"]) == 1
    assert "--param changes parameters of a model file (.kl)" in capsys.readouterr().err


def test_terminators_that_xdsl_leaves_out_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "region.mlir"
    path.write_text("scf.execute_region {\n  scf.yield\n}\n")
    assert kl_opt.main([str(path)]) == 0
    assert "scf.yield" in capsys.readouterr().out
