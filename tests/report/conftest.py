import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from ablate.analysis.types import Analysis
from ablate.report import render
from ablate.store.schema import PackRecord, PlanRecord

from .reader import Reader
from .samples import EFFECTS, GENERATED, make_analysis, make_packs, make_plan


@pytest.fixture(scope="session")
def plan() -> PlanRecord:
    return make_plan(tuple(EFFECTS))


@pytest.fixture(scope="session")
def analysis(plan: PlanRecord) -> Analysis:
    """Ten variants, five seeds, one diverged run."""
    return make_analysis(plan, EFFECTS, statuses={("width=32", 2): "diverged"})


@pytest.fixture(scope="session")
def packs() -> list[PackRecord]:
    return make_packs()


@pytest.fixture(scope="session")
def html(analysis: Analysis, plan: PlanRecord, packs: list[PackRecord]) -> str:
    return render(analysis, plan, packs, generated=GENERATED)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium as the system has it; nothing is downloaded."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("these tests need Chromium: install the system package 'chromium', as `make test` does")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Reader]:
    """Opens pages, and checks at the end that they were quiet."""
    reader = Reader(browser, tmp_path)
    yield reader
    reader.close()
