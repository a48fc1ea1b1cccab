"""Holds the built pages to two rules: links within them lead somewhere, and a page asks nobody for anything.

Run from the repository root: `.venv/bin/python docs/site/check.py build/docs`. What a page loads (pictures,
styles, scripts, fonts) has to lie in the same folder; links that a reader may follow go where they like.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "img": "src",
    "script": "src",
    "iframe": "src",
    "source": "srcset",
    "link": "href",
    "object": "data",
}
"""What is fetched when a page is opened: the attribute of each kind of element."""
NOT_FETCHED = {"next", "prev", "index", "search", "author", "canonical"}
"""Relations of a `link` that lead to pages."""
IN_STYLES = re.compile(r"url\(\s*['\"]?(?!data:)([^)'\"]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """The anchors, links and loaded files of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors, self.links, self.loaded = set[str](), list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what an element names and asks for."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in NOT_FETCHED:
            self.loaded.append(given[LOADED[tag]])


def troubles(folder: Path) -> Iterator[str]:
    """What is wrong with the pages of a folder.

    Raises: FileNotFoundError where it has none.
    """
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    if not pages:
        raise FileNotFoundError(f"no pages in {folder}")
    for path, page in pages.items():
        where = path.relative_to(folder.resolve())
        yield from (f"{where} loads {one}" for one in page.loaded if not _is_there(path, one))
        yield from (f"{where} links to {one}" for one in page.links if not _leads(path, one, pages))
    for path in folder.rglob("*.css"):
        found = (a or b for a, b in IN_STYLES.findall(path.read_text(encoding="utf-8")))
        yield from (f"{path.relative_to(folder)} loads {one}" for one in found if not _is_there(path, one))


def _is_there(path: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme == "data":
        return True
    return not parts.netloc and not parts.scheme and (path.parent / unquote(parts.path)).exists()


def _leads(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    """Whether a link leads somewhere; those that leave the pages are the reader's affair."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not to.exists():
        return False
    return not parts.fragment or to not in pages or unquote(parts.fragment) in pages[to].anchors


def main(folder: Path) -> int:
    """Print what is wrong; 1 if anything is."""
    try:
        found = sorted(troubles(folder))
    except FileNotFoundError as error:
        found = [f"error: {error}; make docs writes them"]
    count = len([*folder.rglob("*.html")])
    print("\n".join(found) or f"{count} pages: all links lead somewhere, none loads from elsewhere")
    return int(bool(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hold built pages to their rules.")
    parser.add_argument("folder", type=Path, help="where the pages are, such as build/docs")
    sys.exit(main(parser.parse_args().folder))
