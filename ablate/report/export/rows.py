"""The two tables that CSV and Parquet hold."""

import polars as pl

from ablate.analysis import ranking_frame, seed_frame

from . import Source

KEYS = ["variant", "context", "seed"]

_OF_RUN = ["run_id", "budget", "step", "seconds", "cause", "message", "pack_id"]


def ranking(source: Source) -> pl.DataFrame:
    """A row per variant and context, schema ``ablate.analysis.RANKING``."""
    return ranking_frame(source.analysis)


def runs(source: Source) -> pl.DataFrame:
    """A row per planned run that ranks: schema ``ablate.analysis.SEED_SCORES``, then where it comes from."""
    known = source.runs.select(*KEYS, *_OF_RUN).unique(KEYS, keep="first", maintain_order=True)
    return seed_frame(source.analysis.ranking).join(known, on=KEYS, how="left", maintain_order="left")
