"""From a function of lanes to a compiled program: split over the devices, and flat, so that equal texts are shared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jax.sharding import PartitionSpec
from jaxtyping import Array, PyTree

from .source import AXIS, Source


@dataclass(frozen=True)
class Function:
    """What a program is compiled from."""

    local: Callable[..., Any]
    """Of the data, and of the lanes of one device."""
    arguments: tuple[Any, ...]
    """Shapes for all devices of what it takes behind the data."""
    result: PyTree
    """What it returns; only the structure counts."""
    donated: tuple[int, ...] = ()

    def lowered(self, source: Source) -> jax.stages.Lowered:
        """The function of the leaves of its arguments, ready to be compiled for the devices of a source."""
        arguments = source.shapes, *self.arguments
        shapes, structure = jax.tree.flatten(arguments)
        number = [index for index, one in enumerate(arguments) for _ in jax.tree.leaves(one)]

        def flat(*leaves: Array) -> tuple[Array, ...]:
            return tuple(jax.tree.leaves(self.local(*jax.tree.unflatten(structure, leaves))))

        replicated, lanes = PartitionSpec(), PartitionSpec(AXIS)
        sharded = jax.shard_map(
            flat,
            mesh=source.mesh,
            in_specs=tuple(lanes if index else replicated for index in number),
            out_specs=lanes,
            check_vma=False,
        )
        jitted = jax.jit(
            sharded,
            donate_argnums=[place for place, index in enumerate(number) if index in self.donated],
            in_shardings=tuple(source.split if index else source.whole for index in number),
        )
        return jitted.lower(*shapes)

    def program(self, compiled: jax.stages.Compiled) -> "Program":
        """What was compiled from it, to be called with trees."""
        return Program(compiled, jax.tree.structure(self.result))


@dataclass(frozen=True)
class Program:
    """A compiled program of leaves, called with trees. Signatures whose programs have one text can share it."""

    of_leaves: jax.stages.Compiled
    result: jax.tree_util.PyTreeDef

    def __call__(self, *arguments: PyTree) -> Any:
        """Run it; the data comes first."""
        return jax.tree.unflatten(self.result, self.of_leaves(*jax.tree.leaves(arguments)))
