"""Expressions: what they may say, what they mean, and that nothing else gets through."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.grid.expressions import ExpressionError, read_expression
from ablate.grid.paths import get

CONFIG: Mapping[str, Any] = {
    "model": {"width": 64, "heads": 4, "rate": 0.5, "tied": True, "activation": {"kind": "relu", "slope": 0.1}},
    "optimizer": "sgd",
}


def holds(text: str) -> bool:
    return read_expression(text).holds(lambda path: get(CONFIG, path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model.width % model.heads == 0", True),
        ("model.width // 10 == 6 and model.width / 10 == 6.4", True),
        ("-model.width + 2 ** 6 == 0", True),
        ("1 < model.rate", False),
        ("0 < model.rate < 1", True),
        ("not (model.rate > 1 or model.width > 100)", True),
        ("model.tied == true", True),
        ("model.tied == 1", False),
        ("model.tied", True),
        ("model.activation == 'relu'", True),
        ("model.activation.kind == 'relu' and model.activation.slope == 1e-1", True),
        ("optimizer == 'sgd' and optimizer.kind == 'sgd'", True),
        ("model.width in [32, 64.0]", True),
        ("optimizer not in ['adamw', 'sgd']", False),
        ("optimizer < 'z'", True),
        ("model.nothing == 1", False),
        ("model.nothing != 1", False),
        ("model.width == 64 or model.nothing == 1", True),
        ("null == null", True),
    ],
)
def test_what_expressions_mean(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "repair"),
    [
        ("model.width = 1", "write `==` to compare"),
        ("a && b", "write `and` instead of `&&`"),
        ("a || b", "write `or` instead of `||`"),
        ("!a", "write `not` for a negation"),
        ("model.width >", "write a comparison such as `model.width > 64`"),
        ("model.width", "compare it with something"),
        ("model.width + 'a' == 1", "it needs a number where it has the text 'a'"),
        ("'a' * 1000000000 == 'b'", "it needs a number"),
        ("model.width is 64", "write `==` to compare"),
        ("model.tied and model.width", "need true or false, got the number 64"),
        ("model.width in 64", "`in` wants a list"),
        ("f(1)", "is not allowed"),
        ("().__class__ == 1", "is not a field path"),
        ("model['width'] == 1", "is not allowed"),
        ("[x for x in model] == 1", "is not allowed"),
        ("(lambda: 1) == 1", "is not allowed"),
        ("b'a' == 1", "is not allowed"),
        ("2j == 1", "is not allowed"),
        ("(-8) ** 0.5 == 1", "it needs a number where it has a complex"),
        ("9 ** 9 ** 9 == 1", "becomes too large"),
        ("2.0 ** 9999 == 1", "cannot be worked out"),
        ("1 / 0 == 1", "cannot be worked out: division by zero"),
        ("1 == 1" + " " * 600, "at most 500 characters"),
        ("+".join("1" * 120) + " == 1", "too many parts"),
        ("(" * 240 + "1" + ")" * 240, "is not an expression"),
        ("1or 2", "got the number 1"),
    ],
)
def test_what_expressions_may_not_say(text: str, repair: str) -> None:
    started = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        holds(text)
    assert repair in str(caught.value)
    assert time.process_time() - started < 0.5


PIECES = st.sampled_from(
    ["1", "2.5", "'a'", "true", "model.width", "optimizer", "model.no", "+", "-", "*", "**", "%", "/", "==", "<", "and",
     "or", "not", "in", "(", ")", "[", "]", ",", "9" * 20, "lambda:", "."]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=20))
def test_any_text_gives_a_truth_value_or_an_expression_error(text: str) -> None:
    with suppress(ExpressionError):
        assert isinstance(holds(text), bool)
