"""Lanes: run configurations of one static signature, as one array of their lane fields."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

import jax
import numpy as np
from jaxtyping import Array, Float

from ablate.core import Once, digest

from .component import Component, in_training, static_key
from .program import Program


@dataclass(frozen=True)
class Signature:
    """The static part of what training reads of a run configuration: what decides the compiled program.

    Equal signatures mean that the runs may share a pack; nothing else is looked at.
    """

    structure: jax.tree_util.PyTreeDef
    drawn_by: jax.tree_util.PyTreeDef = field(compare=False)
    """Structure of the whole configuration that this was made from, which draws the first state. Of runs of equal
    signatures it may differ."""

    @cached_property
    def whole(self) -> "Signature":
        """The static part of the whole configuration."""
        return Signature(self.drawn_by, self.drawn_by)

    @cached_property
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
    """The static signature of a validated run configuration.

    Without what only the drawing of the first state reads (`in_training`).
    """
    return Signature(jax.tree.structure(in_training(config)), jax.tree.structure(config))


class Signatures:
    """`signature` for many configurations that share parts: each part is looked at once, each signature is one object.

    Holds the parts, so it is to live no longer than the call that needs it.
    """

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._part = Once(self._number)
        self._found: dict[int, Signature] = {}

    def of(self, config: Component) -> Signature:
        """The static signature of a validated run configuration."""
        number = self._number(config, self._part)
        if number not in self._found:
            self._found[number] = signature(config)
        return self._found[number]

    def _number(self, component: Component, part: Once[Component, int]) -> int:
        """Equal exactly for components of equal tree structure."""
        return self._numbers.setdefault(static_key(component, part), len(self._numbers))


def hyper(configs: Sequence[Component]) -> Float[np.ndarray, "S H"]:
    """The lane fields of `configs` (all of one signature) that training reads, one row per lane."""
    return whole_hyper([in_training(config) for config in configs])


def whole_hyper(configs: Sequence[Component]) -> Float[np.ndarray, "S W"]:
    """All lane fields of `configs` (all of one `Signature.whole`), one row per lane."""
    return np.asarray([jax.tree.leaves(config) for config in configs], np.float32).reshape(len(configs), -1)


class _LaneField:
    """Stands for a lane field where no single value exists."""

    def _refuse(self, *_: object) -> NoReturn:
        message = "a lane field differs between the lanes of a pack; load() may use static fields only"
        raise TypeError(message)

    __float__ = __int__ = __index__ = __bool__ = __array__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
