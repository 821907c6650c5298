"""Positions: how a transformer knows where a symbol stands."""

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from ablate.core import Family, Lane, Start
from ablate.systems.component import Component
from ablate.systems.inits import DrawNamed


class Position(Component):
    """Something that is added to the embeddings, or done to queries and keys."""

    def init(self, length: int, width: int, draw: DrawNamed) -> Float[Array, "T D"] | None:
        """A trainable table of which row t is added to the embedding at position t, or None."""
        return None

    def rotate(self, heads: Float[Array, "B H T d"]) -> Float[Array, "B H T d"]:
        """Queries or keys, after their norm, with their position written into them."""
        return heads


POSITIONS: Family[Position] = Family("position")


@POSITIONS.register("none")
class NoPosition(Position):
    """Only the causal mask tells positions apart."""


@POSITIONS.register("learned")
class Learned(Position):
    """A trained vector per absolute position, drawn like the matrices and added to the embedding."""

    scale: Annotated[float, Lane(), Start()] = 1.0
    """Multiplies the initial vectors."""

    def init(self, length: int, width: int, draw: DrawNamed) -> Float[Array, "T D"]:
        """See `Position.init`."""
        return self.scale * draw("position", (length, width))


@POSITIONS.register("rope")
class Rope(Position):
    """Rotary: numbers 2i and 2i + 1 of each head are turned by t * base**(-2i / d) radians at position t.

    The score of a query and a key then depends on their distance, not on where they stand.
    """

    reference = "Su et al. 2021, arXiv:2104.09864"

    base: Annotated[float, Lane(), Field(gt=0)] = 10_000.0
    """Ratio of the longest wavelength to the shortest, nearly."""

    def rotate(self, heads: Float[Array, "B H T d"]) -> Float[Array, "B H T d"]:
        """See `Position.rotate`."""
        *_, length, size = heads.shape
        frequencies = jnp.power(jnp.float32(self.base), -jnp.arange(0, size, 2, dtype=jnp.float32) / size)
        angles = jnp.arange(length, dtype=jnp.float32)[:, None] * frequencies[None]
        cosines, sines = jnp.cos(angles)[None, None], jnp.sin(angles)[None, None]
        even, odd = (heads[..., start::2].astype(jnp.float32) for start in (0, 1))
        turned = jnp.stack([even * cosines - odd * sines, even * sines + odd * cosines], -1)
        return turned.reshape(heads.shape).astype(heads.dtype)


@POSITIONS.register("learned_rope")
class LearnedRope(Learned, Rope):
    """Both: a trained vector per absolute position, and rotated queries and keys."""

    reference = Rope.reference
