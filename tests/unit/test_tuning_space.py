"""Knobs of passes as parameters of a search space, and the pipelines that its points stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from kl.backends.sn40l.usage import MEASURES
from kl.backends.targets import Choice
from kl.dialects import nn
from kl.dialects.rdu_machine import set_machine
from kl.dialects.tensors import shape_of
from kl.explore.errors import SpaceError
from kl.explore.parameters import Categorical, Condition, Integer, Ordinal
from kl.explore.space import Space
from kl.explore.store import load_space, save_space
from kl.passes import PASSES, load_pass
from kl.passes.knobs import Knob, option_knobs, presence_knob
from kl.tools.diagnostics import InputError
from kl.tools.driver import parse_passes
from kl.tools.tuning.evaluation import Source, tuned_module, workbench
from kl.tools.tuning.parameters import Slot, bind_knobs
from kl.tools.tuning.space import (
    MappingSpace,
    PipelineTemplate,
    choice_pipeline,
    default_template,
    mapping_space,
)
from kl.tools.universe import available_passes

ROOT = Path(__file__).parents[2]
MINI = Source(str(ROOT / "examples/mini.kl"))
LLAMA = Source(str(ROOT / "examples/llama3_8b.kl"), (), (("sockets", 8),))


def spaces(source: Source, sockets: int, **options: object) -> MappingSpace:
    """The space of a model, for the default pipeline."""
    template = default_template(sockets)
    return mapping_space(template, tuned_module(source, template), **options)  # pyright: ignore[reportArgumentType]


def rows(module: ModuleOp) -> int:
    """A fact of a module: the rows of its first weight."""
    return next(shape_of(op.type)[0] for op in module.ops if isinstance(op, nn.WeightOp))


@dataclass(frozen=True)
class BlockRowsPass(ModulePass):
    """A pass of somebody else, whose knobs depend on a fact that it brings."""

    name = "block-rows"
    optional: ClassVar[Knob] = Knob((True, False))

    block: int = field(
        default=4,
        metadata={"knob": Knob(low=1, high="rows", where=("rows % block == 0",), facts={"rows": rows})},
    )
    copies: int = field(
        default=1, metadata={"knob": Knob((1, 2, 4), ordered=True, where=("copies <= block", "pcus > 1"))}
    )
    label: str = "none"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Nothing: only its knobs count."""


def module_with(shape: tuple[int, ...], **machine: int) -> ModuleOp:
    """A module with a weight."""
    from xdsl.dialects.builtin import bf16

    from kl.dialects.machine import SN40L

    module = ModuleOp([nn.WeightOp("w", nn.TensorType(bf16, shape))])
    set_machine(module, SN40L.with_values(machine))
    return module


def test_a_pass_of_somebody_else_has_its_knobs():
    knobs = bind_knobs([Slot(BlockRowsPass, {}, True)], module_with((12, 8)))
    assert [knob.name for knob in knobs] == ["block-rows", "block-rows.block", "block-rows.copies"]
    presence, block, copies = knobs
    when = Condition("block-rows", (True,))
    assert presence.parameter == Categorical("block-rows", (True, False))
    assert block.parameter == Integer("block-rows.block", 1, 12, when=when)
    assert copies.parameter == Ordinal("block-rows.copies", (1, 2, 4), when=when)
    space = MappingSpace(PipelineTemplate("block-rows"), knobs).space
    points = list(space.points())
    assert {point["block-rows.block"] for point in points if point["block-rows"]} == {1, 2, 3, 4, 6, 12}
    assert all(p["block-rows.copies"] <= p["block-rows.block"] for p in points if p["block-rows"])  # pyright: ignore[reportOperatorIssue]
    assert len(points) == 1 + (1 + 2 + 2 + 3 + 3 + 3)


def test_a_predicate_on_facts_alone_says_whether_there_is_a_knob():
    knobs = bind_knobs([Slot(BlockRowsPass, {}, True)], module_with((12, 8), pcus=1))
    assert [knob.name for knob in knobs] == ["block-rows", "block-rows.block"]


def test_the_pipelines_own_values_are_the_defaults():
    _, block, copies = bind_knobs([Slot(BlockRowsPass, {"block": 5, "copies": 3}, True)], module_with((4, 8)))
    assert block.default == 5
    assert block.parameter.values == (1, 2, 3, 4, 5), "a default outside the range is one more value"  # pyright: ignore[reportAttributeAccessIssue]
    assert copies.parameter.values == (3, 1, 2, 4)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("knob", "message"),
    [
        (Knob(low=1, high="colums"), "'colums' names colums, which is no fact"),
        (Knob(low=3, high=1), "has an empty range"),
        (Knob(low=0, high=4, scale="log"), "must begin above 0"),
        (Knob(low=1, high=4, where=("1 +",)), "is not an expression"),
    ],
)
def test_a_knob_that_makes_no_sense_names_its_pass(knob: Knob, message: str):
    @dataclass(frozen=True)
    class WrongPass(ModulePass):
        name = "wrong"
        level: int = field(default=1, metadata={"knob": knob})

        def apply(self, ctx: Context, op: ModuleOp) -> None: ...

    with pytest.raises(InputError, match=f"pass wrong declares a knob that makes no sense: .*{message}"):
        bind_knobs([Slot(WrongPass, {}, True)], module_with((4, 4)))


def test_all_knobs_of_our_passes_are_options_with_a_default_among_their_values():
    knobs = {knob.name: knob for knob in spaces(LLAMA, 8).knobs}
    assert len(knobs) >= 12
    for knob in knobs.values():
        knob.parameter.index(knob.default)
    declared = {f"{name}.{option}" for name in PASSES for option in option_knobs(load_pass(name))} | {
        name for name in PASSES if presence_knob(load_pass(name)) is not None
    }
    in_default = {slot.pass_class.name for slot in default_template(8).slots()}
    assert {name for name in declared if name.partition(".")[0] in in_default} == {*knobs}


def test_one_socket_and_no_cache_have_fewer_knobs():
    names = {knob.name for knob in spaces(MINI, 1).knobs}
    assert "overlap-collectives" not in names
    assert "tile-stages.cache-tile-bytes" not in names
    assert "tile-stages.tile-bytes" in names


@pytest.mark.parametrize(
    "choice", [Choice(), Choice("op", loop=False), Choice("block"), Choice(resident=True)], ids=str
)
def test_the_point_of_a_default_pipeline_gives_it_back(choice: Choice):
    """But for options that stand for what others say, which a point always says itself."""
    mapping = spaces(LLAMA, 8)
    text = choice_pipeline(choice)
    point = mapping.point(text)
    assert point is not None
    mapping.space.check(point)
    filled = mapping.pipeline(point).replace("{sockets=8}", "")
    for written in ("{least-run-bytes=64 cache-tile-bytes=1048576}", "{pcu-percent=90}"):
        assert written in filled
        filled = filled.replace(written, "")
    assert filled.replace("{percent=75}", "") == text


@given(st.integers(0, 2**32))
def test_every_point_is_a_pipeline_and_comes_back(seed: int):
    mapping = spaces(LLAMA, 8)
    [point] = mapping.space.sample(np.random.default_rng(seed), 1)
    text = mapping.pipeline(point)
    assert parse_passes(available_passes(), text)
    assert mapping.point(text) == point


def test_a_space_of_knobs_can_be_saved():
    knobs = bind_knobs([Slot(BlockRowsPass, {}, True)], module_with((12, 8)))
    space = MappingSpace(PipelineTemplate("block-rows"), knobs).space
    loaded = load_space(save_space(space))
    assert isinstance(loaded, Space)
    assert loaded == space
    assert loaded.count() == space.count()


def test_knobs_can_be_chosen_and_fixed():
    mapping = spaces(MINI, 1, only=["allocate-units.percent", "loop-kernels"], fixed={"retain-weights": True})
    assert [knob.name for knob in mapping.knobs] == ["loop-kernels", "allocate-units.percent"]
    text = mapping.pipeline({"loop-kernels": False, "allocate-units.percent": 20})
    assert "retain-weights," in text
    assert "loop-kernels" not in text
    assert "allocate-units{percent=20}" in text
    assert "tile-stages," in text, "what is not turned is as the pipeline has it"


def test_options_of_a_pass_that_always_runs_have_no_condition():
    fixed = spaces(MINI, 1, fixed={"retain-weights": True})
    knob = next(knob for knob in fixed.knobs if knob.name == "retain-weights.percent")
    assert knob.parameter.when is None
    without = spaces(MINI, 1, fixed={"retain-weights": False})
    assert "retain-weights.percent" not in {knob.name for knob in without.knobs}


def test_a_fixed_knob_tells_pipelines_apart():
    mapping = spaces(MINI, 1, fixed={"loop-kernels": False})
    assert mapping.point(choice_pipeline(Choice())) is None
    assert mapping.point(choice_pipeline(Choice(loop=False))) == mapping.default_point()


def test_predicates_hold_for_what_is_fixed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "kl.tools.tuning.space.available_passes", lambda: {"block-rows": lambda: BlockRowsPass}
    )
    template, module = PipelineTemplate("block-rows{block=2}"), module_with((12, 8))
    free = mapping_space(template, module, only=["block-rows.copies"])
    assert list(free.space.points()) == [{"block-rows.copies": 1}, {"block-rows.copies": 2}]
    fixed = mapping_space(template, module, fixed={"block-rows.copies": 4, "block-rows": True})
    assert [point["block-rows.block"] for point in fixed.space.points()] == [4, 6, 12]
    wrong = mapping_space(template, module, fixed={"block-rows.block": 5, "block-rows": True})
    with pytest.raises(SpaceError, match=r"does not hold for block-rows\.block = 5"):
        print(wrong.space)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": ["loop-kernel"]}, "unknown knob 'loop-kernel'\nhelp: this model has .*loop-kernels"),
        ({"fixed": {"tile-stages.tiles": 3}}, "unknown knob 'tile-stages.tiles'"),
        ({"fixed": {"allocate-units.percent": 0}}, "allocate-units.percent = 0 is not an integer between 4"),
        ({"fixed": {"outline-kernels.granularity": "all"}}, "= 'all' is none of 'op', 'block', 'layer'"),
        (
            {"only": ["retain-weights.percent"]},
            "has no effect: its pass does not run\nhelp: turn retain-weights",
        ),
        ({"only": ["loop-kernels"], "fixed": {"loop-kernels": True}}, "no knob is left to turn"),
    ],
)
def test_wrong_knobs_are_named(options: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        spaces(MINI, 1, **options)


def test_a_template_keeps_what_its_author_wrote():
    template = PipelineTemplate(
        "outline-kernels{granularity=op},loop-kernels{min-count=3 exclude=a,b},tile-stages"
    )
    mapping = mapping_space(template, workbench(MINI).module)
    assert mapping.pipeline(mapping.default_point()).startswith(
        "outline-kernels{granularity=op},loop-kernels{min-count=3 exclude=a,b},tile-stages"
    )


def test_the_page_lists_all_knobs_and_objectives():
    page = (ROOT / "docs/tuning.md").read_text(encoding="utf-8")
    knobs, objectives = (
        {
            name
            for row in page.partition(f"## {title}\n")[2].partition("\n## ")[0].splitlines()
            if row.startswith("| `")
            for name in re.findall(r"`([^`]+)`", row.split("|")[1])
        }
        for title in ("Knobs", "Objectives")
    )
    assert knobs == {knob.name for knob in spaces(LLAMA, 8).knobs}
    assert objectives == {*MEASURES}
