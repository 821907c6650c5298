"""`Family`: an open set of components of one sort, looked up by name when a configuration is validated."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from .errors import GridError, Problem, did_you_mean
from .spec import Spec, describe, problems_of, refuse

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

    def validate(self, value: object) -> C:
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
            return self._members[kind].model_validate(fields)
        except ValidationError as error:
            raise refuse(*problems_of(error)) from None

    def parse(self, value: object) -> C:
        """`validate`, for callers outside pydantic.

        Raises:
            GridError: with every problem and its path inside `value`.
        """
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            raise GridError(problems_of(error)) from None

    @cached_property
    def _adapter(self) -> TypeAdapter[C]:
        return TypeAdapter(Annotated[Any, self])

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)
