import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from ablate.analysis import analyze
from ablate.analysis.types import Analysis
from ablate.report import page as page_module
from ablate.report import provenance, render, table, theme, write
from ablate.report.numbers import ABSENT, p_value
from ablate.report.verdicts import VERDICTS
from ablate.store.schema import PackRecord, PlanRecord
from ablate.testing.synthetic import HOSTILE_NAMES, synthetic_results

from .samples import EFFECTS, GENERATED, make_analysis, make_plan


def without_library(html: str) -> str:
    return html.replace(str(page_module._library()), "")


def embedded(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def test_the_same_input_gives_the_same_bytes(
    html: str, analysis: Analysis, plan: PlanRecord, packs: list[PackRecord]
) -> None:
    other = make_plan(("base", "a"), contexts=("x", "y"))
    render(make_analysis(other, {"base": 0.0, "a": 0.1}), other, generated=GENERATED)
    assert render(analysis, plan, packs, generated=GENERATED) == html


@pytest.mark.slow
def test_a_report_of_usual_size_is_small_and_quick(analysis: Analysis, plan: PlanRecord, html: str) -> None:
    started = time.perf_counter()
    render(analysis, plan, generated=GENERATED)
    assert time.perf_counter() - started < 2
    assert len(html.encode()) < 2_000_000


def test_the_page_names_nothing_outside_itself(html: str) -> None:
    own = without_library(html)
    assert not re.findall(r"""(?:src|href|srcset|action|poster)\s*=\s*["']?(?!#)[^"'\s>]""", own)
    assert not re.findall(r"@import|\burl\((?!#)", own)
    assert set(re.findall(r"https?://[^\s\"'<]+", own)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data: blob:; connect-src 'none'"
    )
    assert f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">' in own


def test_the_table_shows_the_numbers_of_the_analysis(analysis: Analysis, plan: PlanRecord) -> None:
    (group,) = table.groups(analysis, plan)
    assert group.rows[0].baseline
    assert {row.variant for row in group.rows} == set(EFFECTS)
    for row in group.rows:
        source = analysis.ranking[row.index]
        assert row.variant == source.variant
        assert row.cell("mean").key == source.mean
        assert source.mean is not None
        assert number(row.cell("mean").text) == pytest.approx(source.mean, abs=0.00006)
        assert row.cell("p").text == p_value(source.p_adjusted)
        assert row.cell("n").text == str(source.n)
        if row.baseline:
            assert row.cell("effect").text == ABSENT
            continue
        assert source.interval is not None
        assert row.cell("effect").key == source.improvement
        low, high = row.cell("effect").sub.split(" to ")
        assert (number(low), number(high)) == pytest.approx((source.interval.low, source.interval.high), abs=0.00006)
        assert row.cell("wins").text == f"{source.wins}/{source.n}"


def test_the_embedded_data_are_the_analysis(html: str, analysis: Analysis) -> None:
    ranking = embedded(html)["ranking"]
    assert [row["variant"] for row in ranking] == [row.variant for row in analysis.ranking]
    for row, source in zip(ranking, analysis.ranking, strict=True):
        assert (row["mean"], row["improvement"], row["p_adjusted"]) == (
            source.mean,
            source.improvement,
            source.p_adjusted,
        )
        assert row["seeds"] == [[seed.seed, seed.score, seed.improvement, seed.status] for seed in source.seeds]


def test_a_column_without_anything_to_say_is_left_out(analysis: Analysis, plan: PlanRecord) -> None:
    names = [column.name for column in table.columns(analysis, plan)]
    assert "params" not in names
    assert "reference" in names
    bare = make_analysis(plan, EFFECTS, reference=False)
    assert "reference" not in [column.name for column in table.columns(bare, plan)]


def test_the_flops_column_is_there_when_the_grid_asks(analysis: Analysis, plan: PlanRecord) -> None:
    asked = plan.model_copy(update={"report": plan.report.model_copy(update={"columns": ("flops",)})})
    assert "flops" not in [column.name for column in table.columns(analysis, asked)]  # an older plan has no counts
    counted = replace(analysis, ranking=tuple(replace(row, flops=1.25e7) for row in analysis.ranking))
    assert "flops" in [column.name for column in table.columns(counted, asked)]
    assert "flops" not in [column.name for column in table.columns(counted, plan)]
    (group,) = table.groups(counted, asked)
    assert {cell.text for row in group.rows for cell in row.cells if cell.name == "flops"} == {"12.5\u00a0M"}


@pytest.mark.parametrize(
    ("words", "verdict", "parts"),
    [
        ("better by more than the margin", "better", ("better", "by more than the margin")),
        ("undecided (about 6 more seeds)", "undecided", ("undecided", "about 6 more seeds")),
        ("no material difference", "equivalent", ("no material difference", "")),
        ("unstable: 1 of 5 runs diverged", "unstable", ("unstable", "1 of 5 runs diverged")),
        ("outside the noise floor (1 seed)", "not tested", ("outside the noise floor", "1 seed")),
    ],
)
def test_verdicts_are_split_into_a_word_and_the_rest(words: str, verdict: Any, parts: tuple[str, str]) -> None:
    assert table.split_words(words, VERDICTS[verdict]) == parts


def test_each_context_has_its_own_rows_and_baseline() -> None:
    plan = make_plan(("base", "a", "b"), contexts=("context=64", "context=128"))
    analysis = make_analysis(plan, {"base": 0.0, "a": 0.01, "b": -0.02})
    groups = table.groups(analysis, plan)
    assert [group.context for group in groups] == ["context=64", "context=128"]
    assert all(group.rows[0].baseline and len(group.rows) == 3 for group in groups)
    html = render(analysis, plan, generated=GENERATED)
    assert html.count('class="chart forest"') == 2


def test_the_changes_are_shown_from_the_baselines_value(html: str) -> None:
    assert "<bdi>model.activation</bdi> <bdi>gelu</bdi>" in html


@pytest.mark.parametrize(
    "given",
    [
        {"seeds": 1},
        {"seeds": 2},
        {"finished": 0.3},
        {"finished": 0.0},
        {"variants": 0},
        {"variants": 1},
        {"metric": "val_accuracy", "noise": 0.001},
        {"noise": 0.0, "effects": 0.0},
        {"level": 1e-9, "noise": 1e-11},
        {"level": 1e12, "noise": 1e9},
        {"contexts": ("a", "b", "c"), "seeds": 3, "variants": 2},
        {"variants": HOSTILE_NAMES, "effects": 0.01, "noise": 0.005, "margin": 0.002},
        {"statuses": {("base", seed): "diverged" for seed in range(5)}},
        {"statuses": {("activation=relu", seed): "error" for seed in range(4)}},
    ],
    ids=str,
)
def test_every_state_of_a_grid_gives_a_page(given: Mapping[str, Any]) -> None:
    results = synthetic_results(1, **given)
    analysis = analyze(results.plan, results.runs, results.series)
    html = render(analysis, results.plan, generated=GENERATED)
    assert 'class="headline"' in html
    data = embedded(html)
    assert len(data["ranking"]) == len(analysis.ranking)
    own = without_library(html)
    assert "alert(1)</script>" not in own
    assert "<img" not in own


def test_provenance_lists_every_machine_that_took_part(plan: PlanRecord, packs: list[PackRecord]) -> None:
    elsewhere = packs[1].provenance.model_copy(update={"host": "other", "versions": {"jax": "0.9.1"}})
    mixed = [packs[0], packs[1].model_copy(update={"provenance": elsewhere})]
    entries = {entry.term: entry.values for entry in provenance.entries(plan, mixed)}
    assert entries["Host"] == ("example", "other")
    assert entries["Commit"] == ("0123456789ab with uncommitted changes",)
    assert entries["Devices"] == ("2 × cpu",)
    assert {entry.term: entry.values for entry in provenance.versions(plan, mixed)}["jax"] == ("0.9.0", "0.9.1")
    lines = provenance.pack_lines(mixed)
    assert [(line.width, line.strategy, line.compile) for line in lines] == [
        (20, "map", "3.7 s"),
        (20, "vmap", "4.7 s"),
    ]


def test_writing_replaces_the_whole_file_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "deep" / "bericht ü.html"
    write("first", target)
    write("zweite\n", target)
    assert target.read_bytes() == b"zweite\n"
    assert list(target.parent.iterdir()) == [target]

    def fail(*arguments: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError):  # noqa: PT011 - the message is the system's
        write("third", target)
    assert target.read_text() == "zweite\n"
    assert list(target.parent.iterdir()) == [target]


def luminance(color: str) -> float:
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out_on_every_ground(scheme: theme.Scheme) -> None:
    for ground in (scheme.background, scheme.surface, scheme.wash):
        for text in (scheme.ink, scheme.muted, scheme.better, scheme.worse):
            assert contrast(text, ground) >= 4.5
        for mark in (scheme.equal, scheme.unsure, scheme.unstable, scheme.edge):
            assert contrast(mark, ground) >= 3
    for curve in (scheme.c1, scheme.c2, scheme.c3, scheme.c4, scheme.c5, scheme.c6):
        assert contrast(curve, scheme.background) >= 4.5
    assert contrast(scheme.unsure, scheme.margin) >= 3
