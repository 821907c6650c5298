"""`Spec`: the frozen base of everything that a grid configures, and the markers of its fields."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from .errors import ErrorCode, GridError, Problem, did_you_mean, join_path
from .identity import CanonicalText, canonical_json
from .sharing import Parts


@dataclass(frozen=True, slots=True)
class Lane:
    """Marks a number that may differ between the lanes of one compiled program.

    The field arrives in the program as a float32 scalar that may be traced, so code must not branch on it in
    Python. Every field without this mark, or `Start`, is static: runs that differ in it never share a pack.
    """


@dataclass(frozen=True, slots=True)
class Start:
    """Marks what only drawing the first state reads: an initialisation, its scale.

    Runs that differ in it may share a pack. No step or evaluation can read the field, and it changes neither structure
    nor shapes of the state.
    """


@dataclass(frozen=True, slots=True)
class Budget:
    """Marks how long a run trains. A budget is outside the identity: a larger one continues the same run."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Marks what is recorded about a run. Recording never changes training, so it is outside the identity."""

    compiled: bool = False
    """Whether the program computes it: then it is still part of what decides the program."""


@dataclass(frozen=True, slots=True)
class Added:
    """Marks a field that a component got later, and whose default means what the component did before.

    At that default it is outside the identity, so older runs keep their ids. When the default comes to mean something
    else, raise the component's ``version``; a default that is a component counts only at its first version.
    """


Marker = type[Lane] | type[Start] | type[Budget] | type[Recording] | type[Added]
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

    def identity_fields(self) -> dict[str, Any]:
        """What the identity holds besides kind and version: the fields, unless they are not the meaning (a path, say).

        Budget, recording, and added fields at their default are left out. Components inside stay components.
        """
        cls = type(self)
        outside, added = marked_fields(cls, Budget, Recording), marked_fields(cls, Added)
        values = {name: getattr(self, name) for name in cls.model_fields if name not in outside}
        return {
            name: value
            for name, value in values.items()
            if not (name in added and _is_as_before(cls.model_fields[name], value))
        }

    @model_validator(mode="wrap")
    @classmethod
    def _read_once(cls, data: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        parts = info.context
        if cls.kind or not isinstance(parts, Parts):  # a family shares its components itself
            return cls._report_every_problem(data, handler)
        return parts.read(cls, data, lambda: cls._report_every_problem(data, handler))

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


def carried(error: PydanticCustomError) -> list[Problem]:
    """The problems that `refuse` put into an error."""
    return cast(list[Problem], (error.context or {})["problems"])


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


@cache
def marked_fields(cls: type[Spec], *markers: Marker) -> tuple[str, ...]:
    """Names of the fields of a class that carry one of `markers`."""
    return tuple(name for name, info in cls.model_fields.items() if any(is_marked(info, marker) for marker in markers))


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


def to_plain(spec: Spec, part: Callable[[Spec], Any] | None = None) -> dict[str, Any]:
    """The whole configuration as JSON data, defaults written out, ``kind`` first. `validate` reads it back.

    Args:
        spec: the configuration.
        part: what to write for a component or group inside; by default its own `to_plain`.
    """
    head: dict[str, Any] = {"kind": spec.kind} if spec.kind else {}
    return head | {name: _within(getattr(spec, name), part or to_plain) for name in type(spec).model_fields}


def to_identity(spec: Spec, part: Callable[[Spec], Any] | None = None) -> dict[str, Any]:
    """What makes two runs scientifically the same: no budget, no recording, but component versions.

    A component whose meaning is not in its fields (a file, say) overrides ``identity_fields``.

    Args:
        spec: the configuration.
        part: what to write for a component or group inside; by default its own `to_identity`.
    """
    head: dict[str, Any] = {"kind": spec.kind, "version": spec.version} if spec.kind else {}
    return head | {name: _within(value, part or to_identity) for name, value in spec.identity_fields().items()}


def identity_text(spec: Spec, part: Callable[[Spec], Any] | None = None) -> CanonicalText:
    """The canonical JSON of `to_identity`, with the same arguments.

    ``Once(identity_text)`` is thus a `part` for `to_identity` that writes what configurations share only once, and
    gives the same digest.
    """
    return CanonicalText(canonical_json(to_identity(spec, part)))


def _is_as_before(info: FieldInfo, value: object) -> bool:
    """Whether a field that was added later has the value that stands for the time before."""
    default = info.get_default(call_default_factory=True)
    return bool(_within(value, to_identity) == _within(default, to_identity)) and _is_first_version(value)


def _is_first_version(value: object) -> bool:
    if isinstance(value, Spec):
        fields = (getattr(value, name) for name in type(value).model_fields)
        return value.version == 1 and all(map(_is_first_version, fields))
    if isinstance(value, Mapping):
        return all(map(_is_first_version, value.values()))
    return True


def _within(value: object, part: Callable[[Spec], Any]) -> Any:
    """The value of a field as JSON data."""
    if isinstance(value, Spec):
        return part(value)
    if isinstance(value, Mapping):
        return {str(name): _within(item, part) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_within(item, part) for item in value]
    return value
