"""Value forms, and how values are written in labels."""

from typing import Any

import pytest

from ablate.core import GridError
from ablate.grid.labels import ShortPaths, number_text, value_text

from .conftest import Expand


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("[1, 2.5, null, true, text]", [1, 2.5, None, True, "text"]),
        ("7", [7]),
        ("{values: [7, 8]}", [7, 8]),
        ("{min: 1, max: 5, count: 5}", [1, 2, 3, 4, 5]),
        ("{min: 0, max: 1, count: 5}", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("{min: 0.1, max: 0.5, count: 5}", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("{log: [1e-4, 1e-2], count: 3}", [1e-4, 1e-3, 1e-2]),
        ("{log: [1000, 1], count: 4}", [1000, 100, 10, 1]),
        ("{log: [1e-300, 1e300], count: 3}", [1e-300, 1.0, 1e300]),
        ("{range: [0, 10, 4]}", [0, 4, 8]),
        ("{range: [0.3, 0, -0.1]}", [0.3, 0.2, 0.1]),
        ("[[16], [32, 16]]", [[16], [32, 16]]),
        ("{kind: soft_shrink, count: 3}", [{"kind": "soft_shrink", "count": 3}]),
        ("[{min: 1, max: 2, count: 2}]", [{"min": 1, "max": 2, "count": 2}]),
        ("[{as: low, value: 0.1}, 0.2]", [0.1, 0.2]),
    ],
)
def test_value_forms(expanded: Expand, axis: str, values: list[Any]) -> None:
    expansion = expanded(f"ablate: {{model.x: {axis}}}")
    found = [expansion.config(one, expansion.contexts[0])["model"]["x"] for one in expansion.variants[1:]]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("{log: [0, 1], count: 3}", "a log axis goes between two different numbers above 0, got 0 and 1"),
        ("{log: [1], count: 3}", "write 2 numbers: [FIRST, LAST]"),
        ("{log: [1, 10], count: 1}", "count must be from 2 to 10,000, got 1"),
        ("{min: 2, max: 1, count: 3}", "min must be below max, got 2 and 1"),
        ("{min: a, max: 1, count: 3}", "expected a number, got the text 'a'"),
        ("{range: [0, 1, 0]}", "the step of a range must not be 0"),
        ("{range: [0, 1, -1]}", "the range is empty: from 0 in steps of -1 nothing comes before 1"),
        ("{range: [0, 1, 1e-9]}", "the range has 1,000,000,000 values, more than 10,000; make the step larger"),
        ("{values: 3}", "values must be a list, got the number 3"),
        ("[{as: x, value: 1}, {as: x, value: 2}]", "two values are named 'x'; give each its own name"),
    ],
)
def test_value_forms_that_are_wrong(expanded: Expand, axis: str, message: str) -> None:
    with pytest.raises(GridError) as caught:
        expanded(f"ablate: {{model.x: {axis}}}")
    assert [problem.message for problem in caught.value.problems] == [message]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.01, "0.01"),
        (1e-3, "1e-3"),
        (6e-4, "6e-4"),
        (0.12345, "0.12345"),
        (0.0316227766017, "0.03162"),
        (3e6, "3e6"),
        (3000000, "3e6"),
        (1234567, "1234567"),
        (2000, "2000"),
        (-1.5e-7, "-1.5e-7"),
        (1e300, "1e300"),
        (True, "true"),
        (None, "null"),
        ("relu", "relu"),
        ("1", '"1"'),
        ("true", '"true"'),
        ("a, b", '"a, b"'),
        ("tiny text", "tiny text"),
        ([32, 16], "[32, 16]"),
        ({"kind": "relu"}, "relu"),
        ({"kind": "shrink", "amount": 1.0, "inner": {"kind": "a", "b": 2}}, "shrink(amount=1, inner=a(b=2))"),
        ({"a": 1}, "{a=1}"),
    ],
)
def test_values_in_labels(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_a_number_can_be_shown_with_all_digits() -> None:
    assert number_text(0.0316227766017, full=True) == "0.0316227766017"


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("model.width", "model.width"),
        ("model.act.kind", "act.kind"),
        ("kind", "kind"),
        ("a.b.c", "a.b.c"),
        ("a.b.d", "d"),
        ("train.kind", "train.kind"),
    ],
)
def test_paths_are_as_short_as_they_can_be(path: str, short: str) -> None:
    known = ["model.width", "optimizer.width", "model.act.kind", "kind", "a.b.c", "x.b.c", "a.b.d"]
    assert ShortPaths(known)[path] == short
