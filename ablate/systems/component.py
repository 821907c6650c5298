"""`Component`: a `Spec` that is also a pytree, whose leaves are its lane fields.

This is the packing rule of the engine: two run configurations may train as lanes of one compiled program exactly
when ``jax.tree.structure`` of one equals that of the other, once `in_training` has taken out what only the drawing of
the first state reads.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, TypeGuard, TypeVar

import jax
from jax.tree_util import GetAttrKey

from ablate.core import Budget, Lane, Recording, Spec, Start, canonical_json, marked_fields, to_plain

_LARGEST_EXACT = 2**24
"""Above this, float32 no longer holds every integer."""


class Component(Spec):
    """Base of every registered thing: frozen, documented, and a pytree over its `Lane` fields.

    Subclass the base of a family (`Activation`, `Model`, ...), declare fields, and register with the family's
    decorator. A field marked ``Annotated[float, Lane()]`` may be a traced scalar when the methods that compute run;
    all other fields are plain Python values that select the program. A field marked `Start` is there only for ``init``.
    """

    reference: ClassVar[str] = ""
    """Where the idea or formula comes from; shown in the report when a variant uses the component."""
    unsigned_if_empty: ClassVar[frozenset[str]] = frozenset()
    """Mappings that came later, and that are no part of the signature while they are empty: older stores know the speed
    of a program by its signature."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Make the subclass a pytree node."""
        super().__pydantic_init_subclass__(**kwargs)
        jax.tree_util.register_pytree_with_keys(
            cls, _flatten_with_keys, lambda aux, children: _unflatten(cls, aux, children)
        )

    @property
    def redraws(self) -> bool:
        """Whether training draws parameters anew, and so reads fields marked `Start`, here or inside."""
        return False

    def model_post_init(self, context: Any, /) -> None:
        """Check that lane fields survive as float32."""
        for name in marked_fields(type(self), Lane):
            value = getattr(self, name)
            if isinstance(value, int) and abs(value) > _LARGEST_EXACT:
                message = f"{name}: {value} is not exact in float32 (at most {_LARGEST_EXACT})"
                raise ValueError(message)


class _Static:
    """The static part of a component: compared by canonical JSON, so that ``True`` is not ``1``."""

    __slots__ = ("_key", "children", "unsigned", "values")

    def __init__(self, children: tuple[str, ...], values: Mapping[str, Any], unsigned: frozenset[str]) -> None:
        self.children = children
        self.values = values
        self.unsigned = unsigned
        self._key: str | None = None

    @property
    def key(self) -> str:
        """Made when it is first asked for: most trees are flattened for their leaves alone."""
        if self._key is None:
            signed = {name: value for name, value in self.values.items() if value or name not in self.unsigned}
            plain = {name: to_plain(value) if isinstance(value, Spec) else value for name, value in signed.items()}
            self._key = canonical_json([list(self.children), plain])
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Static) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key


def _flatten_with_keys(component: Component) -> tuple[list[tuple[GetAttrKey, Any]], _Static]:
    cls = type(component)
    outside, lanes = _outside(cls), marked_fields(cls, Lane)
    children: list[tuple[GetAttrKey, Any]] = []
    static: dict[str, Any] = {}
    for name in cls.model_fields:
        if name in outside or name not in vars(component):
            continue  # outside the program: reading one while training raises AttributeError
        value = getattr(component, name)
        if name in lanes or isinstance(value, Component) or _is_mapping_of_components(value):
            children.append((GetAttrKey(name), dict(value) if isinstance(value, Mapping) else value))
        else:
            static[name] = value
    return children, _Static(tuple(key.name for key, _ in children), static, cls.unsigned_if_empty)


@cache
def _outside(cls: type[Component]) -> frozenset[str]:
    """Fields that the program never sees: budget, and what is recorded unless the program computes it."""
    compiled = {
        name
        for name, info in cls.model_fields.items()
        if any(isinstance(item, Recording) and item.compiled for item in info.metadata)
    }
    return frozenset(marked_fields(cls, Budget, Recording)) - compiled


C = TypeVar("C", bound=Component)


def in_training(component: C) -> C:
    """The component as updates and evaluations see it: without the fields marked `Start`, here and inside.

    All of it, if it says that it `redraws`. The fields may be traced.
    """
    if component.redraws:
        return component

    def seen(value: object) -> object:
        if isinstance(value, Component):
            return in_training(value)
        return {name: in_training(item) for name, item in value.items()} if _is_mapping_of_components(value) else value

    cls, values = type(component), vars(component)
    outside = marked_fields(cls, Start)
    kept = (name for name in cls.model_fields if name in values and name not in outside)
    return _with_fields(cls, {name: seen(values[name]) for name in kept})


def parts_of(component: Component) -> Iterator[Component]:
    """The component and all those inside it."""
    yield component
    for value in vars(component).values():
        inside = value.values() if _is_mapping_of_components(value) else (value,)
        for part in inside:
            if isinstance(part, Component):
                yield from parts_of(part)


def static_key(component: Component, part: Callable[[Component], Hashable]) -> Hashable:
    """A key that is equal for components of equal tree structure, given such keys of the components inside."""

    def key(child: object) -> Hashable:
        if isinstance(child, Component):
            return part(child)
        if isinstance(child, dict):
            return tuple((name, key(child[name])) for name in sorted(child))
        return jax.tree.structure(child)

    children, static = _flatten_with_keys(component)
    return type(component), static, tuple(key(child) for _, child in children)


def _unflatten(cls: type[Component], static: _Static, children: Any) -> Component:
    # Leaves may be tracers, shapes or anything else here, so nothing is validated.
    return _with_fields(cls, dict(static.values) | dict(zip(static.children, children, strict=True)))


def _with_fields(cls: type[C], fields: dict[str, Any]) -> C:
    component = cls.__new__(cls)
    object.__setattr__(component, "__dict__", fields)
    object.__setattr__(component, "__pydantic_fields_set__", set(fields))
    object.__setattr__(component, "__pydantic_extra__", None)
    object.__setattr__(component, "__pydantic_private__", None)
    return component


def _is_mapping_of_components(value: object) -> TypeGuard[Mapping[str, Component]]:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(item, Component) for item in value.values())
