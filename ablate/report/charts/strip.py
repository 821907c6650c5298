"""Seed strip: the scores of one variant as dots on the scale of its context, small enough for a table cell."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from ablate.analysis.types import Ranked
from ablate.report.verdicts import VERDICTS

from .focus import near

WIDTH, HEIGHT, EDGE = 176, 24, 8


@dataclass(frozen=True, slots=True)
class Scale:
    """The common scale of one context: improvement over the baseline's mean score, better to the right."""

    low: float
    high: float
    center: float
    """The baseline's mean score, where the hairline stands."""
    sign: float
    """+1 if a higher score is better, else -1."""

    def gain(self, score: float) -> float:
        """How much better a score is than the baseline's mean."""
        return self.sign * (score - self.center)

    def x(self, gain: float) -> float:
        """Horizontal position in the strip; gains outside the scale land on its edge."""
        share = (gain - self.low) / (self.high - self.low)
        return EDGE + min(max(share, 0.0), 1.0) * (WIDTH - 2 * EDGE)


def scale(rows: Sequence[Ranked], *, maximize: bool) -> Scale | None:
    """The scale for the rows of one context; None without a baseline score.

    Variants that are far off (see `ablate.report.charts.focus`) do not count.
    """
    center = next((row.mean for row in rows if row.verdict == "baseline"), None)
    if center is None:
        return None
    sign = 1.0 if maximize else -1.0
    gains = {
        row.variant: [sign * (seed.score - center) for seed in row.seeds if seed.score is not None]
        for row in rows
        if row.mean is not None
    }
    kept = near({variant: max(map(abs, some)) for variant, some in gains.items()})
    inside = [gain for variant in kept for gain in gains[variant]]
    low, high = min(*inside, 0.0), max(*inside, 0.0)
    return Scale(low, high, center, sign) if low < high else Scale(-1.0, 1.0, center, sign)


def draw(row: Ranked, axis: Scale) -> Markup:
    """An inline SVG: hairline at the baseline's mean, one dot per seed, a tick at the variant's mean."""
    sign = VERDICTS[row.verdict]
    middle = HEIGHT / 2
    zero = axis.x(0.0)
    parts = [f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="1" y2="{HEIGHT - 1}"/>']
    scores = [seed.score for seed in row.seeds if seed.score is not None]
    for score in scores:
        gain = axis.gain(score)
        x = axis.x(gain)
        if axis.low <= gain <= axis.high:
            parts.append(f'<circle cx="{x:.1f}" cy="{middle:g}" r="2.8"/>')
        else:
            tip = -4 if gain < axis.low else 4
            parts.append(f'<path d="M{x:.1f},{middle - 4:g}l{tip},4l{-tip},4z"/>')
    if row.mean is not None and axis.low <= axis.gain(row.mean) <= axis.high:
        x = axis.x(axis.gain(row.mean))
        parts.append(f'<line class="mean" x1="{x:.1f}" x2="{x:.1f}" y1="3" y2="{HEIGHT - 3}"/>')
    if not scores:
        return Markup('<span class="absent">\u2013</span>')
    label = f"{len(scores)} seed scores of {row.variant}, from {min(scores):.4g} to {max(scores):.4g}"
    return Markup(
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' aria-label="{escape(label)}" style="color:{sign.paint}">{"".join(parts)}</svg>'
    )
