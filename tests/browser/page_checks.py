"""What must hold of a page of `kl show`: each check gives what is wrong, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from page_reading import Node, versions

from kl.tools.show.folding import Line, folded

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "%": 1e-2, "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
SHOWN = re.compile(r"(-?[\d,]+(?:\.\d+)?)(?:e([+-]\d+))?\s*(\S*)")
MOST_PIXELS = 0.1
"""From where something is drawn to where it belongs."""


def at(documents: Mapping[str, Any], path: str) -> Any:
    """What stands at a path."""
    found: Any = documents
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


def wrong_numbers(page: Node, documents: Mapping[str, Any]) -> Iterator[str]:
    """Numbers that are not those of the JSON documents, or not rounded to what is shown."""
    for one in page.having("data-path"):
        path, wanted = one.facts["data-path"], at(documents, one.facts["data-path"])
        if one.number("data-value") != wanted:
            yield f"{path} is {wanted}, the page says {one.facts['data-value']}"
        elif not _shows(one.text, wanted, path, documents):
            yield f"{path} is {wanted}, the page shows {one.text}"


def _shows(text: str, wanted: float, path: str, documents: Mapping[str, Any]) -> bool:
    """Whether a text is a number to the last digit that it shows; parts of a ledger are shown as times."""
    found = SHOWN.fullmatch(text.strip())
    if found is None:
        return False
    digits, exponent, unit = found[1].replace(",", ""), int(found[2] or 0), found[3]
    scale = UNITS.get(unit, 1.0) * 10.0**exponent
    if "ledger_cycles" in path and unit in ("s", "ms", "µs"):
        variant = at(documents, path.partition(".ledger_cycles")[0])
        tokens = round(variant["tokens_per_second"] * variant["seconds"])
        wanted = wanted * variant["seconds"] / variant["cycles"] / tokens
    last = 10.0 ** -len(digits.partition(".")[2])
    if "." not in digits:
        last = 10.0 ** (len(digits) - len(digits.rstrip("0"))) if unit in UNITS else last
    return abs(float(digits) * scale - wanted) <= 0.5000001 * last * scale


def wrong_places(page: Node) -> Iterator[str]:
    """Rectangles that are not at their cycle times the scale, and timelines of different scales."""
    for kind in ("data-timeline", "data-magnifier"):
        groups = page.having(kind, "data-scale")
        scales = {one.facts["data-scale"] for one in groups}
        if len(scales) > 1:
            yield f"{kind} has {len(scales)} scales"
        for group in groups:
            for rect in group.having("data-start"):
                start = rect.number("data-start") * group.number("data-scale")
                length = float(rect.facts.get("data-length", rect.facts["data-cycles"]))
                width = length * group.number("data-scale")
                if abs(rect.number("x") - start) > MOST_PIXELS:
                    yield f"cycle {rect.facts['data-start']} is drawn at {rect.facts['x']}, not {start:.2f}"
                if abs(rect.number("width") - width) > MOST_PIXELS:
                    yield f"{length:.0f} cycles are drawn {rect.facts['width']} wide, not {width:.2f}"


def wrong_sums(page: Node, compare: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Timelines whose strips and launches do not sum to the ledger, to the cycle."""
    ledgers = {one["variant"]: one for one in compare}
    for group in page.having("data-timeline"):
        variant = ledgers[group.facts["data-timeline"]]
        ledger = variant["ledger_cycles"]
        wanted = ledger["memory_full_rate"] + ledger["memory_below_full_rate"]
        [hbm] = [row for row in group.having("data-row") if row.facts["data-row"] == "hbm"]
        [calls] = [row for row in group.having("data-row") if row.facts["data-row"] == "calls"]
        sums = {name: _busy(row, name) for row, name in ((hbm, "memory-full"), (calls, "launch"))}
        for name, cycles in (("memory-full", wanted), ("launch", ledger["launch"])):
            if sums[name] != cycles:
                yield f"{variant['variant']}: {name} is drawn for {sums[name]} cycles, not {cycles}"
        if group.number("data-total") != variant["cycles"]:
            yield f"{variant['variant']} is drawn for {group.facts['data-total']} cycles"


def wrong_bars(page: Node, compare: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Bars whose parts are not those of the ledger, one behind the other, and marks beside the roofline."""
    variants = {one["variant"]: one for one in compare}
    groups = page.having("data-ledger")
    if len({one.facts["data-scale"] for one in groups}) != 1:
        yield "the bars have several scales"
    for group in groups:
        one = variants[group.facts["data-ledger"]]
        tokens = round(one["tokens_per_second"] * one["seconds"])
        scale = group.number("data-scale") * one["seconds"] / one["cycles"] / tokens
        rects = group.having("data-part")
        parts = {rect.facts["data-part"]: int(rect.facts["data-cycles"]) for rect in rects}
        if parts != {name: cycles for name, cycles in one["ledger_cycles"].items() if cycles}:
            yield f"{one['variant']} is drawn with the parts {parts}"
        cycle = 0
        for rect in rects:
            if abs(rect.number("x") - cycle * scale) > MOST_PIXELS:
                yield f"{rect.facts['data-part']} of {one['variant']} is drawn at {rect.facts['x']}"
            cycle += int(rect.facts["data-cycles"])
            if abs(rect.number("x") + rect.number("width") - cycle * scale) > MOST_PIXELS:
                yield f"{rect.facts['data-part']} of {one['variant']} is {rect.facts['width']} wide"
        [mark] = group.having("data-roofline")
        wanted = one["roofline_share"] * one["cycles"]
        x = float(mark.facts["d"].removeprefix("M").split()[0])
        if abs(x - wanted * scale) > MOST_PIXELS:
            yield f"the roofline of {one['variant']} is at {x}, not {wanted * scale:.2f}"


def _busy(row: Node, class_: str) -> int:
    rects = [rect for strip in row.all("g", class_) for rect in strip.having("data-cycles")]
    return sum(int(rect.facts["data-cycles"]) for rect in rects)


def wrong_cells(page: Node, floorplan: Mapping[str, Any]) -> Iterator[str]:
    """Cells that are coloured twice, or are not those of the floor plan; links that are hotter or cooler."""
    kernels = {f"chip-{re.sub('[^a-z0-9]', '-', one['kernel'])}": one for one in floorplan["kernels"]}
    for picture in page.having("data-picture"):
        if (kernel := kernels.get(picture.facts["data-picture"])) is None:
            continue
        for unit, part in (("PCU", "stages"), ("PMU", "channels")):
            drawn = Counter(
                cell
                for path in picture.having("data-cells")
                if path.facts["data-unit"] == unit
                for cell in _cells(path)
            )
            wanted = Counter(tuple(cell) for one in kernel[part] for cell in one["cells"])
            twice = [cell for cell, count in drawn.items() if count > 1]
            if twice:
                yield f"{unit} {twice[0]} of {kernel['kernel']} is coloured twice"
            if drawn.keys() != wanted.keys():
                yield f"{len(drawn)} {unit}s of {kernel['kernel']} are coloured, {len(wanted)} are used"
        most = max((one["bytes_per_cycle"] for one in kernel["links"]), default=0)
        hottest = max(
            (one.number("data-bytes") for one in picture.all("circle") if "data-bytes" in one.facts),
            default=0,
        )
        if hottest != most:
            yield f"the busiest link of {kernel['kernel']} carries {most}, the page says {hottest}"


def _cells(path: Node) -> Iterator[tuple[int, int]]:
    for run in path.facts["data-cells"].split():
        column, _, rows = run.partition(":")
        first, _, last = rows.partition("-")
        yield from ((int(column), row) for row in range(int(first), int(last) + 1))


def wrong_passes(page: Node, pipeline: Sequence[str], text: str) -> Iterator[str]:
    """Passes that are not those of the pipeline; differences that do not lead to the last text."""
    shown = [one.facts["data-pass"] for one in page.having("data-pass")]
    if shown != [*pipeline]:
        yield f"the pipeline is {', '.join(pipeline)}, the page shows {', '.join(shown)}"
        return
    wanted = [line.text for line in folded([Line(one) for one in text.split("\n")])]
    try:
        if versions(page)[-1] != wanted:
            yield "the differences do not lead to what kl compile prints"
    except (AssertionError, IndexError) as error:
        yield f"the differences do not follow one another: {error}"


def requests(page: Node) -> list[str]:
    """What a browser would load besides the page."""
    found = [
        f"{one.tag} {name}={value}"
        for one in page.walk()
        for name, value in one.facts.items()
        if (name in ("src", "href", "xlink:href", "action") and not value.startswith("#"))
        or name.startswith("on")
    ]
    styles = "".join(one.text for one in page.all("style"))
    return [*found, *re.findall(r"url\([^)]*\)|@import[^;]*", styles)]


def wrong_ids(page: Node) -> list[str]:
    """Names that two elements have, and links that lead nowhere."""
    names = Counter(one.facts["id"] for one in page.having("id"))
    targets = {one.facts["href"][1:] for one in page.all("a")}
    return [name for name, count in names.items() if count > 1] + sorted(targets - names.keys())
