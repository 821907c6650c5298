"""Curves of a large page as one blob: two bytes for a number, compressed, read by the page when a curve is wanted."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .numbers import rounded

LARGE = 250_000
"""From so many numbers on, curves are packed."""

STEPS = 65_534
"""A number is rounded to the range of its own curve over this."""

GAP = 65_535
"""Stands for a missing number."""

Json = dict[str, Any]


def size(panels: list[Json]) -> int:
    """How many numbers the curves have."""
    return sum(len(values) for holder, name in _lines(panels) for values in [holder[name]])


def pack(panels: list[Json]) -> str:
    """Replace every list of numbers in the panels by its place in the blob, and return that: deflate in Base64.

    A place is ``[offset, length, low, high]``: so many unsigned 16-bit numbers, of which 0 is low, `STEPS` is high, and
    `GAP` is none; low and high have five significant digits, as all numbers of curves do. The blob has the low bytes of
    all numbers and then the high bytes, which compresses better.
    """
    parts: list[NDArray[np.uint16]] = []
    offset = 0
    for holder, name in _lines(panels):
        values = np.array(holder[name], dtype=np.float64)
        known = np.isfinite(values)
        low, high = (rounded(float(end(values[known]))) or 0 if known.any() else 0 for end in (np.min, np.max))
        share = (np.nan_to_num(values) - low) / (high - low) if high > low else np.zeros(values.shape)
        whole = np.where(known, np.rint(np.clip(share, 0, 1) * STEPS), GAP).astype(np.uint16)
        parts.append(whole)
        holder[name] = [offset, len(values), low, high]
        offset += len(values)
    every = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint16)
    planes = (every & 255).astype(np.uint8).tobytes() + (every >> 8).astype(np.uint8).tobytes()
    return base64.b64encode(zlib.compress(planes, 9)).decode("ascii")


def _lines(panels: list[Json]) -> list[tuple[Json, Any]]:
    """Every list of numbers, as its holder and its name there."""
    found: list[tuple[Json, Any]] = []
    for panel in panels:
        for number in sorted(panel["series"], key=int):
            series = panel["series"][number]
            for part in (series, series["apart"]):
                found += [(part, name) for name in ("mean", "low", "high") if name in part]
                found += [(part["runs"], seed) for seed in part.get("runs", ())]
    return found
