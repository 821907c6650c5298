"""What components exist, and what their fields mean: the facts behind ``ablate components`` and the editor schema."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ablate.core import Budget, Family, Lane, Recording, Spec, Start, is_marked
from ablate.systems import FAMILIES

Mark = Literal["lane", "static", "start", "part", "budget", "recording"]
"""What a field means for packing and identity; a ``part`` is a component with fields of its own."""

_TYPES = {int: "integer", float: "number", str: "text", bool: "true or false", type(None): "null", Any: "anything"}
_LIMITS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))


@dataclass(frozen=True)
class FieldEntry:
    """One field of a component."""

    path: str
    """Its name; with dots where the field is inside a group of fields, as in ``train.steps``."""
    type: str
    """In words, bounds included; for a part, the name of its family."""
    required: bool
    default: Any
    """As JSON data; a component without changed fields is its kind. Null for a required field."""
    mark: Mark
    description: str


@dataclass(frozen=True)
class ComponentEntry:
    """One member of a family."""

    kind: str
    summary: str
    """The first paragraph of its description, on one line."""
    description: str
    reference: str
    version: int
    origin: str
    """The module that registers it."""
    fields: tuple[FieldEntry, ...]


@dataclass(frozen=True)
class FamilyEntry:
    """A family and its members, by kind."""

    name: str
    members: tuple[ComponentEntry, ...]


def catalogue() -> tuple[FamilyEntry, ...]:
    """Every family with its members, plug-ins that were imported included."""
    return tuple(FamilyEntry(family.name, tuple(map(_component, family))) for family in all_families())


def all_families() -> tuple[Family[Any], ...]:
    """The built-in families, then those that only fields of plug-ins name."""
    found: dict[str, Family[Any]] = {family.name: family for family in FAMILIES}
    waiting: list[Family[Any]] = list(found.values())
    while waiting:
        for cls in waiting.pop(0):
            for family in _families_below(cls):
                if family.name not in found:
                    found[family.name] = family
                    waiting.append(family)
    return tuple(found.values())


def family_of(info: FieldInfo) -> Family[Any] | None:
    """The family that a field chooses from, if it holds one component."""
    return next((item for item in info.metadata if isinstance(item, Family)), None)


def group_of(info: FieldInfo) -> type[Spec] | None:
    """The class of a field that is a group of fields without a kind, such as ``train``."""
    cls = info.annotation
    return cls if isinstance(cls, type) and issubclass(cls, Spec) and family_of(info) is None else None


def short_form(value: Any) -> Any:
    """A default as people would write it: a component as its kind, with fields only where they were given."""
    if isinstance(value, Spec):
        given = {name: short_form(getattr(value, name)) for name in sorted(value.model_fields_set)}
        if not value.kind:
            return given
        return {"kind": value.kind, **given} if given else value.kind
    if isinstance(value, dict):
        return {str(name): short_form(item) for name, item in value.items()}
    return [short_form(item) for item in value] if isinstance(value, list | tuple) else value


def text_of(cls: type) -> str:
    """The docstring of a class itself, without indentation."""
    return inspect.cleandoc(cls.__doc__ or "")


def one_line(text: str) -> str:
    """The first paragraph, on one line."""
    return " ".join(text.split("\n\n")[0].split())


def _component(cls: type[Spec]) -> ComponentEntry:
    description = text_of(cls)
    return ComponentEntry(
        kind=cls.kind,
        summary=one_line(description),
        description=description,
        reference=getattr(cls, "reference", ""),
        version=cls.version,
        origin=cls.__module__,
        fields=tuple(_fields(cls)),
    )


def _fields(cls: type[Spec], prefix: str = "") -> Iterator[FieldEntry]:
    for name, info in cls.model_fields.items():
        group, family = group_of(info), family_of(info)
        if group is not None and group is not cls:
            yield from _fields(group, f"{prefix}{name}.")
            continue
        yield FieldEntry(
            path=f"{prefix}{name}",
            type=family.name if family else _words(info.annotation, info.metadata),
            required=info.is_required(),
            default=None if info.default is PydanticUndefined else short_form(info.default),
            mark=_mark(info, family),
            description=" ".join((info.description or "").split()),
        )


def _mark(info: FieldInfo, family: Family[Any] | None) -> Mark:
    if family and not is_marked(info, Start):
        return "part"
    marks: dict[Mark, Any] = {"start": Start, "lane": Lane, "budget": Budget, "recording": Recording}
    return next((word for word, marker in marks.items() if is_marked(info, marker)), "static")


def _words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A type in words: ``integer, at least 1``."""
    metadata = tuple(metadata)
    bounds = [f"{word} {getattr(item, key)}" for item in metadata for key, word in _LIMITS if hasattr(item, key)]
    family = next((item for item in metadata if isinstance(item, Family)), None)
    parts = get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)
    words = family.name if family else " or ".join(_type(part) for part in parts if part is not type(None))
    return ", ".join([words, *bounds]) + (" or null" if type(None) in parts and len(parts) > 1 else "")


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (UnionType, Union):
        return _words(annotation)
    if origin is Literal:
        return " or ".join(map(str, parts))
    if origin is Annotated:
        return _words(parts[0], _flat(parts[1:]))
    if origin is None:
        return str(_TYPES.get(annotation) or getattr(annotation, "__name__", annotation))
    if len(parts) == 2 and parts[0] is str and hasattr(origin, "keys"):
        return f"mapping of names to {_words(parts[1])}"
    if origin in (list, tuple):
        return "list of " + " and ".join(dict.fromkeys(_words(part) for part in parts if part is not ...))
    return str(annotation)


def _flat(metadata: Iterable[Any]) -> list[Any]:
    """The items of metadata, with those of ``Field(...)`` taken out of it."""
    return [item for entry in metadata for item in (entry.metadata if isinstance(entry, FieldInfo) else (entry,))]


def _families_below(cls: type[Spec]) -> Iterator[Family[Any]]:
    """The families that fields of a class name, at any depth of groups, unions and mappings."""
    for info in cls.model_fields.values():
        group = group_of(info)
        if group is not None and group is not cls:
            yield from _families_below(group)
        yield from (item for item in info.metadata if isinstance(item, Family))
        yield from _families_in(info.annotation)


def _families_in(annotation: Any) -> Iterator[Family[Any]]:
    for part in get_args(annotation):
        if isinstance(part, Family):
            yield part
        else:
            yield from _families_in(part)
