"""Rules for components of any family, and what the checks of several families share."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ablate.core import canonical_json, marked_paths, to_identity, to_plain
from ablate.core.spec import Lane
from ablate.systems import FAMILIES, Component


def check_component(component: Component) -> None:
    """Rules for anything registered: documented, readable from what it writes, and a pytree of its lane fields."""
    cls = type(component)
    assert cls.kind, f"{cls.__name__} is not registered; decorate it with its family's register()"
    assert (cls.__doc__ or "").strip(), f"{cls.__name__} needs a docstring"
    undocumented = [name for name, info in cls.model_fields.items() if not info.description]
    assert not undocumented, f"fields of {cls.__name__} without a docstring: {', '.join(undocumented)}"
    family = next(family for family in FAMILIES if cls in tuple(family))
    plain = to_plain(component)
    again = family.parse(plain)
    assert to_plain(again) == plain, f"{cls.__name__} does not read back what it writes"
    assert canonical_json(to_identity(again)) == canonical_json(to_identity(component))
    leaves = jax.tree.leaves(component)
    assert len(leaves) == len([path for path in marked_paths(component, Lane) if _is_set(component, path)])
    assert _structure(again) == _structure(component), f"two equal {cls.__name__} do not share a signature"


def same_shapes(before: object, after: object) -> None:
    """A step keeps structure, shapes and dtypes of the state."""
    assert _structure(before) == _structure(after), "a step changes the structure of the state"
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    assert all(old.shape == new.shape and old.dtype == new.dtype for old, new in pairs), (
        "a step changes a shape or dtype"
    )


def compare(found: object, expected: object, message: str, *, rtol: float, atol: float) -> None:
    """The leaves of two trees agree; random keys by their integers."""
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = jax.random.key_data(one), jax.random.key_data(other)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=message)


def _structure(tree: object) -> Any:
    return jax.tree.structure(tree)


def _is_set(component: object, path: str) -> bool:
    for name in path.split("."):
        component = component[name] if isinstance(component, dict) else getattr(component, name)
    return component is not None
