"""The page of `kl show` in a browser, offline: one request, no error, legible, and its script works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kl.tools.kl import main

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs a chromium on the path", allow_module_level=True)

TINY = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")
CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const color = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (one) => {
    for (let here = one; here; here = here.parentElement) {
      const found = color(getComputedStyle(here).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const worst = [];
  for (const one of document.querySelectorAll("body *")) {
    const words = [...one.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim());
    if (!words || one.closest("title, desc, script, style") || !one.getClientRects().length) continue;
    const style = getComputedStyle(one);
    const ink = color(one.ownerSVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const name = `${one.tagName}.${one.getAttribute("class")}`;
    if (ratio < 4.5) worst.push(`${ratio.toFixed(2)} ${name}: ${one.textContent.slice(0, 40)}`);
  }
  return worst;
}"""
"""Texts that one can hardly read on their ground."""
SMALLEST = """() => Math.min(...[...document.querySelectorAll("body *")].filter((one) =>
  [...one.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim())
  && !one.closest("title, desc, script, style") && one.getClientRects().length).map((one) => {
    const svg = one.ownerSVGElement;
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    return parseFloat(getComputedStyle(one).fontSize) * scale;
  }))"""
"""Pixels of the smallest letters, as they are shown."""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "tiny.html"
    assert main(["show", TINY, "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


def opened(browser: Any, file: Path, width: int = 1120, **options: Any) -> Any:
    """The page, with what it asks for and complains of in `asked` and `errors`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
    page = context.new_page()
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.errors.append(message.text))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(file.as_uri())
    return page


def test_one_request_and_no_error(browser: Any, page_file: Path):
    page = opened(browser, page_file)
    assert page.asked == [page_file.as_uri()]
    assert page.errors == []


def test_rectangles_are_drawn_at_their_cycles(browser: Any, page_file: Path):
    page = opened(browser, page_file)
    wrong = page.evaluate("""() => {
      const rects = [...document.querySelectorAll("[data-scale] rect[data-start]")];
      return rects.filter((rect) => {
      const group = rect.closest("[data-scale]"), svg = rect.ownerSVGElement;
      const pixels = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      const left = svg.getBoundingClientRect().left + group.transform.baseVal.consolidate().matrix.e * pixels;
      const wanted = left + rect.dataset.start * group.dataset.scale * pixels;
      return Math.abs(rect.getBoundingClientRect().left - wanted) > 0.1;
    }).length; }""")
    count = page.locator("[data-scale] rect[data-start]").count()
    assert (count > 100, wrong) == (True, 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_texts_are_legible(scheme: str, browser: Any, page_file: Path):
    page = opened(browser, page_file, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert page.evaluate(CONTRAST) == []


def test_schemes_differ(browser: Any, page_file: Path):
    grounds = [
        opened(browser, page_file, color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert grounds[0] != grounds[1]


@pytest.mark.parametrize("width", [390, 840, 1120])
def test_nothing_overflows(width: int, browser: Any, page_file: Path):
    page = opened(browser, page_file, width)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_smallest_letters_have_eleven_pixels(browser: Any, page_file: Path):
    assert opened(browser, page_file, 840).evaluate(SMALLEST) >= 11


def test_it_is_whole_without_scripts(browser: Any, page_file: Path):
    page = opened(browser, page_file, java_script_enabled=False)
    assert page.locator("section").count() == 9
    summary = page.locator("details.pass summary").nth(1)
    summary.click()
    assert page.locator("details.pass .diff .added").first.is_visible()
    assert page.locator("svg.picture").count() >= 6


def test_a_click_shows_the_line_of_the_model(browser: Any, page_file: Path):
    page = opened(browser, page_file)
    page.locator("[data-pass='convert-kernel-to-dataflow'] summary").click()
    row = page.locator(".diff p.added", has_text='dataflow.stage "softmax').first
    row.click()
    number = row.get_attribute("data-l")
    line = Path(TINY).read_text("utf-8").split("\n")[int(number) - 1].strip()
    assert page.locator("samp.place").inner_text() == f"{TINY}:{number}  {line}"
    assert page.locator(".source p.here").inner_text().strip() == line


def test_arrow_keys_go_from_pass_to_pass(browser: Any, page_file: Path):
    page = opened(browser, page_file)
    first = page.locator("details.pass summary").first
    first.focus()
    page.keyboard.press("ArrowDown")
    is_open = "[...document.querySelectorAll('details.pass')].map((one) => one.open).indexOf(true)"
    assert page.evaluate(is_open) == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate(is_open) == 2
    page.keyboard.press("ArrowUp")
    assert page.evaluate(is_open) == 1


def test_a_search_shows_the_lines_that_have_it(browser: Any, page_file: Path):
    page = opened(browser, page_file)
    page.get_by_placeholder("search lines").fill("nn.silu")
    rows = page.locator(".diff p:visible")
    assert rows.count() > 0
    assert all("nn.silu" in text for text in rows.all_text_contents())


def test_any_two_passes_are_compared(browser: Any, page_file: Path):
    page = opened(browser, page_file)
    names = page.locator("#pass-tools select").first.locator("option").all_text_contents()
    place = next(number for number, name in enumerate(names) if "tile-stages" in name)
    page.get_by_label("from").select_option(str(place - 1))
    page.get_by_label("to", exact=True).select_option(str(place))
    page.get_by_role("button", name="compare").click()
    shown = page.locator("#compared p.added").all_text_contents()
    step = page.locator("[data-pass='tile-stages']")
    plus = int(step.locator(".plus").inner_text())
    assert len(shown) == plus
    page.get_by_label("from").select_option("0")
    page.get_by_label("to", exact=True).select_option(str(len(names) - 1))
    page.get_by_role("button", name="compare").click()
    compiled = main_text()
    assert all(text in compiled for text in page.locator("#compared p.added").all_text_contents())


def main_text() -> list[str]:
    """The lines that `kl compile` prints, short where they are many."""
    from contextlib import redirect_stdout
    from io import StringIO

    from kl.tools.show.folding import Line, folded

    with redirect_stdout(StringIO()) as out:
        assert main(["compile", TINY, "--json"]) == 0
    text: str = json.loads(out.getvalue())["text"]
    return [line.text for line in folded([Line(one) for one in text.split("\n")])]
