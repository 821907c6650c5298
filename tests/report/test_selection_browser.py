"""Tuning and confirmation in a real browser: from a file, offline, on wide and narrow screens, and on paper."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from ablate.analysis import Analysis, analyze
from ablate.report import render
from ablate.testing.selection import with_confirmation, with_tuning
from ablate.testing.synthetic import HOSTILE_NAMES, SyntheticResults, synthetic_results

from .reader import Reader, Scheme, until
from .samples import GENERATED
from .test_browser import CONTRAST

pytestmark = [pytest.mark.slow, pytest.mark.browser]

NAMES = ("relu", "tanh", "elu", "soft_shrink", "silu", "swish", "mish", "a variant with a rather long name = 0.001")
CHARTS = ("tuning-0", "confirmation-0")


def page_of(results: SyntheticResults) -> tuple[str, Analysis]:
    analysis = analyze(results.plan, results.runs, results.series, confirmation=results.confirmation)
    return render(analysis, results.plan, generated=GENERATED), analysis


@pytest.fixture(scope="module")
def results() -> SyntheticResults:
    plain = synthetic_results(0, variants=NAMES, effects={"relu": 0.1, "tanh": 0.05}, noise=0.02, margin=0.01)
    optima = {"relu": 2, "tanh": 1, "base": 1}
    tuned = with_tuning(plain, 1, {"optimizer.lr": (1e-4, 1e-3, 1e-2)}, optima=optima)
    return with_confirmation(tuned, 2, ["relu", "tanh"], effects={"relu": 0.09})


@pytest.fixture(scope="module")
def html(results: SyntheticResults) -> str:
    return page_of(results)[0]


@pytest.fixture(scope="module")
def page(browser: Browser, html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all tests that only look."""
    reader = Reader(browser, tmp_path_factory.mktemp("shared"))
    yield drawn(reader.open(html))
    reader.close()


def drawn(page: Page, charts: tuple[str, ...] = CHARTS) -> Page:
    for chart in charts:
        until(page, f"document.querySelectorAll('#{chart} svg.marks').length === 1")
    return page


def test_the_charts_show_every_variant_and_mark_what_was_chosen(page: Page) -> None:
    lines = page.locator("#tuning-0 .mark-line path")
    assert lines.count() == 9
    marks = page.locator("#tuning-0 .mark-symbol path").evaluate_all(
        "all => all.map(mark => mark.getBoundingClientRect().width).sort((a, b) => a - b)"
    )
    assert len(marks) == 9 * 3 + 9
    assert marks[27] > marks[26] + 2
    forest = page.locator("#confirmation-0 .role-axis-label text").all_text_contents()
    assert [name.strip("\u200b") for name in forest if name[0].isalpha()] == ["relu", "screening", "tanh", "screening"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_sections(page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [item for item in found if item["impact"] in ("serious", "critical")] == []
    marks = [mark for mark in page.evaluate(CONTRAST) if mark[1] in CHARTS]
    assert {mark[1] for mark in marks} == set(CHARTS)
    assert [mark for mark in marks if mark[0] < 3] == []


def test_pointing_at_a_setting_tells_its_score(page: Page, results: SyntheticResults) -> None:
    _, analysis = page_of(results)
    assert analysis.tuning is not None
    page.locator("#tuning-0 .mark-symbol path").first.hover(force=True)
    tip = page.locator("#vg-tooltip-element")
    until(page, lambda: "3 of 3" in tip.inner_text())
    assert "optimizer.lr" in tip.inner_text()


def test_no_screen_scrolls_sideways_and_a_narrow_one_shows_every_number(reader: Reader, html: str) -> None:
    page = drawn(reader.open(html, width=390))
    for section in ("tuning", "confirmation"):
        for cell in page.locator(f"#{section} table.cards tbody td").all():
            box = cell.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
    names = page.locator("#confirmation-0 .role-axis-label text").all_text_contents()
    assert [name.strip("\u200b") for name in names if name[0].isalpha()] == ["relu", "screening", "tanh", "screening"]
    for width in (390, 768, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_tables_and_pictures_are_there(reader: Reader, html: str) -> None:
    page = reader.open(html, scripts=False)
    for chart in CHARTS:
        still = page.locator(f"#{chart} svg")
        assert still.is_visible()
        assert still.get_attribute("aria-label")
    assert page.locator("#tuning table tbody tr").count() == 9
    assert page.locator("#confirmation table tbody tr").count() == 2


def test_paper_shows_both_sections_whole(reader: Reader, html: str) -> None:
    axes = {"optimizer.lr": (1e-4, 1e-3, 1e-2), "optimizer.beta": (0.9, 0.95, 0.99, 0.999)}
    heat = page_of(with_tuning(synthetic_results(0, variants=NAMES), 1, axes))[0]
    for text in (html, heat):
        page = reader.open(text, width=702)
        page.emulate_media(media="print")
        wide = "item => item.scrollWidth > item.parentElement.clientWidth + 1"
        assert page.evaluate(f"[...document.querySelectorAll('table')].filter({wide}).length") == 0
        assert page.locator("#tuning table").first.is_visible()


def test_the_downloads_hold_every_setting_and_both_estimates(page: Page, results: SyntheticResults) -> None:
    _, analysis = page_of(results)

    def fetch(name: str) -> list[dict[str, str]]:
        with page.expect_download() as event:
            page.locator(f"[data-download={name}]").press("Enter")
        return list(csv.DictReader(io.StringIO(Path(event.value.path()).read_text(encoding="utf-8-sig"))))

    assert analysis.tuning is not None
    assert analysis.confirmation is not None
    settings = fetch("tuning")
    assert len(settings) == 9 * 3
    means = [candidate.mean for row in analysis.tuning.rows for candidate in row.candidates]
    assert [float(row["mean val_loss (last)"]) for row in settings] == pytest.approx(means, rel=1e-9)
    chosen = {row["variant"]: row["optimizer.lr"] for row in settings if row["chosen"] == "yes"}
    assert (chosen["relu"], chosen["base"], len(chosen)) == ("0.01", "0.001", 9)
    fresh = fetch("confirmation")
    assert [row["variant"] for row in fresh] == ["base", "relu", "tanh"]
    assert [float(row["improvement"]) for row in fresh[1:]] == [
        row.fresh.improvement for row in analysis.confirmation.rows
    ]


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_labels_are_only_text(reader: Reader, width: int) -> None:
    plain = synthetic_results(1, variants=HOSTILE_NAMES, effects=0.03, noise=0.005, contexts=("", HOSTILE_NAMES[0]))
    tuned = with_tuning(plain, 1, {"optimizer.kind": ["adamw", HOSTILE_NAMES[0], HOSTILE_NAMES[2]]}, optima=1)
    html, _ = page_of(with_confirmation(tuned, 2, HOSTILE_NAMES[:4], effects={HOSTILE_NAMES[0]: 0.03}))
    page = drawn(reader.open(html, width=width), ("tuning-0", "tuning-1", "confirmation-0", "confirmation-1"))
    assert page.locator("img").count() == 0
    assert page.locator("body script").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.locator("#tuning table").first.locator("th .name").all_inner_texts()
    for name in HOSTILE_NAMES[:6]:
        assert " ".join(name.split()) in shown
    page.locator("#tuning-0 .mark-symbol path").first.hover(force=True)
    until(page, lambda: page.locator("#vg-tooltip-element.visible").count() == 1)
    assert page.locator("img").count() == 0
