"""`samples`: texts that the network writes."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key
from pydantic import Field

from ablate.systems.models import Model
from ablate.systems.problems import Problem

from .base import DIAGNOSTICS, Diagnostic, Look, Readings


@DIAGNOSTICS.register("samples")
class Samples(Diagnostic):
    """The beginnings of some validation windows, continued symbol by symbol up to the end of the context.

    Costs one forward pass of ``count`` windows per symbol at each evaluation.
    """

    count: Annotated[int, Field(ge=1)] = 2
    """Texts; at most as many as a batch has windows."""
    prompt: Annotated[int, Field(ge=1)] = 16
    """Symbols that are given; less than the context."""
    choice: Literal["greedy", "drawn"] = "greedy"
    """Whether the next symbol is the most likely one, or drawn with its probability from the seed of the run."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Divides the logits before a symbol is drawn."""

    def refuses(self, model: Model, problem: Problem) -> str:
        """See `Diagnostic.refuses`."""
        shapes = problem.shapes()
        if shapes.symbols is None or shapes.outputs != (*shapes.inputs, shapes.symbols):
            return f"{problem.kind} does not ask for a symbol after each symbol, so there is no text to continue"
        if self.prompt >= shapes.inputs[0]:
            return f"prompt: {self.prompt} symbols leave nothing to write in a context of {shapes.inputs[0]}"
        return ""

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`. The layer is the number of the text, the values are its symbols."""
        given = look.batch.inputs[: self.count]
        length = given.shape[1]

        def write(texts: Int[Array, "n T"], place: Int[Array, ""]) -> tuple[Int[Array, "n T"], None]:
            logits = look.model.apply(look.parameters, texts, key=None)[:, place - 1]
            if self.choice == "greedy":
                following = jnp.argmax(logits, axis=-1)
            else:
                following = jax.random.categorical(jax.random.fold_in(key, place), logits / self.temperature, axis=-1)
            return texts.at[:, place].set(following.astype(texts.dtype)), None

        start = given.at[:, self.prompt :].set(0)
        texts, _ = jax.lax.scan(write, start, jnp.arange(self.prompt, length))
        return {"text": {str(index): text.astype(jnp.float32) for index, text in enumerate(texts)}}

    def text(self, problem: Problem, values: list[float]) -> str | None:
        """See `Diagnostic.text`."""
        return problem.text([round(value) for value in values])
