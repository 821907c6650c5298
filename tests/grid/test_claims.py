"""Claims and published numbers: their forms, and the variants they mean."""

from typing import Any

import pytest

from ablate.core import GridError

from .conftest import Expand

AXES = """\
ablate:
  model.activation: [relu, {kind: shrink, amount: 1}, {kind: shrink, amount: 2}]
  optimizer.lr: [0.001, 0.01]
  model.width: [{as: narrow, value: 32}]
  no_history: {model.history: 1, model.position: none}
grid:
  model.activation: [relu]
  model.init: [he]
include: [{label: paper, model.width: 32}, {label: slow, optimizer.lr: 0.1}]
"""


@pytest.mark.parametrize(
    ("reference", "label"),
    [
        ("base", "base"),
        ("activation=relu", "activation=relu"),
        ("relu", "activation=relu"),
        ("0.01", "lr=0.01"),
        ("1e-2", "lr=0.01"),
        ("narrow", "narrow"),
        ("paper", "narrow"),
        ("no_history", "no_history"),
        ("'init=he, activation=relu'", "activation=relu, init=he"),
        ("{model.init: he, model.activation: relu}", "activation=relu, init=he"),
        ("{model.init: he, model.activation: relu, model.width: 64.0}", "activation=relu, init=he"),
        ("{model.activation: {kind: shrink, amount: 2.0}}", "activation=shrink(amount=2)"),
        ("{model.activation: {amount: 1}}", "activation=shrink(amount=1)"),
        ("{optimizer.lr: 1e-3, model.width: 64}", "base"),
    ],
)
def test_a_variant_is_meant_by_label_value_or_changes(expanded: Expand, reference: str, label: str) -> None:
    (claim,) = expanded(f"{AXES}claims: [{{that: {reference}, is: below, value: 1.9}}]").claims
    assert claim == {"that": label, "is": "below", "value": 1.9}


@pytest.mark.parametrize(
    ("reference", "message", "code"),
    [
        ("rleu", "no variant is called 'rleu'; did you mean relu?", "unknown-variant"),
        (
            "shrink",
            "'shrink' may mean activation=shrink(amount=1); activation=shrink(amount=2); write the whole label",
            "bad-reference",
        ),
        (
            "{model.activation: shrink}",
            "{model.activation: shrink} may mean activation=shrink(amount=1); activation=shrink(amount=2); "
            "write the whole label",
            "bad-reference",
        ),
        ("{model.inti: he}", "no variant changes model.inti; did you mean model.init?", "unknown-variant"),
        (
            "{model.init: he}",
            "no variant differs from the base by exactly {model.init: he}; known: base; relu; "
            "shrink(amount=1); shrink(amount=2); lr=0.01; narrow; ...",
            "unknown-variant",
        ),
        ("[relu]", "a variant is named by its label or by a mapping of paths to values, got a list", "bad-reference"),
    ],
)
def test_a_reference_that_does_not_decide_is_refused(expanded: Expand, reference: str, message: str, code: str) -> None:
    with pytest.raises(GridError) as caught:
        expanded(f"{AXES}claims: [{{that: {reference}, is: below, value: 1.9}}]")
    (problem,) = caught.value.problems
    assert (problem.path, problem.message, problem.code) == ("claims[0].that", message, code)


@pytest.mark.parametrize(
    ("claim", "resolved"),
    [
        ("{that: relu, is: better, to: base}", {"that": "activation=relu", "is": "better", "than": "base"}),
        ("{that: relu, is: worse, than: base}", {"that": "activation=relu", "is": "worse", "than": "base"}),
        (
            "{that: relu, is: equivalent, to: base, margin: 0.02}",
            {"that": "activation=relu", "is": "equivalent", "to": "base", "margin": 0.02},
        ),
        ("{that: base, is: above, value: 3}", {"that": "base", "is": "above", "value": 3}),
        (
            "{order: [narrow, base, 0.01], rank_correlation: 0.8}",
            {"order": ["narrow", "base", "lr=0.01"], "rank_correlation": 0.8},
        ),
    ],
)
def test_forms_of_claims(expanded: Expand, claim: str, resolved: dict[str, Any]) -> None:
    assert expanded(f"{AXES}claims: [{claim}]").claims == (resolved,)


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (
            "{that: relu, is: wrose, than: base}",
            "expected one of better, worse, equivalent, below, above, got the text 'wrose'",
        ),
        (
            "{that: relu, is: equivalent, to: base}",
            "nothing is equivalent without a margin; write margin: NUMBER here or at the top of the grid",
        ),
        ("{that: relu, is: worse}", "one other variant is needed: write than: VARIANT"),
        ("{that: relu, is: below}", "value is missing"),
        ("{that: relu, is: below, value: low}", "expected a number, got the text 'low'"),
        ("{that: relu, is: better, than: base, margn: 1}", "no such key here; did you mean margin?"),
        (
            "{order: [base, relu], rank_correlation: 1}",
            "expected a list of at least 3 variants, from best to worst; for 2 write {that: A, is: better, than: B}",
        ),
        ("{order: [base, relu, 0.01], rank_correlation: 2}", "a rank correlation is from -1 to 1, got 2"),
        ("{order: [base, relu, relu], rank_correlation: 1}", "activation=relu appears twice; keep one"),
        (
            "{that: relu, is: worse, than: activation=relu}",
            "the claim compares activation=relu with itself; name another variant",
        ),
    ],
)
def test_claims_that_are_wrong(expanded: Expand, claim: str, message: str) -> None:
    with pytest.raises(GridError) as caught:
        expanded(f"{AXES}claims: [{claim}]")
    assert [problem.message for problem in caught.value.problems] == [message]


def test_a_margin_of_the_grid_is_enough_for_equivalence(expanded: Expand) -> None:
    (claim,) = expanded(f"{AXES}margin: 0.1\nclaims: [{{that: relu, is: equivalent, to: base}}]").claims
    assert claim == {"that": "activation=relu", "is": "equivalent", "to": "base"}


def test_published_numbers_are_kept_by_label(expanded: Expand) -> None:
    expansion = expanded(f"{AXES}reference: {{source: a paper, values: {{relu: 1, base: 0.5, paper: 2}}}}")
    values = {"activation=relu": 1.0, "base": 0.5, "narrow": 2.0}
    assert expansion.reference == {"source": "a paper", "metric": "", "values": values}
    assert expanded(AXES).reference is None


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("{values: {tan: 3}}", "no variant is called 'tan'; known: "),
        ("{values: {relu: 1, activation=relu: 2}}", "a second number for the variant activation=relu; keep one"),
        ("{values: {relu: high}}", "expected a number, got the text 'high'"),
        ("{source: 3, values: {relu: 1}}", "expected a text, got the number 3"),
        ("{sorce: x, values: {relu: 1}}", "no such key here; did you mean source?"),
        ("{values: [1]}", "expected a mapping of variants to numbers"),
    ],
)
def test_published_numbers_that_are_wrong(expanded: Expand, reference: str, message: str) -> None:
    with pytest.raises(GridError) as caught:
        expanded(f"{AXES}reference: {reference}")
    assert caught.value.problems[0].message.startswith(message)
