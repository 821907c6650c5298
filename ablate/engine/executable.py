"""The compiled program of a static signature: many lanes, many steps, one call."""

import time
from collections.abc import Callable, Collection, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from ablate.systems import Signature, root

from .advancing import BATCH, MOST_INTERVALS, NEVER, Advance, Strategy
from .drawing import Drawing
from .lanes import Lanes, Report, fresh, keep, lane_shape, shape_of, zeros
from .lowering import Function, Program
from .machine_code import compiler_options
from .pace import Pace
from .source import Source, source_for

FEW_PARAMETERS = 8_000
"""On CPU, lanes of smaller networks are batched: what is done for each operation costs more than its arithmetic."""


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
    pace: Pace = field(default_factory=Pace, repr=False)
    """How fast it was in the packs that trained with it."""
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
        until: Int[np.ndarray, "S N"],
        evaluate: Bool[np.ndarray, "S N"],
    ) -> tuple[Lanes, Int[Array, "S N R"]]:
        """Train each living lane until it has finished `until` updates, then evaluate it if `evaluate` says so.

        That is an interval; up to `MOST_INTERVALS` follow each other in one call, as if they were calls of their own.
        `lanes` is donated. Returns at once; the arrays become ready later. The second is for `read`.
        """
        asked = until.shape[1]
        untils = np.full((self.width, MOST_INTERVALS), NEVER, np.int32)
        evaluates = np.zeros(untils.shape, bool)
        untils[:, :asked], evaluates[:, :asked] = until, evaluate
        return self._advance(self.source.data, *map(self._split, (hyper, untils, evaluates)), lanes)

    def read(self, rows: Int[Array, "S N R"]) -> Report:
        """Wait for a call, and say what it did: host arrays, one row per lane and interval."""
        return Report.split(jax.device_get(rows), len(self.step_metrics))

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
    def causes(self) -> tuple[str, ...]:
        """What `Report.cause` counts."""
        return (*self.step_metrics, "parameters")

    @property
    def lanes_shape(self) -> Lanes:
        """Shapes of `Lanes`."""
        lane = lane_shape(self.source.state_shape, len(self.step_metrics))
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

    def is_kept(self, drawn_by: Collection[Signature]) -> bool:
        """Whether `compile` would find all of it on disk."""
        names = ["advance", *(_init_name(whole) for whole in drawn_by)]
        return all(self.source.kept.has(self._kept_name(name)) for name in names)

    @property
    def memory(self) -> Any:
        """XLA's memory analysis of `advance` on one device: ``argument_size_in_bytes`` and the like."""
        return cast(Program, self._advance).of_leaves.memory_analysis()

    @property
    def text(self) -> str:
        """What XLA made of `advance`, as optimised HLO."""
        return cast(str, cast(Program, self._advance).of_leaves.as_text())

    # --- compilation -------------------------------------------------------------------------------------------

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

    def _split(self, rows: np.ndarray) -> Array:
        return jax.make_array_from_callback(rows.shape, self.source.split, rows.__getitem__)  # half as long as a put

    def _padded(self, values: np.ndarray) -> np.ndarray:
        """As many as there are lanes, zeros behind."""
        return np.concatenate([values, np.zeros((self.width - len(values), *values.shape[1:]), values.dtype)])

    def _drawn(self, drawing: Drawing) -> Lanes:
        values = (self._split(self._padded(one)) for one in (drawing.rows, drawing.seeds, drawing.wanted))
        return self._init(drawing.whole)(self.source.data, *values)

    def _init(self, whole: Signature) -> Callable[..., Lanes]:
        def make() -> Any:
            rows = shape_of(jnp.float32, self.width, whole.structure.num_leaves)
            shapes = rows, self._integers, self._flags
            function = Function(partial(self._init_local, whole), shapes, self.lanes_shape)
            return self._kept_or_compiled(_init_name(whole), function)

        return cast(Callable[..., Lanes], self._once(("init", whole), make))

    @property
    def _advance(self) -> Callable[..., tuple[Lanes, Array]]:
        def make() -> Any:
            rows = shape_of(jnp.float32, self.width, self.signature.structure.num_leaves)
            until, evaluate = (shape_of(dtype, self.width, MOST_INTERVALS) for dtype in (jnp.int32, jnp.bool_))
            shapes = rows, until, evaluate, self.lanes_shape
            return self._kept_or_compiled(
                "advance", Function(Advance(self.source, self.strategy), shapes, (self.lanes_shape, 0), donated=(4,))
            )

        return cast(Callable[..., tuple[Lanes, Array]], self._once("advance", make))

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

    def _kept_or_compiled(self, name: Hashable, function: Function) -> Any:
        """The program of a function, as an earlier process left it or compiled now."""
        kept, name = self.source.kept, self._kept_name(name)
        options = compiler_options(self.devices[0].platform)
        compiled = kept.load(name)
        if compiled is None:
            with kept.turn(name):  # another process may have compiled it meanwhile
                compiled = kept.load(name) or kept.compile(name, function.lowered(self.source), options)
        return function.program(compiled)

    def _kept_name(self, name: Hashable) -> Hashable:
        return name, self.width, self.strategy


def _init_name(whole: Signature) -> Hashable:
    return "init", repr(whole.structure)


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
    unit = len(used) * (BATCH if strategy == "map:8" else 1)
    return Executable(source, -(-lanes // unit) * unit, strategy)
