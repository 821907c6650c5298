"""Diagnostics over the seeds: plain means of what every seed recorded, and nothing else."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ablate.analysis import SEED_MEANS, last_of_first_seed, seed_means
from tests.report.inside import RECORDED

Row = tuple[str, str, int, int, str, str, str, Sequence[float], str | None]


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=RECORDED, orient="row")


def test_means_are_those_of_the_seeds_place_by_place() -> None:
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    rows: list[Row] = [
        (variant, "", seed, 10 * step, "look", "weights", "up", numbers[place, seed, step].tolist(), None)
        for place, variant in enumerate(("a", "b"))
        for seed in range(3)
        for step in range(4)
    ]
    found = seed_means(frame(rows))
    assert found.schema == SEED_MEANS
    assert found["variant"].to_list() == ["a"] * 4 + ["b"] * 4
    assert found["n"].unique().to_list() == [3]
    np.testing.assert_allclose(
        np.array(found["values"].to_list()).reshape(2, 4, 5), numbers.astype(np.float64).mean(axis=1), rtol=1e-12
    )
    assert seed_means(frame(rows).sample(fraction=1.0, shuffle=True, seed=3)).equals(found), "whatever the order"


def test_a_step_that_a_seed_lacks_has_no_mean() -> None:
    nan = float("nan")
    rows: list[Row] = [
        ("a", "", 0, 1, "look", "size", "", [1.0], None),
        ("a", "", 1, 1, "look", "size", "", [3.0], None),
        ("a", "", 0, 2, "look", "size", "", [1.0], None),
        ("a", "", 1, 2, "look", "size", "", [nan], None),
        ("a", "", 0, 3, "look", "size", "", [1.0], None),
        ("a", "", 0, 1, "look", "row", "", [1.0, nan], None),
        ("a", "", 1, 1, "look", "row", "", [1.0, 2.0], None),
        ("b", "", 7, 3, "look", "size", "", [5.0], None),
    ]
    found = seed_means(frame(rows)).select("quantity", "variant", "step", "n", "values")
    assert found.rows() == [("size", "a", 1, 2, [2.0]), ("size", "b", 3, 1, [5.0])]


def test_only_numbers_of_one_shape_have_means() -> None:
    rows: list[Row] = [
        ("a", "", 0, 1, "look", "row", "up", [1.0, 2.0], None),
        ("a", "", 1, 1, "look", "row", "up", [1.0], None),
        ("a", "", 0, 1, "say", "text", "0", [], "hello"),
        ("a", "", 0, 1, "look", "nothing", "", [], None),
    ]
    assert seed_means(frame(rows)).is_empty()
    assert seed_means(frame([])).schema == SEED_MEANS


def test_the_last_step_is_that_of_the_first_seed() -> None:
    rows: list[Row] = [
        ("a", context, seed, step, "say", "text", layer, [], f"{context} {seed} {step} {layer}")
        for context in ("x", "y")
        for seed in (4, 2)
        for step in ((1, 2) if seed == 2 else (1, 2, 3))
        for layer in ("1", "0")
    ]
    assert last_of_first_seed(frame(rows))["text"].to_list() == ["x 2 2 0", "x 2 2 1", "y 2 2 0", "y 2 2 1"]
