"""The page in a real browser: from a file, offline, under its own content security policy."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from ablate.analysis.types import Analysis
from ablate.report import render, table
from ablate.store.schema import PlanRecord

from .reader import Reader, Scheme, until
from .samples import EFFECTS, GENERATED, HOSTILE, make_analysis, make_packs, make_plan

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def hostile_html() -> str:
    effects = {"base": 0.0} | {name: 0.01 * (place - 3) for place, name in enumerate(HOSTILE)}
    plan = make_plan(tuple(effects), question=" ".join(HOSTILE), text="\n".join(HOSTILE), contexts=("", HOSTILE[0]))
    analysis = make_analysis(
        plan,
        effects,
        headline=f"{HOSTILE[0]} beats base; {HOSTILE[-1]} is undecided.",
        summary=HOSTILE,
        statuses={(name, 1): "error" for name in HOSTILE},
        methods=" ".join(HOSTILE),
        suggestions=tuple((name, name) for name in HOSTILE),
    )
    failures = tuple(
        type(item)(item.variant, item.context, 1, "error", None, item.variant) for item in analysis.failures
    )
    fields = {name: getattr(analysis, name) for name in Analysis.__slots__} | {"failures": failures}
    return render(Analysis(**fields), plan, make_packs(), generated=GENERATED)


def order(page: Page) -> list[str]:
    """The variants of the table from top to bottom, as far as they are shown."""
    names: list[str] = page.locator("table.ranking tr[data-row]:visible .variant .name").all_inner_texts()
    return names


def forest_order(page: Page) -> list[str]:
    names: list[str] = page.locator("#forest-0 .role-axis-label text").all_text_contents()
    return [name for name in names if not re.fullmatch(r"[−\d.]+", name)]


@pytest.fixture(scope="module")
def page(browser: Browser, html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all tests that only look."""
    reader = Reader(browser, tmp_path_factory.mktemp("shared"))
    yield reader.open(html)
    reader.close()


def test_all_charts_are_drawn(page: Page) -> None:
    assert page.locator("#forest-0 svg.marks").count() == 1
    assert forest_order(page) == [name for name in order(page) if name != "base"]
    assert page.locator("#curve .mark-line path").count() > 6
    assert page.locator("#difference .mark-line path").count() > 5
    assert page.locator("#slopes svg.marks").count() == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_are_only_text(reader: Reader, hostile_html: str, width: int) -> None:
    page = reader.open(hostile_html, width=width)
    assert page.locator("img").count() == 0
    assert page.locator("body script").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = order(page)
    for name in HOSTILE[:6]:
        assert shown.count(" ".join(name.split())) == 2
    page.locator("table.ranking button.pick").nth(3).press("Enter")
    for mark in page.locator("#forest-0 .mark-rule.role-mark line").all()[1:4]:
        mark.hover(force=True)
        until(page, lambda: page.locator("#vg-tooltip-element.visible").count() == 1)
    assert page.locator("img").count() == 0


CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = parse(getComputedStyle(document.body).backgroundColor);
  const out = [];
  const kinds = ['.mark-line path', '.mark-symbol path', '.mark-rule.role-mark line'];
  for (const mark of document.querySelectorAll(kinds.map(kind => '.chart ' + kind).join())) {
    const style = getComputedStyle(mark);
    const opacity = Number(style.opacity);
    const paints = [style.stroke, style.fill].filter(paint => paint !== 'none').map(parse);
    if (opacity < 0.1 || !paints.length) continue;
    const ratios = paints.map(paint => {
      const seen = paint.slice(0, 3).map((v, i) => v * opacity + ground[i] * (1 - opacity));
      const [a, b] = [light(seen), light(ground)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    });
    const best = Math.max(...ratios);
    if (best > 1.001) out.push([best, mark.closest('.chart').id, style.stroke, style.fill, opacity]);
  }
  return out;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_page(page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    serious = [item for item in found if item["impact"] in ("serious", "critical")]
    assert serious == []

    marks: list[list[Any]] = page.evaluate(CONTRAST)
    assert {mark[1] for mark in marks} == {"forest-0", "curve", "difference", "slopes"}
    assert [mark for mark in marks if mark[0] < 3] == []


def test_the_switch_changes_the_scheme_of_page_and_charts(reader: Reader, html: str) -> None:
    page = reader.open(html)
    ink = "getComputedStyle(document.querySelector('#forest-0 .mark-rule.role-mark line')).stroke"
    before = (page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(ink))
    page.locator("#scheme").press("Enter")
    after = (page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(ink))
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_no_screen_scrolls_sideways(reader: Reader, html: str) -> None:
    page = reader.open(html, width=390)
    for width in (390, 768, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_the_verdict_the_table_and_the_effects_are_there(reader: Reader, html: str) -> None:
    page = reader.open(html, scripts=False)
    assert page.locator(".headline").is_visible()
    assert len(order(page)) == len(EFFECTS)
    still = page.locator("#forest-0 svg")
    assert still.is_visible()
    assert "activation=tanh" in (still.text_content() or "")
    assert page.locator("#curves noscript p").is_visible()
    assert page.locator("button:visible").evaluate_all("all => all.filter(item => !item.matches('.sort')).length") == 0


def test_the_numbers_on_the_page_are_those_of_the_analysis(page: Page, analysis: Analysis, plan: PlanRecord) -> None:
    for row in table.groups(analysis, plan)[0].rows:
        shown = page.locator(f"tr[data-row='{row.index}']")
        for name in ("rank", "mean", "effect", "p", "n", "wins", "reference", "step"):
            cell = row.cell(name)
            assert shown.locator(f"td.{name} .value").inner_text() == cell.text
            assert shown.locator(f"td.{name}").get_attribute("data-sort") == cell.sort
        assert shown.locator("td.verdict").get_attribute("data-words") == analysis.ranking[row.index].words


def test_the_downloads_hold_the_full_numbers(page: Page, analysis: Analysis) -> None:
    def fetch(name: str) -> list[dict[str, str]]:
        with page.expect_download() as event:
            page.locator(f"[data-download={name}]").press("Enter")
        assert event.value.suggested_filename == f"activations-{name}.csv"
        return list(csv.DictReader(io.StringIO(Path(event.value.path()).read_text(encoding="utf-8-sig"))))

    ranking = fetch("ranking")
    assert [row["variant"] for row in ranking] == [row.variant for row in analysis.ranking]
    assert [float(row["mean"]) for row in ranking] == [row.mean for row in analysis.ranking]
    assert [float(row["improvement"]) for row in ranking] == [row.improvement for row in analysis.ranking]
    scores = fetch("scores")
    assert len(scores) == analysis.planned
    assert [row["status"] for row in scores].count("diverged") == 1
    finite = analysis.curves.filter(analysis.curves["value"].is_finite())
    assert len(fetch("curves")) == finite.height


def test_the_table_sorts_by_keyboard_and_the_forest_plot_follows(reader: Reader, html: str) -> None:
    page = reader.open(html)
    ranked = order(page)
    header = page.locator("th[data-column=variant]")
    header.locator("button").press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert order(page) == ["base", *sorted(ranked[1:])]
    header.locator("button").press("Space")
    assert header.get_attribute("aria-sort") == "descending"
    assert order(page) == ["base", *sorted(ranked[1:], reverse=True)]
    until(page, lambda: forest_order(page) == order(page)[1:])
    page.locator("th[data-column=rank] button").press("Enter")
    assert order(page) == ranked


def test_the_filter_keeps_the_baseline_and_reaches_the_forest_plot(reader: Reader, html: str) -> None:
    page = reader.open(html)
    page.locator("#filter").press_sequentially("activation= better")
    until(page, "document.querySelector('#count').textContent === '2 of 9'")
    assert order(page) == ["base", "activation=tanh", "activation=soft_shrink"]
    until(page, lambda: forest_order(page) == ["activation=tanh", "activation=soft_shrink"])
    page.locator("#filter").fill("nothing like it")
    page.locator("#no-match").wait_for(state="visible")
    assert order(page) == ["base"]
    page.locator("#filter").press("Escape")
    until(page, "document.querySelector('#count').textContent === ''")
    assert len(order(page)) == len(EFFECTS)


def test_a_row_shows_and_hides_its_curve(reader: Reader, html: str) -> None:
    page = reader.open(html)

    def lines() -> set[str]:
        return set(page.locator("#chips .chip bdi").all_inner_texts())

    row = page.locator("tr[data-row]").filter(has_text="no_history")
    button = row.locator("button.pick")
    assert button.get_attribute("aria-pressed") == "false"
    before = lines()
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert lines() == before | {"no_history"}
    until(page, "document.querySelector('#curve svg').textContent.includes('no_history')")
    assert "shown" in page.locator("#status").inner_text()
    row.locator(".change").click()
    assert button.get_attribute("aria-pressed") == "false"
    assert lines() == before
    page.locator("#chips select").select_option(label="no_history")
    assert lines() == before | {"no_history"}
    page.locator("#chips .chip").filter(has_text="no_history").press("Enter")
    assert lines() == before


def test_pointing_at_a_curve_tells_its_numbers(reader: Reader, html: str) -> None:
    page = reader.open(html)
    page.locator("#difference .mark-symbol.role-mark path").last.hover(force=True)
    tip = page.locator("#vg-tooltip-element")
    until(page, lambda: "mean of 5 seeds" in tip.inner_text())
    assert "activation=relu" in tip.inner_text()


def test_the_curves_change_their_metric_and_their_axes(reader: Reader, html: str) -> None:
    page = reader.open(html)
    for control, action in (("#log-x", "check"), ("#log-y", "check"), ("#log-x", "uncheck")):
        getattr(page.locator(control), action)()
    page.locator("#fit").select_option("1")
    page.locator("#metric").select_option("val_accuracy")
    assert page.locator("#curve-caption").inner_text() == "val_accuracy"
    assert page.locator("#difference-caption").inner_text().startswith("Difference of val_accuracy from base")
    page.locator("#whole").check()
    until(page, "!document.querySelector('#forest-0 svg').textContent.includes('◂')")


def test_copying_gives_markdown_of_what_is_shown(reader: Reader, html: str) -> None:
    page = reader.open(html)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#filter").fill("tanh")
    until(page, "document.querySelector('#count').textContent !== ''")
    page.locator("[data-copy=markdown]").press("Enter")
    until(page, "document.querySelector('[data-copy=markdown]').textContent === 'Copied'")
    lines = str(page.evaluate("navigator.clipboard.readText()")).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert "better by more than the margin, could be best" in lines[3]
    page.locator("[data-copy=latex]").press("Enter")
    until(page, "document.querySelector('[data-copy=latex]').textContent === 'Copied'")
    lines = str(page.evaluate("navigator.clipboard.readText()")).splitlines()
    titles, last = lines[3], lines[6]
    assert lines[1].startswith(r"\begin{tabular}{")
    assert titles.count(" & ") == last.count(" & ") == len(lines[1].split("{")[2]) - 2
    assert "better by more than the margin, could be best" in last
    assert "--" in last, "a range, whose dash is no ASCII"
    assert all(line.isascii() for line in lines)
    page.locator("[data-command]").first.press("Enter")
    until(page, "document.querySelector('[data-command]').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == "ablate confirm grids/activations.yaml --top 1"


def test_paper_shows_every_section_and_no_controls(reader: Reader, html: str) -> None:
    page = reader.open(html, scheme="dark", width=702)
    page.emulate_media(media="print")
    for section in page.locator("main > section").all():
        assert section.is_visible()
    assert page.locator("button:visible:not(.chip)").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    wide = "item => item.scrollWidth > item.parentElement.clientWidth + 1"
    assert page.evaluate(f"[...document.querySelectorAll('table')].filter({wide}).length") == 0
    assert len(page.pdf(format="A4")) > 20_000


@pytest.mark.parametrize("done", [0, 1])
def test_a_grid_that_is_not_finished_still_has_a_page(reader: Reader, done: int) -> None:
    plan = make_plan(tuple(EFFECTS))
    missing = {(name, seed): None for name in EFFECTS for seed in range(done, 5)}
    analysis = make_analysis(
        plan, EFFECTS, statuses=missing, reference=False, flags=(), claims=(), suggestions=(), summary=(), noise_sd=None
    )
    page = reader.open(render(analysis, plan, generated=GENERATED))
    assert page.locator(".unfinished").inner_text().startswith(f"{10 * done} of 50 runs have ended")
    assert len(order(page)) == len(EFFECTS)
    assert page.locator("#curve").count() == (1 if done else 0)


def test_contexts_have_their_own_plots_and_one_set_of_curves(reader: Reader) -> None:
    plan = make_plan(("base", "a", "b"), contexts=("context=64", "context=128"))
    page = reader.open(render(make_analysis(plan, {"base": 0.0, "a": 0.01, "b": -0.02}), plan, generated=GENERATED))
    assert page.locator(".chart.forest svg.marks").count() == 2
    page.locator("tbody[data-context='context=128'] tr[data-row]").filter(has_text="a").first.locator("td.mean").click()
    assert page.locator("#context").input_value() == "context=128"
