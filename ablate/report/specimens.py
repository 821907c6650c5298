"""What the networks made themselves: texts and pictures, of the last step of one seed."""

import base64
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from ablate.analysis.diagnostics import last_of_first_seed

from .text import natural

TEXTS, SIGNS = 4, 1200
"""So many texts of a variant are shown, and so many characters of each."""

PICTURES, SIDE = 12, 64
"""So many pictures of a variant are shown, none with a longer side in pixels."""

PICTURE = "picture"
"""The quantity whose rows of numbers are grey levels of a square picture, row by row, from 0 to 1."""

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
"""Characters that a page must not hold are shown by their symbols."""

Row = tuple[str, list[float], str]
"""Layer, values, text."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Image:
    """One picture; `address` holds all of it."""

    address: str
    label: str


@dataclass(frozen=True, slots=True)
class Made:
    """What one variant made."""

    variant: str
    context: str
    where: str
    """Step and seed."""
    texts: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """One diagnostic and quantity."""

    diagnostic: str
    quantity: str
    made: tuple[Made, ...]
    notes: tuple[str, ...]


def texts(found: pl.DataFrame, variants: Sequence[str], contexts: Sequence[str]) -> list[Group]:
    """The texts of these variants, in this order, in each of these contexts."""
    groups = []
    for diagnostic, quantity, frame in _groups(found.filter(pl.col("text").is_not_null())):
        made, most = [], 0
        for variant, context, where, rows in _each(frame, variants, contexts):
            most = max(most, len(rows))
            made.append(Made(variant, context, where, texts=tuple(_cut(text) for _, _, text in rows[:TEXTS])))
        notes = (f"The first {TEXTS} of {most} texts.",) if most > TEXTS else ()
        groups.append(Group(diagnostic, quantity, tuple(made), notes))
    return groups


def pictures(found: pl.DataFrame, variants: Sequence[str], contexts: Sequence[str]) -> list[Group]:
    """The pictures of these variants, in this order, in each of these contexts."""
    groups = []
    for diagnostic, quantity, frame in _groups(found.filter(is_picture())):
        made, notes = [], set()
        for variant, context, where, rows in _each(frame, variants, contexts):
            images = []
            for layer, values, _ in spread(rows, PICTURES):
                address = picture(values)
                if address:
                    images.append(Image(address, f"{quantity} {layer}"))
                else:
                    notes.add(f"Left out: what is not finite, or no square of at most {SIDE} pixels a side.")
            if len(rows) > PICTURES:
                notes.add(f"{PICTURES} of {len(rows)} pictures, evenly spread.")
            if images:
                made.append(Made(variant, context, where, images=tuple(images)))
        groups.append(Group(diagnostic, quantity, tuple(made), tuple(sorted(notes))))
    return groups


def is_picture() -> pl.Expr:
    """Whether a row of the frame is a picture."""
    return (pl.col("quantity") == PICTURE) & pl.col("text").is_null() & (pl.col("values").list.len() > 1)


def picture(values: Sequence[float]) -> str:
    """Grey levels from 0 to 1 as the address of a PNG; empty unless they are finite and a small square."""
    side = math.isqrt(len(values))
    if side * side != len(values) or not 2 <= side <= SIDE or not all(map(math.isfinite, values)):
        return ""
    levels = bytes(round(255 * min(max(value, 0.0), 1.0)) for value in values)
    lines = b"".join(b"\0" + levels[side * row : side * (row + 1)] for row in range(side))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(place * (len(items) - 1) / (count - 1))] for place in range(count)]


def _groups(found: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    parts = last_of_first_seed(found).partition_by("diagnostic", "quantity", as_dict=True, maintain_order=True)
    for (diagnostic, quantity), frame in parts.items():
        yield str(diagnostic), str(quantity), frame


def _each(
    frame: pl.DataFrame, variants: Sequence[str], contexts: Sequence[str]
) -> Iterator[tuple[str, str, str, list[Row]]]:
    """(variant, context, step and seed, layer and values and text of each row) of what there is."""
    for context in contexts:
        for variant in variants:
            rows = frame.filter(pl.col("variant") == variant, pl.col("context") == context)
            if rows.height:
                where = f"step {rows['step'][0]:,}, seed {rows['seed'][0]}"
                # Numbers in names of layers count as numbers: 2 comes before 10.
                found = sorted(rows.select("layer", "values", "text").iter_rows(), key=lambda row: natural(row[0]))
                yield variant, context, where, found


def _cut(text: str) -> str:
    text = text.translate(_CONTROLS)
    return text if len(text) <= SIGNS else f"{text[: SIGNS - 1]}\u2026"
