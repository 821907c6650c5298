"""The page: one offline HTML file, made from an analysis and nothing else."""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
import vl_convert
from markupsafe import Markup

from ablate.analysis.types import Analysis
from ablate.store.schema import NoteRecord, PackRecord, PlanRecord

from . import (
    across,
    confirmation,
    cost,
    factors,
    notes,
    numbers,
    payload,
    plots,
    prose,
    provenance,
    secondary,
    stability,
    table,
    theme,
    tuning,
)
from . import diagnostics as inside
from .chips import chips
from .text import safe_json, sentence, shorten, typeset, yaml_lines
from .verdicts import CLAIMS, FLAGS, GLYPHS, VERDICTS

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; connect-src 'none'"
)
"""Content security policy of the page: it can fetch nothing and send nothing."""

ANCHORS = ("verdict", "trust", "ranking", "effects", "curves", "failures", "next", "methods")
"""The sections of every page, by their ids."""

SECTIONS = ("confirmation", "tuning", "factors", "cost", "across", "stability", "diagnostics", "notes", "claims")
"""Those that some pages have."""

SCRIPTS = ("core.js", "table.js", "forest.js", "curves.js", "boot.js")


def render(
    analysis: Analysis,
    plan: PlanRecord,
    packs: Sequence[PackRecord] = (),
    *,
    generated: datetime,
    remarks: Sequence[NoteRecord] = (),
    refresh: int | None = None,
    diagnostics: pl.DataFrame | None = None,
) -> str:
    """The whole page as HTML text. The same input gives the same bytes.

    Args:
        analysis: what the page says.
        plan: the grid: its question, text, metric and provenance.
        packs: how the runs were trained; shown with the provenance.
        generated: when the page was made, with its time zone.
        remarks: what the researcher noted, oldest first; without any the page has no section for them.
        refresh: seconds after which a browser loads the page again; None: never.
        diagnostics: what the runs that rank recorded from inside their networks, as `seed_means` takes it; without any
            the page has no section for it.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        library = pool.submit(_library)
        data = payload.build(analysis, plan)
        fallback = {chart["number"]: plots.still(chart) for chart in data["forests"]}
        tuned, confirmed = tuning.section(analysis, plan), confirmation.section(analysis, plan)
        style, scripts = ["page.css"], list(SCRIPTS)
        choices: dict[str, Any] = {"tuned": [], "both": []}
        if tuned or confirmed:
            data["selection"] = choices = payload.selection(analysis, tuned, confirmed)
            style, scripts = [*style, "selection.css"], [*scripts, "selection.js"]
        studies = {
            "factors": factors.section(analysis, plan),
            "cost": cost.section(analysis, plan),
            "across": across.section(analysis, plan),
            "stability": stability.section(analysis, plan),
        }
        charts = [one for part in studies.values() if part is not None for one in part.drawings]
        if charts:
            data["studies"] = [one.payload for one in charts]
            scripts = [*scripts, "studies.js"]
        looked = inside.section(analysis, plan, diagnostics)
        if any(studies.values()) or looked:
            style = [*style, "studies.css"]
        if looked:
            data["diagnostics"] = looked.payload
            style, scripts = [*style, "diagnostics.css"], [*scripts, "diagnostics.js"]
        if tuned or confirmed or studies["cost"] or studies["across"] or analysis.secondary:
            style.insert(1, "cards.css")
        if remarks:
            style = [*style, "notes.css"]
        values = _values(analysis, plan, packs, generated) | {
            "style": Markup(theme.css() + "".join(map(asset, style))),
            "script": Markup("\n".join(map(asset, scripts))),
            "data": safe_json(data),
            "forests": data["forests"],
            "fallback": fallback,
            "slopes": data["reference"],
            "curves": data["curves"],
            "tuning": tuned,
            "confirmation": confirmed,
            "notes": notes.lines(remarks),
            **studies,
            "diagnostics": looked,
            "stills": {one["id"]: tuning.still(one) for one in choices["tuned"]}
            | {one["id"]: plots.still(one) for one in choices["both"]},
            "library": library.result(),
            "refresh": refresh,
        }
        values["anchors"] = {*ANCHORS, *(name for name in SECTIONS if values[name])}
    return environment().get_template("page.html.jinja").render(values)


def write(html: str, path: Path) -> None:
    """Write the page so that `path` holds either the old page or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _values(analysis: Analysis, plan: PlanRecord, packs: Sequence[PackRecord], generated: datetime) -> dict[str, Any]:
    reference = analysis.reference
    variants = {row.variant for row in analysis.ranking}
    base = next((row.variant for row in analysis.ranking if row.verdict == "baseline"), "")
    flags = sorted(analysis.flags, key=lambda flag: list(FLAGS).index(flag.level))
    return {
        "analysis": analysis,
        "plan": plan,
        "policy": POLICY,
        "generated": prose.stamp(generated),
        "glyphs": GLYPHS,
        "headline": sentence(analysis.headline, variants, base),
        "summary": [sentence(text, variants, base) for text in analysis.summary],
        "unfinished": prose.unfinished(analysis),
        "tally": table.tally(analysis),
        "facts": prose.facts(analysis, plan),
        "flags": [(FLAGS[flag.level], flag) for flag in flags],
        "absent": numbers.ABSENT,
        "columns": table.columns(analysis, plan),
        "groups": table.groups(analysis, plan),
        "chips": chips(analysis),
        "secondary": secondary.section(analysis),
        "ranking_lede": prose.ranking_lede(analysis, plan),
        "interval_note": prose.interval_note(analysis),
        "margin_note": prose.margin_note(plan),
        "claims": [(CLAIMS[claim.verdict], claim) for claim in analysis.claims],
        "unstable": VERDICTS["unstable"],
        "correlation": numbers.plain(reference.rank_correlation) if reference else "",
        "correlation_p": numbers.p_value(reference.p) if reference else "",
        "reference_rows": table.reference_rows(reference) if reference else [],
        "no_failures": prose.no_failures(analysis),
        "no_suggestions": prose.no_suggestions(analysis),
        "entries": provenance.entries(plan, packs),
        "versions": provenance.versions(plan, packs),
        "packs": provenance.pack_lines(packs),
        "pack_summary": provenance.pack_summary(packs),
        "citations": provenance.citations(plan),
        "grid_lines": yaml_lines(plan.text),
    }


@lru_cache(maxsize=1)
def _library() -> Markup:
    """Vega, Vega-Lite and vega-embed as one script."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(script.replace("</script", "<\\/script"))


def asset(name: str) -> str:
    """A file of the page: style, script or template."""
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """What the templates are rendered with."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(asset),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters |= {"shorten": shorten, "typeset": typeset}
    return environment
