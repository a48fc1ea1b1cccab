"""The pages that are made from the code say what the code says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import pytest
from xdsl.dialects.builtin import IntegerType, StringAttr
from xdsl.irdl import IRDLOperation, irdl_op_definition, opt_prop_def, var_operand_def

from kl.passes.knobs import Knob
from kl.tools.universe import DIALECTS

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs/site"))

import dialect_pages  # noqa: E402  # from the folder that has just been added
import passes_page  # noqa: E402
import reference  # noqa: E402

NAMES = [*(f"dialects/{name}.md" for name in (*DIALECTS, "index")), "passes.md"]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """What the code makes, by the page's path in `docs`."""
    return {path.relative_to(reference.DOCS).as_posix(): text for path, text in reference.pages().items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_what_the_code_makes_of_it(name: str, pages: dict[str, str]):
    same = (reference.DOCS / name).read_text(encoding="utf-8") == pages[name]
    assert same, f"make reference would change docs/{name}"


def test_no_page_is_left_of_a_dialect_that_has_gone(pages: dict[str, str]):
    assert set(pages) == {*NAMES}
    kept = (reference.DOCS / "dialects").glob("*.md")
    assert {path.relative_to(reference.DOCS).as_posix() for path in kept} | {"passes.md"} == {*NAMES}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_rationale_says_why_what_and_what_not(name: str):
    text = (dialect_pages.RATIONALE / f"{name}.md").read_text(encoding="utf-8")
    for part in ("**Why it exists.**", "**What it refuses.**", "**What was rejected.**"):
        assert part in text


@irdl_op_definition
class OddOp(IRDLOperation):
    """An operation with parts of several kinds."""

    name = "test.odd"

    values = var_operand_def()
    """What it takes,
    in order."""
    label = opt_prop_def(StringAttr, prop_name="tag")
    SHOWN: ClassVar[bool] = True


@irdl_op_definition
class StrangeOp(IRDLOperation):
    """An operation with a part of a type that no page has words for."""

    name = "test.strange"

    values = var_operand_def(IntegerType)


def test_the_parts_of_an_operation_have_their_names_kinds_and_notes():
    values, label = dialect_pages.parts_of(OddOp)
    assert values == dialect_pages.Part(
        "values", "operand, any number", "any type", "What it takes, in order."
    )
    assert label == dialect_pages.Part("tag", "attribute, optional", "text", "")


def test_what_a_page_cannot_say_is_an_error_with_the_way_out():
    with pytest.raises(
        ValueError, match=r"nn\.cube is in no valid file of tests/filecheck/dialects/nn; add it"
    ):
        dialect_pages.example_of("nn.cube")
    with pytest.raises(
        ValueError, match=r"'values' takes IntegerType, which has no words in dialect_pages\.py"
    ):
        dialect_pages.parts_of(StrangeOp)


def test_a_knob_is_said_in_words():
    knob = Knob(low=4, high="largest", scale="log", prior="decay", default="percent", where=("sockets > 1",))
    assert (
        passes_page.knob_in_words(knob)
        == "4 to `largest`, log, prior decay, absent: `percent`, where `sockets > 1`"
    )
    assert passes_page.knob_in_words(Knob((True, False))) == "true, false"
