"""`kl-opt --reproducer` writes what fails again under `--run-reproducer`, and only where a pass fails."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from test_blame import installed, package  # noqa: F401  # fixtures
from test_kl_opt import SwapOperationsPass
from xdsl.dialects.builtin import ModuleOp

from kl.frontends.located_parser import LocatedParser
from kl.tools import kl_opt, universe
from kl.tools.opt.reproducer import Configuration, recorded
from kl.tools.universe import make_context

SILU = """\
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.gelu %y : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %z : tensor<1x8xbf16>
}
"""
CALLS = """\
func.func @id(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  func.return %x : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = func.call @id(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
"""


class Tool:
    """kl-opt in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.folder, self.capsys = folder, capsys
        self.reproducer = folder / "a crash.mlir"
        self.err = ""

    def __call__(self, text: str, *arguments: str) -> int:
        """The exit code for a text, with --reproducer."""
        (self.folder / "input.mlir").write_text(text)
        return self.run(str(self.folder / "input.mlir"), "--reproducer", str(self.reproducer), *arguments)

    def run(self, *arguments: str) -> int:
        """The exit code."""
        try:
            code = kl_opt.main(arguments)
        except SystemExit as end:
            code = int(str(end.code))
        self.err = self.capsys.readouterr().err
        return code

    def again(self, *arguments: str) -> int:
        """The exit code of what the reproducer does."""
        return self.run("--run-reproducer", str(self.reproducer), *arguments)

    def failure(self) -> str:
        """The message of the error on stderr, without its place."""
        return next(line for line in self.err.splitlines() if "error: " in line).partition("error: ")[2]


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(tmp_path, capsys)


def test_a_failing_pass(tool: Tool):
    assert tool(CALLS, "-p", "canonicalize,outline-kernels", "--max-rewrites", "1000") == 1
    assert "note: " in tool.err
    assert "found after the pass outline-kernels" in tool.err
    lines = tool.reproducer.read_text().splitlines()
    assert lines[0] == f"// run: kl-opt --run-reproducer '{tool.reproducer}'"
    assert lines[1] == "// configuration: --passes=canonicalize,outline-kernels --max-rewrites=1000"
    assert lines[2].startswith("// failure: '@id' does not reference a valid function (found after the pass ")
    assert re.fullmatch(r"// versions: kl \S+, xdsl 0\.\d+\.\d+, python 3\.\d+\.\d+", lines[3])
    assert lines[4] == "builtin.module {"
    before = tool.err
    assert tool.again() == 1
    assert tool.err.splitlines()[-1] == before.splitlines()[-1]


def test_the_module_is_as_it_was_at_first_and_of_the_failing_piece(tool: Tool):
    pieces = f"{SILU}// -----\n{CALLS}// -----\n{SILU}"
    assert tool(pieces, "--split-input-file", "-p", "outline-kernels") == 1
    text = tool.reproducer.read_text()
    assert "func.func @id" in text, "no kernel yet"
    assert "nn.silu" not in text


def test_without_a_failure_no_file(tool: Tool):
    assert tool(SILU, "-p", "canonicalize") == 0
    assert not tool.reproducer.exists()


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("func.func @f(", []),
        ("nn.silu", ["-p", "canonicalize"]),
        (SILU, ["-p", "no-such-pass"]),
        (SILU.replace("return %z", "return"), ["-p", "canonicalize"]),
        (SILU, ["-p", "kl-default{to=nn target=none}"]),
    ],
)
def test_wrong_input_is_no_failure_of_a_pass(tool: Tool, text: str, arguments: list[str]):
    assert tool(text, *arguments) == 1
    assert not tool.reproducer.exists()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["toy-look-up", "toy-lost", "toy-exit"])
def test_a_failure_of_another_package(tool: Tool, name: str):
    assert tool('toy.count 1\n"x.y"() : () -> ()', "-p", name, "--allow-unregistered-dialect") == 69
    text = tool.reproducer.read_text()
    assert f"// configuration: --passes={name} --allow-unregistered-dialect\n" in text
    assert ", kl-broken 1.5\n" in text
    failure = tool.failure()
    assert tool.again() == 69
    assert tool.failure() == failure


@pytest.mark.usefixtures("installed")
def test_an_interrupt_is_none(tool: Tool):
    assert tool("toy.count 1", "-p", "toy-interrupt") == 130
    assert not tool.reproducer.exists()


def test_a_bug_of_ours_and_broken_ir(tool: Tool, monkeypatch: pytest.MonkeyPatch):
    known = {**universe.multiverse().all_passes, "swap-operations": lambda: SwapOperationsPass}
    monkeypatch.setattr(universe.multiverse(), "all_passes", known)
    assert tool(SILU, "-p", "swap-operations") == 1
    assert "nn.gelu" in tool.reproducer.read_text().split("nn.silu")[1], "the order at first"
    failure = tool.failure()
    assert tool.again() == 1
    assert "is used where its definition does not dominate" in failure
    assert "is used where its definition does not dominate" in tool.failure()
    assert tool.again("--disable-verify") == 0
    assert tool.again("-p", "canonicalize") == 2
    assert "-p and --passes are both given" in tool.err


UNREADABLE = """\
"func.func"() <{sym_name = "f", function_type = (i32) -> ()}> ({
  "func.return"() : () -> ()
}) : () -> ()
"""
"""Its custom form has the arguments of the block, which are none."""


def fail_within(recording: AbstractContextManager[None], module: ModuleOp) -> None:
    """What a pass does that fails halfway."""
    with recording:
        module.body.block.erase_op(next(iter(module.body.block.ops)))
        raise KeyError("x")


def test_what_does_not_read_back_in_its_custom_form_is_written_in_the_generic_one(tmp_path: Path):
    ctx, path = make_context(), tmp_path / "crash.mlir"
    module = LocatedParser(ctx, UNREADABLE, "f.mlir").parse_module()
    with pytest.raises(KeyError):
        fail_within(
            recorded(str(path), ctx, module, [], Configuration("a\nb", None, True, False, True)), module
        )
    text = path.read_text()
    assert "// configuration: '--passes=a b' --disable-verify --allow-unregistered-dialect\n" in text
    again = LocatedParser(make_context(), text, "crash.mlir").parse_module()
    assert again.is_structurally_equivalent(LocatedParser(ctx, UNREADABLE, "f.mlir").parse_module())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "has 0 lines that begin with '// configuration:'"),
        ("// configuration: --passes=cse\n" * 2, "has 2 lines that begin with '// configuration:'"),
        ("// configuration: --passes='cse", ":1: malformed configuration: no closing quotation"),
        (
            "\n// configuration: --passes=cse --output-file=x",
            ":2: malformed configuration: '--output-file=x'",
        ),
        ("// configuration: --passes=cse other.mlir", ":1: malformed configuration: 'other.mlir'"),
        ("// configuration: --passes cse", ":1: malformed configuration: '--passes'"),
        ("// configuration: --disable-verify", ":1: malformed configuration: it needs --passes once"),
        (
            "// configuration: --passes=cse --disable-verify=1",
            "malformed configuration: '--disable-verify=1'",
        ),
        ("// configuration: --passes=no-such", "unknown pass 'no-such'"),
    ],
)
def test_malformed_headers(tool: Tool, header: str, message: str):
    tool.reproducer.write_text(f"{header}\nbuiltin.module {{}}\n")
    assert tool.again() == 1
    assert message in tool.err
    assert "Traceback" not in tool.err


def test_wrong_usage(tool: Tool, tmp_path: Path):
    assert tool.again() == 1
    assert "No such file" in tool.err
    assert tool.run("--run-reproducer") == 2
    assert tool.run("--run-reproducer", "-") == 1
    path = tmp_path / "same.mlir"
    path.write_text(CALLS)
    assert tool.run(str(path), "--reproducer", str(path)) == 2
    assert "--reproducer would overwrite the input" in tool.err
    assert tool.run(str(path), "--reproducer", "-") == 2
    assert "--reproducer writes what is run again, which is a file" in tool.err
    assert tool(CALLS, "--verify-diagnostics") == 2


def test_a_folder_that_takes_no_file_does_not_hide_the_failure(tool: Tool, tmp_path: Path):
    tool.reproducer = tmp_path / "none" / "crash.mlir"
    assert tool(CALLS, "-p", "outline-kernels") == 1
    assert f"warning: no reproducer: {tool.reproducer}: No such file or directory" in tool.err
    assert "does not reference a valid function" in tool.err
