"""Holm's step-down correction."""

import numpy as np

from ._table import Floats


def holm(p: Floats) -> Floats:
    """Holm-adjusted p values along the last axis.

    NaN marks a comparison that could not be tested: it counts as p = 1 and stays NaN. The numbers are those of
    ``statsmodels.stats.multitest.multipletests(p, method="holm")``, which handles one family per call and collects
    garbage in each, too slow for thousands of families.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    known = np.nan_to_num(p, nan=1.0)
    order = np.argsort(known, axis=-1)
    steps = np.take_along_axis(known, order, axis=-1) * np.arange(p.shape[-1], 0, -1)
    stepped = np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0)
    adjusted = np.empty_like(stepped)
    np.put_along_axis(adjusted, order, stepped, axis=-1)
    return np.where(np.isnan(p), np.nan, adjusted)
