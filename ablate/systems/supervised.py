"""`Supervised`: the default program. A model, trained by gradient descent on a problem."""

from collections.abc import Mapping
from typing import Annotated, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree
from pydantic import Field

from ablate.core import Added, GridError, Metric
from ablate.core import Problem as Mistake

from .models import MODELS, Model
from .models.gpt import GPT
from .optimizers import OPTIMIZERS, AdamW, Optimizer
from .problems import PROBLEMS, Batch, Problem
from .problems.char_lm import CharLM
from .program import PROGRAMS, Metrics, Program
from .streams import stream


class TrainState(eqx.Module):
    """Everything that a step changes."""

    step: Int[Array, ""]
    key: Key[Array, ""]
    parameters: PyTree[Float[Array, "..."]]
    optimizer: PyTree[Array]


@PROGRAMS.register("supervised")
class Supervised(Program):
    """Gradient descent on the mean loss of batches, with the validation split measured at each evaluation."""

    problem: Annotated[Problem, PROBLEMS] = CharLM()
    """Data and loss."""
    model: Annotated[Model, MODELS] = GPT()
    """The network."""
    optimizer: Annotated[Optimizer, OPTIMIZERS] = AdamW()
    """Turns gradients into updates."""
    micro_batches: Annotated[int, Field(ge=1), Added()] = 1
    """Parts that each batch is cut into; the update takes the mean of their gradients. The same update as of the whole
    batch, to float tolerance and but for dropout's noise, in less memory and more time. Must divide the batch."""

    @property
    def recorded(self) -> tuple[Metric, ...]:
        """See `Program.recorded`."""
        loss, *_ = self.problem.metrics
        validation = (
            Metric(f"val_{metric.name}", metric.goal, metric.unit, f"{metric.description} Validation split.")
            for metric in self.problem.metrics
        )
        return (
            Metric("train_loss", "minimize", loss.unit, "Mean loss of the batches since the last evaluation."),
            Metric("grad_norm", "minimize", "dimensionless", "Global norm of the gradient, before clipping."),
            *validation,
        )

    def load(self) -> Any:
        """See `Program.load`."""
        return self.problem.load()

    def init(self, data: Any, key: Key[Array, ""]) -> TrainState:
        """See `Program.init`."""
        size = jax.eval_shape(self.problem.sample, data, key).inputs.shape[0]
        if size % self.micro_batches:
            message = f"micro_batches: {self.micro_batches} does not divide the batch of {size}"
            raise GridError(Mistake(message, "bad-value", "micro_batches"))
        parameters = self.model.init(self.problem.shapes(), stream(key, "init"))
        return TrainState(jnp.zeros((), jnp.int32), key, parameters, self.optimizer.build().init(parameters))

    def step(self, data: Any, state: TrainState) -> tuple[TrainState, Metrics]:
        """See `Program.step`."""
        batch = self.problem.sample(data, jax.random.fold_in(stream(state.key, "data"), state.step))
        noise = jax.random.fold_in(stream(state.key, "noise"), state.step)
        loss, gradients = self._gradients(state.parameters, batch, noise)
        norm = optax.tree.norm(gradients)
        updates, optimizer = self.optimizer.build().update(
            self.optimizer.clipped(gradients, norm), state.optimizer, state.parameters
        )
        parameters = optax.apply_updates(state.parameters, updates)
        return TrainState(state.step + 1, state.key, parameters, optimizer), {"train_loss": loss, "grad_norm": norm}

    def _gradients(self, parameters: PyTree, batch: Batch, noise: Key[Array, ""]) -> tuple[Float[Array, ""], PyTree]:
        """The mean loss of a batch and its gradient."""

        def loss_of(parameters: PyTree, part: Batch, noise: Key[Array, ""]) -> Float[Array, ""]:
            return self.problem.loss(self.model.apply(parameters, part.inputs, key=noise), part.targets)

        measure, count = jax.value_and_grad(loss_of), self.micro_batches
        if count == 1:
            return measure(parameters, batch, noise)

        def add(sums: PyTree, part: tuple[Batch, Key[Array, ""]]) -> tuple[PyTree, None]:
            return jax.tree.map(jnp.add, sums, measure(parameters, *part)), None

        parts = jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), batch)
        zeros = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, parameters))
        sums, _ = jax.lax.scan(add, zeros, (parts, jax.random.split(noise, count)))
        loss, gradients = jax.tree.map(lambda leaf: leaf / count, sums)
        return loss, gradients

    def evaluate(self, data: Any, state: TrainState) -> Metrics:
        """See `Program.evaluate`."""
        batches = self.problem.validation(data)

        def measure(batch: Any) -> Mapping[str, Float[Array, ""]]:
            return self.problem.measure(self.model.apply(state.parameters, batch.inputs, key=None), batch.targets)

        means = jax.tree.map(jnp.mean, jax.lax.map(measure, batches))
        return {f"val_{name}": value for name, value in means.items()}

    def guarded(self, state: TrainState) -> PyTree:
        """See `Program.guarded`."""
        return state.parameters

    def parameters(self, state: TrainState) -> PyTree:
        """See `Program.parameters`."""
        return state.parameters
