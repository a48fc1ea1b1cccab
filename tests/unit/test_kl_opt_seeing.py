"""What `kl-opt` shows of passes: wrong usage, colors, failing passes, other packages, start-up."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from ast import literal_eval
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from kl.tools import kl_opt, universe
from kl.tools.opt import listing
from kl.tools.opt.seeing import with_bare_remarks

if TYPE_CHECKING:
    from decimal import Decimal

SILU = """\
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
"""


@pytest.fixture
def silu(tmp_path: Path) -> str:
    """A file with a small module, which cse changes."""
    path = tmp_path / "silu.mlir"
    path.write_text(SILU)
    return str(path)


@dataclass(frozen=True)
class FailPass(ModulePass):
    """A pass that fails."""

    name = "fail"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        raise PassFailedException("it fails")


@dataclass(frozen=True)
class RoundPass(FailPass):
    name = "round"
    precision: Decimal | None = None
    """Digits that
    count."""
    names: tuple[str, ...] = field(default_factory=lambda: ("a", "b"))
    seed: int = field(kw_only=True)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes these passes known."""
    monkeypatch.setitem(universe.multiverse().all_passes, "fail", lambda: FailPass)
    monkeypatch.setitem(universe.multiverse().all_passes, "round", lambda: RoundPass)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--print-ir-before", "csee"], "--print-ir-before: unknown pass 'csee'\nhelp: did you mean cse"),
        (["--print-ir-after", "cse"], "--print-ir-after cse: no such pass runs\nhelp: give passes with -p"),
        (
            ["--print-ir-after", "cse", "-p", "dce,canonicalize"],
            "--print-ir-after cse: no such pass runs\nhelp: these can run: dce, canonicalize\n",
        ),
        (
            ["--print-ir-before", "cse", "-p", "kl-default"],
            "--print-ir-before cse: no such pass runs\nhelp: these can run: shard-tensors, outline-kernels",
        ),
        (["--remarks=x(y", "-p", "cse"], "--remarks: malformed regular expression\n  x(y\n   ^ missing )"),
        (["--remarks=lop", "-p", "cse"], "--remarks=lop: no such pass runs\nhelp: these can run: cse\n"),
        (["--help-pass", "csee"], "unknown pass 'csee'\nhelp: did you mean cse"),
    ],
)
def test_what_cannot_be_shown_is_an_error(
    arguments: list[str], message: str, silu: str, capsys: pytest.CaptureFixture[str]
):
    assert kl_opt.main([silu, *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"kl-opt: error: {message}")


@pytest.mark.parametrize("option", [["--print-ir-after", "loop-steps"], ["--remarks=loop-steps"]])
def test_a_pass_that_a_default_pipeline_leaves_out_is_an_error(
    option: list[str], silu: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "out.mlir"
    assert kl_opt.main([silu, "-p", "kl-default{to=kernel}", *option, "-o", str(output)]) == 1
    err = capsys.readouterr().err
    assert "loop-steps: no such pass runs\nhelp: these can run: shard-tensors, outline-kernels" in err
    assert not output.exists()


@pytest.mark.usefixtures("fail")
def test_a_pass_that_fails_is_timed_and_says_why_last(silu: str, capsys: pytest.CaptureFixture[str]):
    shown = ["--time-passes", "--statistics", "--print-ir-before", "fail", "--print-ir-after", "cse"]
    assert kl_opt.main([silu, "-p", "kl-default{to=kernel},fail,cse", *shown]) == 1
    err = capsys.readouterr().err
    assert "// -----// IR before fail //----- //\nbuiltin.module" in err
    assert re.search(r"^fail  +\d+\.\d\d  +\d+\.\d%$", err, re.MULTILINE)
    assert err.index("shard-tensors: 5 operations before, 5 after") < err.index("error: it fails")
    assert "no such pass runs" not in err
    assert err.endswith("note: in the pass fail\n")


def test_a_diff_is_colored_on_terminals_only(
    silu: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert kl_opt.main([silu, "-p", "cse", "--print-ir-diff"]) == 0
    assert "\n\033[1m--- before cse\033[0m\n" in terminal.getvalue()
    assert re.search(r"^\033\[31m-    %\w+ = nn.silu .*\033\[0m$", terminal.getvalue(), re.MULTILINE)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.truncate(0)
    assert kl_opt.main([silu, "-p", "cse", "--print-ir-diff"]) == 0
    assert "--- before cse" in terminal.getvalue()
    assert "\033" not in terminal.getvalue()


def test_with_annotations_passes_are_shown_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "expected.mlir"
    marked = SILU.replace("silu %x :", 'silu %x {kl.remarks = ["so it is"]} :', 1)
    path.write_text(marked.replace("  %y", "  // expected-remark @+1 {{so it is}}\n  %y"))
    common = [str(path), "--verify-diagnostics"]
    passes = ["-p", "kl-default{to=nn},cse"]
    assert kl_opt.main([*common, *passes, "--print-ir-after", "cse", "--time-passes"]) == 0
    err = capsys.readouterr().err
    assert "IR after cse" in err
    assert "total" in err
    assert kl_opt.main([*common, *passes, "--remarks=cse"]) == 1
    assert 'expected remark "so it is" was not produced' in capsys.readouterr().err


def test_bare_remarks_take_no_word():
    given = ["--remarks", "x.mlir", "--remarks=a", "--", "--remarks"]
    assert with_bare_remarks(given) == ["--remarks=", "x.mlir", "--remarks=a", "--", "--remarks"]


@pytest.mark.usefixtures("fail")
def test_the_help_of_a_pass_of_another_package(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        kl_opt.main(["--help-pass", "round"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out.partition("Options:\n")
    assert shown[0].startswith("round, of ")
    assert shown[2].splitlines() == [
        "  precision: a value of its own kind; default: none",
        "      Digits that count.",
        "  names: a value of its own kind; default: a,b",
        "  seed: a value of its own kind; it must be given",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. Two.", "One."),
        ("A form, e.g. X86 or i.e. Y, is\nmade. `Next` one.", "A form, e.g. X86 or i.e. Y, is made."),
        ("Writes kl.remarks on 0.5 of them. 2 more.", "Writes kl.remarks on 0.5 of them."),
        ("No full stop\n\nNext.", "No full stop"),
        ("", ""),
    ],
)
def test_first_sentences(text: str, sentence: str):
    assert listing.first_sentence(text) == sentence


def test_a_pass_that_cannot_be_loaded_stops_no_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def load() -> type[ModulePass]:
        raise ImportError("no module of that name")

    monkeypatch.setitem(universe.multiverse().all_passes, "broken-pass", load)
    lines = list(listing.passes())
    assert any(line.startswith("  canonicalize ") for line in lines)
    assert not any("broken-pass" in line for line in lines)
    assert "warning: no module of that name" in capsys.readouterr().err


def test_nothing_that_shows_is_imported_unasked(silu: str):
    code = (
        "import sys; from kl.tools import kl_opt; kl_opt.main([sys.argv[1], '-p', 'cse']); "
        "print([name for name in sys.modules if name.startswith('kl.tools.opt.') or name == 'rich'])"
    )
    done = subprocess.run([sys.executable, "-c", code, silu], capture_output=True, text=True, check=True)
    light = {"command", "default_passes", "failing_options", "inputs", "parse_errors", "seeing"}
    assert set(literal_eval(done.stdout.splitlines()[-1])) == {f"kl.tools.opt.{name}" for name in light}
