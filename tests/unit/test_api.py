"""The Python interface does what the commands do, raises what they print, and prints nothing itself."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kl
from kl.tools.api.errors import error_of
from kl.tools.api.keywords import CompareKeywords, Keywords
from kl.tools.command_line import option_fields
from kl.tools.diagnostics import Diagnostic
from kl.tools.kl import main
from kl.tools.options import ComparisonOptions, CompilerOptions

EXAMPLES = Path(__file__).parents[2] / "examples"
MINI, TINY = str(EXAMPLES / "mini.kl"), str(EXAMPLES / "llama3_tiny.kl")
Capture = pytest.CaptureFixture[str]
STEPPED = """model stepped
dtype bf16
param batch = 1
weight embedding[256, 64]
weight head[64, 256]
step(token[batch]: i32) {
  x = embedding[token]
  return argmax(x @ head)
}
"""
SMALL = """model small
dtype bf16
weight w[64, 64]
step(x[1, 64]) {
  return argmax(silu(x @ w))
}
"""


def printed(capsys: Capture, *arguments: str) -> Any:
    """What a command prints."""
    capsys.readouterr()
    assert main(arguments) == 0
    return capsys.readouterr().out


def document(capsys: Capture, *arguments: str) -> Any:
    """The same as JSON."""
    return json.loads(printed(capsys, *arguments, "--json"))


def plain(value: Any) -> Any:
    """A document after a round through JSON, where tuples are lists."""
    return json.loads(json.dumps(value))


@pytest.fixture(scope="module")
def comparison() -> kl.Comparison:
    """A model in all variants, two of which are refused; sockets gain it nothing, which passes remark."""
    return kl.compile(MINI, sockets=2).compare(steps_per_call=4)


@pytest.fixture(scope="module")
def tiny() -> kl.Compilation:
    """A model with a cache, on two sockets."""
    return kl.compile(TINY, sockets=2, param={"context": 64})


def test_importing_the_package_imports_neither_xdsl_nor_numpy_nor_our_tools():
    code = (
        "import kl, sys; names = dir(kl); "
        "heavy = ('xdsl', 'numpy', 'rich', 'kl.'); print([n for n in sys.modules if n.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_has_the_names_of_its_interface():
    from kl.tools import api

    assert [name for name in kl.PUBLIC if getattr(kl, name) is not getattr(api, name)] == []
    assert {*kl.PUBLIC} <= {*dir(kl)}
    assert kl.compile is api.compile
    with pytest.raises(AttributeError, match="has no attribute 'compil'"):
        _ = kl.compil


def names_of(kind: type) -> Iterator[str]:
    """The options of a command, by the names that keywords have."""
    for one, _, inner in option_fields(kind):
        yield from names_of(inner) if inner is not None else one.metadata.get("several", [one.name])


def test_keywords_are_the_options_of_the_command():
    assert {*Keywords.__annotations__} == {*names_of(CompilerOptions)} - {"input", "json"}
    own = {"input", "json", "position", "orchestration", "experts", "steps_per_call", "machines"}
    assert {*CompareKeywords.__annotations__} == {*names_of(ComparisonOptions)} - own


def test_help_shows_keywords_one_by_one():
    shown = inspect.signature(kl.compile).parameters
    assert list(shown) == ["model", *Keywords.__annotations__]
    assert shown["sockets"].annotation == "int | None"


def test_time_is_that_of_the_command(tiny: kl.Compilation, capsys: Capture):
    arguments = ("time", TINY, "--sockets", "2", "--param", "context=64", "--position", "3")
    found = tiny.time(position=3, per_layer=True, per_stage=True)
    assert plain(found.document) == document(capsys, *arguments, "--per-layer", "--per-stage")
    brief = tiny.time(position=3)
    assert f"{brief!r}\n" == printed(capsys, *arguments)
    assert brief.tokens_per_second == brief.document["tokens_per_second"]
    assert brief.cycles == sum(brief.document["ledger_cycles"].values())
    assert sum(brief.parts.values()) == pytest.approx(1)


def test_intervals_are_those_of_the_command(capsys: Capture):
    found = kl.compile(MINI).time(intervals=True, window=(1000, 3000))
    said = document(capsys, "time", MINI, "--intervals", "--window", "1000:3000")
    assert plain(found.document) == said
    assert "intervals" in said
    assert found.intervals is not None
    assert found.intervals.cycles == found.cycles
    assert kl.compile(MINI).time().intervals is None


def test_a_trace_is_that_of_the_command(tmp_path: Path, capsys: Capture):
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    kl.compile(MINI).time(trace=ours, trace_iterations=2)
    printed(capsys, "time", MINI, "--trace", str(theirs), "--trace-iterations", "2")
    assert ours.read_text() == theirs.read_text()


def test_the_fastest_is_that_of_the_command(tmp_path: Path, capsys: Capture):
    model = tmp_path / "model.kl"
    model.write_text(STEPPED)
    found = kl.time(model, optimize=3)
    assert plain(found.document) == document(capsys, "time", str(model), "-O3")
    assert found.timing.steps == 8
    assert kl.compile(model, optimize=3).time().timing.steps == 1, "what a call returns is left as it is"


def test_a_run_is_that_of_the_command(tiny: kl.Compilation, capsys: Capture):
    arguments = ("--steps", "3", "--seed", "5", "--check")
    found = tiny.run(steps=3, seed=5, check=True)
    whole = ("run", TINY, "--sockets", "2", "--param", "context=64", *arguments)
    assert plain(found.document) == document(capsys, *whole)
    assert f"{found!r}\n" == printed(capsys, *whole)
    assert found.equal is True
    assert found.differences == []
    [(name, tokens)] = found.outputs.items()
    said = [step["outputs"][name]["values"] for step in found.document["steps"]]
    assert [one.tolist() for one in tokens] == said
    assert tiny.run().equal is None


def test_a_comparison_is_that_of_the_command(comparison: kl.Comparison, capsys: Capture):
    arguments = ("compare", MINI, "--sockets", "2", "--steps-per-call", "4")
    said = document(capsys, *arguments)
    assert plain(comparison.document) == said
    rows = {one["variant"]: one for one in said}
    assert rows[comparison.fastest.name]["fastest"]
    times = [rows[name]["seconds"] for name in ("unfused", "looped")]
    assert comparison["looped"].speedup == pytest.approx(times[0] / times[1])
    refused = comparison["stepped"].refused
    assert refused is not None
    assert "steps are not looped" in refused.message
    assert comparison["stepped"].tokens_per_second is None


def test_a_comparison_is_shown_as_the_command_prints_it(tmp_path: Path, capsys: Capture):
    model = tmp_path / "model.kl"
    model.write_text(SMALL)
    assert f"{kl.compare(model)!r}\n" == printed(capsys, "compare", str(model))


def test_a_compilation_is_compared_whatever_it_chooses():
    choosing = kl.compile(SMALL, fusion="op", loop=False, set={"hbm_bandwidth": 1e12}).compare()
    assert choosing.document == kl.compare(SMALL, set={"hbm_bandwidth": 1e12}).document


@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow", "rdu", "program"])
def test_texts_are_those_of_the_command(level: Any, tiny: kl.Compilation, capsys: Capture):
    arguments = ("compile", TINY, "--sockets", "2", "--param", "context=64", "--to", level)
    assert tiny.text(level) == printed(capsys, *arguments)


def test_a_text_of_another_level_leaves_the_compilation_alone():
    compilation = kl.compile(SMALL)
    before = compilation.text(), compilation.text("nn"), compilation.time().cycles
    compilation.text("kernel")
    compilation.run()
    assert (compilation.text(), compilation.text("nn"), compilation.time().cycles) == before


def test_pipeline_and_memory_are_those_of_the_command(capsys: Capture):
    edits = ("--after", "loop-kernels=canonicalize,cse", "--without", "prefetch-weights")
    found = kl.compile(MINI, after={"loop-kernels": "canonicalize,cse"}, without="prefetch-weights")
    said = document(capsys, "compile", MINI, *edits, "--memory")
    assert found.pipeline == said["pipeline"]
    assert "loop-kernels,canonicalize,cse" in found.pipeline
    assert plain(found.memory().document) == said["memory"]


def test_a_pipeline_may_end_anywhere_but_then_there_is_no_program():
    found = kl.compile(MINI, pipeline="outline-kernels,merge-identical-kernels")
    assert found.level == "kernel"
    assert found.text().startswith("builtin.module")
    for call in (found.time, found.run, found.memory, lambda: found.program, lambda: found.text("program")):
        with pytest.raises(kl.Error, match="the pipeline ends at the level kernel, rdu is wanted") as caught:
            call()
        assert "goes on with convert-kernel-to-dataflow" in str(caught.value.way_out)
    with pytest.raises(kl.Error, match="pipelines of their own"):
        found.compare()


def test_a_compilation_goes_on_from_ir_and_programs(tmp_path: Path):
    whole = kl.compile(MINI)
    for level in ("kernel", "program"):
        path = tmp_path / ("mini.json" if level == "program" else "mini.mlir")
        path.write_text(whole.text(level))
        assert kl.compile(path).time().cycles == whole.time().cycles
    assert kl.compile(whole.text("dataflow")).time().cycles == whole.time().cycles, "text of IR is a text"


def test_a_text_is_compiled_and_says_where_it_is_wrong():
    assert kl.compile(SMALL).run(steps=2, check=True).equal
    with pytest.raises(kl.Error) as caught:
        kl.compile(SMALL.replace("silu(x @ w)", "silu(x @ v)"))
    error = caught.value
    assert error.position is not None
    assert (error.position.file, error.position.line) == ("<text>", 5)
    assert "return argmax(silu(x @ v))" in str(error)
    with pytest.raises(kl.Error) as caught:
        kl.compile(SMALL, set={"hbm_bytes": 64})
    assert "step(x[1, 64]) {" in str(caught.value), "the line of a pass's error is shown, too"


def test_a_published_model_is_compiled():
    found = kl.compile(EXAMPLES / "qwen3_tiny.json")
    assert [remark.message for remark in found.run().remarks][-1] == "no .safetensors: the weights are random"


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "path": (lambda: kl.compile("nowhere/model.kl"), "nowhere/model.kl: No such file or directory"),
    "name": (lambda: kl.compile("llama3_8"), "llama3_8: No such file"),
    "kind of model": (lambda: kl.compile(8), "the model is 8"),  # type: ignore[arg-type]
    "parameter": (lambda: kl.compile(MINI, param={"layer": 3}), "unknown parameter 'layer'"),
    "value of a parameter": (
        lambda: kl.compile(MINI, param={"layers": True}),
        "param layers: True is no number",
    ),
    "machine parameter": (lambda: kl.compile(MINI, set={"hbm": 3}), "hbm"),
    "no dictionary": (lambda: kl.compile(MINI, set=3), "set is 3"),  # type: ignore[arg-type]
    "dictionary": (lambda: kl.compile(MINI, without={"a": "b"}), "without is"),  # type: ignore[arg-type]
    "number": (lambda: kl.compile(MINI, sockets=0), "sockets: 0 is not positive"),
    "text for a number": (lambda: kl.compile(MINI, sockets="8"), "sockets is '8'"),  # type: ignore[arg-type]
    "truth for a number": (lambda: kl.compile(MINI, sockets=True), "sockets is True"),
    "number for truth": (lambda: kl.compile(MINI, loop=1), "loop is 1"),  # type: ignore[arg-type]
    "truth for a text": (lambda: kl.compile(MINI, machine=True), "machine is True"),  # type: ignore[arg-type]
    "word": (lambda: kl.compile(MINI, fusion="blocks"), "fusion is 'blocks'"),  # type: ignore[arg-type]
    "level": (lambda: kl.compile(MINI, optimize=4), "there is no optimize=4"),
    "empty model": (lambda: kl.compile(""), "the model is ''"),
    "model of blanks": (lambda: kl.compile(" \n"), "the model is ' \\n'"),
    "edit": (lambda: kl.compile(MINI, after={"loop-kernel": "cse"}), "loop-kernel"),
    "edit of all variants": (lambda: kl.compare(SMALL, without="canonicalize"), "no variant has such a pass"),
    "size": (lambda: kl.compile(MINI, set={"hbm_bytes": 1000}), "HBM, the machine has 1 kB"),
    "no page": (lambda: kl.show(SMALL, set={"hbm_bytes": 100}), "the machine has 100 B"),
    "all sizes": (lambda: kl.compare(SMALL, set={"hbm_bytes": 100}), "the machine has 100 B"),
    "position": (lambda: kl.time(TINY, position=10**6), "position"),
    "kind of position": (lambda: kl.time(MINI, position="0"), "position is '0'"),  # type: ignore[arg-type]
    "window": (lambda: kl.compile(MINI).time(intervals=True, window=5), "window is 5"),  # type: ignore[arg-type]
    "empty window": (
        lambda: kl.compile(MINI).time(intervals=True, window=(5, 5)),
        "window=(5, 5) has no cycle",
    ),
    "no intervals": (lambda: kl.compile(MINI).time(window=(1, 5)), "none are asked for"),
    "window of a page": (lambda: kl.show(SMALL, window=(10**9, 10**9 + 5)), "window"),
    "level of IR": (lambda: kl.compile(MINI).text("llvm"), "there is no level 'llvm'"),  # type: ignore[arg-type]
    "steps": (
        lambda: kl.compile(TINY, steps_per_call=2).run(steps=3),
        "3 steps are asked for, a call makes 2",
    ),
    "weights": (lambda: kl.compile(MINI).run(weights="none.safetensors"), "none.safetensors"),
    "ignored": (lambda: kl.compile(MINI).run(ignore="w"), "ignore is for tensors of weights"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_error_that_names_it(case: str, capsys: Capture):
    call, message = WRONG[case]
    with pytest.raises(kl.Error) as caught:
        call()
    assert message in str(caught.value)
    assert message in caught.value.message or message in str(caught.value.position)
    assert capsys.readouterr() == ("", "")


def test_a_wrong_keyword_is_named_with_the_one_that_is_meant():
    with pytest.raises(TypeError, match=r"kl.compile\(\) .* 'socket'; did you mean 'sockets'"):
        kl.compile(MINI, socket=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"kl.compare\(\) .* 'loop'"):
        kl.compare(MINI, loop=False)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="step"):
        kl.compile(MINI).run(step=2)  # type: ignore[call-arg]


def test_a_variant_that_there_is_not_is_an_error_with_those_that_there_are(comparison: kl.Comparison):
    with pytest.raises(KeyError, match=r"there is no variant 'Looped'; they are unfused, fused, looped, "):
        _ = comparison["Looped"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("give --steps-per-call N, or --no-loop", "give steps_per_call=N, or loop=False"),
        ("give --json --intervals, too", "give intervals, too"),
        ("--window -9:5 is none; write --window A:B", "window=(-9, 5) is none; write window=(A, B)"),
        ("give -O, --fusion, or -O3", "give optimize, fusion, or optimize=3"),
        ("--param context=8192 or --after PASS=PASSES", 'param={"context": 8192} or after={"PASS": PASSES}'),
        ("--loop with --without loop-kernels", "loop with without='loop-kernels'"),
        ("--pipeline says --ignore 'a b'; --sockets 4.", "pipeline says ignore='a b'; sockets=4."),
        ("--trace - is none", "trace='-' is none"),
        ("`kl time --loop`, --to program, --objectives N", "`kl time --loop`, --to program, --objectives N"),
    ],
)
def test_messages_name_keywords_where_the_command_names_options(said: str, meant: str):
    error = error_of(Diagnostic(said, help=said, note=said))
    assert (error.message, error.way_out, error.diagnostic.note) == (meant, meant, meant)


def test_an_error_of_a_keyword_names_it():
    with pytest.raises(kl.Error, match=r"^window says where intervals .*\nhelp: give intervals, too$"):
        kl.compile(MINI).time(window=(1, 2))


def test_an_error_is_the_command_s_and_survives_pickling(capsys: Capture):
    with pytest.raises(kl.Error) as caught:
        kl.compile(MINI, set={"hbm_bytes": 1000})
    assert main(["compile", MINI, "--set", "hbm_bytes=1000"]) == 1
    assert capsys.readouterr().err == f"{caught.value}\n"
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.way_out) == (str(caught.value), caught.value.way_out)
    assert type(again).__module__ == "kl"


def test_remarks_are_results_and_not_printed(
    comparison: kl.Comparison, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("kl.tools.terminal.PATIENCE_SECONDS", 0.0)
    found = kl.compile(MINI, sockets=2)
    assert ["2 sockets are slower than 1" in remark.message for remark in found.remarks] == [True]
    assert found.time().remarks == found.run().remarks == found.remarks
    assert len([one for one in comparison.remarks if "2 sockets are slower" in one.message]) == 1
    assert capsys.readouterr() == ("", "")


def test_numbers_of_numpy_are_numbers(capsys: Capture):
    said = {
        "sockets": np.int64(2),
        "param": {"layers": np.int32(4)},
        "set": {"hbm_bandwidth": np.float64(1e12)},
    }
    found = kl.time(MINI, **said)  # type: ignore[arg-type]
    options = ("--sockets", "2", "--param", "layers=4", "--set", "hbm_bandwidth=1e12")
    assert plain(found.document) == document(capsys, "time", MINI, *options)


def test_results_are_printed_as_the_commands_print_them(comparison: kl.Comparison, capsys: Capture):
    memory = kl.compile(MINI).memory()
    lines = [line.rstrip() for line in f"{memory}".splitlines()]
    said = printed(capsys, "compile", MINI, "--memory")
    assert lines == [line.rstrip() for line in said.rstrip().splitlines()]
    assert memory._repr_html_().count("<table>") == 3
    looped, stepped = comparison["looped"], comparison["stepped"]
    rate = f"{looped.tokens_per_second:.1f} tokens/s"
    assert f"{looped}" == f"<kl.Variant looped: {rate}, speedup {looped.speedup:.2f}>"
    assert f"{stepped}".startswith("<kl.Variant stepped, refused: steps are not looped")


def test_results_are_shown_in_notebooks(tiny: kl.Compilation, comparison: kl.Comparison):
    shown = [one._repr_html_() for one in (tiny.time(), tiny.run(check=True), comparison)]
    for html in shown:
        assert html.count("<table>") == html.count("</table>") > 0
        assert "<script" not in html
    time, run, variants = shown
    assert 'src="data:image/svg+xml;base64,' in time
    assert "equal to the reference, bit for bit" in run
    assert "stepped refused: steps are not looped" in variants


def test_a_page_is_that_of_the_command(tmp_path: Path, capsys: Capture):
    model, theirs, ours = tmp_path / "model.kl", tmp_path / "theirs.html", tmp_path / "ours.html"
    model.write_text(SMALL)
    printed(capsys, "show", str(model), "--sockets", "2", "--window", "2000:9000", "-o", str(theirs))
    page = kl.compile(model, sockets=2).show(window=(2000, 9000))
    page.save(ours)
    assert ours.read_text() == theirs.read_text() == page.html
    assert {"ledger", "timelines", "hero"} <= {*page.pictures}
    assert page.pictures["hero"].startswith("<svg ")
    srcdoc = page._repr_html_().split('srcdoc="')[1].split('"')[0]
    assert unescape(srcdoc) == page.html
    with pytest.raises(kl.Error, match="nowhere"):
        page.save(tmp_path / "nowhere" / "page.html")


def test_what_notebooks_show_is_escaped():
    from kl.backends.tables import Table
    from kl.tools.api.html import lines_html, table_html

    table = Table(("<a>", "n"), [("<b>", "1")], title="x & y")
    assert table_html(table) == (
        "<p>x &amp; y</p><table><thead><tr>"
        '<th style="text-align:left">&lt;a&gt;</th><th style="text-align:right">n</th></tr></thead>'
        '<tbody><tr><td style="text-align:left">&lt;b&gt;</td><td style="text-align:right">1</td></tr>'
        "</tbody></table>"
    )
    assert lines_html(["<x>"]) == "<div>&lt;x&gt;</div>"


def test_a_notebook_shows_an_error_without_frames():
    with pytest.raises(kl.Error) as caught:
        kl.compile(MINI, sockets=0)
    assert caught.value._render_traceback_() == ["kl.Error: sockets: 0 is not positive"]
