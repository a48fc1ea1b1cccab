"""The sections of the page that are pictures: each answers a question of one who looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...backends.floorplans import KernelPlan
from ...backends.tables import bytes_text, share_text, time_text
from ...explore.pages.palette import stage_classes
from ..commands.compare import levels_text, speedup_text, variant_notes
from ..pictures import chip, ledger, magnifier, memory, network, timelines
from ..pictures.ledger import LedgerBar
from ..pictures.networks import Network
from ..pictures.svg import Value
from ..pictures.timelines import Timeline
from ..variants import Refused, Timed
from .collection import MAGNIFIED, MAIN, TIMELINES, Drawn, Shown
from .markup import Cell, Numbers, Section, figure, folded, paragraph, points, table

RATE = "tokens_per_second"
LEAST_SHARE = 0.1
"""The share of the time that a kernel takes at least which is drawn on the chip."""


def rate_text(rate: float) -> str:
    """Tokens per second."""
    return f"{rate:.1f}"


def time_section(shown: Shown, numbers: Numbers) -> Section:
    """What each variant takes, and where that time goes, against its roofline."""
    results = shown.comparison.results
    columns = (
        "variant",
        "level",
        "calls a token",
        "time a token",
        "tokens/s",
        "speedup",
        "of its roofline",
        "of what is attainable",
    )
    rows = [_time_row(at, one, results, numbers) for at, one in enumerate(results)]
    bars = [bar for at, one in enumerate(results) if (bar := _bar(at, one, numbers)) is not None]
    picture = ledger.draw(f"Where the time of a token goes: {shown.title}", bars) if bars else None
    said = "" if bars else absent(shown, "does not say where its time goes")
    notes = points(variant_notes(results)) if shown.comparison.works else ""
    parts = (table(columns, rows, (0, 1)), notes, figure(picture) if picture else paragraph(said))
    return Section("time", "What does each variant take?", parts, (picture,) if picture else ())


def _time_row(at: int, one: Timed | Refused, results: list[Timed | Refused], numbers: Numbers) -> list[Cell]:
    if isinstance(one, Refused):
        return [one.name, f"refused: {one.reason}"]
    path = f"compare.{at}"
    return [
        one.name,
        levels_text(one, results),
        numbers.value(f"{path}.kernel_calls_per_token"),
        time_text(one.timing.seconds / one.timing.tokens),
        numbers.value(f"{path}.{RATE}", rate_text),
        speedup_text(one, results),
        numbers.value(f"{path}.roofline_share", share_text),
        numbers.value(f"{path}.attainable_share", share_text),
    ]


def _bar(at: int, one: Timed | Refused, numbers: Numbers) -> LedgerBar | None:
    """The bar of a variant; None where its target keeps no ledger."""
    path = f"compare.{at}.ledger_cycles"
    parts: Mapping[str, int] | None = numbers.at(path)
    if isinstance(one, Refused) or parts is None or one.timing.roofline is None:
        return None
    cycles, values = (
        sum(parts.values()),
        (_named(numbers.value(f"compare.{at}.{RATE}", rate_text), "tokens/s"),),
    )
    clock = round(cycles / one.timing.seconds) if one.timing.seconds else 1
    roofline = cycles * one.timing.roofline.share
    return LedgerBar(one.name, tuple(parts.items()), roofline, clock, one.timing.tokens, values, path)


def _named(number: Value, unit: str) -> Value:
    return Value(f"{number.text} {unit}", number.path, number.raw)


def looping_section(shown: Shown, numbers: Numbers) -> Section:
    """What looping removes: timelines on one scale, and two layers stage by stage."""
    lines = [_timeline(one, shown, numbers) for one in shown.drawn if one.timing.intervals is not None]
    question = "What does looping remove?"
    if not lines:
        return Section("looping", question, (paragraph(absent(shown, "does not say when what is busy")),))
    words = (
        "Every call of a kernel ends with an empty pipeline, a launch, and a pipeline to fill, while memory"
        " idles. A looped kernel runs all layers in one call: the weights of the next layer arrive while this"
        " one computes."
    )
    pictures = [timelines.draw(f"What looping removes: {shown.title}", lines)]
    windows = [one for one in lines if one.intervals.window is not None]
    if windows:
        title = "A part of the call, stage by stage" if shown.window else "Two layers, stage by stage"
        pictures.append(magnifier.draw(title, windows, _colors(shown)))
    refused = [paragraph(one) for one in _refusals(shown, TIMELINES)]
    return Section("looping", question, (paragraph(words), *map(figure, pictures), *refused), tuple(pictures))


def _timeline(one: Drawn, shown: Shown, numbers: Numbers) -> Timeline:
    at = [result.name for result in shown.comparison.results].index(one.name)
    values = (
        Value(time_text(one.timing.seconds), f"compare.{at}.seconds", numbers.at(f"compare.{at}.seconds")),
        _named(numbers.value(f"compare.{at}.{RATE}", rate_text), "tokens/s"),
        _named(numbers.value(f"compare.{at}.kernel_calls_per_token"), "calls"),
    )
    assert one.timing.intervals is not None, "who asks has looked"
    return Timeline(one.name, one.timing.intervals, values, one.layers if one.name in MAGNIFIED else ())


def _refusals(shown: Shown, names: Sequence[str]) -> Iterator[str]:
    """Why variants have no picture."""
    for one in shown.comparison.results:
        if isinstance(one, Refused) and one.name in names:
            yield f"{one.name} is refused: {one.reason}."


def _colors(shown: Shown) -> dict[str, str]:
    """One colour for each name of a stage, in all pictures."""
    kernels = shown.networks
    return stage_classes(node.name for kernel in kernels for node in kernel.nodes if node.kind == "stage")


def chip_section(shown: Shown) -> Section:
    """Where stages and channels lie, and what links carry; the largest kernel first."""
    question = "How does it lie on the chip?"
    if shown.floorplan is None:
        return Section("chip", question, (paragraph(absent(shown, "has no floor plan")),))
    plan, main = shown.floorplan, shown.main
    assert main is not None, "it has the floor plan"
    shares = _shares(main)
    if not plan.kernels:
        return Section("chip", question, (paragraph("The step calls no kernel."),))
    kernels = sorted(plan.kernels, key=lambda one: -shares.get(one.kernel, 0.0))
    large = [one for one in kernels if shares.get(one.kernel, 0.0) >= LEAST_SHARE] or kernels[:1]
    pictures = [chip.draw(plan, one, f"{one.kernel} on the chip", _colors(shown)) for one in large]
    first, *others = zip(large, pictures, strict=True)
    drawn = (figure(first[1]), *(folded(_chip_words(one), figure(picture)) for one, picture in others))
    left = [_chip_words(one) for one in kernels if one not in large]
    less = f"Not drawn, as they take less than {share_text(LEAST_SHARE)} of the time: {'; '.join(left)}."
    many = f"One of {shown.sockets} sockets is drawn: all are alike."
    notes = (*([many] if shown.sockets > 1 else []), *([less] if left else []))
    return Section("chip", question, (*drawn, *map(paragraph, notes)), tuple(pictures))


def _shares(main: Drawn) -> dict[str, float]:
    """The share of the time that each kernel takes."""
    whole = main.timing.cycles or 1
    kernels = main.timing.document.get("kernels", ())
    return {one["kernel"]: one["cycles"] / whole for one in kernels}


def _chip_words(kernel: KernelPlan) -> str:
    count = len(kernel.stages)
    return f"{kernel.kernel}: {count} stage{'s' if count != 1 else ''}"


def network_section(shown: Shown) -> Section:
    """What waits for what; the largest kernel first."""
    question = "What waits for what?"
    kernels = sorted((one for one in shown.networks if one.nodes), key=lambda one: -len(one.nodes))
    if not kernels:
        return Section("network", question, (paragraph(absent(shown, "has no network of stages")),))
    pictures = [
        network.draw(f"What waits for what in {one.kernel}", one, _colors(shown), _busiest(one, shown))
        for one in kernels
    ]
    first, *others = zip(kernels, pictures, strict=True)
    folded_ones = (folded(_network_words(one), figure(picture)) for one, picture in others)
    return Section("network", question, (figure(first[1]), *folded_ones), tuple(pictures))


def _busiest(kernel: Network, shown: Shown) -> str:
    """What sets the pace of a kernel, and what stands below its units."""
    uses = [] if shown.main is None else shown.main.timing.document.get("stages", [])
    use = next((one for one in uses if one["kernel"] == kernel.kernel), None)
    words = "Below a unit: its PCUs, and the share of the time in which it works."
    if use is None or not use["bottleneck_share"]:
        return words
    return f"Busiest is {use['bottleneck']}, for {share_text(use['bottleneck_share'])} of the time. {words}"


def _network_words(kernel: Network) -> str:
    return f"{kernel.kernel}: {len(kernel.nodes)} units"


def memory_section(shown: Shown) -> Section:
    """What lies where in memory."""
    question = "What lies where in memory?"
    if shown.memory is None:
        return Section("memory", question, (paragraph(absent(shown, "has no map of its memory")),))
    document = shown.memory.document
    tiers = [memory.Tier(one["tier"], one["size_bytes"], one["used_bytes"]) for one in document["tiers"]]
    regions = [
        memory.Region(
            one["tier"], one["address"], one["size_bytes"], one["kind"], one["name"], _live(one["live"])
        )
        for one in document["regions"]
    ]
    picture = memory.draw(f"What lies where in memory: {MAIN}", tiers, regions)
    rows = [[one.name, one.tier, one.kind, f"{one.address:,}", bytes_text(one.size_bytes)] for one in regions]
    columns = ("region", "tier", "kind", "address", "size")
    listed = folded(f"All {len(rows)} regions", table(columns, rows, (0, 1, 2)))
    return Section("memory", question, (figure(picture), listed), (picture,))


def _live(live: Sequence[int] | None) -> tuple[int, int] | None:
    return None if live is None else (live[0], live[1])


def absent(shown: Shown, what: str) -> str:
    """Why a section is empty."""
    reasons = [*_refusals(shown, (MAIN,))]
    target = shown.comparison.given.target.name
    return reasons[0] if reasons else f"The target {target} {what}."
