"""The page: one HTML file without requests, the same for the same command, whole without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

from ...explore.pages.palette import page_style
from ..commands.time import document, headline
from ..pictures.svg import element
from ..variants import Timed
from . import explanations, sections
from .collection import MAIN, Shown
from .markup import Numbers, Section, paragraph
from .passes import passes_section

_HERE = Path(__file__).parent


def numbers_of(shown: Shown) -> Numbers:
    """What `kl compare --json` prints of it, and `kl time --json` of the main variant."""
    main, documents = shown.main, {"compare": shown.comparison.documents()}
    timed = {} if main is None else {"time": document(shown.comparison.given.path, main.timing)}
    return Numbers({**documents, **timed})


def sections_of(shown: Shown, command: str, more: Sequence[Section] = ()) -> tuple[Section, ...]:
    """All sections in their order; `more` come behind the pictures."""
    numbers = numbers_of(shown)
    return (
        sections.time_section(shown, numbers),
        sections.looping_section(shown, numbers),
        sections.chip_section(shown),
        sections.network_section(shown),
        sections.memory_section(shown),
        _passes(shown),
        *more,
        explanations.numbers_section(shown, numbers),
        explanations.reading_section(),
        explanations.making_section(shown, command),
    )


def _passes(shown: Shown) -> Section:
    if not shown.texts:
        why = sections.absent(shown, "has run no pass")
        return Section("passes", "Which pass did what?", (paragraph(why),))
    source = shown.comparison.given.source
    place, text = ("", "") if source is None else (source.place, source.text)
    return passes_section(MAIN, shown.texts, place, text)


def page(shown: Shown, parts: Sequence[Section]) -> str:
    """The markup of the page with these sections."""
    timed = next((one.timing for one in shown.comparison.results if isinstance(one, Timed)), None)
    template = Template((_HERE / "template.html").read_text("utf-8"))
    return template.substitute(
        title=str(element("span", shown.title))[6:-7],
        subtitle=str(element("span", headline(timed) if timed else "all variants are refused"))[6:-7],
        style=page_style() + (_HERE / "show.css").read_text("utf-8"),
        links="\n".join(str(element("a", one.question, href=f"#{one.name}")) for one in parts),
        sections="\n".join(map(_section, parts)),
        script=(_HERE / "script.js").read_text("utf-8"),
    )


def _section(one: Section) -> str:
    heading = element("h2", one.question)
    return f'<section id="{one.name}">\n{heading}\n{"".join(one.parts)}\n</section>'
