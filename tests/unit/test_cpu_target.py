"""The target `cpu` beside its numbers: what it refuses, what it saves, how memory lies, loops by hand."""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from interrupts import heed_interrupts
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException

from kl.backends.cpu.build import compiler, library
from kl.backends.cpu.emit import emit_source
from kl.backends.cpu.execution import Executor
from kl.backends.cpu.layouts import Layout
from kl.backends.cpu.memory import Memory, Value
from kl.backends.cpu.program import compile_program, dump_program, load_program
from kl.backends.cpu.target import CPU_TARGET
from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.runs import RunOptions
from kl.backends.targets import Choice, TargetError
from kl.backends.weights import random_weights, seeded_weights
from kl.frontends import load_model
from kl.tools.kl import main
from kl.tools.lowering import lower
from kl.tools.reference import Nearness
from kl.tools.universe import make_context

TINY = Path(__file__).parents[2] / "examples" / "llama3_tiny.kl"
needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


LOOPED = Choice("layer")


def tiny(choice: Choice = LOOPED, **machine: int) -> ModuleOp:
    module = load_model(TINY.read_text(), TINY.name, {})
    CPU_TARGET.set_machine(module, CPU_TARGET.machine(module).with_values(machine))
    lower(make_context(), module, "kernel", choice, target=CPU_TARGET)
    return module


def parsed(text: str) -> ModuleOp:
    module = Parser(make_context(), text).parse_module()
    module.verify()
    return module


SWAPS = """
nn.weight @w : tensor<3x40xf32> {stacked}
kernel.func @swap(%a: tensor<2x40xf32>, %b: tensor<2x40xf32>, %w: tensor<3x40xf32>) -> (tensor<2x40xf32>, tensor<2x40xf32>) {
  %x, %y = kernel.loop 3 carried(%a, %b : tensor<2x40xf32>, tensor<2x40xf32>) -> tensor<2x40xf32>, tensor<2x40xf32>
      stacks(%w : tensor<3x40xf32>) {
  ^bb0(%p: tensor<2x40xf32>, %q: tensor<2x40xf32>, %v: tensor<40xf32>):
    %s = nn.add %p, %v : (tensor<2x40xf32>, tensor<40xf32>) -> tensor<2x40xf32>
    kernel.yield %q, %s : tensor<2x40xf32>, tensor<2x40xf32>
  }
  %z = nn.softmax %x : (tensor<2x40xf32>) -> tensor<2x40xf32>
  kernel.return %z, %y : tensor<2x40xf32>, tensor<2x40xf32>
}
kernel.schedule @step(%a: tensor<2x40xf32>, %b: tensor<2x40xf32>) -> (tensor<2x40xf32>, tensor<2x40xf32>) {
  %w = nn.get_global @w : tensor<3x40xf32>
  %x, %y = kernel.call @swap(%a, %b, %w) : (tensor<2x40xf32>, tensor<2x40xf32>, tensor<3x40xf32>) -> (tensor<2x40xf32>, tensor<2x40xf32>)
  kernel.return %x, %y : tensor<2x40xf32>, tensor<2x40xf32>
}
"""  # noqa: E501
NESTED = """
nn.weight @w : tensor<6x32x32xbf16> {stacked}
kernel.func @nest(%x: tensor<1x32xbf16>, %w: tensor<6x32x32xbf16>) -> tensor<1x32xbf16> {
  %r = kernel.loop 2 carried(%x : tensor<1x32xbf16>) -> tensor<1x32xbf16>
      stacks(%w : tensor<6x32x32xbf16>) attributes {strides = array<i64: 3>, windows = array<i64: 3>} {
  ^bb0(%h: tensor<1x32xbf16>, %three: tensor<3x32x32xbf16>):
    %s = kernel.loop 3 carried(%h : tensor<1x32xbf16>) -> tensor<1x32xbf16>
        stacks(%three : tensor<3x32x32xbf16>) attributes {starts = array<i64: 2>, strides = array<i64: -1>} {
    ^bb1(%g: tensor<1x32xbf16>, %one: tensor<32x32xbf16>):
      %m = nn.matmul %g, %one : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
      %n = nn.silu %m : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
      kernel.yield %n : tensor<1x32xbf16>
    }
    kernel.yield %s : tensor<1x32xbf16>
  }
  kernel.return %r : tensor<1x32xbf16>
}
kernel.schedule @step(%x: tensor<1x32xbf16>) -> tensor<1x32xbf16> {
  %w = nn.get_global @w : tensor<6x32x32xbf16>
  %y = kernel.call @nest(%x, %w) : (tensor<1x32xbf16>, tensor<6x32x32xbf16>) -> tensor<1x32xbf16>
  kernel.return %y : tensor<1x32xbf16>
}
"""


@needs_compiler
@pytest.mark.parametrize("text", [SWAPS, NESTED])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_loops_by_hand_give_the_bits_of_the_reference(text: str, threads: int):
    module = parsed(text)
    CPU_TARGET.set_machine(module, CPU_TARGET.machine(module).with_values({"threads": threads}))
    specs = weight_specs(module)
    reference = Interpreter(module, random_weights(specs, 4))
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=spec.shape).astype(spec.numpy_dtype) for spec in reference.inputs]
    outputs, _ = Executor(compile_program(module, "by hand"), seeded_weights(specs, 4)).step(inputs)
    wanted = reference.step(inputs).outputs
    assert [one.tobytes() for one in outputs] == [one.tobytes() for one in wanted]


@needs_compiler
def test_two_runs_of_one_program_do_not_disturb_each_other():
    """They share a library, and have other threads."""
    programs = [compile_program(tiny(threads=threads), "tiny") for threads in (1, 2)]
    runs = [CPU_TARGET.run(one, RunOptions(4, seed=2)) for one in programs if CPU_TARGET.run]
    steps = [one.steps(4, lambda done, of: None) for one in runs]
    for one, other in zip(*steps, strict=True):
        assert one.outputs["output0"].tobytes() == other.outputs["output0"].tobytes()


@needs_compiler
def test_a_token_that_no_table_has_is_an_error():
    run = CPU_TARGET.run(compile_program(tiny(), "tiny"), RunOptions()) if CPU_TARGET.run else None
    assert run is not None
    with pytest.raises(TargetError, match=r"nn.embedding: row 256 is outside 0 to 255"):
        next(iter(run.steps(1, lambda done, of: None, [{"token": np.array([256], np.int32)}])))
    assert next(iter(run.steps(1, lambda done, of: None))).outputs, "the error is forgotten"


def test_without_a_compiler_it_says_what_would_help(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TargetError, match="no C compiler: no cc, gcc or clang") as found:
        compiler()
    assert "apt install gcc" in found.value.way_out
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(TargetError, match="CC says no-such-compiler, which is not there"):
        compiler()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sockets", "2"], "machine parameter sockets is 2; this computer counts as one socket"),
        (["--resident"], "a processor chooses itself what its caches hold"),
        (["--spill"], "there is one memory, and nothing to spill to"),
        (["--set", "sum_bits=48"], "machine parameter sum_bits is 48; it must be 32 or 64"),
        (["--set", "threads=5000"], "machine parameter threads is 5000; the most is 1024"),
        (["--set", "threads=-1"], "machine parameter threads is -1; it must be 0 or more"),
    ],
)
def test_what_has_no_meaning_is_refused(options: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(TINY), "--target", "cpu", *options]) == 1
    assert message in capsys.readouterr().err


@needs_compiler
def test_a_library_that_is_not_as_it_was_written_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = compile_program(tiny(Choice("layer", single_call=True)), "tiny").source
    library(source, fast=True)
    (path,) = tmp_path.rglob("*.so")
    whole = path.read_bytes()
    path.unlink()  # a library in use must not change under who has loaded it
    path.write_bytes(whole[:3000])
    library(source, fast=True)
    assert path.read_bytes()[:4] == whole[:4]
    assert len(path.read_bytes()) == len(whole)


@needs_compiler
def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert library(compile_program(tiny(), "tiny").source, fast=False).kl_open(1) == 0


@pytest.mark.parametrize("command", ["false", "true"])
def test_a_compiler_that_makes_nothing_is_named(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", f"{command} -some -options")
    code = {"false": 1, "true": 0}[command]
    with pytest.raises(TargetError, match=f"{command} does not compile the program: exit code {code}"):
        library(compile_program(tiny(), "tiny").source, fast=False)


def test_an_unclosed_quote_in_cc_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "gcc '-O2")
    with pytest.raises(TargetError, match="CC says gcc '-O2: No closing quotation"):
        compiler()


@needs_compiler
def test_a_compiler_that_makes_no_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", f"{compiler()[0]} -c")
    with pytest.raises(TargetError, match="-c made cannot be loaded"):
        library(compile_program(tiny(), "tiny").source, fast=False)


@pytest.mark.parametrize("end", [np.nan, np.inf])
def test_what_is_no_number_on_both_sides_is_near_and_stretches_no_bound(end: float):
    wanted = np.array([1.0, end, -2.0], np.float32)
    near = Nearness()
    assert near.covers(wanted + np.array([0, 0, 0.01], np.float32), wanted)
    assert near.largest == pytest.approx(0.005, rel=1e-3)
    assert not near.covers(wanted + np.array([0, 0, 0.1], np.float32), wanted)
    assert not near.covers(np.array([1, 0, -2], np.float32), wanted)


def test_other_targets_have_no_fast_sums(capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(TINY), "--fast", "--exact", "--target", "cpu"]) == 1
    assert "--fast and --exact are both given" in capsys.readouterr().err
    assert main(["run", str(TINY), "--fast"]) == 1
    error = capsys.readouterr().err
    assert "on the target sn40l all sums are exact" in error
    assert "leave out --fast" in error


def test_an_operation_without_a_c_form_is_named():
    module = parsed("""
    kernel.func @scores(%q: tensor<1x8xf32>, %k: tensor<1x1x4x8xf32>) -> tensor<1x1x4xf32> {
      %s = "nn.attention_scores"(%q, %k) <{scale = 1.0 : f64}>
          : (tensor<1x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x4xf32>
      kernel.return %s : tensor<1x1x4xf32>
    }
    """)
    with pytest.raises(DiagnosticException, match=r"nn.attention_scores has no C form"):
        emit_source(module)


@needs_compiler
def test_fast_sums_are_held_against_a_bound(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Values near those of the reference pass; those of another model do not."""
    text = TINY.read_text().replace("dtype bf16", "dtype f32")
    (tmp_path / "mine.kl").write_text(text)
    (tmp_path / "other.kl").write_text(text.replace("eps = 1e-5", "eps = 1.0"))
    command = ["run", str(tmp_path / "mine.kl"), "--target", "cpu", "--fast", "--check", "--steps", "2"]
    assert main(command) == 0
    assert "near the reference; sums are not exact: values are off by" in capsys.readouterr().out
    assert main([*command, "--model", str(tmp_path / "other.kl")]) == 1
    assert "not equal to the model" in capsys.readouterr().out


@pytest.mark.parametrize("level", ["kernel", "program"])
def test_random_weights_of_what_came_from_a_checkpoint_are_noted(
    level: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The text of a model has none yet; what was compiled of one once had."""
    saved = str(tmp_path / ("saved.json" if level == "program" else "saved.mlir"))
    assert main(["compile", str(TINY), "--to", level, "-o", saved]) == 0
    for path, is_noted in ((saved, True), (str(TINY), False)):
        assert main(["run", path]) == 0
        assert ("the weights are random: --weights reads" in capsys.readouterr().err) == is_noted


@needs_compiler
def test_a_saved_program_is_the_same_one():
    program = compile_program(
        tiny(Choice("layer", steps_per_call=2, stop_token=7), threads=2, sum_bits=32), "tiny"
    )
    again = load_program(dump_program(program).encode())
    assert (again.name, again.steps, again.stop_token) == ("tiny", 2, 7)
    assert again.machine == program.machine
    assert again.source.text == program.source.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "it is of version 2, known is 1"),
        ({"more": 1}, "it has 'more', which no program has"),
        ({"ir": "text"}, "ir is no list"),
        ({"ir": ["nothing"]}, "its ir is no IR"),
        ({"ir": ["builtin.module {}"]}, "has 0 steps"),
    ],
)
def test_what_is_no_saved_program_is_refused(change: dict[str, object], message: str):
    body = json.loads(dump_program(compile_program(tiny(), "tiny")))
    with pytest.raises(TargetError, match=message):
        load_program(json.dumps(body | change).encode())


def test_weights_stay_where_they_are_unless_they_lie_otherwise():
    """A transposed view of a checkpoint is read as it lies; what a kernel wants in order is copied once."""
    memory = Memory()
    stored = np.arange(12, dtype=np.float32).reshape(3, 4)
    weight = Value((stored.swapaxes(-1, -2),))
    assert memory.address(weight, Layout(transposed=True)) == stored.ctypes.data
    copied = memory.address(weight, Layout())
    assert copied != stored.ctypes.data
    assert memory.address(weight, Layout()) == copied
    layers = Value((stored, stored + 1), is_stack=True)
    address = memory.address(layers, Layout(stacked=True))
    pointers = (ctypes.c_uint64 * 2).from_address(address)
    assert [*pointers] == [one.ctypes.data for one in layers.slices]


@needs_compiler
def test_layers_of_a_checkpoint_are_not_copied():
    """Each layer is a tensor of its own: a loop is given pointers, and the transposed ones as they lie."""
    program = compile_program(tiny(), "tiny")
    (layouts,) = (one.layouts for name, one in program.source.functions.items() if name == "decoder.loop")
    assert [one.stacked for one in layouts] == [n not in (0, 5) for n in range(len(layouts))]
    assert sum(one.transposed for one in layouts) == 7


@needs_compiler
@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="the system does not tell what a process does"
)
def test_ctrl_c_is_heard_while_c_runs(tmp_path: Path):
    """A call of many steps would take hours; the process ends at once."""
    model = TINY.read_text().replace("param context = 64", "param context = 60000")
    (tmp_path / "long.kl").write_text(model)
    steps = ["--param", "layers=200", "--steps", "59999", "--steps-per-call", "59999", "--set", "threads=1"]
    command = [sys.executable, "-m", "kl.tools.kl", "run", "long.kl", "--target", "cpu", *steps]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=heed_interrupts
    ) as process:
        end = time.monotonic() + 120
        while process.poll() is None and not _is_in_c(process.pid) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(2)  # what Python does before the call takes less
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130, errors.decode()


def _is_in_c(pid: int) -> bool:
    """Whether a compiled program is loaded, and its thread there."""
    maps = Path(f"/proc/{pid}/maps")
    loaded = any(place in maps.read_text() for place in ("/kl/cpu/", "/kl-cpu-"))
    return loaded and len([*Path(f"/proc/{pid}/task").iterdir()]) > 1
