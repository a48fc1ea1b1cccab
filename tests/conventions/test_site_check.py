"""The check of the built pages finds links that lead nowhere and what is loaded from elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "docs/site"))

from check import main, troubles  # from the folder that has just been added

GOOD = (
    '<link rel="stylesheet" href="a.css"><link rel="next" href="https://x.org"><h1 id="top"></h1>'
    '<a href="b.html#here">b</a><a href="#top">up</a><a href="https://x.org">out</a><img src="data:,">'
)


def write(folder: Path, **pages: str) -> Path:
    """A folder with a page, a second one and a style."""
    texts = {"a.html": GOOD, "b.html": '<p id="here">', "a.css": "body { background: url(data:x) }"}
    for name, text in {**texts, **{key.replace("_", "."): text for key, text in pages.items()}}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_pages_that_lead_somewhere_are_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(write(tmp_path)) == 0
    assert capsys.readouterr().out == "2 pages: all links lead somewhere, none loads from elsewhere\n"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"b_html": "<p>"}, "a.html links to b.html#here"),
        ({"a_html": '<a href="c.html">c</a>'}, "a.html links to c.html"),
        ({"a_html": '<a href="#gone">c</a>'}, "a.html links to #gone"),
        ({"a_html": '<script src="https://x.org/a.js">'}, "a.html loads https://x.org/a.js"),
        ({"a_html": '<script src="//x.org/a.js">'}, "a.html loads //x.org/a.js"),
        ({"a_html": '<img src="gone.svg">'}, "a.html loads gone.svg"),
        ({"a_html": '<link rel="preload" href="https://x.org/f">'}, "a.html loads https://x.org/f"),
        ({"a_css": "p { src: url('https://x.org/f.woff') }"}, "a.css loads https://x.org/f.woff"),
        ({"a_css": '@import "https://x.org/a.css";'}, "a.css loads https://x.org/a.css"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, page: dict[str, str], message: str):
    assert [*troubles(write(tmp_path, **page))] == [message]
    assert main(tmp_path) == 1


def test_a_folder_without_pages_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(tmp_path / "nowhere") == 1
    assert capsys.readouterr().out == f"error: no pages in {tmp_path / 'nowhere'}; make docs writes them\n"
