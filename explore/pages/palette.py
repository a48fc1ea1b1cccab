"""The colours of pages and pictures, light and dark; colour-blind people tell them apart (Okabe and Ito)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Color:
    """A colour in the light and in the dark scheme, as `#rrggbb`."""

    light: str
    dark: str


HERE = Path(__file__).parent
_colors = tomllib.loads((HERE / "palette.toml").read_text("utf-8"))

PAGE = {name: Color(*pair) for name, pair in _colors["page"].items()}
"""Grounds, inks and lines of a page: the variables of its stylesheet."""

KINDS = {name: Color(*pair) for name, pair in _colors["kinds"].items()}
"""What a colour always means, on every page."""

STAGES = tuple(Color(*pair) for pair in _colors["turns"]["stages"])
"""The colours that stages take in turn, in the order of their kernel."""

HEAT = tuple(Color(*pair) for pair in _colors["turns"]["heat"])
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
    rules = (HERE / "picture.css").read_text("utf-8")
    return "\n".join((*_rules(dark=False), rules.strip(), _in_the_dark("\n".join(_rules(dark=True)))))


def picture_ground() -> str:
    """The ground of a picture that stands alone: the one that its inks are made for."""
    light, dark = (f"svg.picture{{background:{color}}}" for color in (PAGE["card"].light, PAGE["card"].dark))
    return f"{light}\n{_in_the_dark(dark)}"


def page_style() -> str:
    """The stylesheet of a page with all that its pictures need."""
    rules = (HERE / "style.css").read_text("utf-8")
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
