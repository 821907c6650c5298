"""`Lanes`: the state of a pack on the devices, what a call reports of it, and what is done to lanes as a whole."""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

RUNNING = -1
"""`Lanes.cause` of a lane that lives."""


class Lanes(NamedTuple):
    """The state of a pack; every leaf has the lane axis S first (inside the per-lane functions: no lane axis)."""

    program: PyTree[Array]
    step: Int[Array, " S"]
    """Finished updates."""
    cause: Int[Array, " S"]
    """Index of what stopped being finite: a metric, or (last) the guarded state. -1 while the lane lives."""
    sums: Float[Array, "S M"]
    """Sums of the step metrics since the last evaluation."""
    summed: Float[Array, " S"]
    """Number of steps in the sums."""


class Report(NamedTuple):
    """What a call tells: of each lane, at the end of each interval."""

    step: Int[Array, "*S"]
    cause: Int[Array, "*S"]
    means: Float[Array, "*S M"]
    """Means of the step metrics since the last evaluation; NaN where there was no step."""
    evaluation: Float[Array, "*S E"]
    """Evaluation metrics, then what diagnostics read, flat; NaN for lanes that were not asked for."""

    def joined(self) -> Int[Array, "*S R"]:
        """All of it in one array, the bits of the floats as integers: one is written and fetched faster than four."""
        floats = (jax.lax.bitcast_convert_type(one, jnp.int32) for one in (self.means, self.evaluation))
        return jnp.concatenate([self.step[..., None], self.cause[..., None], *floats], -1)

    @staticmethod
    def size(metrics: int, measured: int) -> int:
        """Columns of `joined`, for so many step metrics and numbers of an evaluation."""
        return 2 + metrics + measured

    @staticmethod
    def split(rows: Int[np.ndarray, "*S R"], metrics: int) -> "Report":
        """The inverse of `joined`, on the host; `metrics` is the number of step metrics."""
        floats = rows[..., 2:].view(np.float32)
        return Report(
            *map(cast, (Array,) * 4, (rows[..., 0], rows[..., 1], floats[..., :metrics], floats[..., metrics:]))
        )


def fresh(state: PyTree[Array], metrics: int) -> Lanes:
    """One lane before its first update, without the lane axis; so many metrics are measured at each step."""
    zero = jnp.zeros((), jnp.float32)
    return Lanes(state, jnp.zeros((), jnp.int32), jnp.asarray(RUNNING, jnp.int32), jnp.zeros(metrics), zero)


def lane_shape(state: PyTree[jax.ShapeDtypeStruct], metrics: int) -> Lanes:
    """Shapes of what `fresh` gives, without tracing it."""
    counts = shape_of(jnp.int32), shape_of(jnp.int32)
    sums = shape_of(jnp.float32, metrics), shape_of(jnp.float32)
    return Lanes(state, *map(cast, (Array,) * 4, (*counts, *sums)))


def shape_of(dtype: Any, *shape: int) -> jax.ShapeDtypeStruct:
    """An array's dtype and shape."""
    return jax.ShapeDtypeStruct(shape, dtype)


def zeros(shapes: PyTree[jax.ShapeDtypeStruct]) -> PyTree[Array]:
    """Arrays of such shapes; a random key of zeros where a key belongs."""

    def fill(leaf: jax.ShapeDtypeStruct) -> Array:
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return cast(Array, jax.random.wrap_key_data(jnp.zeros((*leaf.shape, 2), jnp.uint32), impl="threefry2x32"))
        return jnp.zeros(leaf.shape, leaf.dtype)

    return jax.tree.map(fill, shapes)


def is_training(lane: Lanes, until: Int[Array, "..."]) -> Bool[Array, "..."]:
    """Which lanes, or whether one lane, live and have finished fewer updates than `until`."""
    return (lane.cause == RUNNING) & (lane.step < until)


def keep(chosen: Bool[Array, " S"], new: Lanes, old: Lanes) -> Lanes:
    """Lanes from `new` where `chosen`, from `old` elsewhere."""

    def pick(fresh: Array, stale: Array) -> Array:
        return jnp.where(chosen.reshape(chosen.shape + (1,) * (fresh.ndim - 1)), fresh, stale)

    picked = jax.tree.map(pick, new, old)
    assert isinstance(picked, Lanes)
    return picked
