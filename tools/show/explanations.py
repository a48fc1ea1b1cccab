"""The sections of the page that are words and tables: all numbers, how to read it, and how it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ... import __version__
from ...backends.tables import bytes_text, share_text
from ..parameters import Parameter, parameters_of
from ..pictures.svg import element
from .collection import Shown
from .markup import Cell, Numbers, Section, listing, paragraph, table
from .sections import rate_text

BOUNDS = {
    "tokens_per_second": rate_text,
    "roofline_tokens_per_second": rate_text,
    "roofline_share": share_text,
    "attainable_tokens_per_second": rate_text,
    "attainable_share": share_text,
    "roofline_without_residence_tokens_per_second": rate_text,
}
"""Numbers of a variant, and how they are written."""


def numbers_section(shown: Shown, numbers: Numbers) -> Section:
    """The tables of `kl compare --json`."""
    documents: list[Mapping[str, Any]] = numbers.at("compare")
    timed = [at for at, one in enumerate(documents) if "refused" not in one]
    tables = [
        table(
            ("variant", "tokens/s", "roofline", "share of it", "attainable", "share of it", "all from HBM"),
            _rows(timed, documents, numbers, BOUNDS),
            caption="Bounds, in tokens per second",
        )
    ]
    for part, form, caption in (
        ("ledger_cycles", _count, "Cycles of a call by what happens in them"),
        ("bytes", bytes_text, "Bytes of a call, of one socket"),
    ):
        held = [at for at in timed if documents[at].get(part)]
        if held:
            names = tuple(documents[held[0]][part])
            forms = {f"{part}.{name}": form for name in names}
            heads = ("variant", *(name.replace("_", " ") for name in names))
            tables.append(table(heads, _rows(held, documents, numbers, forms), caption=caption))
    words = "These are the numbers of `kl compare --json`; what the pictures show is made of them."
    return Section("numbers", "What are the numbers?", (paragraph(words), *tables))


def _count(count: float) -> str:
    return f"{count:,}"


def _rows(
    places: list[int], documents: list[Mapping[str, Any]], numbers: Numbers, forms: Mapping[str, Any]
) -> Iterator[list[Cell]]:
    for at in places:
        yield [
            documents[at]["variant"],
            *(numbers.value(f"compare.{at}.{name}", form) for name, form in forms.items()),
        ]


READING = (
    (
        "One scale",
        "All timelines have one scale, and so have all magnifiers and all ledger bars: what is shorter takes"
        " less time. Where a launch is thinner than a pixel, the magnifier shows it.",
    ),
    (
        "Busy and idle",
        "A strip is coloured exactly where memory moves data; what is too near to be seen apart is one piece,"
        " as high as its busy share, and keeps its sum. Hatched is what is not recorded, which is not idle.",
    ),
    (
        "The roofline",
        "The mark is the time for all bytes at the memory's full rate. No stream attains the full rate: what"
        " it loses is a part of its own in the bars.",
    ),
    (
        "The chip",
        "A cell has a compute unit and a memory unit. Loads of links are averages that the pass has checked"
        " against what a link carries. Where units lie on the real chip is not published.",
    ),
    (
        "The numbers",
        "All are made of those of `kl compare --json` and `kl time --json`; where one of the first stands as"
        " it is, `data-path` says its place there. Nothing was measured on a machine: a model was timed,"
        " cycle by cycle.",
    ),
)


def reading_section() -> Section:
    """How to read the pictures, and how they could mislead."""
    return Section("reading", "How to read this", (listing(READING),))


def making_section(shown: Shown, command: str) -> Section:
    """The command, the version, and the machine with the source of each number."""
    given = shown.comparison.given
    parameters = list(parameters_of(given.target.machine(given.module)))
    facts = (
        ("command", element("code", command)),
        ("version", f"kl {__version__}"),
        ("target", given.target.name),
    )
    unsure = [one.name for one in parameters if one.standing in ("assumed", "fitted") and not one.is_changed]
    words = (
        f"{len(unsure)} of the {len(parameters)} parameters of the machine are assumed or fitted, as nobody"
        " has published them; --set changes any of them."
    )
    columns = ("parameter", "value", "unit", "standing", "source")
    rows = [_parameter(one) for one in parameters]
    parts = (listing(facts), paragraph(words), table(columns, rows, (0, 2, 3, 4), "The machine"))
    return Section("making", "How was it made?", parts)


def _parameter(one: Parameter) -> list[Cell]:
    is_sure = one.is_changed or one.standing in ("published", "derived")
    words = "set" if one.is_changed else one.standing
    standing = words if is_sure else element("b", words, class_="bad")
    source = f"default {one.default:,}: {one.source}" if one.is_changed else one.source
    return [one.name, f"{one.value:,}", one.unit, standing, source]
