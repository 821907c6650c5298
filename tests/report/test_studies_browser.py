"""Factors, cost and seeds in a real browser: charts that are drawn when they come near, and the choice of the cost."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from ablate.report import render
from ablate.testing.synthetic import HOSTILE_NAMES, synthetic_results

from .reader import Reader, Scheme, until
from .samples import GENERATED
from .studies import full_grid, read
from .test_browser import CONTRAST

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FACTORS = ("levels-0-0", "levels-0-1", "levels-0-2", "shares-0", "interaction-0-0", "interaction-0-2")
CHARTS = (*FACTORS, "cost-0", "residuals-0", "ranks-0")


@pytest.fixture(scope="module")
def html() -> str:
    results = full_grid(statuses={("activation=tanh", 2): "diverged"})
    return render(read(results), results.plan, generated=GENERATED)


@pytest.fixture(scope="module")
def page(browser: Browser, html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all tests that only look."""
    reader = Reader(browser, tmp_path_factory.mktemp("shared"))
    yield drawn(reader.open(html))
    reader.close()


def drawn(page: Page, charts: tuple[str, ...] = CHARTS) -> Page:
    """The page with these charts scrolled to, and drawn by the script."""
    for chart in charts:
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        until(page, f"document.querySelector('#{chart} .vega-embed, #{chart}.vega-embed') !== null")
    return page


def test_a_picture_stands_until_a_chart_comes_near(reader: Reader, html: str) -> None:
    page = reader.open(html)
    ranks = page.locator("#ranks-0")
    assert ranks.locator("svg").count() == 1
    assert page.evaluate("document.querySelector('#ranks-0').classList.contains('vega-embed')") is False
    drawn(page, ("ranks-0",))
    assert ranks.locator("svg.marks").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_sections(page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [item for item in found if item["impact"] in ("serious", "critical")] == []
    marks: list[list[Any]] = [mark for mark in page.evaluate(CONTRAST) if mark[1] in CHARTS]
    assert {mark[1] for mark in marks} >= {"levels-0-0", "shares-0", "cost-0"}
    assert [mark for mark in marks if mark[0] < 3] == []


def test_the_cost_can_be_chosen_by_keyboard(reader: Reader, html: str) -> None:
    page = drawn(reader.open(html), ("cost-0",))
    chart, choice = page.locator("#cost-0"), page.locator("select[data-chart=cost-0]")
    assert choice.locator("option").all_inner_texts() == ["training time of a run", "parameters"]
    assert "training time of a run (s)" in (chart.text_content() or "")
    lines = chart.locator(".mark-line path").get_attribute("d")
    choice.focus()
    page.keyboard.press("ArrowDown")
    until(page, lambda: "parameters" in (chart.text_content() or ""))
    assert "training time" not in (chart.text_content() or "")
    assert chart.locator(".mark-line path").get_attribute("d") != lines
    assert page.locator("#status").inner_text() == "Cost: parameters"


def test_pointing_at_a_point_tells_its_variant_and_cost(reader: Reader, html: str) -> None:
    page = drawn(reader.open(html), ("cost-0",))
    page.locator("#cost-0 .mark-symbol path").last.hover(force=True)
    tip = page.locator("#vg-tooltip-element")
    until(page, lambda: "cost" in tip.inner_text())
    assert "n = 5" in tip.inner_text()


@pytest.mark.parametrize("width", [390, 768])
def test_no_screen_scrolls_sideways_and_labels_are_short(reader: Reader, html: str, width: int) -> None:
    page = drawn(reader.open(html, width=width))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    labels = page.locator("#residuals-0 .role-axis-label text").all_text_contents()
    assert any(label.endswith("init=he_normal, lr=0.003") for label in labels) is (width > 640)
    numbers = page.locator("#residuals-0 .mark-text.role-mark text").count()
    assert (numbers > 0) is (width > 640)


def test_without_scripts_every_section_has_its_pictures_and_tables(reader: Reader, html: str) -> None:
    page = reader.open(html, scripts=False)
    for chart in CHARTS:
        assert page.locator(f"#{chart} svg").is_visible()
    assert not page.locator("select[data-chart]").is_visible()
    assert page.locator("table.terms tbody tr").count() == 9
    assert page.locator("table.costs tbody tr").count() == 18


def test_paper_has_every_section_and_no_wide_table(reader: Reader, html: str) -> None:
    page = reader.open(html, width=702)
    page.emulate_media(media="print")
    wide = "item => item.scrollWidth > item.parentElement.clientWidth + 1"
    assert page.evaluate(f"[...document.querySelectorAll('table')].filter({wide}).length") == 0
    assert page.locator("select[data-chart]").evaluate("item => item.getClientRects().length") == 0
    assert len(page.pdf(format="A4")) > 20_000


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_are_only_text(reader: Reader, width: int) -> None:
    sides = HOSTILE_NAMES[:3], (HOSTILE_NAMES[3], HOSTILE_NAMES[-1])
    grid = {f"{a} {b}": {HOSTILE_NAMES[4]: a, HOSTILE_NAMES[-1]: b} for a, b in product(*sides)}
    for changes in (grid, {name: {name: name} for name in HOSTILE_NAMES}):
        results = synthetic_results(0, variants=list(changes), changes=changes, parameters={"base": 5})
        page = reader.open(render(read(results), results.plan, generated=GENERATED), width=width)
        for chart in page.locator("figure.study .chart").all():
            drawn(page, (str(chart.get_attribute("id")),))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("img").count() == 0
        assert page.locator("body script").count() == 3


def test_a_flag_leads_to_its_section(reader: Reader, html: str) -> None:
    page = reader.open(html)
    page.locator(".flags a[href='#cost']").first.press("Enter")
    assert page.evaluate("location.hash") == "#cost"
    assert page.evaluate("Math.abs(document.querySelector('#cost').getBoundingClientRect().top) < 120")


def test_a_large_page_unpacks_its_curves(reader: Reader) -> None:
    results = synthetic_results(0, variants=499, points=60, effects=0.01)
    page = reader.open(render(read(results), results.plan, generated=GENERATED))
    assert page.evaluate("JSON.parse(document.querySelector('#data').textContent).curves.packed.length") > 100_000
    assert page.locator("#curve .mark-line path").count() > 6
    steep = page.locator("#curve .mark-line path").first.get_attribute("d") or ""
    assert steep.count("L") > 20
    page.locator("#metric").select_option("train_loss")
    until(page, lambda: (page.locator("#curve .mark-line path").first.get_attribute("d") or "") != steep)
    with page.expect_download() as event:
        page.locator("[data-download=curves]").press("Enter")
    lines = event.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) > 200_000
    assert lines[1].startswith("val_loss,,")
