"""What DLN and TDLN have in common: levels of recurrent memory, then highway blocks, then the output."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Key, Num, PyTree
from pydantic import Field, model_validator

from ablate.core import GridError, Problem, Start, refuse
from ablate.systems.problems import Shapes
from ablate.systems.products import product
from ablate.systems.streams import stream
from ablate.systems.taps import scope, tap

from .base import Model, Slices, Units
from .norms import NORMS, LayerNorm, NoNorm, Norm
from .scans import Scan

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Linear(eqx.Module):
    """An affine map: rows ``x`` become ``x @ weight + bias``."""

    weight: Float[Array, "fan_in fan_out"]
    bias: Float[Array, " fan_out"]


class Memory(eqx.Module):
    """The state transition of D channels: each step multiplies by ``radius * exp(i angle)``. Both are trained."""

    radius: Float[Array, " D"]
    """What the journal calls size."""
    angle: Float[Array, " D"]
    """Radians per step; theta in the journal."""

    def factor(self, time: Float[Array, "B T D"] | None = None) -> Complex[Array, " D"] | Complex[Array, "B T D"]:
        """The factor of one step, or of steps that take `time` each."""
        if time is None:
            return jax.lax.complex(self.radius * jnp.cos(self.angle), self.radius * jnp.sin(self.angle))
        radius = jnp.exp(time * jnp.log(self.radius)[None, None])
        angle = time * self.angle[None, None]
        return jax.lax.complex(radius * jnp.cos(angle), radius * jnp.sin(angle))


class Block(eqx.Module):
    """Parameters of one level, or of one highway block; None where a part has none."""

    inner: PyTree[Array]
    norm: Float[Array, " D"] | None


class Parameters(eqx.Module):
    """Parameters of the whole network."""

    levels: tuple[Block, ...]
    highway: tuple[Block, ...]
    output: Linear


class Rows(NamedTuple):
    """What a level reads: D numbers at each position, in the first level I numbers that are repeated to D."""

    features: Float[Array, "B T I"]
    spread: Float[np.ndarray, "I D"] | None
    """Feature ``d % I`` goes to channel d; None where I is D already."""

    def full(self) -> Float[Array, "B T D"]:
        """The D numbers themselves."""
        return self.features if self.spread is None else self.features @ self.spread

    def times(self, matrix: Float[Array, "D E"]) -> Float[Array, "B T E"]:
        """``full() @ matrix``, at the cost of I rows instead of D."""
        narrow = matrix if self.spread is None else jnp.asarray(self.spread) @ matrix
        batch, length, width = self.features.shape
        return product(self.features.reshape(-1, width), narrow).reshape(batch, length, -1)


class Recurrent(Model):
    """A network that reads a sequence into a memory of D channels.

    Numbers, one per position, are repeated to all channels, and one answer is read from the last position. Symbols,
    one-hot, are repeated likewise, and the next symbol is predicted at every position.
    """

    reference = "journal A of the shipped systems, 2023"

    size: Annotated[int, Field(gt=0)] = 50
    """Channels D of the memory; at least the number of symbols, if the problem has symbols."""
    levels: Annotated[int, Field(ge=1)] = 1
    """Memories, each of which reads what the one before returns."""
    join: Literal["bare", "residual"] = "bare"
    """What a level returns: its memory y as it is, or norm(relu(y + x)) with its input x, as the journal has it where
    there are several levels."""
    highway_only: Literal["none", "upper", "all"] = "none"
    """Levels in which the memory is replaced by the identity: none; all but the first, a control that the journal asked
    for; or all, which is the floor: at most the last position is seen, and of a number that is repeated to all
    channels not even that, once it is normalised."""
    highway: Annotated[int, Field(ge=0)] = 1
    """Blocks norm(relu(Linear(x) + x)) between the last level and the output."""
    norm: Annotated[Norm, NORMS] = LayerNorm(eps=1e-5, weight="learned")
    """Of residual levels and of highway blocks. With axis: block, whole sequences are normalised together, and every
    position sees the future, as it probably was in the journal."""
    memory: Literal["trainable", "fixed", "fixed_as_run"] = "trainable"
    """Whether radius and angle of the memory are trained; fixed_as_run is what the journal's code did instead: nothing
    in the first level is trained, and everything in the others. Nothing changes what is fixed, weight decay and
    interventions neither."""
    forgetting: Annotated[Pair, Start()] = Field([1e-4, 1e-3])
    """Lowest and highest initial share of a channel that is forgotten per step, 1 - radius; log-uniform. The default is
    the journal's for 784 steps; for text it has [0.001, 0.1]."""
    period: Annotated[Pair, Start()] = Field([1.0, 1000.0])
    """Shortest and longest initial period of a channel in steps, 2 pi / angle; log-uniform."""
    scan: Scan = "associative"
    """How the recurrence is computed: in log(T) parallel rounds, or one position after the other. Equal to float
    tolerance."""

    @model_validator(mode="after")
    def _ranges_are_ranges(self) -> "Recurrent":
        problems = tuple(self._misfits())
        if problems:
            raise refuse(*problems)
        return self

    def _misfits(self) -> Iterator[Problem]:
        for name, (low, high), limit in (("forgetting", self.forgetting, 1.0), ("period", self.period, math.inf)):
            if not 0 < low <= high < limit:
                message = f"[{low}, {high}] is no range between 0 and {limit:g}, lowest first"
                yield Problem(message, "bad-value", name)
        if self.highway_only == "upper" and self.levels == 1:
            yield Problem("upper: there is one level, so nothing would change", "bad-value", "highway_only")

    # --- one level -------------------------------------------------------------------------------------------------

    @abstractmethod
    def fresh(self, key: Key[Array, ""]) -> PyTree[Array]:
        """Parameters of the memory of one level; has an attribute ``memory``, a `Memory`."""

    @abstractmethod
    def states(self, weights: Any, rows: Rows) -> Float[Array, "B T D"]:
        """The memory at each position."""

    @abstractmethod
    def written(self) -> tuple[Slices, ...]:
        """The parameters of a level that decide what a channel of its memory becomes. Names inside the level."""

    def readers(self) -> tuple[Slices, ...]:
        """The parameters of a level that read a channel of its input. Empty if it reads the input as it is, too."""
        return ()

    def fresh_memory(self, key: Key[Array, ""]) -> Memory:
        """Radius and angle, drawn from their initial ranges."""
        forgotten = _log_uniform(stream(key, "radius"), self.size, *self.forgetting)
        period = _log_uniform(stream(key, "angle"), self.size, *self.period)
        return Memory(1 - forgotten, 2 * math.pi / period)

    # --- what interventions may do ---------------------------------------------------------------------------------

    def trained(self, parameters: Parameters) -> PyTree[bool]:
        """See `Model.trained`."""
        fixed = {"trainable": (), "fixed": ("memory",), "fixed_as_run": ("levels.0.inner",)}[self.memory]

        def is_trained(path: tuple[Any, ...], _: Array) -> bool:
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            return not any(part in name for part in fixed)

        return jax.tree_util.tree_map_with_path(is_trained, parameters)

    def units(self) -> tuple[Units, ...]:
        """See `Model.units`.

        The numbers after each relu, and channels of a bare memory that nothing but matrices reads. Of those after a
        relu, matrices alone read only the last ones, and only if they are not normalised.
        """
        return (*self._level_units(), *self._highway_units())

    def _level_units(self) -> Iterator[Units]:
        for index in range(self.levels):
            readers, name = self._readers_of(index), f"levels.{index}"
            if readers or self.join == "residual":
                written = self.written() if self._remembers(index) else ()
                yield Units(f"{name}.hidden", _inside(f"{name}.inner", written), readers)

    def _highway_units(self) -> Iterator[Units]:
        for index in range(self.highway):
            is_read = index == self.highway - 1 and isinstance(self.norm, NoNorm)
            name = f"highway.{index}"
            yield Units(f"{name}.hidden", _inside(f"{name}.inner", _COLUMNS), _OUTPUT if is_read else ())

    def _readers_of(self, level: int) -> tuple[Slices, ...]:
        """The parameters that read what a level returns; empty if they are not all that do."""
        is_read_otherwise = self.join == "residual" and not isinstance(self.norm, NoNorm)
        if is_read_otherwise or not self._remembers(level):
            return ()
        if level == self.levels - 1:
            return () if self.highway else _OUTPUT
        following = level + 1
        reads_all = self.join == "bare" and self._remembers(following)
        return _inside(f"levels.{following}.inner", self.readers()) if reads_all else ()

    # --- the whole -------------------------------------------------------------------------------------------------

    def init(self, shapes: Shapes, key: Key[Array, ""]) -> Parameters:
        """See `Model.init`."""
        self._check(shapes)
        return Parameters(
            levels=tuple(self._init_level(index, stream(key, f"level{index}")) for index in range(self.levels)),
            highway=tuple(
                Block(fresh_linear(stream(key, f"highway{index}"), self.size, self.size), self.norm.init(self.size))
                for index in range(self.highway)
            ),
            output=fresh_linear(stream(key, "output"), self.size, shapes.outputs[-1]),
        )

    def _init_level(self, index: int, key: Key[Array, ""]) -> Block:
        inner = self.fresh(key) if self._remembers(index) else None
        return Block(inner, self.norm.init(self.size) if self.join == "residual" else None)

    def _remembers(self, level: int) -> bool:
        return self.highway_only == "none" or (self.highway_only == "upper" and level == 0)

    def apply(
        self, parameters: Parameters, inputs: Num[Array, "B T"], *, key: Key[Array, ""] | None
    ) -> Float[Array, "B ..."]:
        """See `Model.apply`."""
        return self.answer(parameters, self.read(parameters, inputs))

    def read(self, parameters: Parameters, inputs: Num[Array, "B T"]) -> Float[Array, "B ... D"]:
        """What the last level returns: ``[B, T, D]`` for symbols, and of the last position, ``[B, D]``, for numbers."""
        rows, are_symbols = self._rows(parameters, inputs)
        for index, level in enumerate(parameters.levels):
            with scope("levels", str(index)):
                rows = Rows(tap("residual", self._level(index, level, rows)), None)
        return rows.features if are_symbols else rows.features[:, -1]

    def answer(self, parameters: Parameters, states: Float[Array, "B ... D"]) -> Float[Array, "B ... O"]:
        """Outputs from what `read` returned; for numbers, a mixture of the states of two inputs lies between both."""
        batch, *_ = states.shape
        rows = states.reshape(-1, self.size)
        for index, block in enumerate(parameters.highway):
            with scope("highway", str(index)):
                rows = tap("hidden", jax.nn.relu(_affine(block.inner, rows) + rows))
            rows = self.norm.apply(block.norm, rows, batch)
        return _affine(parameters.output, rows).reshape(*states.shape[:-1], -1)

    def _level(self, index: int, level: Block, rows: Rows) -> Float[Array, "B T D"]:
        full = rows.full()
        states = full if level.inner is None else self.states(level.inner, rows)
        if self.join == "bare":
            return tap("hidden", states) if self._readers_of(index) else states
        batch, *_ = full.shape
        joined = tap("hidden", jax.nn.relu(states + full)).reshape(-1, self.size)
        return self.norm.apply(level.norm, joined, batch).reshape(full.shape)

    def _rows(self, parameters: Parameters, inputs: Num[Array, "B T"]) -> tuple[Rows, bool]:
        are_symbols = bool(jnp.issubdtype(inputs.dtype, jnp.integer))
        symbols = parameters.output.weight.shape[1]
        features = jax.nn.one_hot(inputs, symbols) if are_symbols else inputs[:, :, None]
        width = features.shape[-1]
        spread = np.arange(self.size) % width == np.arange(width)[:, None]
        return Rows(features, spread.astype(np.float32)), are_symbols

    def _check(self, shapes: Shapes) -> None:
        wanted = (*shapes.inputs, shapes.symbols) if shapes.symbols else (math.prod(shapes.outputs),)
        if len(shapes.inputs) != 1 or shapes.outputs != wanted:
            message = f"{self.kind} reads one row of numbers or symbols, and this problem wants something else of it"
            raise GridError(Problem(message, "bad-value", "model.kind"))
        if shapes.symbols and self.size < shapes.symbols:
            message = f"{self.size} channels cannot hold {shapes.symbols} symbols one-hot; give it at least as many"
            raise GridError(Problem(message, "bad-value", "model.size"))


_COLUMNS = (Slices("weight", 1), Slices("bias", 0))
"""What a number that a `Linear` returns is computed from."""
_OUTPUT = (Slices("output.weight", 0),)


def _inside(name: str, slices: tuple[Slices, ...]) -> tuple[Slices, ...]:
    return tuple(Slices(f"{name}.{each.leaf}", each.axis) for each in slices)


def fresh_linear(key: Key[Array, ""], fan_in: int, fan_out: int) -> Linear:
    """Weight and bias uniform in +-1 / sqrt(fan_in), the default of Equinox and PyTorch."""
    limit = fan_in**-0.5
    weight, bias = (
        jax.random.uniform(stream(key, name), shape, jnp.float32, -limit, limit)
        for name, shape in (("weight", (fan_in, fan_out)), ("bias", (fan_out,)))
    )
    return Linear(weight, bias)


def _affine(linear: Linear, rows: Float[Array, "N fan_in"]) -> Float[Array, "N fan_out"]:
    return product(rows, linear.weight) + linear.bias[None]


def _log_uniform(key: Key[Array, ""], size: int, low: float, high: float) -> Float[Array, " size"]:
    drawn = jax.random.uniform(key, (size,), jnp.float32, math.log(low), math.log(high))
    return jnp.exp(drawn)
