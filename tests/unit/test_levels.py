"""Levels of optimisation, and `kl compare` where a variant is refused or slower."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kl.backends.targets import Timing
from kl.tools.kl import main
from kl.tools.variants import VARIANTS, Timed, no_slower

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples" / "llama3_tiny.kl")
MINI = str(ROOT / "examples" / "mini.kl")
STEPS_ARE_REFUSED = ["--set", "rdn_bytes_per_cycle=2"]
"""The head of the steps' kernel puts 5 bytes a cycle on a link, those of layers less than 2."""
NOTHING_FITS = ["--set", "rdn_bytes_per_cycle=1", "--set", "pmus=20", "--set", "pcus=20"]


class Shown(NamedTuple):
    """What a command has done."""

    code: int
    out: str
    err: str


@cache
def kl(*arguments: str) -> Shown:
    """Run a command, once for all tests."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    return Shown(code, out.getvalue(), err.getvalue())


def document(*arguments: str, code: int = 0) -> Any:
    """The JSON that a command prints."""
    shown = kl(*arguments, "--json")
    assert shown.code == code
    return json.loads(shown.out)


LEVELS = {
    "-O0": ["--fusion", "op", "--no-loop"],
    "-O1": ["--no-loop"],
    "-O2": [],
}


@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2"])
def test_a_level_stands_for_options(level: str) -> None:
    assert document("time", TINY, level) == document("time", TINY, *LEVELS[level])


def test_options_win_over_the_level() -> None:
    assert document("time", TINY, "-O0", "--loop", "--fusion", "layer") == document("time", TINY)
    assert document("time", TINY, "-O2", "--resident", "--fusion", "block") == document(
        "time", TINY, "--resident", "--fusion", "block"
    )


def test_the_highest_level_is_the_fastest_variant() -> None:
    variants = document("compare", TINY)
    best = max(variants, key=lambda one: one["tokens_per_second"])
    assert [one["variant"] for one in variants if one["fastest"]] == [best["variant"]] == ["stepped+resident"]
    shown = kl("time", TINY, "-O3", "--json")
    assert shown.code == 0
    assert json.loads(shown.out)["cycles"] == best["cycles"]
    remark = (
        r"remark: -O3 is stepped\+resident, [\d.]+ µs a step; "
        r"unfused 539.3 µs, fused 86.35 µs, looped 55.41 µs, "
    )
    assert re.search(remark, shown.err)


def test_a_run_makes_several_steps_only_where_that_is_asked_for() -> None:
    shown = kl("run", TINY, "-O3", "--steps", "4", "--check", "--json")
    assert shown.code == 0
    assert len(json.loads(shown.out)["steps"]) == 4
    assert "remark: -O3 is single+resident, " in shown.err
    assert "stepped" not in shown.err
    stepped = document("run", TINY, "-O3", "--steps", "4", "--steps-per-call", "2", "--check")
    assert stepped["check"]["equal"]
    assert [one["position"] for one in stepped["steps"]] == [0, 2]


def test_the_highest_level_says_what_it_refuses() -> None:
    shown = kl("time", TINY, "-O3", *STEPS_ARE_REFUSED)
    assert shown.code == 0
    assert re.search(
        r"-O3 is stepped\+resident, .*, looped 55.41 µs, single refused, stepped refused, ", shown.err
    )


def test_the_highest_level_of_what_never_fits_is_the_usual_error() -> None:
    shown = kl("time", TINY, "-O3", *NOTHING_FITS)
    assert shown.code == 1
    assert "error: @decoder.loop puts" in shown.err


def test_there_is_no_other_level(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["time", TINY, "-O4"])
    assert exit.value.code == 2
    levels = "the levels are -O0 unfused, -O1 fused, -O2 looped, -O3 the fastest"
    assert f"there is no -O4; {levels}" in capsys.readouterr().err


def test_a_level_comes_too_late_for_kernels_and_beside_a_pipeline(tmp_path: Path) -> None:
    path = str(tmp_path / "kernels.mlir")
    shown = kl("compile", MINI, "--to", "kernel", "-o", path)
    assert shown.code == 0
    shown = kl("time", path, "-O1")
    assert shown.code == 1
    assert "has its kernels already" in shown.err
    shown = kl("time", MINI, "-O1", "--pipeline", "outline-kernels")
    assert shown.code == 1
    assert "--pipeline says all that is done" in shown.err


def test_a_refused_variant_is_a_row_with_the_reason() -> None:
    shown = kl("compare", TINY, *STEPS_ARE_REFUSED)
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert (
        sum(line.startswith(("unfused ", "fused ", "looped ", "single+resident ")) for line in lines) == 3 * 4
    )
    (row,) = [line for line in lines if line.startswith("stepped ")]
    assert re.fullmatch(
        r"stepped +refused: @step.loop puts [\d.]+ bytes a cycle on the link .*, its width is 2", row
    )
    assert re.search(
        r"llama3_tiny.kl:\d+:\d+: refused: stepped: @step.loop puts .*; split the kernel", shown.err
    )
    assert "note: in the pass route-channels" in shown.err
    assert "error" not in shown.err


def test_a_refused_variant_in_json() -> None:
    variants = {one["variant"]: one for one in document("compare", TINY, *STEPS_ARE_REFUSED)}
    assert [*variants] == [*VARIANTS]
    refused = variants["stepped"]
    assert refused["refused"].startswith("@step.loop puts")
    assert refused["diagnostic"]["position"]["line"] > 0
    assert "seconds" not in refused
    assert all("refused" not in variants[name] for name in ("unfused", "fused", "looped", "resident"))


def test_what_a_pass_does_not_apply_is_refused_with_its_remark() -> None:
    shown = kl("compare", MINI)
    assert shown.code == 0
    assert "stepped          refused: steps are not looped: the step returns a value" in shown.out
    assert shown.err.count("steps are not looped") == 1


def test_all_variants_refused_is_a_failure() -> None:
    refused = document("compare", TINY, *NOTHING_FITS, code=1)
    assert [one["variant"] for one in refused] == [*VARIANTS]
    assert all(one["refused"] for one in refused)
    shown = kl("compare", TINY, "--position", "900")
    assert shown.code == 1
    assert (
        "error: unfused, fused, looped, single, resident, single+resident: position 900 is asked for"
        in shown.err
    )
    assert shown.out == ""


def test_resident_weights_that_make_a_variant_slower_are_left_out() -> None:
    variants = {one["variant"]: one for one in document("compare", TINY)}
    looped, resident = variants["looped"], variants["resident"]
    assert resident["seconds"] == looped["seconds"]
    assert resident["slower_than"] is None
    (back,) = resident["taken_back"]
    assert re.fullmatch(
        r"no weight stays in SRAM, as a step takes \d\.\d{3} times that of looped with some", back
    )
    shown = kl("compare", TINY)
    assert shown.code == 0
    assert f"resident: {back}" in shown.out


def test_a_refused_base_is_skipped() -> None:
    # With half as many PMUs as a layer needs, a kernel per layer is refused, looped or not.
    variants = {one["variant"]: one for one in document("compare", TINY, "--set", "pmus=8")}
    assert [name for name, one in variants.items() if "refused" not in one] == ["unfused"]


def test_levels_stand_in_the_table() -> None:
    levels = {name: variant.level for name, variant in VARIANTS.items()}
    assert {one["variant"]: one["level"] for one in document("compare", TINY)} == levels
    shown = kl("compare", TINY)
    assert shown.code == 0
    table = [line.split() for line in shown.out.splitlines()]
    rows = {row[0]: row[1:3] for row in reversed(table) if row and row[0] in VARIANTS}
    assert [rows[name][0] for name in ("unfused", "fused", "looped", "stepped+resident")] == [
        "-O0",
        "-O1",
        "-O2",
        "-O3",
    ]


def test_a_variant_is_built_on_an_earlier_one() -> None:
    names = [*VARIANTS]
    for number, (name, variant) in enumerate(VARIANTS.items()):
        assert bool(variant.built_on) == (number > 0), name
        assert {*variant.built_on} <= {*names[:number]}, name


def test_residents_are_left_out_only_where_the_same_without_them_is_faster() -> None:
    for name, variant in VARIANTS.items():
        if variant.choice.resident:
            twin = VARIANTS[variant.built_on[0]].choice
            assert twin == replace(variant.choice, resident=False), name


def test_shares_name_what_they_are_of() -> None:
    found = document("time", TINY, "--param", "layers=2")
    full, attainable = found["roofline_tokens_per_second"], found["attainable_tokens_per_second"]
    assert attainable == pytest.approx(full * 0.92, rel=1e-2)
    assert found["attainable_share"] == pytest.approx(found["tokens_per_second"] / attainable)
    assert found["roofline_share"] == pytest.approx(found["tokens_per_second"] / full)
    assert found["hbm_efficiency"] == 0.92
    shown = kl("time", TINY)
    assert shown.code == 0
    assert re.search(
        r"attainable    reached to [\d.]+ %: [\d.]+ tokens/s, streams reach 92.0 % of HBM",
        shown.out,
    )


def test_what_is_attainable_names_what_sets_it() -> None:
    mini = str(Path(TINY).with_name("mini.kl"))
    for line in kl("time", mini, "--sockets", "16").out.splitlines():
        if line.startswith(("roofline ", "attainable ")):
            assert line.endswith(" tokens/s, 4.32 kB sent a step")
    between = kl("time", TINY, "--sockets", "8", "--set", "p2p_bandwidth=181000000000").out
    assert re.search(
        r"\nroofline .* tokens/s, 8.51 kB sent a step\nattainable .* streams reach 92.0 %", between
    )
    notes = kl("compare", mini, "--sockets", "16").out
    assert "\nattainable, unfused: streams reach 92.0 % of HBM's bandwidth\n" in notes
    assert "single+resident: 4.32 kB sent a step\nabove it: time of a step over what is attainable" in notes


def test_the_whole_context_is_read_at_any_position() -> None:
    first, last = (document("time", TINY, "--position", at) for at in ("0", "63"))
    assert first["context_read"] == last["context_read"] == 64
    assert first["bytes"] == last["bytes"]
    small = document("time", TINY, "--param", "context=32")
    assert small["context_read"] == 32
    assert small["bytes"]["hbm_read"] < last["bytes"]["hbm_read"]
    assert document("time", MINI)["context_read"] is None
    shown = kl("time", TINY, "--position", "3")
    assert shown.code == 0
    assert "attention reads all 64 positions that it is compiled for" in shown.out


def test_a_single_kernel_is_loaded_once() -> None:
    looped, stepped = (document("time", TINY, *more) for more in ([], ["--steps-per-call", "8"]))
    assert looped["first_step_extra_cycles"] == 0
    # 2 us at 1.6 GHz; the steps after the first load arguments and execute, 10 us.
    assert stepped["first_step_extra_cycles"] == 3200
    assert stepped["ledger_cycles"]["launch"] == 16_000
    shown = kl("time", TINY, "--steps-per-call", "8")
    assert shown.code == 0
    assert "first call    takes 2 µs more" in shown.out


def timed(name: str, seconds: float, resident: bool) -> Timed:
    timing = Timing("p", 0, seconds)
    return Timed(name, replace(VARIANTS[name].choice, resident=resident), timing)


@pytest.mark.parametrize(("seconds", "kept"), [(0.5, True), (1.0, True), (1.5, False)])
def test_resident_weights_that_make_a_step_longer_do_not_stay(seconds: float, kept: bool) -> None:
    base, resident = timed("looped", 1.0, False), timed("resident", seconds, True)
    found = no_slower(resident, [base])
    assert isinstance(found, Timed)
    assert found.step_seconds == min(seconds, 1.0)
    assert (found.choice.retained is None, found.taken_back == ()) == (kept, kept)
    if not kept:
        assert "1.500 times that of looped" in found.taken_back[0].message
