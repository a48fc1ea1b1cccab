"""The pages that are made from the code: `docs/dialects/*.md` and `docs/passes.md`.

Run from the repository root: `.venv/bin/python docs/site/reference.py`, or `make reference`. A test compares
what it makes with what is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dialect_pages
import passes_page

from kl.tools.universe import DIALECTS

DOCS = Path(__file__).parents[1]


def pages() -> dict[Path, str]:
    """Each page that is made, and its text."""
    dialects = {DOCS / f"dialects/{name}.md": dialect_pages.page_of(name) for name in DIALECTS}
    return {**dialects, DOCS / "dialects/index.md": index(), DOCS / "passes.md": passes_page.page()}


def index() -> str:
    """The list of dialects, in the order of the levels."""
    lines = ["# The dialects", "", dialect_pages.MADE, ""]
    lines += ["The levels of the IR, in the order in which a model goes through them.", ""]
    lines += ["| dialect | says |", "|---|---|"]
    lines += [f"| [{name}]({name}.md) | {dialect_pages.purpose_of(name)} |" for name in DIALECTS]
    contents = ["```{toctree}", ":hidden:", "", *DIALECTS, "```"]
    return "\n".join([*lines, "", *contents]) + "\n"


def main() -> None:
    """Write all pages, or none where one cannot be made."""
    try:
        made = pages()
    except ValueError as error:
        sys.exit(f"error: {error}")
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
