"""`Advance`: many steps of many lanes, and their evaluations, as one function of arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from ablate.systems.reductions import all_finite

from .lanes import RUNNING, Lanes, Report, is_training, shape_of, zeros
from .source import Source

Strategy = Literal["vmap", "map", "map:8"]
"""How the lanes of one device run: batched together, one after the other inside one program, or in batches of 8.

``map`` is bitwise equal to training each run alone and does no work for lanes that have ended. On CPU it is the faster
one for all but the smallest networks (see docs, performance); on a GPU ``vmap`` should be.
"""

BATCH = 8
"""Lanes of a batch under ``map:8``."""
MOST_INTERVALS = 8
"""Intervals of one call, each with an evaluation at its end; to end a call and begin another takes time."""
DONE_AGAIN = 32
"""Updates that lanes do again at most, if one of them is no good."""
NEVER = -1
"""`until` of an interval that is not asked for."""


class Drawn(NamedTuple):
    """What `Program.draw` gives for some updates of a lane that follow each other."""

    first: Int[Array, ""]
    """The first of them."""
    each: PyTree[Array]
    """One row per update."""

    def of(self, step: Int[Array, ""]) -> PyTree[Array]:
        """What one of them reads."""
        return jax.tree.map(lambda leaf: leaf[step - self.first], self.each)


@dataclass(frozen=True)
class Advance:
    """What an update program is compiled from: a function of the data, and of the lanes of one device."""

    source: Source
    strategy: Strategy

    def __call__(
        self,
        data: PyTree,
        hyper: Float[Array, "S H"],
        until: Int[Array, "S N"],
        evaluate: Bool[Array, "S N"],
        lanes: Lanes,
    ) -> tuple[Lanes, Int[Array, "S N R"]]:
        """Advance the lanes, as `Executable.advance` says; an interval whose `until` is `NEVER` costs nothing."""
        run = {"map": self._mapped, "vmap": self._batched, "map:8": self._in_batches}[self.strategy]
        return run(data, hyper, until, evaluate, lanes)

    # --- one lane ----------------------------------------------------------------------------------------------

    def _update(
        self, data: PyTree, hyper: Float[Array, " H"], lane: Lanes, drawn: PyTree
    ) -> tuple[PyTree, Array, Array]:
        """The state after an update, its metrics, and which of them are finite; at the end, whether the state is."""
        program = self.source.signature.config(hyper)
        state, metrics = program.step_with(data, lane.program, drawn)
        values = jnp.stack([metrics[name].astype(jnp.float32) for name in self.source.step_metrics])
        return state, values, jnp.append(jnp.isfinite(values), all_finite(program.guarded(state)))

    def _draw(self, data: PyTree, hyper: Float[Array, " H"], lane: Lanes, step: Int[Array, ""]) -> PyTree:
        """What an update of the lane reads beside its state."""
        return self.source.signature.config(hyper).draw(data, lane.program, step)

    def _step(self, data: PyTree, hyper: Float[Array, " H"], lane: Lanes, drawn: PyTree) -> Lanes:
        """The lane after an update. If something stopped being finite, `cause` says what, and the rest is no good."""
        state, values, finite = self._update(data, hyper, lane, drawn)
        cause = jnp.where(jnp.all(finite), RUNNING, jnp.argmin(finite).astype(jnp.int32))
        return Lanes(state, lane.step + 1, cause, lane.sums + values, lane.summed + 1)

    def _steps_of_one(
        self, data: PyTree, hyper: Float[Array, " H"], lane: Lanes, drawn: Drawn, until: Int[Array, ""]
    ) -> tuple[Lanes, Drawn]:
        """The lane after its updates until `until`, or after the first that is no good; and what was drawn last."""
        ahead = self.source.ahead

        def some(lane: Lanes, drawn: Drawn) -> tuple[Lanes, Drawn]:
            """Updates that were drawn for together, perhaps before."""
            drawn = jax.lax.while_loop(  # as a condition it would copy what is there
                lambda drawn: (lane.step < drawn.first) | (lane.step >= drawn.first + ahead),
                lambda drawn: self._draw_ahead(data, hyper, lane, drawn),
                drawn,
            )
            limit = jnp.minimum(until, drawn.first + ahead)
            after = jax.lax.while_loop(
                lambda lane: is_training(lane, limit),
                lambda lane: self._step(data, hyper, lane, drawn.of(lane.step)),
                lane,
            )
            return after, drawn

        return jax.lax.while_loop(lambda pair: is_training(pair[0], until), lambda pair: some(*pair), (lane, drawn))

    def _steps_together(self, data: PyTree, hyper: Float[Array, "S H"], lanes: Lanes, until: Int[Array, " S"]) -> Lanes:
        """Batched lanes after their updates until `until`, or after the first that is no good."""

        def update(hyper: Array, until: Array, lane: Lanes) -> Lanes:
            after = self._step(data, hyper, lane, self._draw(data, hyper, lane, lane.step))
            trains = is_training(lane, until)
            return cast(Lanes, jax.tree.map(lambda new, old: jnp.where(trains, new, old), after, lane))

        return jax.lax.while_loop(
            lambda lanes: jnp.any(is_training(lanes, until)),
            lambda lanes: jax.vmap(update)(hyper, until, lanes),
            lanes,
        )

    def _good_steps(
        self,
        train: Callable[[Lanes, Any, Int[Array, "*S"]], tuple[Lanes, Any]],
        lanes: Lanes,
        drawn: Any,
        until: Int[Array, "*S"],
    ) -> tuple[Lanes, Any]:
        """One lane, or batched ones, after the updates until `until` or after the last good one; what was drawn last.

        To keep the state before each update would take time at each. Instead it is kept every `DONE_AGAIN` updates. If
        one was no good, they are done again from there, in each lane as far as they were good: at most once in the life
        of a lane that diverges, where a program's updates are deterministic.

        Args:
            train: gives the lanes after updates until some number, or after the first that is no good.
            lanes: without the lane axis, or with it.
            drawn: what `train` hands on.
            until: updates to reach.
        """

        def several(lanes: Lanes, drawn: Any) -> tuple[Lanes, Any]:
            def attempt(carry: tuple[Lanes, Any, Array, Array, Array]) -> tuple[Lanes, Any, Array, Array, Array]:
                _, drawn, limit, cause, _ = carry
                after, drawn = train(lanes, drawn, limit)
                is_bad = after.cause != lanes.cause
                limit, cause = jnp.where(is_bad, after.step - 1, limit), jnp.where(is_bad, after.cause, cause)
                return after, drawn, limit, cause, jnp.any(is_bad)

            limit = jnp.minimum(until, lanes.step + DONE_AGAIN)
            first = lanes, drawn, limit, lanes.cause, jnp.asarray(True)
            after, drawn, _, cause, _ = jax.lax.while_loop(lambda carry: carry[-1], attempt, first)
            return after._replace(cause=cause), drawn

        return jax.lax.while_loop(
            lambda pair: jnp.any(is_training(pair[0], until)), lambda pair: several(*pair), (lanes, drawn)
        )

    def _draw_ahead(self, data: PyTree, hyper: Float[Array, " H"], lane: Lanes, before: Drawn) -> Drawn:
        """For the next updates of a lane."""
        # This is `lane.step`. But what does not depend on `before`, XLA draws before it asks whether it is needed.
        first = jnp.where(lane.step < before.first, lane.step, jnp.maximum(lane.step, before.first))
        steps = first + jnp.arange(self.source.ahead, dtype=jnp.int32)
        return Drawn(first, jax.vmap(lambda step: self._draw(data, hyper, lane, step))(steps))

    def _nothing_drawn(self) -> Drawn:
        """For the updates before the first."""
        ahead = self.source.ahead
        each = jax.tree.map(lambda leaf: shape_of(leaf.dtype, ahead, *leaf.shape), self.source.drawn_shape)
        return Drawn(jnp.asarray(-ahead, jnp.int32), zeros(each))

    def _evaluate(self, data: PyTree, hyper: Float[Array, " H"], lane: Lanes) -> Float[Array, " E"]:
        program = self.source.signature.config(hyper)
        metrics = program.evaluate(data, lane.program)
        values = [metrics[name].astype(jnp.float32) for name in self.source.evaluation_metrics]
        measured = jnp.stack(values) if values else jnp.zeros(0)
        if not self.source.diagnosis:
            return measured
        found = program.diagnose(data, lane.program)
        return jnp.concatenate(
            [measured, *(found[name].astype(jnp.float32).reshape(-1) for name in self.source.diagnosis)]
        )

    # --- the lanes of one device -------------------------------------------------------------------------------

    def _mapped(self, data: PyTree, hyper: Array, until: Array, evaluate: Array, lanes: Lanes) -> tuple[Lanes, Array]:
        def one(args: tuple[Array, Array, Array, Lanes]) -> tuple[Lanes, Array]:
            hyper, until, evaluate, lane = args

            def interval(
                lane: Lanes, drawn: Drawn, until: Array, evaluate: Array
            ) -> tuple[Lanes, Drawn, Float[Array, " E"]]:
                lane, drawn = self._good_steps(partial(self._steps_of_one, data, hyper), lane, drawn, until)
                evaluation = jax.lax.cond(
                    evaluate,
                    lambda: self._evaluate(data, hyper, lane),
                    lambda: jnp.full(self.source.measured, jnp.nan),
                )
                return lane, drawn, evaluation

            return self._one_by_one(interval, lane, self._nothing_drawn(), until, evaluate)

        return cast(tuple[Lanes, Array], jax.lax.map(one, (hyper, until, evaluate, lanes)))

    def _batched(self, data: PyTree, hyper: Array, until: Array, evaluate: Array, lanes: Lanes) -> tuple[Lanes, Array]:
        def train(lanes: Lanes, nothing: tuple[()], until: Array) -> tuple[Lanes, tuple[()]]:
            return self._steps_together(data, hyper, lanes, until), nothing

        def interval(
            lanes: Lanes, nothing: tuple[()], until: Array, evaluate: Array
        ) -> tuple[Lanes, tuple[()], Float[Array, "S E"]]:
            lanes, _ = self._good_steps(train, lanes, nothing, until)
            evaluation = jax.lax.cond(
                jnp.any(evaluate),
                lambda: jax.vmap(self._evaluate, (None, 0, 0))(data, hyper, lanes),
                lambda: jnp.full((evaluate.shape[0], self.source.measured), jnp.nan),
            )
            return lanes, nothing, jnp.where(evaluate[:, None], evaluation, jnp.nan)

        lanes, rows = self._one_by_one(interval, lanes, (), until, evaluate)
        return lanes, jnp.swapaxes(rows, 0, 1)

    def _in_batches(
        self, data: PyTree, hyper: Array, until: Array, evaluate: Array, lanes: Lanes
    ) -> tuple[Lanes, Array]:
        def split(rows: Array) -> Array:
            return rows.reshape(-1, BATCH, *rows.shape[1:])

        def join(rows: Array) -> Array:
            return rows.reshape(-1, *rows.shape[2:])

        batches = jax.tree.map(split, (hyper, until, evaluate, lanes))
        found = jax.lax.map(lambda batch: self._batched(data, *batch), batches)
        return cast(tuple[Lanes, Array], jax.tree.map(join, found))

    def _one_by_one(
        self,
        interval: Callable[[Lanes, Any, Array, Array], tuple[Lanes, Any, Array]],
        lanes: Lanes,
        drawn: Any,
        until: Int[Array, "*S N"],
        evaluate: Bool[Array, "*S N"],
    ) -> tuple[Lanes, Int[Array, "N *S R"]]:
        """The intervals of a call, for one lane or for lanes together; those not asked for cost nothing."""

        def body(index: Array, carry: tuple[Lanes, Any, Array]) -> tuple[Lanes, Any, Array]:
            lanes, drawn, rows = carry
            wanted = evaluate[..., index]
            lanes, drawn, evaluation = interval(lanes, drawn, until[..., index], wanted)
            number = lanes.summed[..., None]
            means = jnp.where(number > 0, lanes.sums / number, jnp.nan)
            report = Report(lanes.step, lanes.cause, means, evaluation)
            sums = jnp.where(wanted[..., None], 0.0, lanes.sums)
            lanes = lanes._replace(sums=sums, summed=jnp.where(wanted, 0.0, lanes.summed))
            return lanes, drawn, rows.at[index].set(report.joined())

        size = Report.size(len(self.source.step_metrics), self.source.measured)
        rows = jnp.zeros((until.shape[-1], *until.shape[:-1], size), jnp.int32)
        asked = jnp.max(jnp.sum(until != NEVER, -1))
        lanes, _, rows = jax.lax.fori_loop(0, asked, body, (lanes, drawn, rows))
        return lanes, rows
