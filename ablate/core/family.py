"""`Family`: an open set of components of one sort, looked up by name when a configuration is validated."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .errors import GridError, Problem, did_you_mean
from .sharing import Parts
from .spec import Spec, carried, describe, problems_of, refuse

C = TypeVar("C", bound=Spec)
D = TypeVar("D", bound=Spec)


class Family(Generic[C]):
    """Components of one sort, by ``kind``.

    Use the family itself as the annotation of a field, and its decorator to add to it from anywhere::

        ACTIVATIONS: Family[Activation] = Family("activation")

        @ACTIVATIONS.register("relu")
        class Relu(Activation): ...

        class MLP(Model):
            activation: Annotated[Activation, ACTIVATIONS] = Relu()

    In YAML, ``activation: relu`` is short for ``activation: {kind: relu}``. Nothing lists a family's members in
    advance: a plug-in that was imported before validation counts like a built-in component.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._members: dict[str, type[C]] = {}

    def register(self, kind: str) -> Callable[[type[D]], type[D]]:
        """Class decorator that adds a component under `kind`.

        Raises:
            ValueError: another class already has that name (the same class, imported again, replaces itself).
        """

        def add(cls: type[D]) -> type[D]:
            present = self._members.get(kind)
            if present is not None and (present.__module__, present.__qualname__) != (cls.__module__, cls.__qualname__):
                message = (
                    f"{self.name} {kind!r} is already registered by {present.__module__}.{present.__qualname__}; "
                    f"give {cls.__module__}.{cls.__qualname__} another kind"
                )
                raise ValueError(message)
            cls.kind = kind
            self._members[kind] = cls  # type: ignore[assignment]
            return cls

        return add

    def kinds(self) -> tuple[str, ...]:
        """The names of all members, sorted."""
        return tuple(sorted(self._members))

    def __iter__(self) -> Iterator[type[C]]:
        return iter(self._members[kind] for kind in self.kinds())

    def __getitem__(self, kind: str) -> type[C]:
        return self._members[kind]

    def validate(self, value: object, parts: Parts | None = None) -> C:
        """Turn a name, a mapping with ``kind``, or a ready component into a validated component."""
        if isinstance(value, Spec):
            if type(value) in self._members.values():
                return value  # type: ignore[return-value]
            raise refuse(Problem(f"expected one of the family {self.name}, got {describe(value)}", "wrong-type"))
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping):
            message = (
                f"expected the name of a component ({', '.join(self.kinds())}) or a mapping, got {describe(value)}"
            )
            raise refuse(Problem(message, "wrong-type"))
        fields = dict(value)
        kind = fields.pop("kind", None)
        if kind is None:
            message = f"a component of the family {self.name} needs its kind: one of {', '.join(self.kinds())}"
            raise refuse(Problem(message, "missing-field", "kind"))
        if not isinstance(kind, str) or kind not in self._members:
            message = f"no {self.name} is called {kind!r}; {did_you_mean(str(kind), self._members)}"
            raise refuse(Problem(message, "unknown-component"))
        try:
            return self._members[kind].model_validate(fields, context=parts)
        except ValidationError as error:
            raise refuse(*problems_of(error)) from None

    def parse(self, value: object, parts: Parts | None = None) -> C:
        """`validate`, for callers outside pydantic.

        Args:
            value: a name, a mapping with ``kind``, or a ready component.
            parts: give the same to several calls, and the components inside are read once where they are the same.

        Raises:
            GridError: with every problem and its path inside `value`.
        """
        try:
            return self.validate(value, parts)
        except PydanticCustomError as error:
            raise GridError(carried(error)) from None

    def _validate_field(self, value: object, info: ValidationInfo) -> C:
        parts = info.context
        if not isinstance(parts, Parts):
            return self.validate(value)
        return parts.read(self, value, lambda: self.validate(value, parts))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate_field)
