"""What was read from inside the networks, per variant: means over the seeds, and the last words of one seed."""

import polars as pl

THING = ("diagnostic", "quantity", "layer", "context", "variant")
"""The columns that name one row of numbers over the steps."""

SEED_MEANS = pl.Schema(
    {
        "diagnostic": pl.String(),
        "quantity": pl.String(),
        "layer": pl.String(),
        "context": pl.String(),
        "variant": pl.String(),
        "step": pl.Int64(),
        "n": pl.Int64(),
        "values": pl.List(pl.Float64()),
    }
)
"""One row per thing that was read, variant, context and step; ``values`` has the mean over ``n`` seeds, place by place.
In the order of its columns."""


def seed_means(found: pl.DataFrame) -> pl.DataFrame:
    """The mean over the seeds of everything that is a number or a row of numbers: schema `SEED_MEANS`.

    A step has a mean only if every seed of the variant that recorded the diagnostic has finite numbers there: a mean
    over the survivors of a divergence would flatter the variant. What has another length in another seed is left out.

    Args:
        found: columns variant, context, seed, step, diagnostic, quantity, layer, values, text; a row per run, step and
            thing that was read, as ``grid.diagnostics()`` gives it.
    """
    numbers = found.filter(pl.col("text").is_null(), pl.col("values").list.len() > 0)
    started = numbers.group_by("diagnostic", "context", "variant").agg(n=pl.col("seed").n_unique().cast(pl.Int64))
    sizes = pl.col("values").list.len()
    numbers = numbers.filter(sizes.n_unique().over(THING) == 1)
    # Each row gets the number of its thing and step, so that the long table has no texts.
    key = [*THING, "step"]
    numbers = numbers.sort(*key, "seed").with_columns(row=pl.struct(key).rle_id())
    finite = pl.col("values").is_finite().all()
    means = (
        numbers.select("row", pl.col("values").cast(pl.List(pl.Float64())), place=pl.int_ranges(sizes))
        .explode("values", "place")
        .group_by("row", "place", maintain_order=True)
        .agg(mean=pl.when(finite).then(pl.col("values").mean()))
        .group_by("row", maintain_order=True)
        .agg(gaps=pl.col("mean").null_count(), values=pl.col("mean"))
    )
    return (
        numbers.group_by("row", maintain_order=True)
        .agg(*(pl.col(name).first() for name in key), count=pl.len().cast(pl.Int64))
        .join(means, on="row", maintain_order="left")
        .join(started, on=["diagnostic", "context", "variant"], maintain_order="left")
        .filter(pl.col("count") == pl.col("n"), pl.col("gaps") == 0)
        .select(SEED_MEANS.names())
        .cast(SEED_MEANS)
    )


def last_of_first_seed(found: pl.DataFrame) -> pl.DataFrame:
    """The rows of the last recorded step of the first seed, of each diagnostic, quantity, variant and context.

    Args:
        found: as for `seed_means`.
    """
    group = ["diagnostic", "quantity", "context", "variant"]
    return (
        found.filter(pl.col("seed") == pl.col("seed").min().over(group))
        .filter(pl.col("step") == pl.col("step").max().over(group))
        .sort(*group, "layer")
    )
