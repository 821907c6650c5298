"""Student's t quantile for whole degrees of freedom, exact to rounding, without SciPy."""

import math
from functools import lru_cache


def cdf(t: float, df: int) -> float:
    """P(T <= t) for `df` degrees of freedom, by the finite series of the angle.

    References:
        Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    theta = math.atan2(t, math.sqrt(df))
    cosine = math.cos(theta)
    term = total = cosine if df % 2 else 1.0
    for k in range(2 if df % 2 else 1, df - 1, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    if df == 1:
        central = 2 * theta / math.pi
    elif df % 2:
        central = 2 / math.pi * (theta + math.sin(theta) * total)
    else:
        central = math.sin(theta) * total
    return 0.5 + central / 2


@lru_cache(maxsize=4096)
def critical(df: int, level: float) -> float:
    """The t that the two-sided interval of coverage `level` multiplies the standard error with.

    Raises:
        ValueError: without a degree of freedom, or for a level outside (0, 1).
    """
    if df < 1 or not 0 < level < 1:
        message = f"no t quantile for df={df}, level={level}"
        raise ValueError(message)
    target = 0.5 + level / 2
    low, high = 0.0, 2.0
    while cdf(high, df) < target:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if cdf(middle, df) < target else (low, middle)
    return high
