"""`kl-opt --reduce` keeps what is interesting, and nothing that its moves can take."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, UnregisteredOp, i32, i64
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.parser import Parser

from kl.tools import kl_opt
from kl.tools.opt.failing import Failure
from kl.tools.opt.moves import moves
from kl.tools.opt.reduction import Reduction
from kl.tools.opt.reproducer import printed
from kl.tools.universe import make_context
from kl.tools.values import InputError


def as_text(module: ModuleOp) -> str:
    """The text of a valid module."""
    module.verify()
    return printed(module)


def has_both(text: str) -> bool:
    """What random modules are reduced for."""
    return "test.x" in text and "test.y" in text


def block_of(random: Random, depth: int, visible: tuple[SSAValue, ...]) -> Block:
    """A block of operations of no dialect, whose operands are what they see."""
    block = Block(arg_types=random.choices([i32, i64], k=random.randrange(3)) if depth else [])
    seen = [*visible, *block.args]
    for _ in range(random.randrange(1, 5)):
        op = operation(random, depth, tuple(seen))
        block.add_op(op)
        seen += op.results
    return block


def operation(random: Random, depth: int, visible: tuple[SSAValue, ...]) -> Operation:
    """One operation, which may have a region."""
    has_region = depth < 2 and random.random() < 0.4
    return UnregisteredOp.with_name(f"test.{random.choice('abxy')}").create(
        operands=random.choices(visible, k=random.randrange(3)) if visible else [],
        result_types=random.choices([i32, i64], k=random.randrange(3)),
        attributes={"k": IntegerAttr(1, i32)} if random.random() < 0.5 else {},
        regions=[Region(block_of(random, depth + 1, visible))] if has_region else [],
    )


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_two_operations_remain_of_any_module(random: Random):
    module = ModuleOp(Region(block_of(random, 0, ())))
    text = as_text(module)
    assume(has_both(text))
    reduction = Reduction(module, text, as_text, has_both)
    reduction.run()
    assert printed(module) == text, "the input is not changed"
    assert has_both(reduction.text)
    names = sorted(op.op_name.data for op in reduction.module.walk() if isinstance(op, UnregisteredOp))
    assert names == ["test.x", "test.y"]
    for op in reduction.module.body.block.ops:
        assert (len(op.operands), len(op.results)) == (0, 0)
        assert "k" not in op.attributes


CALLS = """\
func.func private @outside(i32)
func.func @callee(%a: i32, %b: i32) -> (i32, i32) {
  %c = arith.addi %a, %b : i32
  func.return %c, %a : i32, i32
}
func.func @caller(%x: i32) -> i32 {
  %one = arith.constant 1 : i32
  %s, %t = func.call @callee(%x, %one) : (i32, i32) -> (i32, i32)
  %cond = arith.constant true
  %r = scf.if %cond -> (i32) {
    %k = arith.muli %s, %t {note = "kept"} : i32
    scf.yield %k : i32
  } else {
    scf.yield %one : i32
  }
  cf.br ^end(%r : i32)
^end(%e: i32):
  func.return %e : i32
}
"""
CASES: dict[str, tuple[Callable[[str], bool], str]] = {
    "an operation": (
        lambda text: "arith.muli" in text,
        "func.func @caller(%x: i32) {\n%k = arith.muli %x, %x : i32\nfunc.return\n}",
    ),
    "a call and its function": (
        lambda text: "call @callee" in text,
        "func.func @callee() -> ()\nfunc.func @caller() {\nfunc.call @callee() : () -> ()\nfunc.return\n}",
    ),
    "a type": (lambda text: "i32" in text, "func.func @outside(i32) -> ()"),
}


def parsed(text: str) -> ModuleOp:
    return Parser(make_context(), text).parse_module()


@pytest.mark.parametrize("case", CASES)
def test_a_module_of_functions(case: str):
    is_interesting, expected = CASES[case]
    module = parsed(CALLS)
    reduction = Reduction(module, as_text(module), as_text, is_interesting)
    reduction.run()
    assert is_interesting(reduction.text)
    assert not any(takes(reduction, is_interesting))
    wanted = parsed(expected)
    assert reduction.module.is_structurally_equivalent(wanted), reduction.text


def takes(reduction: Reduction, is_interesting: Callable[[str], bool]):
    """Of each move on the result, whether it would still be interesting."""
    for move in moves(reduction.module):
        copy = reduction.module.clone()
        try:
            yield move.apply(copy) and is_interesting(as_text(copy))
        except Exception:
            yield False


def test_it_is_deterministic():
    def once() -> tuple[str, int]:
        module = parsed(CALLS)
        reduction = Reduction(module, as_text(module), as_text, lambda text: "scf.if" in text)
        reduction.run()
        return reduction.text, reduction.tests

    assert once() == once()


def test_failures_are_equal_but_for_names_places_and_numbers():
    one, two = InputError("'%a' has 3 tiles at f.mlir:3:4"), InputError("'%bc' has 17 tiles at f.mlir:5:14")
    assert Failure.of(one) == Failure.of(two)
    assert Failure.of(one) != Failure.of(InputError("'%a' has 3 rows at f.mlir:3:4"))
    assert Failure.of(one) != Failure.of(ValueError(str(one)))


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The exit code of kl-opt and what it prints."""
    try:
        code = kl_opt.main(arguments)
    except SystemExit as end:
        code = int(str(end.code))
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file with a module of functions, none of which `outline-kernels` leaves for the other to call."""
    path = tmp_path / "calls.mlir"
    path.write_text(CALLS)
    return str(path)


def test_the_failure_of_a_pipeline(file: str, capsys: pytest.CaptureFixture[str]):
    passes = ("-p", "canonicalize,outline-kernels")
    code, _, before = run(file, *passes, capsys=capsys)
    assert code == 1
    code, out, err = run(file, *passes, "--reduce", capsys=capsys)
    assert code == 0
    assert re.search(r"reduced from 14 to \d operations in \d+ tests", err)
    Path(file).write_text(out)
    code, _, after = run(file, *passes, capsys=capsys)
    assert code == 1
    assert after.splitlines()[-1] == before.splitlines()[-1], "the same pass fails"
    assert re.sub(r".*?error: ", "", after.splitlines()[0]) == re.sub(
        r".*?error: ", "", before.splitlines()[0]
    )


@pytest.mark.parametrize("command", ["! grep -q muli %s", "! grep -q muli"])
def test_a_command(command: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    output = tmp_path / "small.mlir"
    code, out, _ = run(file, f"--reduce={command}", "-o", str(output), capsys=capsys)
    assert (code, out) == (0, "")
    assert output.read_text().count("arith.") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--reduce"], 1, "nothing to reduce: the input does not fail"),
        (["--reduce=true"], 1, "nothing to reduce: 'true' exits with 0"),
        (["--reduce=/no/such/command"], 1, "--reduce: '/no/such/command' cannot be run: "),
        (["--reduce", "--verify-diagnostics"], 2, "--verify-diagnostics has no meaning beside --reduce"),
        (["--reduce", "--split-input-file"], 2, "--split-input-file has no meaning beside --reduce"),
        (["--reduce", "-t", "dot"], 2, "--target has no meaning beside --reduce"),
        (["--reduce", "--reproducer", "x"], 2, "--reduce has no meaning beside --reproducer"),
    ],
)
def test_what_cannot_be_reduced(
    arguments: list[str], code: int, message: str, file: str, capsys: pytest.CaptureFixture[str]
):
    found, out, err = run(file, *arguments, capsys=capsys)
    assert (found, out) == (code, "")
    assert message in err


def test_start_up_imports_nothing_of_it():
    code = "import kl.tools.kl_opt, sys; print(*[n for n in sys.modules if n.startswith('kl.tools.opt.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert found & {"failing_options", "failing", "reproducer", "reduction", "dot"} == {"failing_options"}
