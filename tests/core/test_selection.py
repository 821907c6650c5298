"""The rule that chooses among candidates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.core import best_candidate

rows = st.integers(1, 4).flatmap(
    lambda seeds: st.lists(
        st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=seeds, max_size=seeds), min_size=1, max_size=6
    )
)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([[3.0, 3.0], [1.0, 2.0], [2.0, 2.0]], 1),
        ([[1.0, 1.0], [1.0, 1.0]], 0),
        ([[0.1, None], [5.0, 5.0]], 1),
        ([[None, None], [9.0, None], [8.0, None]], 2),
        ([[None], [None]], 0),
    ],
)
def test_fewest_missing_then_best_mean_then_first(scores: list[list[float | None]], best: int) -> None:
    assert best_candidate(scores, "minimize") == best


@given(rows)
def test_the_goals_mirror_each_other_and_the_order_of_seeds_is_irrelevant(scores: list[list[float | None]]) -> None:
    mirrored = [[None if score is None else -score for score in row] for row in scores]
    assert best_candidate(scores, "minimize") == best_candidate(mirrored, "maximize")
    assert best_candidate(scores, "minimize") == best_candidate([row[::-1] for row in scores], "minimize")
