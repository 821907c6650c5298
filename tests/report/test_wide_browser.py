"""What readers do with many rows and curves: axes, smoothing, tiers, q values; and a page of 500 variants."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from ablate.analysis import Failure
from ablate.report import render
from ablate.testing.synthetic import HOSTILE_NAMES, SyntheticResults, synthetic_results

from .reader import Reader, Scheme, until
from .samples import GENERATED, HOSTILE, make_analysis, make_plan
from .studies import read
from .test_browser import CONTRAST

pytestmark = [pytest.mark.slow, pytest.mark.browser]

TASKS = tuple(f"task={place}" for place in range(6))


def html_of(results: SyntheticResults, **more: Any) -> str:
    return render(read(results), results.plan, generated=GENERATED, **more)


def counted(results: SyntheticResults) -> SyntheticResults:
    """The same, of programs that say what an update consumes: every other variant twice as much."""
    variants = tuple(
        variant.model_copy(update={"amounts": {"": {"characters": 512 * (1 + place % 2)}}})
        for place, variant in enumerate(results.plan.variants)
    )
    plan = results.plan.model_copy(update={"variants": variants})
    return SyntheticResults(**{**{n: getattr(results, n) for n in results.__dataclass_fields__}, "plan": plan})


@pytest.fixture(scope="module")
def html() -> str:
    return html_of(counted(synthetic_results(0, variants=5, effects=[0.1, 0.02, 0.0, -0.05, -0.1], noise=0.02)))


@pytest.fixture(scope="module")
def page(browser: Browser, html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    reader = Reader(browser, tmp_path_factory.mktemp("shared"))
    yield reader.open(html)
    reader.close()


def lines(page: Page) -> list[str]:
    return [str(path.get_attribute("d")) for path in page.locator("#curve .mark-line path").all()]


def ticks(page: Page) -> str:
    return " ".join(page.locator("#curve .role-axis-label text, #curve .role-axis-title text").all_text_contents())


def test_curves_can_be_drawn_over_what_a_step_consumes_and_over_time(page: Page) -> None:
    axis = page.locator("#x-axis")
    assert axis.locator("option").all_inner_texts() == ["steps", "characters", "training time"]
    before = lines(page)
    axis.select_option("1")
    until(page, lambda: "characters" in ticks(page))
    assert "1M" in ticks(page), "1,000 steps of 1,024 characters"
    ends = {path.rsplit(",", 1)[0].rsplit("L", 1)[1] for path in lines(page)}
    assert len(ends) == 2, "the baseline and every other variant end half-way"
    axis.select_option("2")
    until(page, lambda: "seconds of training" in ticks(page))
    axis.select_option("0")
    until(page, lambda: lines(page) == before)


def test_smoothing_leaves_the_recorded_lines_and_both_ends(page: Page) -> None:
    before = lines(page)
    page.locator("#smooth").select_option("0.2")
    until(page, lambda: len(lines(page)) == len(before) + 6)
    after = lines(page)
    for recorded, smooth in zip(after[-12:-6], after[-6:], strict=True):
        assert recorded != smooth, "what was recorded stays beside it"
        assert recorded.split("L")[0] == smooth.split("L")[0]
        assert recorded.split("L")[-1] == smooth.split("L")[-1]
    page.locator("#smooth").select_option("0")
    until(page, lambda: lines(page) == before)


def shown(page: Page) -> list[str]:
    return [name.strip() for name in page.locator("tr[data-row]:visible th.variant .name").all_inner_texts()]


def test_rows_are_kept_by_tier_and_by_path(reader: Reader, html: str) -> None:
    page = reader.open(html)
    every = shown(page)
    chips = page.locator(".tiers .chip")
    worse = chips.filter(has_text="worse")
    assert worse.locator(".count").inner_text() == "2"
    worse.press("Enter")
    assert worse.get_attribute("aria-pressed") == "true"
    assert shown(page) == [every[0], *every[-2:]]
    assert page.locator("#count").inner_text() == "2 of 5"
    until(page, lambda: len(page.locator("#forest-0 .role-axis-label text").all_text_contents()) < 12)
    chips.filter(has_text="better").press("Space")
    assert len(shown(page)) == 4, "tiers add up"
    path = page.locator(".tiers .chip[data-kind=path]").first
    path.press("Enter")
    assert len(shown(page)) < 4, "a path narrows them"
    for pressed in range(3, 0, -1):
        assert page.locator(".tiers .chip[aria-pressed=true]").count() == pressed
        page.locator(".tiers .chip[aria-pressed=true]").first.press("Enter")
    assert shown(page) == every


def test_q_values_come_with_a_switch(page: Page) -> None:
    assert page.locator("th[data-column=q]").is_hidden()
    page.locator("#show-q").check()
    assert page.locator("th[data-column=q]").is_visible()
    assert len(page.locator("td.q:visible").all_inner_texts()) == 6
    page.locator("#show-q").uncheck()
    assert page.locator("td.q:visible").count() == 0


@pytest.mark.parametrize("label", ["x" * 300, "x" * 119 + " " + "y" * 180])
def test_a_long_context_fits_a_phone(reader: Reader, label: str) -> None:
    contexts = (label, "short", *TASKS[:2])
    page = reader.open(html_of(synthetic_results(0, variants=2, contexts=contexts)), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    head = "[...document.querySelectorAll('.ranking .context th')].map(item => item.getBoundingClientRect().right)"
    assert max(page.evaluate(head)) <= 390


def test_all_contexts_together_read_on_any_screen(reader: Reader) -> None:
    made = synthetic_results(0, variants=[*HOSTILE_NAMES[:4], "plain"], effects=0.01, contexts=TASKS)
    page = reader.open(html_of(made), width=390)
    for chart in ("profile", "duels"):
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        until(page, f"document.querySelector('#{chart} .vega-embed, #{chart}.vega-embed') !== null")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#profile .mark-line path").count() == 5
    assert page.locator("#across tbody tr").count() == 5
    assert page.locator("img").count() == 0
    quiet = reader.open(html_of(made), scripts=False)
    assert quiet.locator("#profile svg").is_visible()
    assert quiet.locator("#duels svg").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_all_contexts_together(reader: Reader, scheme: Scheme) -> None:
    made = synthetic_results(0, variants=5, effects=[0.1, 0.02, 0.0, -0.05, 0.04], contexts=TASKS)
    page = reader.open(html_of(made), scheme=scheme)
    for chart in ("profile", "duels"):
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        until(page, f"document.querySelector('#{chart} .vega-embed, #{chart}.vega-embed') !== null")
    page.locator("#show-q").check()
    found = Axe().run(page).response["violations"]
    assert [item for item in found if item["impact"] in ("serious", "critical")] == []
    marks: list[list[Any]] = [mark for mark in page.evaluate(CONTRAST) if mark[1] == "profile"]
    assert len(marks) >= 5
    assert [mark for mark in marks if mark[0] < 3] == []


def test_hostile_errors_and_grid_files_are_only_text(reader: Reader) -> None:
    plan = make_plan(("base", "a"), text="\n".join(HOSTILE), question=HOSTILE[0])
    failures = tuple(Failure("a", "", seed, "error", 10, text, ((text, text),)) for seed, text in enumerate(HOSTILE))
    analysis = make_analysis(plan, {"base": 0.0, "a": 0.1}, failures=failures, headline=HOSTILE[1])
    page = reader.open(render(analysis, plan, generated=GENERATED), width=390)
    assert page.locator("img").count() == 0
    assert page.locator("body script").count() == 3
    assert page.locator("table.failures tbody tr").count() == len(HOSTILE)
    assert HOSTILE[0] in page.locator(".file").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


CLICK = """async index => {
  const frame = () => new Promise(next => requestAnimationFrame(() => setTimeout(next, 0)));
  const row = document.querySelector(`tr[data-row="${index}"]`);
  row.scrollIntoView({ block: 'center' });
  await frame();
  const count = () => document.querySelectorAll('#curve .mark-line path').length;
  const before = count();
  const start = performance.now();
  row.querySelector('button.pick').click();
  while (count() === before) await frame();
  return performance.now() - start;
}"""


def test_500_variants_are_quick_to_read(reader: Reader) -> None:
    """500 variants x 5 seeds x 1,000 points. Times are the best of several, because other work may run beside."""
    results = synthetic_results(0, variants=499, points=1000, effects=0.01)
    start = time.process_time()  # of all threads, so that other work does not count
    html = html_of(results)
    assert time.process_time() - start < 15
    assert len(html.encode()) <= 5_000_000
    page = reader.open(html)
    assert page.evaluate("performance.memory.usedJSHeapSize") < 150e6
    clicks = [float(page.evaluate(CLICK, index)) for index in (40, 41, 200, 300, 40, 41)]
    assert min(clicks) < 150
    waits = []
    for _ in range(3):
        page.reload()
        until(page, "window.__ready === true")
        waits.append(float(page.evaluate("performance.now()")))
    assert min(waits) < 3000
