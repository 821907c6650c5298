"""Diagnostics in a real browser: layers, contexts and variants are chosen, and nothing else moves."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from ablate.report import render
from ablate.testing.synthetic import HOSTILE_NAMES, synthetic_results

from .inside import recorded
from .reader import Reader, Scheme, until
from .samples import GENERATED
from .studies import read
from .test_browser import CONTRAST
from .test_studies_browser import drawn

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CHARTS = ("inside-0", "inside-1", "inside-2", "bins-0")


@pytest.fixture(scope="module")
def html() -> str:
    results = synthetic_results(0, variants=7, seeds=3, contexts=("short", "long"))
    return render(read(results), results.plan, generated=GENERATED, diagnostics=recorded(results))


@pytest.fixture(scope="module")
def page(browser: Browser, html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all tests that only look."""
    reader = Reader(browser, tmp_path_factory.mktemp("shared"))
    yield drawn(reader.open(html), CHARTS)
    reader.close()


def line(page: Page, chart: str) -> str:
    return page.locator(f"#{chart} .mark-line path").first.get_attribute("d") or ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_section(page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [item for item in found if item["impact"] in ("serious", "critical")] == []
    marks: list[list[Any]] = [mark for mark in page.evaluate(CONTRAST) if mark[1] in CHARTS]
    assert {mark[1] for mark in marks} == {"inside-0", "inside-1", "inside-2"}
    assert [mark for mark in marks if mark[0] < 3] == []
    assert page.locator("#inside-1 .mark-line path").count() == 7


def test_layer_context_and_variant_are_chosen_by_keyboard(reader: Reader, html: str) -> None:
    page = drawn(reader.open(html), CHARTS)
    weights, gradients, tints = line(page, "inside-2"), line(page, "inside-1"), page.locator("#bins-0").inner_html()
    page.locator("select[data-layer=inside-2]").focus()
    page.keyboard.press("ArrowDown")
    until(page, lambda: line(page, "inside-2") != weights)
    assert line(page, "inside-1") == gradients
    assert page.locator("#status").inner_text() == "Layer: blocks.2.up"
    page.locator("#inside-context").select_option("1")
    until(page, lambda: line(page, "inside-1") != gradients)
    until(page, lambda: page.locator("#bins-0").inner_html() != tints)
    tints = page.locator("#bins-0").inner_html()
    page.locator("#inside-variant").select_option("2")
    until(page, lambda: page.locator("#bins-0").inner_html() != tints)
    chosen = page.locator("#inside-variant option").nth(2).inner_text()
    assert page.locator("[data-shows=inside-variant]").inner_text() == chosen


def test_pointing_tells_the_numbers_and_their_n(reader: Reader, html: str) -> None:
    page = drawn(reader.open(html), CHARTS)
    tip = page.locator("#vg-tooltip-element")
    page.locator("#inside-2 .mark-symbol path").last.hover(force=True)
    until(page, lambda: "mean" in tip.inner_text())
    assert "n" in tip.inner_text().split()
    page.locator("#bins-0 .mark-rect path").first.hover(force=True)
    until(page, lambda: "share" in tip.inner_text())
    assert "1.0×10⁻⁴ to 0.0010" in tip.inner_text()


@pytest.mark.parametrize("width", [390, 768])
def test_no_screen_scrolls_sideways(reader: Reader, html: str, width: int) -> None:
    page = drawn(reader.open(html, width=width), CHARTS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_there_are_pictures_and_texts(reader: Reader, html: str) -> None:
    page = reader.open(html, scripts=False)
    for chart in CHARTS:
        assert page.locator(f"#{chart} svg").is_visible()
    assert not page.locator("select[data-layer=inside-2]").is_visible()
    assert page.locator("[data-shows=inside-2]").inner_text() == "blocks.0.up"
    assert page.locator(".made pre").count() == 14
    assert page.locator(".made img").first.evaluate("item => item.naturalWidth") == 4


def test_paper_names_the_layers(reader: Reader, html: str) -> None:
    page = drawn(reader.open(html, width=702), CHARTS)
    page.emulate_media(media="print")
    assert page.locator("select[data-layer]").first.evaluate("item => item.getClientRects().length") == 0
    assert page.locator("[data-shows=inside-2]").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 702


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_are_only_text(reader: Reader, width: int) -> None:
    results = synthetic_results(0, variants=HOSTILE_NAMES, contexts=HOSTILE_NAMES[:2])
    names = dict(zip(("sizes", "bins", "scale", "written", "between"), HOSTILE_NAMES[3:], strict=True))
    found = recorded(results, layers=HOSTILE_NAMES, called=names, text=" ".join(HOSTILE_NAMES))
    page = reader.open(render(read(results), results.plan, generated=GENERATED, diagnostics=found), width=width)
    drawn(page, CHARTS)
    page.locator("select[data-layer]").first.select_option("1")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("img:not(.made img)").count() == 0
    assert page.locator("body script").count() == 3
