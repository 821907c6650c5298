"""Canonical JSON and the ids made from it."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

RECIPE = 1
"""Version of the way a run is turned into an id and a stream of random numbers. Raised when either changes."""


def canonical(value: object) -> Any:
    """JSON data in which equal meanings are equal texts.

    ``1e3``, ``1000.0`` and ``1000`` become the same; ``True`` stays apart from ``1``; keys are text.

    Raises:
        ValueError: for a number that is not finite, which has no JSON form.
        TypeError: for anything that is not JSON data.
    """
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            if not math.isfinite(value):
                message = f"{value} has no canonical form"
                raise ValueError(message)
            return int(value) if value.is_integer() else value
        case Mapping():
            return {str(key): canonical(item) for key, item in value.items()}
        case list() | tuple():
            return [canonical(item) for item in value]
        case _:
            message = f"a {type(value).__name__} is not JSON data"
            raise TypeError(message)


def canonical_json(value: object) -> str:
    """The one text of a value: sorted keys, no spaces, ASCII."""
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


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
