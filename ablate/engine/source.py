"""`Source`: what the programs of one signature are made from. Its data on the devices, and what tracing tells."""

import math
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import cast
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from ablate.systems import Program, Signature, parts_of, root

from .program_cache import ProgramCache, content_as_text, shapes_as_text

AXIS = "lanes"
"""Name of the axis of the device mesh that lanes are split over."""

_FACTS = ("step_metrics", "evaluation_metrics", "diagnosis")
"""What tracing tells about a source beside the shapes of its state."""

MOST_AHEAD = 16
"""Updates of a lane that are drawn for together, at most: more gain nothing."""
_BYTES_AHEAD = 2**17
"""And what is drawn for them should stay in the cache of a core."""


@dataclass(frozen=True, eq=False)
class Source:
    """One signature on some devices; see `source_for`. What is asked for is computed once. Nothing is compiled."""

    signature: Signature
    devices: tuple[jax.Device, ...]

    @cached_property
    def mesh(self) -> Mesh:
        """The devices in a row."""
        return Mesh(np.asarray(self.devices), (AXIS,))

    @cached_property
    def split(self) -> NamedSharding:
        """Arrays whose first axis is that of lanes."""
        return NamedSharding(self.mesh, PartitionSpec(AXIS))

    @cached_property
    def whole(self) -> NamedSharding:
        """Arrays that every device has."""
        return NamedSharding(self.mesh, PartitionSpec())

    @cached_property
    def data(self) -> PyTree[Array]:
        """What `Program.load` gives, on every device."""
        return jax.device_put(self.signature.static_config().load(), self.whole)

    @cached_property
    def shapes(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of `data`."""
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), self.data)

    @cached_property
    def program(self) -> Program:
        """What training reads of the configuration, with zeros for lane fields, for tracing."""
        return self.signature.config(jnp.zeros(self.signature.structure.num_leaves))

    @cached_property
    def state_shape(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of one lane's program state."""
        whole = self.signature.whole
        return jax.eval_shape(whole.config(jnp.zeros(whole.structure.num_leaves)).init, self.shapes, root(0))

    @cached_property
    def step_metrics(self) -> tuple[str, ...]:
        """Names of what `Program.step` measures, sorted."""
        _, metrics = jax.eval_shape(self.program.step, self.shapes, self.state_shape)
        return tuple(sorted(metrics))

    @cached_property
    def drawn_shape(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of what `Program.draw` gives for one update."""
        return jax.eval_shape(self.program.draw, self.shapes, self.state_shape, jax.ShapeDtypeStruct((), jnp.int32))

    @property
    def ahead(self) -> int:
        """Updates of a lane that are drawn for together."""
        size: int = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(self.drawn_shape))
        return max(1, min(MOST_AHEAD, _BYTES_AHEAD // max(1, size)))

    @cached_property
    def evaluation_metrics(self) -> tuple[str, ...]:
        """Names of what `Program.evaluate` measures, sorted."""
        return tuple(sorted(jax.eval_shape(self.program.evaluate, self.shapes, self.state_shape)))

    @cached_property
    def diagnosis(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of what diagnostics read, sorted by name."""
        found = jax.eval_shape(self.program.diagnose, self.shapes, self.state_shape)
        return {name: found[name].shape for name in sorted(found)}

    @cached_property
    def parameters(self) -> int:
        """Trainable numbers of one lane."""
        leaves = jax.tree.leaves(self.program.parameters(self.state_shape))
        return sum(math.prod(cast(Array, leaf).shape) for leaf in leaves)

    @cached_property
    def kept(self) -> ProgramCache:
        """What an earlier process found out about this source, and compiled from it."""
        used = (self.signature, self.signature.whole)
        made_from = (
            *(repr(one.structure) for one in used),
            shapes_as_text((self.shapes, self.state_shape)),
            content_as_text(self.data),
        )
        classes = {type(part) for one in used for part in parts_of(one.static_config())}
        return ProgramCache(made_from, classes, self.devices)

    @property
    def measured(self) -> int:
        """Numbers that an evaluation gives: the evaluation metrics, then what diagnostics read."""
        return len(self.evaluation_metrics) + sum(map(math.prod, self.diagnosis.values()))

    def trace(self) -> None:
        """Find out everything now, by tracing unless an earlier process did."""
        found = self.kept.facts()
        if found is None:
            self.kept.keep_facts({name: getattr(self, name) for name in _FACTS})
        else:
            metrics = {name: tuple(found[name]) for name in ("step_metrics", "evaluation_metrics")}
            diagnosis = {name: tuple(shape) for name, shape in found["diagnosis"].items()}
            vars(self).update(metrics, diagnosis=diagnosis)


_sources: WeakValueDictionary[tuple[Signature, tuple[jax.Device, ...]], Source] = WeakValueDictionary()
_lock = threading.Lock()


def source_for(shared: Signature, devices: tuple[jax.Device, ...]) -> Source:
    """The source of a signature on some devices: the same one as long as a program that was made from it lives."""
    with _lock:
        key = shared, devices
        return _sources.setdefault(key, Source(shared, devices))
