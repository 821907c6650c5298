"""The compiled program of a static signature: many lanes, many steps, one call."""

import math
import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Bool, Float, Int, PyTree

from ablate.systems import Signature, root

from .compile_cache import compile_in_turn
from .drawing import Drawing
from .lanes import Lanes, Report, all_finite, fresh, is_training, keep, shape_of, zeros
from .source import AXIS, Source, source_for

Strategy = Literal["vmap", "map", "map:8"]
"""How the lanes of one device run: batched together, one after the other inside one program, or in batches of 8.

``map`` is bitwise equal to training each run alone and does no work for lanes that have ended. On CPU it is the faster
one for all but the smallest networks (see docs, performance); on a GPU ``vmap`` should be.
"""

FEW_PARAMETERS = 8_000
"""On CPU, lanes of smaller networks are batched: what is done for each operation costs more than its arithmetic."""
_BATCH = 8
"""Lanes of a batch under ``map:8``."""
_QUICKLY = {"xla_backend_optimization_level": 1}
"""For a program that runs once: LLVM optimises a little. Half the time to compile, and the same bits."""


@dataclass(frozen=True, eq=False)
class Executable:
    """Programs for one signature at one pack width, and the data they read.

    The number of steps is an argument, not part of the program, so there is exactly one compilation per signature
    and width, and the calls a run is cut into never change a bit of it. What draws first states is a small program of
    its own for each `Signature.whole`.
    """

    source: Source
    width: int
    """Lanes, a multiple of the number of devices."""
    strategy: Strategy
    _programs: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    """Compiled by now. No `cached_property`: until Python 3.12 all of a class wait for the one that is computed."""

    @property
    def signature(self) -> Signature:
        """What its lanes share."""
        return self.source.signature

    @property
    def devices(self) -> tuple[jax.Device, ...]:
        """What its lanes are split over."""
        return self.source.devices

    # --- host side ---------------------------------------------------------------------------------------------

    def start(self, drawings: Sequence[Drawing]) -> Lanes:
        """Fresh lanes, as the drawings say (at least one); zeros in lanes that none of them wants."""
        first, *others = drawings
        lanes = self._drawn(first)
        for other in others:
            lanes = self.replace(lanes, self._drawn(other), self._padded(other.wanted))
        return lanes

    def advance(
        self,
        lanes: Lanes,
        hyper: Float[np.ndarray, "S H"],
        until: Int[np.ndarray, " S"],
        evaluate: Bool[np.ndarray, " S"],
    ) -> tuple[Lanes, Report]:
        """Train each living lane until it has finished `until` updates, then evaluate those that `evaluate` names.

        `lanes` is donated. Returns at once; the arrays become ready later.
        """
        until, evaluate = np.asarray(until, np.int32), np.asarray(evaluate)
        return self._advance(self.source.data, self._split(hyper), self._split(until), self._split(evaluate), lanes)

    def replace(self, lanes: Lanes, fresh: Lanes, chosen: Bool[np.ndarray, " S"]) -> Lanes:
        """Lanes of `fresh` where `chosen`, of `lanes` elsewhere. `lanes` is donated."""
        return self._replace(self._split(chosen), fresh, lanes)

    def gather(self, lanes: Lanes, rows: Int[np.ndarray, " S"]) -> Lanes:
        """The lanes `rows` of a pack that may be of another width, as lanes of this one. `lanes` is not used again."""
        return self._gather(lanes, jnp.asarray(rows))

    def copy(self, lanes: Lanes) -> Lanes:
        """The same lanes in memory of their own: no later call takes them back."""
        return self._copy(lanes)

    def place(self, lanes: Lanes) -> Lanes:
        """Host arrays, put on the devices."""
        return cast(Lanes, jax.device_put(lanes, self.source.split))

    @property
    def step_metrics(self) -> tuple[str, ...]:
        """Names of the columns of `Report.means`."""
        return self.source.step_metrics

    @property
    def evaluation_metrics(self) -> tuple[str, ...]:
        """Names of the columns of `Report.evaluation`."""
        return self.source.evaluation_metrics

    @property
    def diagnosis(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of what diagnostics read, in the order of the columns behind the evaluation metrics."""
        return self.source.diagnosis

    @property
    def measured(self) -> int:
        """Columns of `Report.evaluation`."""
        return len(self.evaluation_metrics) + sum(map(math.prod, self.diagnosis.values()))

    @property
    def causes(self) -> tuple[str, ...]:
        """What `Report.cause` counts."""
        return (*self.step_metrics, "parameters")

    @property
    def lanes_shape(self) -> Lanes:
        """Shapes of `Lanes`."""
        lane = jax.eval_shape(lambda: fresh(zeros(self.source.state_shape), len(self.step_metrics)))
        return cast(Lanes, jax.tree.map(lambda leaf: shape_of(leaf.dtype, self.width, *leaf.shape), lane))

    @property
    def parameters(self) -> int:
        """Trainable numbers of one lane."""
        return self.source.parameters

    def compile(self, drawn_by: Collection[Signature] = ()) -> float:
        """Compile what is not compiled yet, on two threads; the seconds it took, 0 if all of it was.

        Args:
            drawn_by: what first states will be drawn by.
        """
        missing = [whole for whole in dict.fromkeys(drawn_by) if ("init", whole) not in self._programs]
        if not missing and "advance" in self._programs:
            return 0.0
        start = time.perf_counter()
        self.source.trace()  # both threads need it
        with ThreadPoolExecutor(1) as other:
            inits = [other.submit(self._init, whole) for whole in missing]
            _ = self._advance
            for init in inits:
                init.result()
        return time.perf_counter() - start

    @property
    def memory(self) -> Any:
        """XLA's memory analysis of `advance` on one device: ``argument_size_in_bytes`` and the like."""
        return cast(Any, self._advance).memory_analysis()

    # --- one lane ----------------------------------------------------------------------------------------------

    def _step_lane(self, data: PyTree, hyper: Float[Array, " H"], until: Int[Array, ""], lane: Lanes) -> Lanes:
        """The lane after an update; as it was if it does not train, or if something stopped being finite."""
        trains = is_training(lane, until)
        program = self.signature.config(hyper)
        state, metrics = program.step(data, lane.program)
        values = jnp.stack([metrics[name].astype(jnp.float32) for name in self.step_metrics])
        finite = jnp.append(jnp.isfinite(values), all_finite(program.guarded(state)))
        is_finite = jnp.all(finite)
        alive = trains & is_finite
        state = jax.tree.map(lambda new, old: jnp.where(alive, new, old), state, lane.program)
        return Lanes(
            program=state,
            step=lane.step + alive,
            cause=jnp.where(trains & ~is_finite, jnp.argmin(finite).astype(jnp.int32), lane.cause),
            sums=lane.sums + jnp.where(alive, values, 0.0),
            summed=lane.summed + alive,
        )

    def _evaluate_lane(self, data: PyTree, hyper: Float[Array, " H"], lane: Lanes) -> Float[Array, " E"]:
        program = self.signature.config(hyper)
        metrics = program.evaluate(data, lane.program)
        values = [metrics[name].astype(jnp.float32) for name in self.evaluation_metrics]
        measured = jnp.stack(values) if values else jnp.zeros(0)
        if not self.diagnosis:
            return measured
        found = program.diagnose(data, lane.program)
        return jnp.concatenate([measured, *(found[name].astype(jnp.float32).reshape(-1) for name in self.diagnosis)])

    # --- the lanes of one device -------------------------------------------------------------------------------

    def _advance_mapped(
        self, data: PyTree, hyper: Array, until: Array, evaluate: Array, lanes: Lanes
    ) -> tuple[Lanes, Float[Array, "S E"]]:
        def one(args: tuple[Array, Array, Array, Lanes]) -> tuple[Lanes, Float[Array, " E"]]:
            hyper, until, evaluate, lane = args
            lane = jax.lax.while_loop(
                lambda lane: is_training(lane, until), lambda lane: self._step_lane(data, hyper, until, lane), lane
            )
            measured = jax.lax.cond(
                evaluate,
                lambda: self._evaluate_lane(data, hyper, lane),
                lambda: jnp.full(self.measured, jnp.nan),
            )
            return lane, measured

        lanes, evaluation = jax.lax.map(one, (hyper, until, evaluate, lanes))
        return lanes, evaluation

    def _advance_batched(
        self, data: PyTree, hyper: Array, until: Array, evaluate: Array, lanes: Lanes
    ) -> tuple[Lanes, Float[Array, "S E"]]:
        step = jax.vmap(self._step_lane, (None, 0, 0, 0))

        def body(lanes: Lanes) -> Lanes:
            return step(data, hyper, until, lanes)

        lanes = jax.lax.while_loop(lambda lanes: jnp.any(is_training(lanes, until)), body, lanes)
        evaluation = jax.lax.cond(
            jnp.any(evaluate),
            lambda: jax.vmap(self._evaluate_lane, (None, 0, 0))(data, hyper, lanes),
            lambda: jnp.full((evaluate.shape[0], self.measured), jnp.nan),
        )
        return lanes, jnp.where(evaluate[:, None], evaluation, jnp.nan)

    def _advance_in_batches(
        self, data: PyTree, hyper: Array, until: Array, evaluate: Array, lanes: Lanes
    ) -> tuple[Lanes, Float[Array, "S E"]]:
        def split(rows: Array) -> Array:
            return rows.reshape(-1, _BATCH, *rows.shape[1:])

        def join(rows: Array) -> Array:
            return rows.reshape(-1, *rows.shape[2:])

        batches = jax.tree.map(split, (hyper, until, evaluate, lanes))
        found = jax.lax.map(lambda batch: self._advance_batched(data, *batch), batches)
        return cast(tuple[Lanes, Array], jax.tree.map(join, found))

    def _advance_local(
        self, data: PyTree, hyper: Array, until: Array, evaluate: Array, lanes: Lanes
    ) -> tuple[Lanes, Report]:
        run = {
            "map": self._advance_mapped,
            "vmap": self._advance_batched,
            "map:8": self._advance_in_batches,
        }[self.strategy]
        lanes, evaluation = run(data, hyper, until, evaluate, lanes)
        means = jnp.where(lanes.summed[:, None] > 0, lanes.sums / lanes.summed[:, None], jnp.nan)
        report = Report(lanes.step, lanes.cause, means, evaluation)
        fresh = lanes._replace(sums=jnp.zeros_like(lanes.sums), summed=jnp.zeros_like(lanes.summed))
        return keep(evaluate, fresh, lanes), report

    def _init_local(self, whole: Signature, data: PyTree, rows: Array, seeds: Array, wanted: Array) -> Lanes:
        def one(args: tuple[Array, Array, Array]) -> Lanes:
            row, seed, wanted = args
            state = jax.lax.cond(
                wanted,
                lambda: whole.config(row).init(data, root(seed)),
                lambda: zeros(self.source.state_shape),
            )
            return fresh(state, len(self.step_metrics))

        lanes = jax.lax.map(one, (rows, seeds, wanted))
        assert isinstance(lanes, Lanes)
        return lanes

    # --- compilation -------------------------------------------------------------------------------------------

    def _split(self, rows: np.ndarray) -> Array:
        return cast(Array, jax.device_put(rows, self.source.split))

    def _padded(self, values: np.ndarray) -> np.ndarray:
        """As many as there are lanes, zeros behind."""
        return np.concatenate([values, np.zeros((self.width - len(values), *values.shape[1:]), values.dtype)])

    def _drawn(self, drawing: Drawing) -> Lanes:
        values = (self._split(self._padded(one)) for one in (drawing.rows, drawing.seeds, drawing.wanted))
        return self._init(drawing.whole)(self.source.data, *values)

    def _init(self, whole: Signature) -> Callable[..., Lanes]:
        def make() -> Any:
            options = _QUICKLY if self.devices[0].platform == "cpu" else {}
            rows = shape_of(jnp.float32, self.width, whole.structure.num_leaves)
            shapes = rows, self._integers, self._flags
            return self._compiled(partial(self._init_local, whole), 3, (), *shapes, options=options)

        return cast(Callable[..., Lanes], self._once(("init", whole), make))

    @property
    def _advance(self) -> Callable[..., tuple[Lanes, Report]]:
        def make() -> Any:
            rows = shape_of(jnp.float32, self.width, self.signature.structure.num_leaves)
            shapes = rows, self._integers, self._flags, self.lanes_shape
            return self._compiled(self._advance_local, 4, (4,), *shapes)

        return cast(Callable[..., tuple[Lanes, Report]], self._once("advance", make))

    @property
    def _replace(self) -> Callable[..., Lanes]:
        def make() -> Any:
            return jax.jit(keep, donate_argnums=2, out_shardings=self.source.split)

        return cast(Callable[..., Lanes], self._once("replace", make))

    @property
    def _gather(self) -> Callable[..., Lanes]:
        def pick(lanes: Lanes, rows: Array) -> Lanes:
            return cast(Lanes, jax.tree.map(lambda leaf: leaf[rows], lanes))

        return cast(Callable[..., Lanes], self._once("gather", lambda: jax.jit(pick, out_shardings=self.source.split)))

    @property
    def _copy(self) -> Callable[..., Lanes]:
        copy = partial(jax.tree.map, jnp.copy)
        return cast(Callable[..., Lanes], self._once("copy", lambda: jax.jit(copy, out_shardings=self.source.split)))

    @property
    def _integers(self) -> jax.ShapeDtypeStruct:
        return shape_of(jnp.int32, self.width)

    @property
    def _flags(self) -> jax.ShapeDtypeStruct:
        return shape_of(jnp.bool_, self.width)

    def _once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        if name not in self._programs:
            self._programs[name] = make()
        return self._programs[name]

    def _compiled(
        self,
        function: Callable[..., Any],
        split: int,
        donate: tuple[int, ...],
        *shapes: Any,
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        replicated, lanes = PartitionSpec(), PartitionSpec(AXIS)
        sharded = jax.shard_map(
            function,
            mesh=self.source.mesh,
            in_specs=(replicated, *[lanes] * split),
            out_specs=lanes,
            check_vma=False,
        )
        in_shardings = (self.source.whole, *[self.source.split] * split)
        jitted = jax.jit(sharded, donate_argnums=donate, in_shardings=in_shardings)
        return compile_in_turn(jitted.lower(self.source.shapes, *shapes), options)


def executable_for(
    shared: Signature, lanes: int, strategy: Strategy | Literal["auto"], devices: tuple[jax.Device, ...] | None = None
) -> Executable:
    """The programs that a pack with so many lanes trains with, not compiled yet.

    Args:
        shared: the signature of the pack.
        lanes: how many; they are filled up to a multiple of the number of devices (and of the batch).
        strategy: ``auto`` is ``map`` on CPU but for networks of less than `FEW_PARAMETERS`, and ``vmap`` elsewhere.
        devices: what the lanes are split over, one device per lane at most. Default: all of this process.
    """
    used = (tuple(jax.local_devices()) if devices is None else devices)[:lanes]
    source = source_for(shared, used)
    if strategy == "auto":
        strategy = "map" if used[0].platform == "cpu" and source.parameters >= FEW_PARAMETERS else "vmap"
    unit = len(used) * (_BATCH if strategy == "map:8" else 1)
    return Executable(source, -(-lanes // unit) * unit, strategy)
