"""One step, one evaluation, and a whole training in one program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .adamw import Parameters, State, fresh, update
from .models import mlp, transformer

CONTEXT = 64
Data = dict[str, Array]


class Batch(NamedTuple):
    """Examples along the first axis."""

    inputs: Array
    targets: Array


@dataclass(frozen=True)
class Workload:
    """A network on its problem."""

    apply: Callable[[Parameters, Array], Array]
    batch: Callable[[Data, Int[Array, " B"]], Batch]
    """The examples that `benchmarks.prepare` drew."""
    second: Callable[[Array, Array], Float[Array, ""]]
    """The number that is measured beside the loss."""

    def loss(self, parameters: Parameters, batch: Batch) -> Float[Array, ""]:
        """Mean cross-entropy, nats."""
        return _cross_entropy(self.apply(parameters, batch.inputs), batch.targets)


def workload(name: str, shape: tuple[Any, ...]) -> Workload:
    """What trials of this shape train; see `Trial.shape`."""
    layers, _, activation = shape
    if name == "mlp":
        return Workload(
            apply=lambda p, inputs: mlp(p, inputs, layers, activation),
            batch=lambda data, rows: Batch(data["inputs"][rows], data["targets"][rows]),
            second=lambda logits, targets: jnp.mean(jnp.abs(logits)),
        )
    return Workload(
        apply=lambda p, inputs: transformer(p, inputs, layers, activation),
        batch=lambda data, starts: _windows(data["text"], starts),
        second=lambda logits, targets: jnp.mean((jnp.argmax(logits, -1) == targets).astype(jnp.float32)),
    )


def step(work: Workload, state: State, rates: Float[Array, "2"], batch: Batch) -> tuple[State, Float[Array, ""]]:
    """One update, and the loss before it."""
    loss, gradients = jax.value_and_grad(work.loss)(state.parameters, batch)
    return update(state, gradients, rates), loss


def evaluate(work: Workload, parameters: Parameters, data: Data) -> Float[Array, "2"]:
    """Loss and second number of the validation split."""

    def measure(batch: Batch) -> Array:
        logits = work.apply(parameters, batch.inputs)
        return jnp.stack([_cross_entropy(logits, batch.targets), work.second(logits, batch.targets)])

    return jnp.mean(jax.lax.map(measure, Batch(data["validation_inputs"], data["validation_targets"])), 0)


def whole(
    work: Workload, every: int, parameters: Parameters, rates: Float[Array, "2"], rows: Int[Array, "N B"], data: Data
) -> tuple[Float[Array, " n"], Float[Array, "n+1 2"]]:
    """A whole training: mean loss of each interval of `every` steps, and the evaluations around them.

    Stops early, as a careful loop would, when the loss is no longer finite.
    """
    count = rows.shape[0] // every

    def interval(carry: Any) -> Any:
        index, _, state, train, evaluations = carry

        def one(state: State, rows: Array) -> tuple[State, Array]:
            return step(work, state, rates, work.batch(data, rows))

        here = jax.lax.dynamic_slice_in_dim(rows, index * every, every)
        state, losses = jax.lax.scan(one, state, here)
        train = train.at[index].set(jnp.mean(losses))
        evaluations = evaluations.at[index + 1].set(evaluate(work, state.parameters, data))
        return index + 1, jnp.isfinite(train[index]), state, train, evaluations

    evaluations = jnp.full((count + 1, 2), jnp.nan).at[0].set(evaluate(work, parameters, data))
    start = (0, jnp.asarray(True), fresh(parameters), jnp.full(count, jnp.nan), evaluations)
    *_, train, evaluations = jax.lax.while_loop(lambda carry: (carry[0] < count) & carry[1], interval, start)
    return train, evaluations


def _cross_entropy(logits: Array, targets: Array) -> Array:
    # One-hot: the backward of a gather is a scatter-add, slow on a CPU.
    right = jnp.sum(logits * jax.nn.one_hot(targets, logits.shape[-1]), -1)
    return jnp.mean(jax.nn.logsumexp(logits, -1) - right)


def _windows(text: Array, starts: Array) -> Batch:
    windows = text[starts[:, None] + jnp.arange(CONTEXT + 1)].astype(jnp.int32)
    return Batch(windows[:, :-1], windows[:, 1:])
