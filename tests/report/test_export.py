"""The report in other formats: every number is that of the analysis, and no label breaks a file."""

import json
import math
import re
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from polars.testing import assert_frame_equal

from ablate.analysis import RANKING, SEED_SCORES, analyze
from ablate.analysis.types import ClaimResult
from ablate.report import figures
from ablate.report.export import FORMATS, Source, export, latex, markdown, pictures
from ablate.report.export.paper import one_line, paper
from ablate.store import NoteRecord
from ablate.testing.selection import with_confirmation, with_tuning
from ablate.testing.synthetic import HOSTILE_NAMES, synthetic_results

from . import studies
from .inside import recorded


@pytest.fixture(scope="module")
def source() -> Source:
    """Hostile labels in two contexts, one diverged and one missing run, claims with specials."""
    found = synthetic_results(
        1,
        variants=HOSTILE_NAMES,
        effects=[0.05, -0.02, 0.01, 0.0, 0.0, 0.03, -0.5, 0.001],
        contexts=("a | b", "$x_y$"),
        statuses={("base", 4): "diverged", (HOSTILE_NAMES[1], 0): None},
        margin=0.02,
    )
    analysis = analyze(found.plan, found.runs, found.series)
    claim = ClaimResult("a_b | $c$ is 100% better than <d>", "refuted", "Δ -0.5 [-1, 2]")
    return Source(
        replace(analysis, claims=(claim,)), found.plan, found.runs, (NoteRecord(created="2025-05-03", text="-> ok"),)
    )


def written(source: Source, to: str, folder: Path) -> tuple[Path, ...]:
    paths = export(source, to, folder / "a.b")
    assert sorted(paths) == sorted(folder.iterdir()), "and no temporary file is left"
    return paths


# --- data ----------------------------------------------------------------------------------------------------------


def test_parquet_has_every_statistic_with_its_type(source: Source, tmp_path: Path) -> None:
    ranking, runs = (pl.read_parquet(path) for path in written(source, "parquet", tmp_path))
    assert ranking.schema == RANKING
    assert ranking.height == len(source.analysis.ranking) == 18
    for row, ours in zip(ranking.iter_rows(named=True), source.analysis.ranking, strict=True):
        expected = {name: value for name, value in asdict(ours).items() if name in RANKING}
        assert {name: row[name] for name in expected} == expected
        interval = ours.interval
        ends = (interval.low, interval.high, interval.level) if interval else (None, None, None)
        assert (row["low"], row["high"], row["level"]) == ends
    assert dict(list(runs.schema.items())[: len(SEED_SCORES)]) == dict(SEED_SCORES)
    assert runs.height == len(source.plan.runs)
    scores = {(row.context, row.variant, one.seed): one for row in source.analysis.ranking for one in row.seeds}
    ids = {(run.context, run.variant, run.seed): run.run_id for run in source.plan.runs}
    for row in runs.iter_rows(named=True):
        key = (row["context"], row["variant"], row["seed"])
        assert (row["score"], row["improvement"], row["status"]) == (
            scores[key].score,
            scores[key].improvement,
            scores[key].status,
        )
        assert row["run_id"] == ids[key]


def test_csv_has_the_numbers_of_parquet_and_no_formula(source: Source, tmp_path: Path) -> None:
    exact = [pl.read_parquet(path) for path in written(source, "parquet", tmp_path / "parquet")]
    for path, expected in zip(written(source, "csv", tmp_path / "csv"), exact, strict=True):
        found = pl.read_csv(path, schema=expected.schema)
        texts = [name for name, kind in expected.schema.items() if kind == pl.String]
        labels = found["variant"].to_list()
        assert "'=SUM(A1:A9), & comma" in labels, "a spreadsheet must not run it"
        assert not [text for name in texts for text in found[name].drop_nulls() if text[:1] in set("=+-@\t\r")]
        back = found.with_columns(pl.col("variant").str.replace(r"^'=", "="))
        assert_frame_equal(back, expected, check_exact=True)


def test_json_is_the_whole_analysis_without_nan(source: Source, tmp_path: Path) -> None:
    (path,) = written(source, "json", tmp_path)
    found = json.loads(path.read_text("utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(found) == {"format", "grid", "analysis", "curves", "notes"}
    analysis = source.analysis
    assert found["analysis"]["headline"] == analysis.headline
    for row, ours in zip(found["analysis"]["ranking"], analysis.ranking, strict=True):
        assert row == json.loads(json.dumps(asdict(ours)))
    assert set(found["analysis"]) == {name for name in analysis.__slots__ if name != "curves"}
    points = [value for run in found["curves"] for value in run["values"]]
    recorded = analysis.curves["value"].to_list()
    assert [value for value in points if value is not None] == [value for value in recorded if math.isfinite(value)]
    assert points.count(None) == len(recorded) - analysis.curves["value"].is_finite().sum()
    assert points.count(None) > 0, "a run diverged"
    assert found["notes"][0]["text"] == "-> ok"
    assert found["grid"]["baseline"] == "base"


# --- tables for people ---------------------------------------------------------------------------------------------


def tables(tokens: list[Token]) -> list[list[list[str]]]:
    """Tables, rows, cells of rendered Markdown, as a reader sees them."""
    found: list[list[list[str]]] = []
    for token, after in pairwise(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in {"td_open", "th_open"}:
            children = after.children or []
            assert {child.type for child in children} <= {"text", "text_special"}, "a label is only text"
            found[-1][-1].append("".join(child.content for child in children))
    return found


def test_markdown_shows_what_the_analysis_says(source: Source, tmp_path: Path) -> None:
    (path,) = written(source, "md", tmp_path)
    text = path.read_text("utf-8")
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    content = paper(source.analysis, source.plan)
    heads = [head.title for head in content.heads]
    shown = tables(tokens)
    assert len(shown) == 2
    for rows, part in zip(shown, content.parts, strict=True):
        assert rows[0] == [one_line(head) for head in heads]
        assert rows[1:] == [[one_line(cell) for cell in row] for row in part.rows]
        assert len(rows) == 10
    assert not [token for token in tokens if token.type in {"html_block", "heading_open", "code_block", "fence"}]
    said = "".join(child.content for token in tokens for child in token.children or ())
    for words in (source.analysis.headline, "a_b | $c$ is 100% better than <d>"):
        assert one_line(words).replace("-", "−") in said.replace("-", "−")


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE_NAMES,
        "# head",
        "1. item",
        "- item",
        "*emphasis* __strong__ a_b_c _d_ ~~gone~~",
        "[link](http://x) ![image](y)",
        "&amp; <!-- comment -->",
        "a\\|b",
        "a\n\nb\r\n```\ncode",
    ],
)
def test_any_text_stays_text_in_markdown(text: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(markdown.paragraph(text) + "\n")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == one_line(text)
    (rows,) = tables(parser.parse(f"| a | b |\n| --- | --- |\n| {markdown.escape(text)} | 1 |\n"))
    assert rows[1] == [one_line(text), "1"]


_READ = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\ldots{}": "…",
    r"{\char34}": '"',
    r"{\char39}": "'",
    r"{\char96}": "`",
    "{[}": "[",
    "{]}": "]",
    "{}": "",
    "$-$": "−",
    r"$\Delta$": "Δ",
    r"$\lambda$": "λ",
    r"$\pm$": "±",
    r"$\times$": "×",
    "--": "–",
    "~": "\u00a0",
} | {f"\\{sign}": sign for sign in "{}$&#%_"}
_TOKEN = re.compile("|".join(map(re.escape, sorted(_READ, key=len, reverse=True))) + r"|\\texttt\{U\+(\w+)\}|.")


def read(tex: str) -> str:
    """What LaTeX would set, for what `latex.escape` writes."""
    out = []
    for found in _TOKEN.finditer(tex):
        sign = found.group()
        if found[1]:
            out.append(chr(int(found[1], 16)))
        else:
            assert sign in _READ or sign not in "\\{}$&#%_^~", f"{sign!r} is bare in {tex!r}"
            out.append(_READ.get(sign, sign))
    return "".join(out)


@pytest.mark.parametrize(
    "text",
    [*HOSTILE_NAMES, r"\input{/etc/passwd}", "50% & 3 # a_b ^ ~ {x} \\\\ [1]", "--flag ---", "λ ± Δ × −1 …", "ﬁ 漢字"],
)
def test_any_text_stays_text_in_latex(text: str) -> None:
    tex = latex.escape(text)
    assert read(tex) == one_line(text)
    assert all(sign < "\x7f" or "\u00c0" <= sign <= "\u017e" for sign in tex), "what pdfLaTeX can set"


def test_the_latex_table_has_the_cells_of_the_analysis(source: Source, tmp_path: Path) -> None:
    (path,) = written(source, "tex", tmp_path)
    text = path.read_text("utf-8")
    content = paper(source.analysis, source.plan)
    body = text.partition("\\toprule\n")[2].partition("\\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r" \\") and "\\multicolumn" not in line]
    cells = [[read(cell) for cell in re.split(r"(?<!\\) & ", line.removesuffix(r" \\"))] for line in lines]
    rows = [[head.title for head in content.heads], *(row for part in content.parts for row in part.rows)]
    assert cells == [[one_line(cell) for cell in row] for row in rows]
    opened = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    assert opened == [
        ("begin", "table"),
        ("begin", "tabular"),
        ("end", "tabular"),
        ("end", "table"),
        ("begin", "itemize"),
        ("end", "itemize"),
    ]
    plain = re.sub(r"\\[\\{}%&#_$]", "", text)
    assert plain.count("{") == plain.count("}")
    assert r"\item \textbf{refuted}: a\_b \textbar{} \$c\$ is 100\% better" in text


def test_numbers_of_the_tables_are_those_of_the_analysis(source: Source) -> None:
    rows = {(part.context, row[1]): row for part in paper(source.analysis, source.plan).parts for row in part.rows}
    assert len(rows) == len(source.analysis.ranking)
    for ours in source.analysis.ranking:
        row = rows[ours.context, ours.variant]
        assert ours.mean is not None
        assert float(row[3]) == pytest.approx(ours.mean, abs=0.0006)
        assert row[0].split(" ")[0] == str(ours.rank)
        if ours.verdict != "baseline" and ours.interval:
            low, high = (float(part.replace("−", "-")) for part in row[6].split(" to "))
            assert (low, high) == pytest.approx((ours.interval.low, ours.interval.high), abs=0.0006)
            assert row[8].split(" ")[0] == str(ours.n)


# --- pictures ------------------------------------------------------------------------------------------------------


def test_pictures(source: Source, tmp_path: Path) -> None:
    heads = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF"}
    one = replace_contexts(source)
    for to, head in heads.items():
        paths = written(one, to, tmp_path / to)
        names = ("forest", "curves", "difference", "changes", "pareto", "residuals", "ranks")
        assert [path.name for path in paths] == [f"a.b-{name}.{to}" for name in names]
        assert all(path.read_bytes().startswith(head) for path in paths)
    svg = (tmp_path / "svg/a.b-forest.svg").read_text("utf-8")
    assert "var(--" not in svg, "it stands alone"
    assert "<script" not in svg
    assert "&lt;/script&gt;" in svg


def test_every_chart_of_the_page_is_a_picture() -> None:
    grid = studies.full_grid()
    recorded_too = Source(studies.read(grid), grid.plan, grid.runs, diagnostics=recorded(grid))
    names = [name for name, _ in pictures.charts(recorded_too)]
    factors = ["factor1", "factor2", "factor3", "interaction1", "interaction2", "interaction3"]
    diagnostics = [f"diagnostic{place}" for place in range(1, 5)]
    assert names == ["forest", "curves", "difference", "shares", "pareto", "residuals", "ranks", *factors, *diagnostics]
    for _, chart in pictures.charts(recorded_too):
        spec = chart.to_dict()
        assert "var(--" not in json.dumps(spec)
        assert any(spec["datasets"].values())
    first = dict(pictures.charts(recorded_too))["diagnostic1"].to_dict()
    assert first["layer"][0]["encoding"]["color"]["scale"]["domain"][0] == "base", "a legend says whose line it is"

    tasks = synthetic_results(0, variants=3, contexts=[f"task={place}" for place in range(6)], effects=0.1)
    every = [name for name, _ in pictures.charts(Source(studies.read(tasks), tasks.plan, tasks.runs))]
    assert every[-2:] == ["profiles", "pairs"]
    assert {"forest", "forest-2", "forest-6"} <= set(every)


def replace_contexts(source: Source) -> Source:
    """The same with its first context only."""
    first = source.plan.contexts[:1]
    return replace(source, plan=source.plan.model_copy(update={"contexts": first}))


def test_charts_hold_the_effects_of_the_analysis(source: Source) -> None:
    context = source.plan.contexts[1]
    chart = figures.forest(source.analysis, source.plan, context=context, top=3)
    assert chart is not None
    spec: dict[str, Any] = chart.to_dict()
    ranked = [
        row
        for row in source.analysis.ranking
        if row.context == context and row.verdict != "baseline" and row.improvement is not None
    ]
    data = spec["datasets"]["rows"]
    assert [row["variant"] for row in data] == [row.variant for row in ranked[:3]]
    for row, ours in zip(data, ranked, strict=False):
        assert row["x"] == pytest.approx(ours.improvement, rel=1e-5)
    assert "3 of 8 variants" in spec["title"]["text"]
    assert "var(--" not in json.dumps(spec)


def test_curves_hold_the_recorded_values(source: Source) -> None:
    variant, context = HOSTILE_NAMES[0], source.plan.contexts[0]
    chart = figures.curves(source.analysis, source.plan, metric="train_loss", variants=[variant])
    assert chart is not None
    data = chart.to_dict()["datasets"]
    here = source.analysis.curves.filter(metric="train_loss", variant=variant, context=context)
    means = here.group_by("step").agg(pl.col("value").mean()).sort("step")
    assert [row["s"] for row in data["means"]] == means["step"].to_list()
    assert [row["y"] for row in data["means"]] == pytest.approx(means["value"].to_list(), rel=1e-5)
    assert len(data["seeds"]) == here.height
    assert figures.curves(source.analysis, source.plan, metric="nothing") is None


def test_differences_end_at_the_effects() -> None:
    found = synthetic_results(2, variants=3, metric="val_accuracy", effects=[0.1, 0.0, -0.1])
    analysis = analyze(found.plan, found.runs, found.series)
    chart = figures.difference(analysis, found.plan)
    assert chart is not None
    ends = {row["v"]: row["y"] for row in chart.to_dict()["datasets"]["means"]}
    ours = {row.variant: row.improvement for row in analysis.ranking if row.verdict != "baseline"}
    assert ends == pytest.approx(ours, rel=1e-5)


def test_tuning_and_confirmation_are_exported(tmp_path: Path) -> None:
    plain = synthetic_results(0, variants=("relu", "tanh"), effects=[0.1, 0.05])
    made = with_confirmation(with_tuning(plain, 1, {"optimizer.lr": (1e-4, 1e-3, 1e-2)}, penalty=0.1), 1, ["relu"])
    analysis = analyze(made.plan, made.runs, made.series, confirmation=made.confirmation)
    source = Source(analysis, made.plan, made.runs)
    frame = pl.read_parquet(written(source, "parquet", tmp_path / "parquet")[0])
    assert analysis.confirmation is not None
    (fresh,) = (row.fresh for row in analysis.confirmation.rows)
    assert fresh.interval is not None
    (row,) = frame.drop_nulls("fresh_n").iter_rows(named=True)
    assert (row["variant"], row["fresh_verdict"], row["fresh_n"]) == ("relu", fresh.verdict, fresh.n)
    assert (row["fresh_improvement"], row["fresh_p_adjusted"]) == (fresh.improvement, fresh.p_adjusted)
    assert (row["fresh_low"], row["fresh_high"]) == (fresh.interval.low, fresh.interval.high)
    (path,) = written(source, "json", tmp_path / "json")
    found = json.loads(path.read_text("utf-8"))["analysis"]
    assert found["confirmation"] == json.loads(json.dumps(asdict(analysis.confirmation)))
    assert analysis.tuning is not None
    assert found["tuning"] == json.loads(json.dumps(asdict(analysis.tuning)))
    for draw, name in ((figures.confirmed, "rows"), (figures.tuned, "tried")):
        chart = draw(analysis, made.plan)
        assert chart is not None
        spec = chart.to_dict()
        assert spec["datasets"][name]
        assert "var(--" not in json.dumps(spec)
    plain_analysis = analyze(plain.plan, plain.runs, plain.series)
    assert figures.confirmed(plain_analysis, plain.plan) is None
    assert figures.tuned(plain_analysis, plain.plan) is None


def test_an_empty_grid_has_tables_and_no_pictures(tmp_path: Path) -> None:
    found = synthetic_results(0, variants=1, seeds=2, finished=0.0)
    nothing = found.series.clear()
    source = Source(analyze(found.plan, found.runs.clear(), nothing), found.plan, found.runs.clear())
    for to in FORMATS:
        paths = export(source, to, tmp_path / "empty")
        assert bool(paths) == (to not in {"png", "svg", "pdf"}), to
        assert all(path.stat().st_size for path in paths)
