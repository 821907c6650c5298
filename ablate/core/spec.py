"""`Spec`: the frozen base of everything that a grid configures, and the markers of its fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from .errors import ErrorCode, GridError, Problem, did_you_mean, join_path


@dataclass(frozen=True, slots=True)
class Lane:
    """Marks a number that may differ between the lanes of one compiled program.

    The field arrives in the program as a float32 scalar that may be traced, so code must not branch on it in
    Python. Every field without this mark is static: runs that differ in it never share a pack.
    """


@dataclass(frozen=True, slots=True)
class Budget:
    """Marks how long a run trains. A budget is outside the identity: a larger one continues the same run."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Marks what is recorded about a run. Recording never changes training, so it is outside the identity."""


Marker = type[Lane] | type[Budget] | type[Recording]
S = TypeVar("S", bound="Spec")


class Spec(BaseModel):
    """A frozen, strict, documented configuration.

    A registered component also has a ``kind`` (its name in YAML) and a ``version``, which is part of the identity
    of each run that uses it: raise it when the same fields come to mean something else.

    Where a field's default is a component, a mapping without ``kind`` changes fields of that default.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
    )

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1

    def identity_fields(self) -> dict[str, Any] | None:
        """What the identity has in place of the fields, where they are not the meaning (a path, say); None: fields."""
        return None

    @model_validator(mode="wrap")
    @classmethod
    def _report_every_problem(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, cls):
            return handler(data)
        if not isinstance(data, Mapping):
            problem = Problem(f"expected a mapping of fields, got {describe(data)}", "wrong-type")
            raise refuse(problem)
        known = cls.model_fields
        problems = [
            Problem(f"no such field; {did_you_mean(str(name), known)}", "unknown-field", str(name))
            for name in data
            if name not in known
        ]
        given = {name: _with_default(known[name], value) for name, value in data.items() if name in known}
        try:
            spec = handler(given)
        except ValidationError as error:
            raise refuse(*problems, *problems_of(error)) from None
        if problems:
            raise refuse(*problems)
        return spec


def _with_default(info: FieldInfo, value: object) -> object:
    """A mapping without ``kind`` changes fields of the field's default component, if that has one."""
    default = info.default
    if isinstance(value, Mapping) and "kind" not in value and isinstance(default, Spec) and default.kind:
        return {**to_plain(default), **value}
    return value


_CARRIER = "ablate_problems"


def refuse(*problems: Problem) -> PydanticCustomError:
    """The error that a validator raises to report problems with their own codes and paths."""
    return PydanticCustomError(_CARRIER, "the configuration is wrong", {"problems": list(problems)})


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Every problem in a pydantic error, flattened through nested components, in field order."""
    for detail in error.errors(include_url=False):
        prefix = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == _CARRIER:
            for problem in cast(list[Problem], detail["ctx"]["problems"]):
                yield problem.under(prefix)
        else:
            yield _plain_problem(detail).under(prefix)


def _plain_problem(detail: ErrorDetails) -> Problem:
    if detail["type"] == "missing":
        return Problem("this field is required", "missing-field")
    code: ErrorCode = "wrong-type" if detail["type"].endswith("_type") else "bad-value"
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return Problem(f"{message}, got {describe(detail['input'])}", code)


def describe(value: object) -> str:
    """A short, quoted form of a YAML value for an error message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {value[:40]!r}"
        case int() | float():
            return f"the number {value}"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def validate(cls: type[S], data: object, *, path: str = "") -> S:
    """Validate `data` as a `cls`.

    Raises:
        GridError: with every problem, each under `path`.
    """
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        raise GridError(problem.under(path) for problem in problems_of(error)) from None


def is_marked(info: FieldInfo, marker: Marker) -> bool:
    """Whether a field carries a marker, as in ``lr: Annotated[float, Lane()]``."""
    return any(isinstance(item, marker) for item in info.metadata)


def marked_paths(spec: Spec, marker: Marker) -> tuple[str, ...]:
    """Dotted paths of the fields that carry `marker`, here and in nested components."""

    def walk(value: object, path: str) -> Iterator[str]:
        if isinstance(value, Spec):
            for name, info in type(value).model_fields.items():
                here = join_path(path, name)
                if is_marked(info, marker):
                    yield here
                else:
                    yield from walk(getattr(value, name), here)
        elif isinstance(value, Mapping):
            for name in value:
                yield from walk(value[name], join_path(path, str(name)))

    return tuple(walk(spec, ""))


def to_plain(spec: Spec) -> dict[str, Any]:
    """The whole configuration as JSON data, defaults written out, ``kind`` first. `validate` reads it back."""
    return cast(dict[str, Any], _plain(spec, identity=False))


def to_identity(spec: Spec) -> dict[str, Any]:
    """What makes two runs scientifically the same: no budget, no recording, but component versions.

    A component whose meaning is not in its fields (a file, say) overrides ``identity_fields``.
    """
    return cast(dict[str, Any], _plain(spec, identity=True))


def _plain(value: object, *, identity: bool) -> Any:
    if isinstance(value, Spec):
        head: dict[str, Any] = {"kind": value.kind} if value.kind else {}
        if identity and value.kind:
            head["version"] = value.version
        fields = {
            name: _plain(getattr(value, name), identity=identity)
            for name, info in type(value).model_fields.items()
            if not (identity and (is_marked(info, Budget) or is_marked(info, Recording)))
        }
        meaning = value.identity_fields() if identity else None
        return head | (fields if meaning is None else meaning)
    if isinstance(value, Mapping):
        return {str(name): _plain(item, identity=identity) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, identity=identity) for item in value]
    return value
