"""`Problem`: data plus loss."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Array, Float, Key

from ablate.core import Family, Metric
from ablate.systems.component import Component


@dataclass(frozen=True)
class Shapes:
    """What a problem asks of a model: shapes of one example, without the batch axis."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    """Of float32 predictions (logits)."""
    symbols: int | None = None
    """Number of distinct input symbols; None where inputs are float32 numbers."""


class Batch(NamedTuple):
    """Examples along the first axis."""

    inputs: Array
    targets: Array


class Problem(Component):
    """Data, batches, a loss, and what is measured on the validation split."""

    metrics: ClassVar[tuple[Metric, ...]] = ()
    """What `measure` returns."""

    @abstractmethod
    def load(self) -> Any:
        """Train and validation arrays (a pytree). Static fields only.

        Raises:
            GridError: the data is not there; says how to get it.
        """

    @abstractmethod
    def shapes(self) -> Shapes:
        """What the model must map from and to. Static fields only."""

    @abstractmethod
    def sample(self, data: Any, key: Key[Array, ""]) -> Batch:
        """A training batch, drawn with `key`."""

    @abstractmethod
    def validation(self, data: Any) -> Batch:
        """The validation split in batches: leaves are ``[batches, examples, ...]``; always the same."""

    @abstractmethod
    def loss(self, outputs: Float[Array, "B ..."], targets: Array) -> Float[Array, ""]:
        """Mean loss of a batch."""

    def consumes(self) -> dict[str, int]:
        """How much a training batch holds, by unit. Static fields only, on the host."""
        return {}

    def text(self, symbols: Sequence[int]) -> str | None:
        """What symbols say; None where they are no text. Static fields only, on the host."""
        return None

    @abstractmethod
    def measure(self, outputs: Float[Array, "B ..."], targets: Array) -> dict[str, Float[Array, ""]]:
        """Means over a batch, by the names in `metrics` (without a prefix for the split)."""


PROBLEMS: Family[Problem] = Family("problem")
