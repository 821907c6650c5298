"""Canonical JSON and the ids made from it."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

RECIPE = 1
"""Version of the way a run is turned into an id and a stream of random numbers. Raised when either changes."""


@dataclass(frozen=True, slots=True)
class CanonicalText:
    """A value whose canonical JSON is known; it may stand for the value inside another."""

    text: str


def canonical_json(value: object) -> str:
    """The one text of a value: sorted keys, no spaces, ASCII. Equal meanings are equal texts.

    ``1e3``, ``1000.0`` and ``1000`` become the same; ``True`` stays apart from ``1``; keys are text.

    Raises:
        ValueError: for a number that is not finite, which has no JSON form.
        TypeError: for anything that is not JSON data.
    """
    match value:
        case CanonicalText():
            return value.text
        case None | bool() | str():
            return json.dumps(value)
        case int():
            return int.__repr__(value)
        case float():
            if not math.isfinite(value):
                message = f"{value} has no canonical form"
                raise ValueError(message)
            return repr(int(value)) if value.is_integer() else float.__repr__(value)
        case Mapping():
            texts = {str(key): canonical_json(item) for key, item in value.items()}
            return "{" + ",".join(f"{json.dumps(key)}:{texts[key]}" for key in sorted(texts)) + "}"
        case list() | tuple():
            return "[" + ",".join(map(canonical_json, value)) + "]"
        case _:
            message = f"a {type(value).__name__} is not JSON data"
            raise TypeError(message)


def digest(value: object, *, size: int = 8) -> str:
    """BLAKE2b of the canonical JSON: ``2 * size`` hex digits."""
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=size).hexdigest()


def run_id(config: str, seed: int) -> str:
    """The id of one run.

    Args:
        config: `digest` of the scientific configuration, see `ablate.core.to_identity`.
        seed: replicate index.
    """
    return digest({"config": config, "seed": seed, "recipe": RECIPE})
