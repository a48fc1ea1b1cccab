"""Reads pictures back: what a browser would find in them."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from kl.tools.pictures.svg import Picture

Found = ElementTree.Element
SVG = "{http://www.w3.org/2000/svg}"
"""What stands before the names of all elements."""


def read(picture: Picture) -> Found:
    """The picture that stands alone."""
    return ElementTree.fromstring(picture.standalone())


def having(root: Found, attribute: str) -> Iterator[Found]:
    """All elements with an attribute, in their order."""
    return (one for one in root.iter() if attribute in one.attrib)


def texts(root: Found) -> list[str]:
    """What is written, each text as a whole."""
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def elements(root: Found) -> int:
    """How many elements a browser makes."""
    return sum(1 for _ in root.iter())
