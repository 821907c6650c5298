"""Character-level language modelling on real text."""

from functools import cache
from typing import Annotated, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8
from pydantic import Field

from ablate.core import GridError, Metric
from ablate.core import Problem as Mistake

from .base import PROBLEMS, Batch, Problem, Shapes
from .corpora import CORPORA, Corpus, PydocTopics


class Tokens(NamedTuple):
    """A corpus as symbol numbers."""

    train: UInt8[Array, " N"]
    validation: UInt8[Array, " M"]


@PROBLEMS.register("char_lm")
class CharLM(Problem):
    """Predict the next character at every position of a window of text."""

    metrics = (
        Metric("loss", "minimize", "nats/char", "Mean cross-entropy of the next character."),
        Metric("accuracy", "maximize", "share", "Share of characters whose most likely guess is right."),
    )

    corpus: Annotated[Corpus, CORPORA] = PydocTopics()
    """The text."""
    context: Annotated[int, Field(gt=0)] = 64
    """Window length, in characters."""
    batch: Annotated[int, Field(gt=0)] = 16
    """Windows per step, starting anywhere in the training split."""
    validation_windows: Annotated[int, Field(gt=0)] = 256
    """Windows of the validation split, evenly spread, the same for every run."""

    def load(self) -> Tokens:
        """See `Problem.load`."""
        tokens, _ = _tokens(self.corpus)
        shortest = min(len(tokens.train), len(tokens.validation))
        if shortest <= self.context:
            message = f"a split of the corpus has {shortest} characters, too few for a context of {self.context}"
            raise GridError(Mistake(message, "bad-value", "problem.context"))
        return tokens

    def shapes(self) -> Shapes:
        """See `Problem.shapes`."""
        _, symbols = _tokens(self.corpus)
        return Shapes(inputs=(self.context,), outputs=(self.context, symbols), symbols=symbols)

    def sample(self, data: Tokens, key: Key[Array, ""]) -> Batch:
        """Windows ``[B, T]`` of int32 symbols and their successors."""
        starts = jax.random.randint(key, (self.batch,), 0, data.train.shape[0] - self.context)
        return self._windows(data.train, starts)

    def validation(self, data: Tokens) -> Batch:
        """See `Problem.validation`."""
        batches = -(-self.validation_windows // self.batch)
        last = data.validation.shape[0] - self.context - 1
        starts = np.linspace(0, last, batches * self.batch).astype(np.int32)
        windows = self._windows(data.validation, jnp.asarray(starts))
        return Batch(*(part.reshape(batches, self.batch, self.context) for part in windows))

    def loss(self, outputs: Float[Array, "B T V"], targets: Int[Array, "B T"]) -> Float[Array, ""]:
        """Mean cross-entropy, nats per character."""
        # One-hot instead of a gather: the gather's backward is a scatter-add, slow on CPU (see docs, performance).
        right = jnp.sum(outputs * jax.nn.one_hot(targets, outputs.shape[-1]), -1)
        return jnp.mean(jax.nn.logsumexp(outputs, -1) - right)

    def measure(self, outputs: Float[Array, "B T V"], targets: Int[Array, "B T"]) -> dict[str, Float[Array, ""]]:
        """See `Problem.measure`."""
        hits = jnp.argmax(outputs, -1) == targets
        return {"loss": self.loss(outputs, targets), "accuracy": jnp.mean(hits.astype(jnp.float32))}

    def _windows(self, text: UInt8[Array, " N"], starts: Int[Array, " B"]) -> Batch:
        offsets = starts[:, None] + jnp.arange(self.context + 1)
        windows = text[offsets].astype(jnp.int32)
        return Batch(windows[:, :-1], windows[:, 1:])


@cache
def _tokens(corpus: Corpus) -> tuple[Tokens, int]:
    texts = corpus.texts()
    symbols = sorted(set(texts.train) | set(texts.validation))
    if len(symbols) > 256:
        message = f"the corpus has {len(symbols)} distinct characters; char_lm handles at most 256"
        raise GridError(Mistake(message, "bad-value", "problem.corpus"))
    numbers = np.zeros(ord(symbols[-1]) + 1, np.uint8)
    numbers[[ord(symbol) for symbol in symbols]] = np.arange(len(symbols))

    def encode(text: str) -> UInt8[Array, " N"]:
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        return cast(Array, numbers[points])

    return Tokens(encode(texts.train), encode(texts.validation)), len(symbols)
