"""The page of `kl show` holds what the other commands print, and a page that does not is found out."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from page_checks import (
    requests,
    wrong_bars,
    wrong_cells,
    wrong_ids,
    wrong_numbers,
    wrong_passes,
    wrong_places,
    wrong_sums,
)
from page_reading import Node, mutated, read

from kl.dialects.machine import Machine
from kl.tools.kl import main
from kl.tools.variants import VARIANTS

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples/llama3_tiny.kl")
MINI = str(ROOT / "examples/mini.kl")
Capture = pytest.CaptureFixture[str]


def printed(*arguments: str) -> str:
    """What a command that succeeds prints."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as out:
        assert main([*arguments]) == 0
    return out.getvalue()


@dataclass(frozen=True)
class Page:
    """A page, and what other commands print of the same model."""

    markup: str
    compare: list[Any]
    time: Any
    compiled: Any

    @property
    def read(self) -> Node:
        return read(self.markup)

    @property
    def documents(self) -> dict[str, Any]:
        return {"compare": self.compare, "time": self.time}

    @property
    def pipeline(self) -> list[str]:
        steps = [one for one in self.compiled["ir_after_all"] if one["pass"] != "input"]
        return [f"{one['pass']}{{{one['options']}}}" if one["options"] else one["pass"] for one in steps]

    @property
    def text(self) -> str:
        return self.compiled["text"].removesuffix("\n")


def page_of(*arguments: str) -> Page:
    """The page of a model, and all that it is held against."""
    documents = (
        json.loads(printed(*command, *arguments, "--json"))
        for command in (("compare",), ("time", "--per-stage"), ("compile", "--floorplan", "--ir-after-all"))
    )
    return Page(printed("show", *arguments, "-o", "-"), *documents)


@pytest.fixture(scope="module")
def tiny() -> Page:
    return page_of(TINY)


def test_numbers_are_those_of_other_commands(tiny: Page):
    numbers = tiny.read.having("data-path")
    assert len({one.facts["data-path"] for one in numbers}) > 100
    assert [*wrong_numbers(tiny.read, tiny.documents)] == []


def test_all_timelines_have_one_scale_and_their_places(tiny: Page):
    assert [one.facts["data-timeline"] for one in tiny.read.having("data-timeline")] == [
        "unfused",
        "fused",
        "looped",
    ]
    assert [one.facts["data-magnifier"] for one in tiny.read.having("data-magnifier")] == ["fused", "looped"]
    assert [*wrong_places(tiny.read)] == []


def test_strips_and_launches_sum_to_the_ledger(tiny: Page):
    assert [*wrong_sums(tiny.read, tiny.compare)] == []


def test_bars_are_the_ledger_up_to_their_roofline(tiny: Page):
    assert [one.facts["data-ledger"] for one in tiny.read.having("data-ledger")] == [*VARIANTS]
    assert [*wrong_bars(tiny.read, tiny.compare)] == []


def test_the_machine_stands_with_its_sources(tiny: Page):
    [section] = [one for one in tiny.read.all("section") if one.facts["id"] == "making"]
    rows = {row.all("td")[0].text: row for row in section.all("tr")[1:]}
    known = {one.name: one for one in fields(Machine)}
    assert [*rows] == [*known]
    for name, row in rows.items():
        assert row.all("td")[-1].text == known[name].metadata["source"]
        unsure = known[name].metadata["source"].startswith(("Assumed:", "Fitted:"))
        assert bool(row.all("b", "bad")) == unsure, name
    assert f"kl show {TINY}" in section.text


def test_cells_and_links_are_those_of_the_floor_plan(tiny: Page):
    assert [*wrong_cells(tiny.read, tiny.compiled["floorplan"])] == []
    drawn = [one.facts["data-picture"] for one in tiny.read.having("data-picture")]
    assert "chip-decoder-loop" in drawn


def test_the_busiest_link_is_the_one_of_the_ir(tiny: Page):
    [chip] = [
        one for one in tiny.read.having("data-picture") if one.facts["data-picture"] == "chip-decoder-loop"
    ]
    [ring] = [one for one in chip.all("circle") if "data-bytes" in one.facts]
    kernel = next(line for line in tiny.text.split("\n") if "dataflow.kernel @decoder.loop" in line)
    [most] = re.findall(r"busiest_link_bytes_per_cycle = (\d+)", kernel)
    assert int(most) - 1 < ring.number("data-bytes") <= int(most)


def test_passes_are_those_of_the_pipeline_and_lead_to_what_is_compiled(tiny: Page):
    assert [*wrong_passes(tiny.read, tiny.pipeline, tiny.text)] == []


def test_lines_say_where_they_come_from(tiny: Page):
    [source] = tiny.read.having("data-file")
    lines = (ROOT / "examples/llama3_tiny.kl").read_text("utf-8").rstrip("\n").split("\n")
    assert [one.text for one in source.all("p")] == lines
    numbers = {one.facts["data-l"] for one in tiny.read.having("data-l")}
    assert numbers <= {one.facts["data-n"] for one in source.all("p")}
    [row] = [
        one
        for one in tiny.read.having("data-given")[0].all("p")
        if "nn.rms_norm %x, %attention_norm" in one.text
    ]
    assert "rms_norm(x, attention_norm" in lines[int(row.facts["data-l"]) - 1]


def test_the_page_loads_nothing_and_links_lead_somewhere(tiny: Page):
    assert requests(tiny.read) == []
    assert wrong_ids(tiny.read) == []


def test_the_page_is_the_same_again(tiny: Page):
    assert printed("show", TINY, "-o", "-") == tiny.markup


def test_many_layers_make_no_larger_page(tiny: Page):
    many = printed("show", TINY, "--param", "layers=96", "-o", "-")
    assert len(many) <= 1.3 * len(tiny.markup)
    assert re.search(r"… \d+ lines like this one, but for their numbers", many)


@pytest.fixture(scope="module")
def large() -> str:
    return printed("show", str(ROOT / "examples/llama3_8b.kl"), "-o", "-")


def test_the_page_of_a_published_model_is_small(large: str):
    assert len(large.encode()) <= 500_000
    assert len(gzip.compress(large.encode())) <= 100_000
    assert sum(1 for _ in read(large).walk()) <= 8_000


def test_the_timelines_of_a_published_model_keep_their_places_and_sums(large: str):
    page, compare = read(large), json.loads(printed("compare", str(ROOT / "examples/llama3_8b.kl"), "--json"))
    assert [*wrong_places(page)] == []
    assert [*wrong_sums(page, compare)] == []


def test_a_refused_variant_stands_with_its_reason():
    page = read(printed("show", TINY, "--set", "rdn_bytes_per_cycle=2", "-o", "-"))
    [row] = [one for one in page.all("tr") if one.text.startswith("stepped") and "refused" in one.text]
    assert "bytes a cycle on the link" in row.text
    assert len(page.having("data-timeline")) == 3


def test_without_the_looped_variant_sections_say_why():
    page = read(printed("show", TINY, "--set", "hbm_bytes=300000", "-o", "-"))
    sections = {one.facts["id"]: one.text for one in page.all("section")}
    assert len(sections) == 9
    for name in ("looping", "chip", "network", "memory", "passes"):
        assert "looped is refused: the model needs" in sections[name]


@pytest.fixture(scope="module")
def mini() -> Page:
    return page_of(MINI, "--set", "pcus=100")


def test_the_table_of_variants_says_what_compare_says(mini: Page):
    [section] = [one for one in mini.read.all("section") if one.facts["id"] == "time"]
    head, *rows = (
        [cell.text for cell in (*row.all("th"), *row.all("td"))] for row in section.all("table")[0].all("tr")
    )
    table, *_ = printed("compare", MINI, "--set", "pcus=100").split("\n\n")[1:]
    levels = {row[0]: row[head.index("level")] for row in rows if len(row) == len(head)}
    assert levels == {
        one.split()[0]: one.split()[1] if one.split()[1].startswith("-O") else ""
        for one in table.splitlines()[1 : 1 + len(levels)]
    }
    speedups = [row[head.index("speedup")] for row in rows if len(row) == len(head)]
    assert speedups == [one.split()[-1] for one in table.splitlines()[1 : 1 + len(levels)]]
    notes = {one.text for one in section.all("li")}
    taken_back = {f"{one['variant']}: {text}" for one in mini.compare for text in one.get("taken_back", ())}
    assert taken_back
    assert taken_back <= notes
    assert any(one.startswith("-O2 is the default, -O3 the fastest") for one in notes)


def test_units_are_those_of_the_machine_and_not_the_cells(mini: Page):
    plan = mini.compiled["floorplan"]
    assert (plan["pcus"], plan["dies"] * plan["columns"] * plan["rows"]) == (100, 1040)
    headings = [one.text for one in mini.read.all("text", "strong") if "units (P" in one.text]
    assert headings
    for one in headings:
        assert re.search(r"\(PCUs\): \d+ of 100\b" if "PCU" in one else r"\d+ of 1,040\b", one), one


def test_prose_has_code_and_no_backticks(tiny: Page):
    words = [one.text for one in (*tiny.read.all("p"), *tiny.read.all("dd")) if "data-l" not in one.facts]
    assert not [one for one in words if "`" in one]
    assert "kl compare --json" in {one.text for one in tiny.read.all("code")}


def test_what_is_timed_stands_above_a_page_without_timelines():
    page = read(printed("show", MINI, "--set", "hbm_bytes=1000", "-o", "-"))
    assert not page.having("data-timeline")
    assert not [one for one in page.walk() if "all variants are refused" in one.text]
    assert [one for one in page.all("p") if one.text.startswith("mini: one step at position 0, 1 socket")]


def without_a_launch(markup: str) -> str:
    """The first launch of the timelines is not drawn."""
    start = markup.index('class="launch" data-busy', markup.index('data-picture="timelines"'))
    found = re.compile(r"<rect[^>]*data-start[^>]*>.*?</rect>").search(markup, start)
    assert found is not None
    return markup[: found.start()] + markup[found.end() :]


def cell_twice(markup: str) -> str:
    """The second stage has a run of the first one, too."""
    runs = [*re.finditer(r'data-unit="PCU"[^>]*data-cells="([^"]*)"', markup)]
    first, second = runs[0], runs[1]
    return f"{markup[: second.end() - 1]} {first[1].split()[0]}{markup[second.end() - 1 :]}"


MUTATIONS: dict[str, tuple[Callable[[str], str], Callable[[Node, Page], list[str]]]] = {
    "a changed number": (
        lambda markup: re.sub(
            r'(data-path="compare.2.tokens_per_second" data-value="[\d.]+">)\d+', r"\g<1>99", markup, count=1
        ),
        lambda page, tiny: [*wrong_numbers(page, tiny.documents)],
    ),
    "a changed value": (
        lambda markup: re.sub(r'(compare.2.ledger_cycles.launch" data-value=")', r"\g<1>1", markup, count=1),
        lambda page, tiny: [*wrong_numbers(page, tiny.documents)],
    ),
    "a dropped launch": (without_a_launch, lambda page, tiny: [*wrong_sums(page, tiny.compare)]),
    "a longer part": (
        lambda markup: re.sub(r'width="(?=[\d.]+"[^>]*data-part)', 'width="9', markup, count=1),
        lambda page, tiny: [*wrong_bars(page, tiny.compare)],
    ),
    "a mark elsewhere": (
        lambda markup: re.sub(r'd="M(?=[^>]*data-roofline)', 'd="M9', markup, count=1),
        lambda page, tiny: [*wrong_bars(page, tiny.compare)],
    ),
    "a changed scale": (
        lambda markup: re.sub(r'(data-timeline="looped" data-scale="0.0)', r"\g<1>1", markup),
        lambda page, tiny: [*wrong_places(page)],
    ),
    "a moved rectangle": (
        lambda markup: re.sub(r'<rect x="([\d.]+)"(?=[^>]*data-start)', r'<rect x="9\1"', markup, count=1),
        lambda page, tiny: [*wrong_places(page)],
    ),
    "a pass left out": (
        lambda markup: re.sub(
            r'<details class="pass" data-pass="tile-stages.*?</details>', "", markup, flags=re.S
        ),
        lambda page, tiny: [*wrong_passes(page, tiny.pipeline, tiny.text)],
    ),
    "a changed line": (
        lambda markup: markup.replace("<ins>", "<ins>1", 1),
        lambda page, tiny: [*wrong_passes(page, tiny.pipeline, tiny.text)],
    ),
    "a unit coloured twice": (
        cell_twice,
        lambda page, tiny: [*wrong_cells(page, tiny.compiled["floorplan"])],
    ),
    "a cooler link": (
        lambda markup: re.sub(
            r'data-bytes="', 'data-bytes="0', re.sub(r'(<circle[^>]*data-bytes=")\d', r"\g<1>", markup)
        ),
        lambda page, tiny: [*wrong_cells(page, tiny.compiled["floorplan"])],
    ),
    "a picture from elsewhere": (
        lambda markup: markup.replace("<h1>", '<img src="https://example.org/a.png"><h1>'),
        lambda page, tiny: requests(page),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_page_that_lies_is_found_out(name: str, tiny: Page):
    change, check = MUTATIONS[name]
    assert check(mutated(tiny.markup, change), tiny) != []
