"""Reconstruction: read a picture pixel by pixel, then give all of it back."""

from typing import Annotated, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from pydantic import Field

from ablate.core import GridError, Metric
from ablate.core import Problem as Mistake

from .base import PROBLEMS, Batch, Problem, Shapes
from .images import IMAGES, Digits, Images, Pictures

_CLOSE = 0.2


class Sequences(NamedTuple):
    """Pictures as rows of L pixels, for both splits."""

    train: Float[Array, "N L"]
    validation: Float[Array, "M L"]


@PROBLEMS.register("reconstruction")
class Reconstruction(Problem):
    """Give back a picture that was read as a sequence of pixels, row by row, after its last pixel.

    The sigmoid of the model's outputs is compared with the pixels.
    """

    reference = "journal A of the shipped systems, 2023"
    metrics = (
        Metric("loss", "minimize", "squared grey level", "Mean squared error of the pixels, which go from 0 to 1."),
        Metric("close", "maximize", "share", "Share of the pixels that are less than 0.2 off; the journal's accuracy."),
    )

    images: Annotated[Images, IMAGES] = Digits()
    """The pictures."""
    batch: Annotated[int, Field(gt=0)] = 40
    """Pictures per step, drawn with replacement."""
    withheld: int | None = None
    """A label whose pictures are never trained on. Nothing: all are."""
    judged: int | None = None
    """The label whose validation pictures are measured. Nothing: all are, those of the withheld label too."""

    def load(self) -> Sequences:
        """See `Problem.load`."""
        splits = self.images.splits()
        train = self._rows(splits.train, "withheld", splits.train.labels != self.withheld)
        is_judged = True if self.judged is None else splits.validation.labels == self.judged
        return Sequences(train, self._rows(splits.validation, "judged", is_judged))

    def shapes(self) -> Shapes:
        """See `Problem.shapes`."""
        _, height, width = self.images.splits().train.pixels.shape
        return Shapes(inputs=(height * width,), outputs=(height * width,))

    def sample(self, data: Sequences, key: Key[Array, ""]) -> Batch:
        """Pictures ``[B, L]``, as inputs and as targets."""
        chosen = data.train[jax.random.randint(key, (self.batch,), 0, data.train.shape[0])]
        return Batch(chosen, chosen)

    def validation(self, data: Sequences) -> Batch:
        """See `Problem.validation`. Equal batches; so a few pictures at the end may be left out."""
        count, pixels = data.validation.shape
        batches = -(-count // self.batch)
        size = count // batches
        rows = data.validation[: batches * size].reshape(batches, size, pixels)
        return Batch(rows, rows)

    def consumes(self) -> dict[str, int]:
        """See `Problem.consumes`."""
        return {"pictures": self.batch}

    def loss(self, outputs: Float[Array, "B L"], targets: Float[Array, "B L"]) -> Float[Array, ""]:
        """Mean squared error."""
        return jnp.mean(jnp.square(jax.nn.sigmoid(outputs) - targets))

    def measure(self, outputs: Float[Array, "B L"], targets: Float[Array, "B L"]) -> dict[str, Float[Array, ""]]:
        """See `Problem.measure`."""
        is_close = jnp.abs(jax.nn.sigmoid(outputs) - targets) < _CLOSE
        return {"loss": self.loss(outputs, targets), "close": jnp.mean(is_close.astype(jnp.float32))}

    def example(self, label: int) -> Float[np.ndarray, " L"]:
        """The first validation picture with a label."""
        pixels, labels = self.images.splits().validation
        return cast(np.ndarray, pixels[np.flatnonzero(labels == label)[0]].reshape(-1))

    def _rows(self, pictures: Pictures, field: str, chosen: object) -> Float[Array, "N L"]:
        label = getattr(self, field)
        if label is not None and label not in pictures.labels:
            known = ", ".join(map(str, np.unique(pictures.labels)))
            message = f"no picture has the label {label}; there are {known}"
            raise GridError(Mistake(message, "bad-value", f"problem.{field}"))
        rows = pictures.pixels[np.broadcast_to(np.asarray(chosen), len(pictures.labels))]
        return cast(Array, rows.reshape(len(rows), -1))
