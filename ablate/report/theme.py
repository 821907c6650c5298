"""Colours and type of the page, in a light and a dark scheme, as CSS custom properties.

Charts name the same properties (``var(--ink)``), so a change of scheme, or printing, restyles them without redrawing.
"""

from dataclasses import dataclass, fields
from typing import Any

SANS = (
    '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, '
    "sans-serif"
)
MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace'


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours of one scheme. Text keeps 4.5:1 on the background, marks 3:1."""

    background: str
    surface: str
    wash: str
    """Behind a hovered row."""
    ink: str
    muted: str
    line: str
    """Hairlines and grid lines."""
    edge: str
    """Borders of controls."""
    better: str
    """Also the accent: links, focus, what could be best."""
    worse: str
    equal: str
    unsure: str
    unstable: str
    margin: str
    """The shaded band of differences that do not matter."""
    c1: str
    c2: str
    c3: str
    c4: str
    c5: str
    c6: str

    def css(self) -> str:
        """Declarations of all properties."""
        return "".join(f"--{field.name}:{getattr(self, field.name)};" for field in fields(self))


LIGHT = Scheme(
    background="#fdfdfb",
    surface="#ffffff",
    wash="#f5f6f4",
    ink="#15181c",
    muted="#5b626b",
    line="#e5e6e2",
    edge="#858b93",
    better="#0b63b0",
    worse="#b8430d",
    equal="#3f6f63",
    unsure="#6a717b",
    unstable="#8b3a8f",
    margin="#eceeea",
    c1="#0b63b0",
    c2="#c04a12",
    c3="#00795a",
    c4="#a03c84",
    c5="#866300",
    c6="#5b53c2",
)

DARK = Scheme(
    background="#111418",
    surface="#171b20",
    wash="#1b2026",
    ink="#e9ebee",
    muted="#a2aab4",
    line="#292f37",
    edge="#6d7681",
    better="#6fb3ee",
    worse="#f2915c",
    equal="#86c3b0",
    unsure="#9ca4ae",
    unstable="#d79add",
    margin="#20262c",
    c1="#6fb3ee",
    c2="#f2915c",
    c3="#4cc79d",
    c4="#dd8fc4",
    c5="#d8b547",
    c6="#a9a2f5",
)

SERIES = tuple(f"var(--c{number})" for number in range(1, 7))
"""Colours of the curves, in the order in which variants get them; the baseline is drawn in ink."""


def css() -> str:
    """The rules that define both schemes: by preference of the system, by the page's own switch, and on paper."""
    light, dark = LIGHT.css(), DARK.css()
    return (
        f":root{{color-scheme:light;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
        f"@media print{{:root,:root:not([data-theme=light]),:root[data-theme=dark]"
        f"{{color-scheme:light;{light}--background:#fff;}}}}"
        f":root{{--sans:{SANS};--mono:{MONO}}}"
    )


def chart_config() -> dict[str, Any]:
    """The Vega-Lite configuration that all charts of the page share."""
    text = {"labelFont": SANS, "titleFont": SANS, "labelColor": "var(--muted)", "titleColor": "var(--muted)"}
    return {
        "background": None,
        "font": SANS,
        "padding": {"left": 2, "right": 8, "top": 4, "bottom": 2},
        "view": {"stroke": None},
        "axis": text
        | {
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelPadding": 6,
            "titlePadding": 10,
            "domain": False,
            "ticks": False,
            "gridColor": "var(--line)",
            "gridWidth": 1,
            "labelFlush": False,
        },
        "text": {"font": SANS, "fontSize": 12, "fill": "var(--ink)"},
        "legend": {"disable": True},
        "mark": {"aria": False},
    }
