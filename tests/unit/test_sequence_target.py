"""Machines that run kernel after kernel, through the commands: facts of models, options, machine files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kl.backends.sequence.facts import step_work
from kl.backends.sequence.work import StepWork
from kl.dialects.sequence import SequenceMachineAttr, sequence_machine_of
from kl.tools.kl import main
from kl.tools.lowering import KlDefaultPass
from kl.tools.universe import make_context

EXAMPLES = Path(__file__).parents[2] / "examples"
MINI, TINY = (str(EXAMPLES / f"{name}.kl") for name in ("mini", "llama3_tiny"))
STORED = """model stored

dtype bf16
param n = 2
layer block[n](x[1, 256]) {{
  weight a[256, 256]{stored}
  weight b[256, 256]{stored}
  return x + silu(x @ a) @ b
}}
step(x[1, 256]) {{
  for i in 0..n {{
    x = block[i](x)
  }}
  return x
}}
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files go into a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(capsys: Capture, *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def error(capsys: Capture, *arguments: str) -> str:
    capsys.readouterr()
    assert main([*arguments]) == 1
    return capsys.readouterr().err


def work_of(path: str, **options: Any) -> StepWork:
    """The facts of a step of a model."""
    from kl.tools.inputs import read_input

    ctx = make_context()
    found: Any = read_input(ctx, path, {}, "sequence")
    KlDefaultPass(target="sequence", **options).apply(ctx, found.module)
    return step_work(found.module, found.name)


def total(work: StepWork, name: str) -> float:
    """Of all phases of a step."""
    return sum(
        count * times * getattr(phase, name)
        for kernel, count in work.counts
        for phase, times in kernel.phases
    )


LAYERS, HIDDEN, FFN, ROWS = 4, 64, 128, 128
"""Of llama3_tiny, which has 4 heads of 16 columns, 2 KV heads, and a context of 64."""
BODY = LAYERS * (HIDDEN * (64 + 32 + 32 + 64 + 3 * FFN) + 2 * HIDDEN)
WEIGHTS = 2 * (BODY + HIDDEN + HIDDEN * ROWS * 2 + HIDDEN)
"""Bytes that a step reads: the norms, the head, of the embedding a row."""


@pytest.mark.parametrize("options", [{"fusion": "op", "loop": False}, {"fusion": "layer", "loop": True}])
def test_weights_are_read_once_a_step_however_kernels_are_cut(options: dict[str, Any]):
    work = work_of(TINY, **options)
    layer = HIDDEN * (64 + 32 + 32 + 64 + 3 * FFN) + 2 * HIDDEN
    head = HIDDEN * 256 + HIDDEN
    assert total(work, "weight_bytes") == 2 * (LAYERS * layer + head + HIDDEN)
    reads = [
        (count * times, read)
        for kernel, count in work.counts
        for phase, times in kernel.phases
        for read in phase.cache_reads
    ]
    assert sum(times for times, _ in reads) == LAYERS
    assert {(read.positions, read.bytes) for _, read in reads} == {(64, 2 * 2 * 2 * 64 * 16)}
    flops = sum(
        count * times * product.flops
        for kernel, count in work.counts
        for phase, times in kernel.phases
        for product in phase.products
    )
    assert flops == 2 * (LAYERS * (layer - 2 * HIDDEN) + HIDDEN * 256)
    assert (work.context, work.tokens) == (64, 1)


def test_a_kernel_of_a_library_is_a_phase_and_a_persistent_one_has_a_barrier_per_product():
    apart = work_of(TINY, fusion="op", loop=False)
    assert {kernel.barriers for kernel in apart.kernels} == {0}
    assert len(apart.calls) == LAYERS * 10 + 3
    looped = work_of(TINY, fusion="layer", loop=True)
    (loop,) = (kernel for kernel in looped.kernels if kernel.is_persistent)
    # Q, K and V; attention; its output; gate and up; down.
    assert [times for _, times in loop.phases] == [LAYERS] * 5
    assert loop.barriers == LAYERS * 5 - 1


def test_sockets_exchange_what_shard_tensors_puts_in():
    work = work_of(TINY, fusion="op", loop=False, sockets=2)
    exchanges = [
        (count, one.kind, one.bytes)
        for kernel, count in work.counts
        for phase, _ in kernel.phases
        for one in phase.exchanges
    ]
    assert work.sockets == 2
    assert sorted(exchanges) == [
        (1, "all_gather", 2 * 128),
        (LAYERS, "all_reduce", 2 * HIDDEN),
        (LAYERS + 1, "all_reduce", 2 * HIDDEN),
    ]


def stored(folder: Path, stored: str) -> str:
    path = folder / "stored.kl"
    path.write_text(STORED.format(stored=stored))
    return str(path)


def test_stored_types_run_at_their_peak_with_kernels_that_quantise(folder: Path):
    fp8 = work_of(stored(folder, ": f8e4m3 scale[128, 128]"), fusion="op", loop=False)
    products = [one for kernel, _ in fp8.counts for phase, _ in kernel.phases for one in phase.products]
    assert {one.element_type for one in products} == {"fp8"}
    assert total(fp8, "quantised") == 2 * 2
    whole = work_of(stored(folder, ": i8 scale[128, 1]"), fusion="op", loop=False)
    products = [one for kernel, _ in whole.counts for phase, _ in kernel.phases for one in phase.products]
    assert {one.element_type for one in products} == {"bf16"}
    assert total(whole, "quantised") == 0


def test_a_type_that_a_machine_lacks_is_refused_with_both_names(folder: Path, capsys: Capture):
    path = stored(folder, ": f8e4m3 scale[128, 128]")
    assert document(capsys, "time", path, "--machine", "h100")["ledger_seconds"]["quantise"] > 0
    message = error(capsys, "time", path, "--machine", "a100")
    assert "multiplies fp8, the machine multiplies bf16, f32\nhelp: give a machine with fp8_flops" in message


def test_f32_products_do_not_run_at_the_peak_of_bf16(folder: Path, capsys: Capture):
    narrow = stored(folder, "")
    batch = ("--set", "memory_bandwidth=1000000000000000", "--set", "launch_ns=0")
    seconds: dict[str, float] = {}
    for dtype in ("bf16", "f32"):
        (folder / "m.kl").write_text(Path(narrow).read_text().replace("dtype bf16", f"dtype {dtype}"))
        found = document(capsys, "time", "m.kl", "--machine", "h100", *batch)
        seconds[dtype] = found["ledger_seconds"]["compute"]
    assert seconds["f32"] > 5 * seconds["bf16"]


def test_a_position_is_what_caches_are_read_up_to(capsys: Capture):
    times = [
        document(capsys, "time", TINY, "--machine", "h100", "--position", at)["seconds"] for at in ("0", "63")
    ]
    assert times[0] < times[1]
    assert document(capsys, "time", TINY, "--machine", "h100")["position"] == 63
    message = error(capsys, "time", TINY, "--machine", "h100", "--position", "64")
    assert "position 64 is asked for; the context has room for 0 to 63" in message


def test_the_host_launches_on_a_stream_and_hardware_a_graph(capsys: Capture):
    graph = document(capsys, "time", TINY, "--machine", "h100")
    stream = document(capsys, "time", TINY, "--machine", "h100", "--orchestration", "software")
    assert graph["ledger_seconds"]["launch"] == pytest.approx(43 * 1.3e-6)
    assert stream["ledger_seconds"]["launch"] == pytest.approx(43 * 2.1e-6)


def test_entries_add_up_and_no_step_is_above_its_roofline(capsys: Capture):
    for machine in ("a100", "h100", "h200", "b200", "dgx-h100"):
        for level in ("-O0", "-O1", "-O2"):
            found = document(capsys, "time", TINY, "--machine", machine, level, "--sockets", "2")
            assert sum(found["ledger_seconds"].values()) == pytest.approx(found["seconds"])
            kernels = sum(one["seconds"] for one in found["kernel_times"])
            assert kernels == pytest.approx(found["seconds"])
            assert 0 < found["roofline_share"] < 1


def test_more_memory_than_there_is_is_refused_with_both_numbers(capsys: Capture):
    message = error(capsys, "time", TINY, "--machine", "h100", "--set", "memory_bytes=1000")
    assert "394.4 kB of weights and caches on each socket, its memory holds 1 kB" in message


REFUSED = {
    "--resident": "no weight stays in SRAM",
    "--spill": "there is one memory, and nothing to spill to",
    "--steps-per-call=4": "a call makes one step",
}


@pytest.mark.parametrize("option", REFUSED)
def test_what_makes_no_sense_is_refused_with_the_reason(option: str, capsys: Capture):
    message = error(capsys, "time", TINY, "--machine", "h100", *option.split("="))
    assert REFUSED[option] in message
    assert f"help: leave out {option.partition('=')[0]}" in message


@pytest.mark.parametrize("arguments", [["--per-layer"], ["--per-stage"], ["--intervals", "--json"]])
def test_there_are_no_stages(arguments: list[str], capsys: Capture):
    message = error(capsys, "time", TINY, "--machine", "h100", *arguments)
    assert message.endswith("leave out --per-layer, --per-stage and --intervals\n")


def test_a_trace_has_each_call(capsys: Capture):
    assert main(["time", TINY, "--machine", "h100", "--trace", "t.json"]) == 0
    events = json.loads(Path("t.json").read_text())["traceEvents"]
    calls = [one for one in events if one["ph"] == "X" and one["name"] != "launch"]
    assert len(calls) == 43
    seconds = document(capsys, "time", TINY, "--machine", "h100")["seconds"]
    assert calls[-1]["ts"] + calls[-1]["dur"] == pytest.approx(seconds * 1e6)


def test_a_run_says_what_runs(capsys: Capture):
    message = error(capsys, "run", TINY, "--machine", "h100")
    assert message.startswith("kl: error: the target sequence runs no programs")


def test_a_saved_program_is_timed_like_the_model(folder: Path, capsys: Capture):
    assert (
        main(["compile", TINY, "--machine", "dgx-h100", "--sockets", "2", "--to", "program", "-o", "p.json"])
        == 0
    )
    again = document(capsys, "time", "p.json")
    assert (
        again["seconds"] == document(capsys, "time", TINY, "--machine", "h100", "--sockets", "2")["seconds"]
    )
    text = Path("p.json").read_text()
    for old, new, said in (
        ('"weight_bytes"', '"weights"', "work.kernels[0].phases[0][0] has to have name, weight_bytes"),
        ('"rows":1', '"rows":-1', "it must be 0 or more"),
        ('"version":1', '"version":9', "it is of version 9, known is 1"),
        ('"calls":[0', '"calls":[99', "kernels that is not there"),
    ):
        assert old in text
        Path("q.json").write_text(text.replace(old, new))
        message = error(capsys, "time", "q.json")
        assert said in message
        assert message.count("error:") == 1


def test_ir_keeps_its_machine(folder: Path, capsys: Capture):
    assert main(["compile", TINY, "--machine", "a100", "--to", "kernel", "-o", "k.mlir"]) == 0
    assert "#sequence.machine<{" in Path("k.mlir").read_text()
    assert (
        document(capsys, "time", "k.mlir")["seconds"]
        == document(capsys, "time", TINY, "--machine", "a100")["seconds"]
    )
    message = error(capsys, "time", "k.mlir", "--target", "sn40l")
    assert "k.mlir has kernels for a machine of the class sequence, not sn40l" in message


def test_a_module_without_a_machine_is_for_the_default_one():
    from xdsl.dialects.builtin import ModuleOp

    module = ModuleOp([])
    assert sequence_machine_of(module).sockets == 1
    machine = sequence_machine_of(module).with_values({"sockets": 8, "launch_ns": 0})
    assert SequenceMachineAttr.of(machine).machine() == machine


OWN = 'class = "sequence"\nbase = "h100"\nlaunch_ns = 0\n'
WRONG = {
    "class = 3\n": "class is 3; it is a name",
    'class = "gpu"\n': "class: unknown target 'gpu'",
    'base = "h1000"\n': "there is no machine 'h1000', and no such file\nhelp: did you mean h100?",
    'base = "h100"\nclass = "sn40l"\n': "class is 'sn40l', its base 'h100' is of the class 'sequence'",
    'base = "wrong.toml"\n': "base is 'wrong.toml', and that machine is based on this one",
    'class = "sequence"\nlaunch_ns = 1\n': "a machine of the class sequence also has sockets, memory_bytes, ",
    f"{OWN}lunch_ns = 1\n": "unknown machine parameter 'lunch_ns'; known: sockets, memory_bytes",
    f"{OWN}hop_ns = 1.5\n": "machine parameter hop_ns is 1.5; it must be an integer",
    f"{OWN}hop_ns = -1\n": "machine parameter hop_ns is -1; it must be 0 or more",
    f"{OWN}memory_permille = 1001\n": "memory_permille is 1001; the most is 1000: the whole",
    f"{OWN}sources = 3\n": "sources is 3; it is a table with a text for each parameter",
    f"{OWN}[sources]\nhop_ns = 'x'\n": "sources has hop_ns, which the file does not set",
    f"{OWN}[sources]\nlaunch_ns = 3\n": "the source of launch_ns is 3; it is a text",
    f"{OWN}[claims]\na100 = 3\n": "the claim a100 is 3\nhelp: [claims] has lines like",
    "class = \n": "wrong.toml is no TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_in_a_machine_file_is_one_message(text: str, folder: Path, capsys: Capture):
    (folder / "wrong.toml").write_text(text)
    for command in (["time", MINI, "--machine"], ["machines"]):
        message = error(capsys, *command, "wrong.toml")
        assert message.startswith("kl: error: wrong.toml")
        assert WRONG[text] in message
        assert message.count("error:") == 1


def test_a_file_is_all_that_a_machine_needs(folder: Path, capsys: Capture):
    (folder / "mine.toml").write_text(f'{OWN}[sources]\nlaunch_ns = "Assumed: nothing is launched"\n')
    assert document(capsys, "time", MINI, "--machine", "mine.toml")["ledger_seconds"]["launch"] == 0
    (found,) = document(capsys, "machines", "mine.toml")["machines"]
    texts = {one["name"]: (one["value"], one["standing"]) for one in found["parameters"]}
    assert texts["launch_ns"] == (0, "assumed")
    assert texts["memory_bandwidth"] == (3_350_000_000_000, "published")
    message = error(capsys, "time", MINI, "--machine", "mine.toml", "--target", "sn40l")
    assert "mine.toml is of the class sequence, --target says sn40l\nhelp: leave out --target" in message


def test_each_number_of_our_machines_has_a_source(capsys: Capture):
    found = document(capsys, "machines")["machines"]
    assert [one["name"] for one in found] == [
        "a100",
        "b200",
        "dgx-h100",
        "h100",
        "h200",
        "sn40l-16",
        "sn40l-8",
    ]
    for one in found:
        assert {parameter["standing"] for parameter in one["parameters"]} <= {
            *("published", "derived", "assumed", "fitted")
        }
    by_name = {one["name"]: one for one in found}
    eight = {one["name"]: one["value"] for one in by_name["dgx-h100"]["parameters"]}
    assert eight["sockets"] == 8
    assert eight["memory_bandwidth"] == 3_350_000_000_000


def test_the_default_machine_is_the_file_h100(capsys: Capture):
    assert document(capsys, "time", MINI, "--target", "sequence") == document(
        capsys, "time", MINI, "--machine", "h100"
    )


def test_machines_print_as_tables(capsys: Capture):
    assert main(["machines"]) == 0
    assert "dgx-h100  sequence  kl          8" in capsys.readouterr().out
    assert main(["machines", "h200"]) == 0
    out = capsys.readouterr().out
    assert "h200: a machine of the class sequence, from kl" in out
    assert "4,800,000,000,000  bytes/s     NVIDIA, H200 data sheet: 4.8 TB/s" in out


def test_one_table_of_machines_and_variants(capsys: Capture):
    assert main(["compare", TINY, "--machines", "sn40l-8,h100", "--sockets", "2"]) == 0
    out = capsys.readouterr().out
    rows = [line.split()[:2] for line in out.splitlines() if line.startswith(("sn40l-8 ", "h100 "))]
    assert rows == [
        [name, variant] for name in ("sn40l-8", "h100") for variant in ("unfused", "fused", "looped")
    ]
    assert "over unfused h100  over looped h100" in out
    assert "fused, looped and single are persistent kernels" in out
    documents = document(capsys, "compare", TINY, "--machines", "sn40l-8,h100", "--sockets", "2")
    assert [(one["machine"], one["variant"]) for one in documents] == [tuple(row) for row in rows]


def test_a_published_claim_is_held_against_both(folder: Path, capsys: Capture):
    (folder / "mine.toml").write_text(f'{OWN}[claims]\nh100 = {{ times = 2.0, source = "us" }}\n')
    assert main(["compare", MINI, "--machines", "mine.toml,h100"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("published of mine.toml, looped, over h100: up to 2.0x (us); here ")
    assert said.endswith("x over a persistent kernel")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--machines", "h100,h100"], "--machines has h100 twice"),
        (["--machines", "h100,"], "--machines 'h100,' has an empty name"),
        (["--machines", "h100", "--machine", "a100"], "--machines says which machines and of which class"),
        (["--machines", "h10"], "there is no machine 'h10'"),
    ],
)
def test_wrong_machines_to_compare(arguments: list[str], said: str, capsys: Capture):
    assert said in error(capsys, "compare", MINI, *arguments)


def test_compare_says_what_a_level_is_and_refuses_with_reasons(capsys: Capture):
    assert main(["compare", TINY, "--machine", "h100"]) == 0
    out, err = capsys.readouterr()
    assert "-O0 is the default" in out
    assert "times as long as" not in out
    assert "no weight stays in SRAM" in err + out
    assert "-O3" in out
