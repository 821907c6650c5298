"""JSON Schema of the components: one definition per kind and per family, and what every path of a run accepts."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from ablate.core import Family, Spec
from ablate.systems import PROGRAMS

from .catalogue import all_families, family_of, group_of, one_line, short_form, text_of

Json = dict[str, Any]

_FAMILY = "ablate:family"
_VERBATIM = frozenset({"default", "const", "enum", "examples", "description", "pattern"})


class Parts:
    """The definitions of all registered components.

    Attributes:
        definitions: name -> schema; ``model`` is a family, ``model.gpt`` a member written as a mapping, ``model.kind``
            the name of one.
        paths: dotted path of a run -> schema of one value there, over every kind that has the path.
        prefixes: paths below which anything may stand: the fields of named parts, and families inside themselves.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Json] = {}
        self.paths: dict[str, Json] = {}
        self.prefixes: tuple[str, ...] = ()
        for family in all_families():
            self._add(family)
        self._collect()

    def target(self, schema: Json) -> Json:
        """What the ``$ref`` of a schema refers to; the schema itself if it has none."""
        if "$ref" not in schema:
            return schema
        found: Any = {"$defs": self.definitions}
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return {**found}

    def _add(self, family: Family[Any]) -> None:
        members = {cls.kind: component_schema(cls) for cls in family}
        for kind, schema in members.items():
            self.definitions[f"{family.name}.{kind}"] = schema
        bare = [kind for kind, schema in members.items() if schema["required"] == ["kind"]]
        self.definitions[f"{family.name}.kind"] = {"anyOf": [_name(family[kind]) for kind in members]}
        self.definitions[f"{family.name}.fields"] = self._without_kind(family, members)
        self.definitions[family.name] = {
            "anyOf": [
                *(_name(family[kind]) for kind in bare),
                *(reference(f"{family.name}.{kind}") for kind in members),
                reference(f"{family.name}.fields"),
            ]
        }

    def _without_kind(self, family: Family[Any], members: Mapping[str, Json]) -> Json:
        """A mapping without ``kind``: fields of the default, or of the component in a grid that is extended."""
        fields: dict[str, list[Json]] = {}
        for kind, schema in members.items():
            for name, value in schema["properties"].items():
                known = fields.setdefault(name, [])
                if name != "kind" and value not in map(self.target, known):
                    known.append(reference(f"{family.name}.{kind}", "properties", name))
        return {
            "description": f"fields of a {family.name} whose kind is set elsewhere",
            "type": "object",
            "properties": {name: any_of(options) for name, options in fields.items() if name != "kind"},
            "additionalProperties": False,
        }

    def _collect(self) -> None:
        found: dict[str, list[Json]] = {"program": [reference("program.kind")]}
        prefixes: dict[str, None] = {}
        for program in PROGRAMS:
            for path, schema in self._walk(program, (f"program.{program.kind}",), "", (), prefixes):
                options = found.setdefault(path, [])
                if self.target(schema) not in map(self.target, options):
                    options.append(schema)
        self.paths = {path: any_of(options) for path, options in found.items()}
        self.prefixes = tuple(prefixes)

    def _walk(
        self, cls: type[Spec], pointer: tuple[str, ...], prefix: str, inside: tuple[str, ...], prefixes: dict[str, None]
    ) -> Iterator[tuple[str, Json]]:
        """Every path below a component, with the schema of a value there."""
        for name, info in cls.model_fields.items():
            path, here = f"{prefix}{name}", (*pointer, "properties", name)
            family, group = family_of(info), group_of(info)
            yield path, reference(*here)
            if family is not None:
                yield f"{path}.kind", reference(f"{family.name}.kind")
                if family.name in inside:
                    prefixes[path] = None
                    continue
                for member in family:
                    below = (f"{family.name}.{member.kind}",)
                    yield from self._walk(member, below, f"{path}.", (*inside, family.name), prefixes)
            elif group is not None and group is not cls:
                yield from self._walk(group, here, f"{path}.", inside, prefixes)
            elif "'type': 'object'" in str(self.target(reference(*here))):
                prefixes[path] = None


def reference(*parts: str) -> Json:
    """A ``$ref`` to a definition, or to a part of one."""
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
    return {"$ref": f"#/$defs/{pointer}"}


def any_of(options: list[Json]) -> Json:
    """One of several schemas."""
    return options[0] if len(options) == 1 else {"anyOf": options}


def component_schema(cls: type[Spec]) -> Json:
    """A component written as a mapping with its kind."""
    schema = fields_schema(cls)
    source = getattr(cls, "reference", "")
    return {
        "description": text_of(cls) + (f"\n\nReference: {source}." if source else ""),
        "type": "object",
        "properties": {"kind": {"const": cls.kind}, **schema["properties"]},
        "required": ["kind", *schema.get("required", ())],
        "additionalProperties": False,
    }


def fields_schema(cls: type[Spec]) -> Json:
    """A group of fields; components among them refer to the definitions of their families."""
    raw = TypeAdapter(cls).json_schema(schema_generator=_Generator, mode="validation")
    schema = _clean(raw, raw.get("$defs", {}), ())
    assert isinstance(schema, dict)
    for info in schema.setdefault("properties", {}).values():
        if "description" in info:
            info["description"] = " ".join(info["description"].split())
    return schema


def _name(cls: type[Spec]) -> Json:
    return {"const": cls.kind, "description": one_line(text_of(cls))}


class _Generator(GenerateJsonSchema):
    """Pydantic's own, which knows families and never fails on a type that YAML cannot hold."""

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> Json:
        owner = getattr(schema["function"]["function"], "__self__", None)
        return {_FAMILY: owner.name} if isinstance(owner, Family) else {}

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Json:
        return {}

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(short_form(dft))

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _clean(schema: Any, definitions: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    """Without titles; references to groups written out, those to families by their name."""
    if isinstance(schema, list):
        return [_clean(item, definitions, inside) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if _FAMILY in schema:
        rest = {key: schema[key] for key in ("description", "default") if key in schema}
        return {**reference(schema[_FAMILY]), **rest}
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name in inside:
            return {}
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _clean({**definitions[name], **rest}, definitions, (*inside, name))
    cleaned = {}
    for key, value in schema.items():
        if key == "properties":
            cleaned[key] = {name: _clean(item, definitions, inside) for name, item in value.items()}
        elif key in _VERBATIM:
            cleaned[key] = value
        elif key not in {"title", "$defs"}:
            cleaned[key] = _clean(value, definitions, inside)
    return cleaned
