"""`--after`, `--before`, `--without`, `--print-pipeline`, `kl-default`: edits are met, or said not to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import pytest
from xdsl.context import Context
from xdsl.dialects import test
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from kl.backends.targets import Choice
from kl.dialects.vocabulary import IR_LEVELS
from kl.tools import kl_opt
from kl.tools.kl import main
from kl.tools.lowering import KlDefaultPass, default_passes, phases
from kl.tools.pipelines import Edit, name_of, split_passes
from kl.tools.tuning.space import default_template
from kl.tools.universe import available_passes, find_target
from kl.tools.values import InputError
from kl.tools.variants import VARIANTS

ROOT = Path(__file__).parents[2]
MINI = str(ROOT / "examples/mini.kl")
TINY = [str(ROOT / "examples/llama3_tiny.kl"), "--param", "layers=2", "--param", "context=16"]
SMALL = """\
model small

dtype bf16

weight embedding[64, 32]
weight head[32, 64]

layer block[2](x[1, 32]) {
  weight w[32, 32]
  return x + silu(x @ w)
}

step(token[1]: i32) {
  x = embedding[token]
  for i in 0..2 { x = block[i](x) }
  return argmax(x @ head)
}
"""
FLAGS = {
    "unfused": ["--fusion", "op", "--no-loop"],
    "fused": ["--no-loop"],
    "looped": [],
    "single": ["--single-call"],
    "stepped": ["--steps-per-call", "8"],
    "resident": ["--resident"],
    "single+resident": ["--single-call", "--resident"],
    "stepped+resident": ["--steps-per-call", "8", "--resident"],
}
"""The options that choose each variant."""
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A model whose steps can be looped."""
    path = tmp_path / "small.kl"
    path.write_text(SMALL)
    return str(path)


def document(capsys: Capture, *arguments: str, code: int = 0) -> Any:
    """The JSON that a command prints."""
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def error(capsys: Capture, *arguments: str) -> str:
    """What a command says that fails."""
    assert main([*arguments]) == 1
    return capsys.readouterr().err


@dataclass(frozen=True)
class LeaveBehind(ModulePass):
    """Put an operation there that belongs to no level, or a function that is not lowered, or take it away."""

    name: ClassVar[str] = "leave-behind"

    function: bool = False
    clear: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """At the end of the module."""
        if self.clear:
            for left in [one for one in op.ops if isinstance(one, test.TestOp)]:
                left.detach()
            return
        left = FuncOp.external("left", [], []) if self.function else test.TestOp()
        op.body.block.add_op(left)


@pytest.fixture
def leave_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """`leave-behind` is a pass that is known."""
    passes = available_passes()
    assert isinstance(passes, dict)
    monkeypatch.setitem(passes, LeaveBehind.name, lambda: LeaveBehind)


def test_passes_run_where_they_are_put(small: str, capsys: Capture) -> None:
    usual = [one["pass"] for one in document(capsys, "compile", small)["passes"]]
    edits = [
        "--after",
        "loop-kernels=canonicalize,cse",
        "--before",
        "cse=cse",
        "--without",
        "prefetch-weights",
    ]
    found = document(capsys, "compile", small, *edits, "--after", "loop-kernels=loop-kernels{min-count=3}")
    place = usual.index("loop-kernels") + 1
    wanted = [*usual[:place], "canonicalize", "cse", "cse", "loop-kernels", *usual[place:]]
    wanted.remove("prefetch-weights")
    assert [one["pass"] for one in found["passes"]] == wanted
    assert "cse,cse,loop-kernels{min-count=3},convert-kernel-to-dataflow" in found["pipeline"]


def test_edits_hold_for_a_pipeline_that_is_given(small: str, capsys: Capture) -> None:
    pipeline = ["--pipeline", "outline-kernels{granularity=op},merge-identical-kernels"]
    found = document(capsys, "compile", small, *pipeline, "--before", "merge-identical-kernels=cse")
    assert found["pipeline"] == "outline-kernels{granularity=op},cse,merge-identical-kernels"


def test_what_is_taken_back_keeps_the_edits(capsys: Capture) -> None:
    few = [*TINY[:3], "--set", "pmus=8"]
    found = document(capsys, "compile", *few, "--after", "loop-kernels=canonicalize")
    assert any("as otherwise" in one["message"] for one in found["remarks"])
    names = [name_of(one) for one in split_passes(found["pipeline"])]
    assert names[names.index("loop-kernels") + 1] == "canonicalize"
    assert names == [one["pass"] for one in found["passes"]]


def test_compare_edits_each_variant_and_says_where_there_is_no_such_pass(small: str, capsys: Capture) -> None:
    edits = ["--after", "loop-kernels=canonicalize"]
    found = {one["variant"]: one for one in document(capsys, "compare", small, *edits)}
    unedited = {name: one["unedited"] for name, one in found.items()}
    assert unedited == {
        name: [] if variant.choice.loop else ["--after loop-kernels"] for name, variant in VARIANTS.items()
    }
    assert main(["compare", small, *edits]) == 0
    assert "\nfused: --after loop-kernels: its pipeline has no such pass\n" in capsys.readouterr().out
    assert "--without cse: no variant has such a pass" in error(capsys, "compare", small, "--without", "cse")


def test_the_fastest_variant_has_the_edits_and_shows_its_pipeline(small: str, capsys: Capture) -> None:
    assert main(["time", small, "-O3", "--after", "join-calls=cse", "--json"]) == 0
    shown = capsys.readouterr()
    assert "remark: -O3 is single+resident, " in shown.err
    assert "looped refused" in shown.err
    (line,) = [line for line in shown.err.splitlines() if "the pipeline of single+resident is " in line]
    pipeline = line.partition(" is ")[2]
    assert "loop-kernels,join-calls,cse,convert-kernel-to-dataflow" in pipeline
    again = document(capsys, "time", small, "--pipeline", pipeline)
    assert again == json.loads(shown.out)
    assert "no such pass" in error(capsys, "time", small, "-O3", "--after", "canonicalize=cse")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--after", "loop-kernel=cse"], "unknown pass 'loop-kernel'\nhelp: did you mean loop-kernels"),
        (["--after", "loop-kernels=csf"], "unknown pass 'csf'\nhelp: did you mean cse?"),
        (["--after", "loop-kernels=cse{"], "malformed pass pipeline"),
        (["--before", "loop-kernels=cse{x=1}"], "pass cse has no option 'x'"),
        (
            ["--before", "cse=canonicalize"],
            "--before cse: the pipeline has no such pass\nhelp: its passes are",
        ),
        (["--pipeline", "cse", "--without", "loop-kernels"], "help: its passes are cse\n"),
        (["--without", "loop-kernels", "--loop"], "--loop has no effect with --without loop-kernels"),
        (["--without", "plan-memory", "--spill"], "--spill has no effect with --without plan-memory"),
        (["--without", "convert-dataflow-to-rdu"], "ends at the level dataflow, rdu is wanted"),
        (["--without", "outline-kernels"], "func.func is left at the kernel level"),
        (["--pipeline", "kl-default{to=kernel}"], "ends at the level kernel, rdu is wanted"),
        (["--sockets", "2", "--without", "shard-tensors"], "for 2 sockets, and not split over them"),
    ],
)
def test_what_cannot_be_met_is_an_error(
    small: str, capsys: Capture, arguments: list[str], wanted: str
) -> None:
    assert wanted in error(capsys, "time", small, *arguments)


def test_wrong_usage_of_edits(small: str, capsys: Capture) -> None:
    for edit in (["--after", "loop-kernels"], ["--without", "a=b"]):
        with pytest.raises(SystemExit) as exit:
            main(["time", small, *edit])
        assert exit.value.code == 2
        assert f"argument {edit[0]}: '{edit[1]}' is " in capsys.readouterr().err


def test_a_program_has_no_passes_left(small: str, tmp_path: Path, capsys: Capture) -> None:
    path = str(tmp_path / "small.json")
    assert main(["compile", small, "--to", "program", "-o", path]) == 0
    assert "--without edits how IR becomes one" in error(capsys, "time", path, "--without", "cse")
    assert "no pass is left to run" in error(capsys, "compile", path, "--to", "program", "--print-pipeline")


def test_the_level_that_is_wanted_is_reached_or_named(small: str, capsys: Capture) -> None:
    pipeline = ["--pipeline", "shard-tensors,outline-kernels"]
    assert document(capsys, "compile", small, *pipeline, "--to", "kernel")["level"] == "kernel"
    for level in ("rdu", "program"):
        assert "ends at the level kernel, rdu is wanted" in error(
            capsys, "compile", small, *pipeline, "--to", level
        )


@pytest.mark.usefixtures("leave_behind")
@pytest.mark.parametrize("place", ["merge-identical-kernels", "tile-stages", "convert-dataflow-to-rdu"])
def test_levels_are_checked_alike_whoever_gives_the_passes(small: str, capsys: Capture, place: str) -> None:
    edit = ["--after", f"{place}=leave-behind"]
    target = find_target(None)
    pipeline = ",".join(default_passes(target, "nn", "rdu", Choice(), [Edit("after", place, "leave-behind")]))
    told = [error(capsys, "time", small, *one) for one in (edit, ["--pipeline", pipeline])]
    assert told[0] == told[1]
    level = IR_LEVELS[IR_LEVELS.index(phases(target)[place])]
    assert f"error: test.op is left at the {level} level, which has no such operation" in told[0]
    assert "note: found after the pass " in told[0]


@pytest.mark.usefixtures("leave_behind")
def test_what_is_of_no_level_may_be_lowered_by_the_passes_around(small: str, capsys: Capture) -> None:
    edits = ["--before", "shard-tensors=leave-behind,leave-behind{clear=true}"]
    edits += ["--after", "outline-kernels=leave-behind", "--after", "loop-kernels=leave-behind{clear=true}"]
    assert document(capsys, "compile", small, *edits)["level"] == "rdu"


@pytest.mark.usefixtures("leave_behind")
def test_what_is_lowered_in_part_is_an_error_at_the_place(small: str, capsys: Capture) -> None:
    pipeline = "shard-tensors,outline-kernels,leave-behind{function=true}"
    told = error(capsys, "compile", small, "--pipeline", pipeline)
    assert "small.kl:8:7: error: kernel.func is left at the nn level" in told


@pytest.mark.parametrize("level", IR_LEVELS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_pipeline_that_is_printed_gives_the_same(
    small: str, capsys: Capture, variant: str, level: str
) -> None:
    found = document(capsys, "compile", small, *FLAGS[variant], "--to", level)
    again = document(capsys, "compile", small, "--pipeline", found["pipeline"], "--to", level)
    assert {**again, "passes": None} == {**found, "passes": None}


def test_the_pipeline_is_printed_with_its_edits_and_beside_what_is_written(
    small: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "small.mlir"
    command = ["compile", small, "--to", "kernel", "--print-pipeline", "--without", "loop-kernels"]
    assert main([*command, "-o", str(path)]) == 0
    pipeline = "shard-tensors,outline-kernels{granularity=layer},merge-identical-kernels"
    assert capsys.readouterr().out == f"{pipeline}\n"
    assert kl_opt.main([small, "-p", pipeline]) == 0
    assert capsys.readouterr().out.strip() == path.read_text().strip()


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ("", []),
        ("{fusion=block sockets=2}", ["--fusion", "block", "--sockets", "2"]),
        ("{to=dataflow resident=true retained=1040}", ["--to", "dataflow", "--resident"]),
        (
            "{steps-per-call=4 stop-token=3 spill=true}",
            ["--steps-per-call", "4", "--stop-token", "3", "--spill"],
        ),
        ("{single-call=true},kl-default", ["--single-call"]),
        ("{to=kernel loop=false},canonicalize,kl-default{to=dataflow},kl-default", ["--no-loop"]),
    ],
)
def test_kl_default_is_the_default_pipeline(
    small: str, capsys: Capture, options: str, flags: list[str]
) -> None:
    assert kl_opt.main([small, "-p", f"kl-default{options}"]) == 0
    found = capsys.readouterr().out
    assert main(["compile", small, *flags]) == 0
    assert found.strip() == capsys.readouterr().out.strip()


def test_kl_default_has_the_fields_of_a_choice() -> None:
    usual = KlDefaultPass()
    assert {one.name for one in fields(Choice)} < {one.name for one in fields(KlDefaultPass)}
    assert usual.choice == Choice()


def test_each_pass_of_kl_default_is_seen(small: str, capsys: Capture) -> None:
    assert kl_opt.main([small, "-p", "kl-default{to=kernel}", "--print-ir-after-all"]) == 0
    shown = capsys.readouterr().err
    assert shown.index("IR after shard-tensors") < shown.index("IR after loop-kernels")


@pytest.mark.parametrize(
    ("pipeline", "wanted"),
    [
        ("kl-default{to=kernel},kl-default{fusion=op}", "fusion has no effect on the passes from the level"),
        ("kl-default{to=kernel},kl-default{sockets=2}", "sockets has no effect"),
        ("kl-default,kl-default{to=kernel}", "the module is at the level rdu already, below kernel"),
        ("kl-default{stop-token=1}", "stop-token ends calls of several steps"),
        ("kl-default{steps-per-call=0}", "steps-per-call is 0; give 1 or more"),
        ("kl-default{sockets=-1}", "sockets is -1; give 1 or more"),
        ("kl-default{retained=5}", "retained is about resident weights"),
        ('kl-default{loop=false unlooped="a"}', "unlooped says what no loop takes"),
        ("kl-default{target=none}", "unknown target 'none'"),
        ("kl-default{fusion=half}", "pass kl-default: "),
    ],
)
def test_options_of_kl_default_that_cannot_be_met(
    small: str, capsys: Capture, pipeline: str, wanted: str
) -> None:
    assert kl_opt.main([small, "-p", pipeline]) == 1
    assert wanted in capsys.readouterr().err


def sweep() -> Iterator[tuple[list[str], str]]:
    """Every pass of the default pipeline, with options that bring it there."""
    target = find_target(None)
    for options, choice in (
        ([*TINY, "--resident"], Choice(resident=True)),
        ([SMALL, "--sockets", "2", "--single-call"], Choice(single_call=True)),
        ([SMALL, "--steps-per-call", "2"], Choice(steps_per_call=2)),
    ):
        for one in default_passes(target, "nn", "rdu", choice):
            yield options, name_of(one)


@pytest.mark.parametrize(("options", "name"), [*sweep()], ids=lambda one: one if isinstance(one, str) else "")
def test_without_any_pass_numbers_are_right_or_the_error_is_clear(
    small: str, capsys: Capture, options: list[str], name: str
) -> None:
    given = [small if one == SMALL else one for one in options]
    code = main(["run", *given, "--steps", "2", "--check", "--without", name])
    shown = capsys.readouterr()
    if code == 0:
        assert "equal to the reference, bit for bit" in shown.out
    else:
        assert code == 1
        assert shown.out == ""
        assert shown.err.count("error: ") == 1
        assert any(
            clear in shown.err
            for clear in ("first\n", "has no effect with", "is left at the", "is wanted\n", "not split over")
        )


def test_a_search_has_the_edits_in_every_point() -> None:
    template = default_template().edited(
        [Edit("after", "retain-weights", "cse"), Edit("without", "prefetch-weights")]
    )
    for resident in (True, False):
        names = [name_of(one) for one in split_passes(template.fill({}, {"retain-weights": resident}))]
        assert names[names.index("overlap-collectives") + 1 :][: 1 + resident] == [
            "retain-weights"
        ] * resident + ["cse"]
        assert "prefetch-weights" not in names
    assert "prefetch-weights" not in {slot.pass_class.name for slot in template.slots()}
    with pytest.raises(InputError, match="--after cse: the pipeline has no such pass"):
        default_template().edited([Edit("after", "cse", "canonicalize")])


def test_a_pass_above_the_level_that_is_reached_is_an_error(small: str, capsys: Capture) -> None:
    shown = error(capsys, "compile", small, "--before", "loop-kernels=kl-default{to=dataflow}")
    assert "the pass loop-kernels leads to the level kernel, and the module is at the level dataflow" in shown
