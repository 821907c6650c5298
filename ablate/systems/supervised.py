"""`Supervised`: the default program. A model, trained by gradient descent on a problem."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree
from pydantic import Field

from ablate.core import Added, GridError, Metric, Recording, digest, to_identity
from ablate.core import Problem as Mistake

from .derivatives import by_hand
from .diagnostics import DIAGNOSTICS, Diagnostic, Look, Step
from .interventions import INTERVENTIONS, Intervention, Moment, Point, Setting
from .joined import apart, rejoined
from .models import MODELS, Model
from .models.gpt import GPT
from .optimizers import OPTIMIZERS, AdamW, Optimizer
from .problems import PROBLEMS, Batch, Problem
from .problems.char_lm import CharLM
from .program import PROGRAMS, Diagnosis, Metrics, Program
from .reductions import norm
from .streams import root, stream
from .taps import Activations, collecting


class TrainState(eqx.Module):
    """Everything that a step changes."""

    step: Int[Array, ""]
    key: Key[Array, ""]
    parameters: PyTree[Float[Array, "..."]]
    optimizer: PyTree[Array]
    interventions: dict[str, PyTree[Array]]
    """What each intervention remembers."""


@PROGRAMS.register("supervised")
class Supervised(Program):
    """Gradient descent on the mean loss of batches, with the validation split measured at each evaluation."""

    unsigned_if_empty: ClassVar[frozenset[str]] = frozenset({"interventions", "diagnostics", "train_eval"})

    problem: Annotated[Problem, PROBLEMS] = CharLM()
    """Data and loss."""
    model: Annotated[Model, MODELS] = GPT()
    """The network."""
    optimizer: Annotated[Optimizer, OPTIMIZERS] = AdamW()
    """Turns gradients into updates."""
    micro_batches: Annotated[int, Field(ge=1), Added()] = 1
    """Parts that each batch is cut into; the update takes the mean of their gradients. The same update as of the whole
    batch, to float tolerance and but for dropout's noise, in less memory. It takes more time where a device has room
    for all of a batch, and less where only a part fits a processor's cache. Must divide the batch."""
    interventions: Annotated[dict[str, Annotated[Intervention, INTERVENTIONS]], Added()] = Field({})
    """What is done to training besides, by names of your choice. Those that act at the same point of an update do so in
    the alphabetical order of their names."""
    diagnostics: Annotated[dict[str, Annotated[Diagnostic, DIAGNOSTICS]], Recording(compiled=True)] = Field({})
    """What is read from inside the network at each evaluation, by names of your choice without a slash."""
    train_eval: Annotated[bool, Recording(compiled=True)] = False
    """Whether the evaluation also measures the network on training data, without dropout, as ``train_eval_loss`` and so
    on: on as many batches as the validation split has, drawn once, the same at every step and in every run."""

    @property
    def recorded(self) -> tuple[Metric, ...]:
        """See `Program.recorded`."""
        loss, *_ = self.problem.metrics
        measured = (
            Metric(f"{name}_{metric.name}", metric.goal, metric.unit, f"{metric.description} {where}")
            for name, where in self._splits.items()
            for metric in self.problem.metrics
        )
        acted = (
            Metric(f"{name}_{metric.name}", metric.goal, metric.unit, metric.description)
            for name, intervention in sorted(self.interventions.items())
            for metric in intervention.metrics
        )
        return (
            Metric("train_loss", "minimize", loss.unit, "Mean loss of the batches since the last evaluation."),
            Metric("grad_norm", "minimize", "dimensionless", "Global norm of the gradient, before clipping."),
            *measured,
            *acted,
        )

    @property
    def redraws(self) -> bool:
        """See `Component.redraws`."""
        return any(intervention.redraws for intervention in self.interventions.values())

    def load(self) -> Any:
        """See `Program.load`."""
        return self.problem.load()

    # --- training --------------------------------------------------------------------------------------------------

    def init(self, data: Any, key: Key[Array, ""]) -> TrainState:
        """See `Program.init`."""
        parameters = self.model.init(self.problem.shapes(), stream(key, "init"))
        mistakes, remembered = list(self._mistakes(data, key)), {}
        for name, intervention in sorted(self.interventions.items()):
            try:
                remembered[name] = intervention.init(self._setting, parameters)
            except GridError as error:
                mistakes += [mistake.under(f"interventions.{name}") for mistake in error.problems]
        if mistakes:
            raise GridError(mistakes)
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            key=key,
            parameters=parameters,
            optimizer=self.optimizer.build().init(parameters),
            interventions=remembered,
        )

    def _mistakes(self, data: Any, key: Key[Array, ""]) -> Iterator[Mistake]:
        """Parts that do not fit together."""
        size = jax.eval_shape(self.problem.sample, data, key).inputs.shape[0]
        if size % self.micro_batches:
            message = f"micro_batches: {self.micro_batches} does not divide the batch of {size}"
            yield Mistake(message, "bad-value", "micro_batches")
        for name, diagnostic in self.diagnostics.items():
            refused = "a name must not have a slash" if "/" in name else diagnostic.refuses(self.model, self.problem)
            if refused:
                yield Mistake(refused, "bad-value", f"diagnostics.{name}")

    def step(self, data: Any, state: TrainState) -> tuple[TrainState, Metrics]:
        """See `Program.step`."""
        return self.step_with(data, state, self.draw(data, state, state.step))

    def draw(self, data: Any, state: TrainState, step: Int[Array, ""]) -> Batch:
        """See `Program.draw`. The batch."""
        return self.problem.sample(data, jax.random.fold_in(stream(state.key, "data"), step))

    def step_with(self, data: Any, state: TrainState, drawn: Batch) -> tuple[TrainState, Metrics]:
        """See `Program.step_with`."""
        after, metrics, _ = self._advance(state, drawn)
        return after, metrics

    def _advance(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics, PyTree[Array]]:
        """The state after one update, its metrics, and the gradients that the batch had."""
        noise = jax.random.fold_in(stream(state.key, "noise"), state.step)
        loss, gradients, activations = self._gradients(state.parameters, batch, noise)
        moment = Moment(
            setting=self._setting,
            step=state.step,
            key=state.key,
            gradients=gradients,
            before=state.parameters,
            parameters=state.parameters,
            optimizer=self._shown(state.optimizer),
            activations=activations,
        )
        kept, metrics = dict(state.interventions), Metrics()
        moment = self._act("loss", moment, kept, metrics)
        length = norm(moment.gradients)
        updates, optimizer = self.optimizer.build().update(
            self.optimizer.clipped(moment.gradients, length), state.optimizer, state.parameters
        )
        parameters = self._held(optax.apply_updates(state.parameters, updates), state.parameters)
        moment = replace(moment, parameters=parameters, optimizer=self._shown(optimizer))
        moment = self._act("step", self._act("update", moment, kept, metrics), kept, metrics)
        if self.interventions:
            optimizer = rejoined(moment.optimizer, optimizer)
        after = TrainState(state.step + 1, state.key, moment.parameters, optimizer, kept)
        return after, {"train_loss": loss, "grad_norm": length, **metrics}, gradients

    def _act(self, point: Point, moment: Moment, kept: dict[str, Any], metrics: Metrics) -> Moment:
        """The moment as the interventions of a point leave it; what they remember and record goes into the mappings."""
        for name, intervention in sorted(self.interventions.items()):
            if intervention.at == point:
                key = jax.random.fold_in(stream(moment.key, "interventions", name), moment.step)
                kept[name], acted = intervention.act(kept[name], replace(moment, key=key))
                metrics |= {f"{name}_{metric}": value for metric, value in acted.metrics.items()}
                gradients = self._held(acted.gradients, moment.gradients)
                parameters = self._held(acted.parameters, moment.before)
                moment = replace(acted, key=moment.key, metrics={}, gradients=gradients, parameters=parameters)
        return moment

    def _shown(self, optimizer: PyTree[Array]) -> PyTree[Array]:
        """The optimiser's state as interventions find it, if there are any."""
        return apart(optimizer) if self.interventions else optimizer

    def _held(self, after: PyTree, before: PyTree) -> PyTree:
        """`after`, but for parameters that are not trained, which stay as they were `before`."""
        trained = self.model.trained(before)
        return jax.tree.map(lambda is_trained, new, old: new if is_trained else old, trained, after, before)

    @property
    def _setting(self) -> Setting:
        return Setting(self.model, self.problem)

    def _gradients(
        self, parameters: PyTree, batch: Batch, noise: Key[Array, ""]
    ) -> tuple[Float[Array, ""], PyTree, Activations]:
        """The mean loss of a batch, its gradient, and the activations that interventions ask for."""
        wanted = {
            units.tap
            for intervention in self.interventions.values()
            if intervention.reads_activations
            for units in self.model.units()
        }

        def loss_of(parameters: PyTree, part: Batch, noise: Key[Array, ""]) -> tuple[Float[Array, ""], Activations]:
            parameters = jax.tree.map(_with_gradient_if, self.model.trained(parameters), parameters)
            with by_hand(), collecting(only=wanted) as found:
                outputs = self.model.apply(parameters, part.inputs, key=noise)
            if wanted - found.keys():
                message = f"{self.model.kind} has no tap that is called {', '.join(sorted(wanted - found.keys()))}"
                raise GridError(Mistake(message, "bad-value", "model"))
            return self.problem.loss(outputs, part.targets), found

        measure, count = jax.value_and_grad(loss_of, has_aux=True), self.micro_batches
        if count == 1:
            (loss, activations), gradients = measure(parameters, batch, noise)
            return loss, gradients, activations

        def add(sums: PyTree, part: tuple[Batch, Key[Array, ""]]) -> tuple[PyTree, Activations]:
            (loss, found), gradients = measure(parameters, *part)
            return jax.tree.map(jnp.add, sums, (loss, gradients)), found

        parts = jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), batch)
        zeros = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, parameters))
        sums, found = jax.lax.scan(add, zeros, (parts, jax.random.split(noise, count)))
        loss, gradients = jax.tree.map(lambda leaf: leaf / count, sums)
        return loss, gradients, found

    # --- recording -------------------------------------------------------------------------------------------------

    def evaluate(self, data: Any, state: TrainState) -> Metrics:
        """See `Program.evaluate`."""

        def measure(batch: Batch) -> Mapping[str, Float[Array, ""]]:
            return self.problem.measure(self.model.apply(state.parameters, batch.inputs, key=None), batch.targets)

        splits = {"val": self.problem.validation(data)}
        if self.train_eval:
            count, *_ = splits["val"].inputs.shape
            keys = jax.random.split(stream(root(0), "train_eval"), count)
            splits["train_eval"] = jax.lax.map(lambda key: self.problem.sample(data, key), keys)
        means = {name: jax.tree.map(jnp.mean, jax.lax.map(measure, batches)) for name, batches in splits.items()}
        return {f"{name}_{metric}": value for name, found in means.items() for metric, value in found.items()}

    @property
    def _splits(self) -> dict[str, str]:
        """What is measured at an evaluation, in words."""
        found = {"val": "Validation split."}
        return found | {"train_eval": "Training data, without dropout."} if self.train_eval else found

    def diagnose(self, data: Any, state: TrainState) -> Diagnosis:
        """See `Program.diagnose`."""
        if not self.diagnostics:
            return {}

        def ahead() -> Step:
            after, _, gradients = self._advance(state, self.draw(data, state, state.step))
            return Step(gradients, after.parameters)

        look = Look(
            model=self.model,
            problem=self.problem,
            parameters=state.parameters,
            batch=jax.tree.map(lambda leaf: leaf[0], self.problem.validation(data)),
            ahead=ahead,
        )
        return {
            f"{name}/{quantity}/{layer}": jnp.asarray(values, jnp.float32)
            for name, diagnostic in self.diagnostics.items()
            for quantity, layers in diagnostic.measure(look, stream(state.key, "diagnostics", name)).items()
            for layer, values in layers.items()
        }

    def described(self, name: str, values: list[float]) -> str | None:
        """See `Program.described`."""
        return self.diagnostics[name.partition("/")[0]].text(self.problem, values)

    def consumes(self) -> dict[str, int]:
        """See `Program.consumes`."""
        return self.problem.consumes()

    def recordings(self) -> tuple[str, ...]:
        """See `Program.recordings`."""
        found = {name: digest(to_identity(diagnostic), size=4) for name, diagnostic in self.diagnostics.items()}
        measured = ("train_eval",) if self.train_eval else ()
        return (*measured, *(f"{name}-{found[name]}" for name in sorted(found)))

    # --- for the engine --------------------------------------------------------------------------------------------

    def guarded(self, state: TrainState) -> PyTree:
        """See `Program.guarded`."""
        return state.parameters

    def parameters(self, state: TrainState) -> PyTree:
        """See `Program.parameters`."""
        trained = self.model.trained(state.parameters)
        return jax.tree.map(lambda is_trained, leaf: leaf if is_trained else None, trained, state.parameters)


def _with_gradient_if(is_trained: bool, leaf: Float[Array, "..."]) -> Float[Array, "..."]:
    return leaf if is_trained else jax.lax.stop_gradient(leaf)
