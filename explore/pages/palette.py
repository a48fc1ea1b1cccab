"""The colours of pages and pictures, light and dark; colour-blind people tell them apart (Okabe and Ito)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Color:
    """A colour in the light and in the dark scheme, as `#rrggbb`."""

    light: str
    dark: str


PAGE = {
    "page": Color("#f6f7f9", "#14171c"),
    "card": Color("#ffffff", "#1c2027"),
    "text": Color("#1f2430", "#e4e7ec"),
    "soft": Color("#5b6472", "#a3acb9"),
    "lines": Color("#d5d9e1", "#39404b"),
    "accent": Color("#0067a3", "#6cb6ee"),
    "bad": Color("#b34700", "#f29a5c"),
    "good": Color("#00734f", "#4fc79d"),
    "code": Color("#eef1f5", "#262c35"),
    "added": Color("#d9f2e6", "#173a2d"),
    "removed": Color("#fcebe1", "#4a2a17"),
    "blue": Color("#0072b2", "#56b4e9"),
    "orange": Color("#d55e00", "#f0893e"),
    "green": Color("#009e73", "#2fbd94"),
    "grey": Color("#8a909c", "#99a1ae"),
}
"""Grounds, inks and lines of a page: the variables of its stylesheet."""

KINDS = {
    "launch": Color("#d55e00", "#f0893e"),
    "kernel": Color("#c3daf0", "#2b4a6b"),
    "memory-full": Color("#0072b2", "#56b4e9"),
    "memory-below": Color("#6bb5de", "#2f77a8"),
    "ddr": Color("#5a4fa2", "#a79df0"),
    "links": Color("#009e73", "#2fbd94"),
    "idle": Color("#e7ecf2", "#2a313b"),
    "fill": Color("#8c6d00", "#f7ec85"),
    "drain": Color("#e69f00", "#b98a12"),
    "exposed": Color("#cc79a7", "#d58fb6"),
    "collectives": Color("#009e73", "#2fbd94"),
    "router": Color("#7a5195", "#b28fd0"),
    "weight": Color("#0072b2", "#56b4e9"),
    "state": Color("#009e73", "#2fbd94"),
    "input": Color("#7a5195", "#b28fd0"),
    "value": Color("#e69f00", "#eeb040"),
    "waiting": Color("#f3d7a0", "#5c4a22"),
    "back": Color("#d55e00", "#f0893e"),
    "channel": Color("#8a909c", "#99a1ae"),
    "other": Color("#8a909c", "#99a1ae"),
    "halved": Color("#e69f00", "#eeb040"),
    "doubled": Color("#0072b2", "#56b4e9"),
    "reached": Color("#0072b2", "#56b4e9"),
    "roof": Color("#d55e00", "#f0893e"),
}
"""What a colour always means, on every page."""

STAGES = (
    Color("#0072b2", "#4ea3dc"),
    Color("#e69f00", "#f2c14e"),
    Color("#009e73", "#2fbd94"),
    Color("#cc79a7", "#d994ba"),
    Color("#d55e00", "#f0893e"),
    Color("#56b4e9", "#8fd0f5"),
    Color("#7a5195", "#b28fd0"),
    Color("#8c6d00", "#c9ab3a"),
    Color("#00594a", "#6fd6c0"),
    Color("#a03c50", "#e58496"),
    Color("#3f5aa6", "#8fa6ec"),
    Color("#6b8e23", "#a9c964"),
)
"""The colours that stages take in turn, in the order of their kernel."""

HEAT = (
    Color("#c9dff0", "#41566d"),
    Color("#9fcae8", "#3f6d96"),
    Color("#6db3de", "#3d84bd"),
    Color("#3b94cb", "#56b4e9"),
    Color("#e8b84a", "#d9a938"),
    Color("#e08f1f", "#e8963a"),
    Color("#d55e00", "#f0763e"),
    Color("#9c2a00", "#ff5a3c"),
)
"""Loads in eighths of what can be carried, from nothing to full."""


def stage_classes(names: Iterable[str]) -> dict[str, str]:
    """The class of each stage's colour; a name has one colour, however often it comes."""
    different = dict.fromkeys(names)
    return {name: f"stage-{number % len(STAGES)}" for number, name in enumerate(different)}


def classes() -> dict[str, Color]:
    """All classes that give a part of a picture its colour."""
    stages = {f"stage-{number}": color for number, color in enumerate(STAGES)}
    heat = {f"heat-{number}": color for number, color in enumerate(HEAT)}
    return {**KINDS, **stages, **heat}


def picture_style() -> str:
    """The rules of pictures, with colours as they are: viewers of SVG that know no variables show them."""
    rules = (Path(__file__).parent / "picture.css").read_text(encoding="utf-8")
    return "\n".join((*_rules(dark=False), rules.strip(), _in_the_dark("\n".join(_rules(dark=True)))))


def picture_ground() -> str:
    """The ground of a picture that stands alone: the one that its inks are made for."""
    light, dark = (f"svg.picture{{background:{color}}}" for color in (PAGE["card"].light, PAGE["card"].dark))
    return f"{light}\n{_in_the_dark(dark)}"


def page_style() -> str:
    """The stylesheet of a page with all that its pictures need."""
    rules = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    dark = _in_the_dark(":root{" + _variables(dark=True) + "}")
    return "\n".join((":root{" + _variables(dark=False) + "}", dark, rules.strip(), picture_style()))


def _rules(dark: bool) -> Iterator[str]:
    """The rule of each class; inks of a picture are those of the page."""
    inks = {name: PAGE[name] for name in ("text", "soft", "lines", "card")}
    for name, color in {**classes(), **inks}.items():
        yield f"svg.picture .{name}{{color:{color.dark if dark else color.light}}}"


def _variables(dark: bool) -> str:
    """The page's colours as declarations."""
    return ";".join(f"--{name}:{color.dark if dark else color.light}" for name, color in PAGE.items())


def _in_the_dark(rules: str) -> str:
    return f"@media (prefers-color-scheme:dark){{{rules}}}"
