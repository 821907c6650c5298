"""Opens a report the way a reader does."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request

from ablate.report import write

Scheme = Literal["light", "dark"]


def until(page: Page, condition: str | Callable[[], bool], *, milliseconds: int = 10_000) -> None:
    """Wait until a JavaScript expression is true; from outside, because the page's policy forbids `eval`."""
    for _ in range(milliseconds // 25):
        if page.evaluate(condition) if isinstance(condition, str) else condition():
            return
        page.wait_for_timeout(25)
    message = f"never true: {condition}"
    raise AssertionError(message)


class Reader:
    """Opens pages as a reader would: from a file, offline; notes everything that a quiet page must not do."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser = browser
        self.folder = folder / "ein Ordner mit ü"
        self.noise: list[str] = []
        self.contexts: list[BrowserContext] = []

    def open(self, html: str, *, scripts: bool = True, width: int = 1280, scheme: Scheme = "light") -> Page:
        """The page, drawn."""
        path = self.folder / f"page {len(self.contexts)}.html"
        write(html, path)
        context = self.browser.new_context(
            offline=True,
            java_script_enabled=scripts,
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            accept_downloads=True,
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: self.noise.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.noise.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.goto(path.as_uri())
        if scripts:
            until(page, "window.__ready === true")
        return page

    def close(self) -> None:
        """Close all pages; none of them may have asked, complained or interrupted."""
        for context in self.contexts:
            context.close()
        assert self.noise == []

    def _dialog(self, dialog: Dialog) -> None:
        self.noise.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.noise.append(f"request: {request.url}")
