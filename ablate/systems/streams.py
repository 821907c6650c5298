"""Named random streams: every random number of a run comes from its seed and a name.

Names, not positions: adding a layer or a consumer of randomness leaves every other stream as it was, so an unchanged
module starts from the same weights in every variant, and every variant sees the same batches in the same order.
"""

import zlib

import jax
from jaxtyping import Array, Int, Key


def root(seed: Int[Array, ""] | int) -> Key[Array, ""]:
    """The key that a run derives everything from. Threefry, because other generators are not faithful under vmap."""
    return jax.random.key(seed, impl="threefry2x32")


def stream(key: Key[Array, ""], *names: str) -> Key[Array, ""]:
    """The sub-stream of `key` called by the path `names`, e.g. ``stream(key, "init", "block0", "qkv")``."""
    for name in names:
        key = jax.random.fold_in(key, zlib.crc32(name.encode()))
    return key
