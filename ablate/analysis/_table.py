"""Scores as an array."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores of a grid, dense: contexts x variants x seeds."""

    contexts: tuple[str, ...]
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    values: Floats
    """NaN where a run has no score."""
    diverged: NDArray[np.int64]
    """Diverged runs, contexts x variants."""

    @classmethod
    def of(cls, scores: pl.DataFrame) -> Self:
        """From rows with ``variant``, ``context``, ``seed``, ``score`` and, if known, ``outcome``.

        Contexts and variants keep the order of their first row, seeds are sorted. A score that is null, NaN or
        infinite is none.
        """
        contexts = scores["context"].unique(maintain_order=True)
        variants = scores["variant"].unique(maintain_order=True)
        seeds = scores["seed"].unique().sort()
        place = tuple(
            pl.DataFrame({"key": keys})
            .with_row_index("place")
            .join(scores.select(key=name), on="key", how="right", maintain_order="right")["place"]
            .to_numpy()
            for keys, name in ((contexts, "context"), (variants, "variant"), (seeds, "seed"))
        )
        values = np.full((len(contexts), len(variants), len(seeds)), np.nan)
        score = scores["score"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        values[place] = np.where(np.isfinite(score), score, np.nan)
        diverged = np.zeros(values.shape[:2], dtype=np.int64)
        if "outcome" in scores.columns:
            np.add.at(diverged, place[:2], (scores["outcome"] == "diverged").fill_null(value=False).to_numpy())
        return cls(tuple(contexts), tuple(variants), tuple(seeds), values, diverged)

    def row(self, context: str, variant: str) -> Floats:
        """The scores of one variant in one context, one per seed."""
        row: Floats = self.values[self.contexts.index(context), self.variants.index(variant)]
        return row
