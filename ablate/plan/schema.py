"""`grid_schema`: the grid language as JSON Schema, for editors.

An editor that knows it completes keys, paths and kinds, shows what they mean, and marks what cannot be right. It is
built from the registered components, so plug-ins that were imported are in it. It is a little more permissive than
ablate itself: a mapping without ``kind`` may have the fields of any kind, and whether a path exists for the kind that
a variant chooses is left to ``ablate check``.
"""

import re
from collections.abc import Mapping
from typing import Any

from ablate.core import Spec
from ablate.grid import MetricChoice, ReportOptions, RunOptions, Selector
from ablate.systems import PROGRAMS

from .resolve import DEFAULT_PROGRAM
from .schema_parts import Json, Parts, any_of, fields_schema, reference

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NUMBER: Json = {"type": "number"}
_POSITIVE: Json = {"type": "number", "exclusiveMinimum": 0}
_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 2, "maximum": 10_000}
_NAME: Json = {"type": "string", "pattern": r"\S", "not": {"const": "base"}}
_AT = r"^(last|best|auc|mean_last:[1-9][0-9]{0,8}|step:[0-9]{1,12})$"


def grid_schema() -> Json:
    """The JSON Schema (draft 2020-12) of a grid file. The same components give the same schema, key by key."""
    parts = Parts()
    language = _Language(parts)
    return {
        "$schema": DIALECT,
        "title": "ablate grid",
        "description": "One question: a baseline, the changes to compare with it, and what counts as an answer.",
        "type": "object",
        "properties": language.keys(),
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "else": {"required": ["base", "metric"]},
        "$defs": {**parts.definitions, **language.definitions()},
    }


def _object(properties: Mapping[str, Json], *required: str, description: str = "") -> Json:
    head: Json = {"description": description} if description else {}
    must: Json = {"required": list(required)} if required else {}
    return {**head, "type": "object", "properties": dict(properties), **must, "additionalProperties": False}


def _list(items: Json, **more: Any) -> Json:
    return {"type": "array", "items": items, **more}


def _described(description: str, schema: Json) -> Json:
    return {"description": description, **schema}


def _or_nothing(schema: Json) -> Json:
    """A key with nothing after it counts as left out."""
    head = {"description": schema["description"]} if "description" in schema else {}
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {**head, "anyOf": [rest, {"type": "null"}]}


class _Language:
    """The top-level keys, over the paths of the registered components."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.below = {f"^{re.escape(prefix)}\\.": True for prefix in parts.prefixes}

    def keys(self) -> dict[str, Json]:
        """The schema of each top-level key."""
        optional: dict[str, Json] = {
            "version": _described("Version of the grid language.", {"const": 1}),
            "question": _described("The question, as text.", _TEXT),
            "extends": _described(
                "A grid file that this one builds on, relative to it; or several, each on top of the one before.",
                {"anyOf": [_TEXT, _list(_TEXT)]},
            ),
            "plugins": _described(
                "Modules and .py files with components of your own, imported before validation.", _list(_TEXT)
            ),
            "metric": self._metric(),
            "margin": _described("The smallest difference that matters, in metric units.", _POSITIVE),
            "seeds": _described(
                "How many runs each variant gets (5 means 0 to 4), or which: a list, or a range such as 0-9.", _SEEDS
            ),
            "across": _described("Contexts: each has its own baseline.", reference("axes")),
            "ablate": _described("Changes of one thing at a time: an axis, or a variant with a name.", self._ablate()),
            "grid": _described("Axes that are crossed; a list is a union of products.", reference("products")),
            "zip": _described(
                "Groups with a name; the axes of a group change together.",
                {"type": "object", "propertyNames": {"pattern": r"^[^.]+$"}, "additionalProperties": reference("axes")},
            ),
            "when": _described(
                "Axes for those members of the product that match a condition.",
                _list(_object({"if": reference("condition"), "grid": reference("products")}, "if", "grid")),
            ),
            "exclude": _described("Variants to leave out; the base never is.", _list(reference("condition"))),
            "include": _described("Further variants: one value for each path.", _list(self._include())),
            "tune": self._tune(),
            "claims": _described("Statements that the runs will support or refute.", _list(reference("claim"))),
            "reference": _object(
                {"source": _TEXT, "metric": _TEXT, "values": {"type": "object", "additionalProperties": _NUMBER}},
                "values",
                description="Published numbers to show beside ours.",
            ),
            "run": self._run(),
            "report": _described("How the results are reported.", _partial(ReportOptions)),
        }
        keys = {key: _or_nothing(schema) for key, schema in optional.items()}
        return {**keys, "base": self._base(), "metric": optional["metric"]}

    def definitions(self) -> dict[str, Json]:
        """What several keys share."""
        parts = self.parts
        path = {"anyOf": [{"enum": list(parts.paths)}, *({"pattern": pattern} for pattern in self.below)]}
        return {
            "path": _described("A dotted path into base.", path),
            "axes": self._at_paths({name: self._axis(schema) for name, schema in parts.paths.items()}),
            "settings": self._at_paths(parts.paths),
            **_forms(),
            "products": {"anyOf": [reference("axes"), _list(reference("axes"))]},
            "condition": {
                "anyOf": [
                    _described("An expression over paths.", _TEXT),
                    {"type": "object", "propertyNames": reference("path"), "minProperties": 1},
                ]
            },
            "variant": _described(
                "A variant: its label, the value that is its only change, or a mapping of paths to values.",
                {"anyOf": [{"type": ["string", "number", "boolean"]}, reference("settings")]},
            ),
            "claim": _claim(),
        }

    def _at_paths(self, properties: Mapping[str, Json]) -> Json:
        return {**_object(properties), **({"patternProperties": self.below} if self.below else {})}

    def _axis(self, value: Json) -> Json:
        """The values of an axis over one field."""
        named = _object({"as": _NAME, "value": value}, "as", "value", description="A value with a name for labels.")
        values = _list({"anyOf": [value, named]}, minItems=1)
        forms: list[Json] = [named, _object({"values": values}, "values")]
        if self._is_numeric(value):
            forms += [reference("evenly"), reference("ratios"), reference("range")]
        return {"anyOf": [values, value, *forms]}

    def _is_numeric(self, schema: Json) -> bool:
        schema = self.parts.target(schema)
        if "anyOf" in schema:
            return any(map(self._is_numeric, schema["anyOf"]))
        return schema.get("type") in ("integer", "number") or not schema.keys() - {"description", "default"}

    def _base(self) -> Json:
        programs: list[Json] = []
        for program in PROGRAMS:
            whole = self.parts.definitions[f"program.{program.kind}"]
            fields = {name: value for name, value in whole["properties"].items() if name != "kind"}
            must = () if program.kind == DEFAULT_PROGRAM else ("program",)
            chosen = {"program": {"const": program.kind}, **fields}
            programs.append(_object(chosen, *must, description=whole["description"]))
        return _described("The baseline: the configuration that all variants are compared with.", any_of(programs))

    def _ablate(self) -> Json:
        known = {name: reference("axes", "properties", name) for name in self.parts.paths}
        return {
            "type": "object",
            "properties": known,
            **({"patternProperties": self.below} if self.below else {}),
            "additionalProperties": _described("A variant with a name.", reference("settings")),
            "propertyNames": {"anyOf": [reference("path"), {"pattern": r"^[^.]+$"}]},
        }

    def _include(self) -> Json:
        settings = {name: reference("settings", "properties", name) for name in self.parts.paths}
        return {**self._at_paths({"label": _described("Its name.", _NAME), **settings}), "minProperties": 1}

    def _metric(self) -> Json:
        schema = _partial(MetricChoice)
        schema["properties"]["at"]["pattern"] = _AT
        return _described("The one metric that ranks the variants.", schema)

    def _tune(self) -> Json:
        select = _partial(Selector)
        select["properties"]["at"]["pattern"] = _AT
        return _object(
            {
                "axes": _described("What is tuned: every combination is tried.", {**reference("axes")}),
                "seeds": _described("How many seeds tune, or which; never the grid's own.", _SEEDS),
                "select": _described("What chooses the best setting; as in metric if left out.", select),
            },
            "axes",
            description="Nuisance axes: each variant gets its own best setting, chosen on seeds of their own.",
        )

    def _run(self) -> Json:
        schema = _partial(RunOptions)
        devices = {**_object({"cpu": _POSITIVE, "gpu": _POSITIVE}), "minProperties": 1}
        resources = schema["properties"]["resources"]
        schema["properties"]["resources"] = {**resources, "anyOf": [{"const": "auto"}, devices]}
        return _described("How the runs are executed. Nothing here is part of a run's identity.", schema)


def _partial(cls: type[Spec]) -> Json:
    return {key: value for key, value in fields_schema(cls).items() if key != "description"}


def _seed(least: int) -> Json:
    return {"type": "integer", "minimum": least}


_SEEDS: Json = {"anyOf": [_seed(1), _TEXT, _list({"anyOf": [_seed(0), _TEXT]}, minItems=1, uniqueItems=True)]}


def _forms() -> dict[str, Json]:
    """The axes that are written as a rule."""
    count, pair = {"count": _COUNT}, _list(_POSITIVE, minItems=2, maxItems=2)
    steps = _list(_NUMBER, minItems=3, maxItems=3)
    ends = {"min": _NUMBER, "max": _NUMBER}
    return {
        "evenly": _object({**ends, **count}, "min", "max", "count", description="Evenly spaced, with both ends."),
        "ratios": _object({"log": pair, **count}, "log", "count", description="Evenly spaced ratios, with both ends."),
        "range": _object({"range": steps}, "range", description="[start, stop, step], without the stop."),
    }


def _claim() -> Json:
    variant, margin, words = reference("variant"), {"margin": _POSITIVE}, ["better", "worse", "equivalent"]
    return {
        "anyOf": [
            *(
                _object({"that": variant, "is": {"enum": words}, other: variant, **margin}, "that", "is", other)
                for other in ("than", "to")
            ),
            _object({"that": variant, "is": {"enum": ["below", "above"]}, "value": _NUMBER}, "that", "is", "value"),
            _object(
                {
                    "order": _described("From best to worst.", _list(variant, minItems=3)),
                    "rank_correlation": {"type": "number", "minimum": -1, "maximum": 1},
                },
                "order",
                "rank_correlation",
            ),
        ]
    }
