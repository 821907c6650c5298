"""Lanes: run configurations of one static signature, as one array of their lane fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import jax
import numpy as np
from jaxtyping import Array, Float

from ablate.core import digest

from .component import Component
from .program import Program


@dataclass(frozen=True)
class Signature:
    """The static part of a run configuration: what decides the compiled program.

    Equal signatures mean that the runs may share a pack; nothing else is looked at.
    """

    structure: jax.tree_util.PyTreeDef

    @property
    def id(self) -> str:
        """A short digest, stable between processes."""
        return digest(str(self.structure), size=4)

    def config(self, hyper: Float[Array, " H"]) -> Program:
        """The run configuration with the entries of `hyper` as its lane fields. Works on tracers."""
        leaves = [hyper[index] for index in range(self.structure.num_leaves)]
        return self._program(leaves)

    def static_config(self) -> Program:
        """The configuration for host work that all lanes share; reading a lane field there raises TypeError."""
        return self._program([_LaneField()] * self.structure.num_leaves)

    def _program(self, leaves: Sequence[object]) -> Program:
        program = jax.tree.unflatten(self.structure, leaves)
        assert isinstance(program, Program)
        return program


def signature(config: Component) -> Signature:
    """The static signature of a validated run configuration."""
    return Signature(jax.tree.structure(config))


def hyper(configs: Sequence[Component]) -> Float[np.ndarray, "S H"]:
    """The lane fields of `configs` (all of one signature), one row per lane."""
    return np.asarray([jax.tree.leaves(config) for config in configs], np.float32).reshape(len(configs), -1)


class _LaneField:
    """Stands for a lane field where no single value exists."""

    def _refuse(self, *_: object) -> NoReturn:
        message = "a lane field differs between the lanes of a pack; load() may use static fields only"
        raise TypeError(message)

    __float__ = __int__ = __index__ = __bool__ = __array__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
