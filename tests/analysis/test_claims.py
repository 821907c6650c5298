"""Claims and published values."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablate.analysis import ClaimResult, analyze, judge_claims, scores, threshold_test
from ablate.core import Status
from ablate.store.schema import ReferenceRecord
from ablate.testing.synthetic import synthetic_results, synthetic_scores

JOURNAL = Path(__file__).parents[3] / "shared" / "reference" / "journal_c.json"

EFFECTS = {"activation=relu": -0.2, "activation=tanh": 0.2, "init=he_normal": -0.1}


def judged(
    *claims: Mapping[str, Any],
    seeds: int = 5,
    margin: float | None = None,
    statuses: Mapping[tuple[str, int], Status | None] | None = None,
    contexts: tuple[str, ...] = ("",),
) -> tuple[ClaimResult, ...]:
    made = synthetic_results(
        2,
        variants=4,
        effects=EFFECTS,
        seeds=seeds,
        margin=margin,
        claims=claims,
        statuses=statuses,
        contexts=contexts,
    )
    return judge_claims(made.plan, scores(made.plan, made.runs, made.series))


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"that": "activation=relu", "is": "worse", "than": "base"}, "supported"),
        ({"that": "activation=relu", "is": "better", "than": "base"}, "refuted"),
        ({"that": "activation=tanh", "is": "better", "than": "activation=relu"}, "supported"),
        ({"that": "lr=0.0003", "is": "better", "than": "base"}, "undecided"),
        ({"that": "lr=0.0003", "is": "equivalent", "to": "base", "margin": 0.03}, "supported"),
        ({"that": "lr=0.0003", "is": "equivalent", "to": "base"}, "undecided"),
        ({"that": "activation=relu", "is": "equivalent", "to": "base", "margin": 0.03}, "refuted"),
        ({"that": "base", "is": "below", "value": 1.6}, "supported"),
        ({"that": "base", "is": "above", "value": 1.6}, "refuted"),
        ({"that": "base", "is": "below", "value": 1.5}, "undecided"),
        ({"order": ["activation=tanh", "base", "activation=relu"], "rank_correlation": 0.9}, "supported"),
        ({"order": ["activation=relu", "base", "activation=tanh"], "rank_correlation": 0.5}, "refuted"),
        ({"order": ["base", "activation=tanh"], "rank_correlation": 1.0}, "undecided"),
        ({"that": "nothing", "is": "worse", "than": "base"}, "undecided"),
    ],
)
def test_verdicts(claim: dict[str, Any], expected: str) -> None:
    (result,) = judged(claim)
    assert result.verdict == expected
    assert result.evidence


def test_a_difference_inside_the_margin_refutes_a_direction() -> None:
    (result,) = judged({"that": "lr=0.0003", "is": "better", "than": "base"}, margin=0.03)
    assert result.verdict == "refuted"
    assert "inside the margin" in result.evidence


def test_two_seeds_decide_nothing() -> None:
    claims = (
        {"that": "activation=relu", "is": "worse", "than": "base"},
        {"that": "base", "is": "below", "value": 9.0},
        {"order": ["activation=tanh", "base", "activation=relu"], "rank_correlation": 1},
    )
    assert {result.verdict for result in judged(*claims, seeds=2)} == {"undecided"}


def test_a_claim_must_hold_in_every_context() -> None:
    """The second context lies 10 % higher, so a threshold between the two holds in the first only."""
    low, high = (
        {"that": "base", "is": "below", "value": 1.58},
        {"that": "base", "is": "below", "value": 2.0},
    )
    results = judged(low, high, contexts=("narrow", "wide"))
    assert [result.verdict for result in results] == ["refuted", "supported"]
    assert "narrow: " in results[0].evidence
    assert "wide: " in results[0].evidence


def test_survivors_cannot_show_that_a_diverging_variant_is_better() -> None:
    better, worse = (
        {"that": "activation=tanh", "is": "better", "than": "base"},
        {"that": "activation=relu", "is": "worse", "than": "base"},
    )
    lost: dict[tuple[str, int], Status | None] = {
        ("activation=tanh", 4): "diverged",
        ("activation=relu", 4): "diverged",
    }
    results = judged(better, worse, statuses=lost)
    assert [result.verdict for result in results] == ["undecided", "supported"]
    assert all("diverged" in result.evidence for result in results)


def test_an_order_of_equal_variants_is_not_supported_by_chance() -> None:
    supported = 0
    order = {"order": ["base", "activation=relu", "activation=tanh"], "rank_correlation": 1}
    for seed in range(60):
        made = synthetic_results(seed, variants=2, seeds=4, points=2, claims=[order])
        (result,) = judge_claims(made.plan, scores(made.plan, made.runs, made.series))
        supported += result.verdict == "supported"
    assert supported <= 6  # without the trend test about a sixth would be


def test_the_nineteen_losses_of_journal_c() -> None:
    """Figures of the journal's own significance protocol: one sample, one side, against 2.92."""
    if not JOURNAL.exists():
        pytest.skip("the journal's losses are not beside this repository")
    record = json.loads(JOURNAL.read_text())
    losses = np.array(record["val_loss"])
    test = threshold_test(losses, record["threshold"], side="below")
    assert test.n == 19
    assert test.mean == pytest.approx(2.9194117368, abs=1e-10)
    assert test.sd == pytest.approx(0.0006300480, abs=1e-10)
    assert losses.std() == pytest.approx(0.0006132436, abs=1e-10)
    assert test.t == pytest.approx(-4.0698166432, abs=1e-9)
    assert test.p == pytest.approx(0.00035946115, abs=1e-11)
    assert test.bound == pytest.approx(2.9196623834, abs=1e-9)
    assert threshold_test(losses, 2.92, side="below", alpha=0.01).bound == pytest.approx(2.9197807, abs=5e-8)

    claim = {"that": "base", "is": "below", "value": record["threshold"]}
    plan = synthetic_results(0, variants=0, seeds=19, claims=[claim]).plan
    (result,) = judge_claims(plan, synthetic_scores(losses[None, :]))
    assert result.text == "base is below 2.92"
    assert result.verdict == "supported"
    for figure in ("2.91941", "0.000630", "n=19", "t=-4.07", "p=0.00036", "2.91966"):
        assert figure in result.evidence


def test_reference_order_uses_spearman_and_an_exact_p() -> None:
    published = {"base": 0.5, "activation=relu": 0.9, "activation=tanh": 0.3, "init=he_normal": 0.6, "gone": 0.1}
    made = synthetic_results(
        2, variants=4, effects=EFFECTS, reference=ReferenceRecord(source="a study", metric="loss", values=published)
    )
    analysis = analyze(made.plan, made.runs, made.series)
    assert analysis.reference is not None
    means = {row.variant: row.mean for row in analysis.ranking}
    ours = [means[name] or 0.0 for name in ("base", "activation=relu", "activation=tanh", "init=he_normal")]
    theirs = [0.5, 0.9, 0.3, 0.6]
    assert analysis.reference.rank_correlation == pytest.approx(stats.spearmanr(theirs, ours).statistic)
    assert analysis.reference.p == pytest.approx(2 / 24)  # one order in 24 is this one, one is its reverse
    assert analysis.reference.rows[-1] == ("gone", 0.1, None)
    assert {row.variant: row.reference for row in analysis.ranking}["activation=relu"] == 0.9
