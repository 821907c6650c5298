"""`interpolation`: pictures between two pictures, from mixtures of what a memory makes of them."""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree
from pydantic import Field

from .diagnostics import DIAGNOSTICS, Diagnostic, Look, Readings
from .models import Model
from .models.recurrent import Recurrent
from .problems import Problem
from .problems.reconstruction import Reconstruction


def interpolate(
    model: Recurrent,
    parameters: PyTree[Array],
    first: Float[Array | np.ndarray, " L"],
    second: Float[Array | np.ndarray, " L"],
    *,
    count: int = 9,
) -> Float[Array, "count L"]:
    """Pictures from `first` to `second`, both as the model reconstructs them, in equal steps through its memory.

    Args:
        model: what was trained on `reconstruction`.
        parameters: its trained parameters.
        first: pixels of a picture, as the problem gives them.
        second: pixels of another one.
        count: pictures, the two ends included.

    Returns:
        Grey levels from 0 to 1.
    """
    start, end = model.read(parameters, jnp.stack([jnp.asarray(first), jnp.asarray(second)]))
    share = jnp.linspace(0, 1, count)[:, None]
    return jax.nn.sigmoid(model.answer(parameters, (1 - share) * start[None] + share * end[None]))


@DIAGNOSTICS.register("interpolation")
class Interpolation(Diagnostic):
    """Pictures from one label to another: the first validation picture of each, and mixtures of their memories.

    For the models `dln` and `tdln` on `reconstruction`. The quantity is ``picture``, the layer the share of the second
    picture in percent, from 000.0 to 100.0, and the values are grey levels from 0 to 1, row by row.
    """

    first: int = 4
    """Label of the picture that it starts from."""
    second: int = 9
    """Label of the picture that it ends at."""
    count: Annotated[int, Field(ge=2)] = 9
    """Pictures, the two ends included."""

    def refuses(self, model: Model, problem: Problem) -> str:
        """See `Diagnostic.refuses`."""
        if not (isinstance(model, Recurrent) and isinstance(problem, Reconstruction)):
            return "interpolation needs the model dln or tdln on the problem reconstruction"
        missing = {self.first, self.second} - set(problem.images.splits().validation.labels.tolist())
        return f"no validation picture has the label {min(missing)}" if missing else ""

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`."""
        assert isinstance(look.model, Recurrent)
        assert isinstance(look.problem, Reconstruction)
        ends = (look.problem.example(label) for label in (self.first, self.second))
        pictures = interpolate(look.model, look.parameters, *ends, count=self.count)
        percent = np.linspace(0, 100, self.count)
        return {"picture": {f"{share:05.1f}": picture for share, picture in zip(percent, pictures, strict=True)}}
