"""Language modelling on real text, of characters or of bytes."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, ClassVar, Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt
from pydantic import Field

from ablate.core import Added, GridError, Metric
from ablate.core import Problem as Mistake

from .base import PROBLEMS, Batch, Problem, Shapes
from .corpora import CORPORA, Corpus, PydocTopics
from .vocabularies import Bytes, Characters, Vocabulary, paragraph_starts


class Tokens(NamedTuple):
    """A corpus as symbol numbers."""

    train: UInt[Array, " N"]
    validation: UInt[Array, " M"]
    starts: Int[Array, " P"] | None
    """Where training windows may start; None: anywhere."""


@PROBLEMS.register("char_lm")
class CharLM(Problem):
    """Predict the next character at every position of a window of text."""

    metrics = (
        Metric("loss", "minimize", "nats/char", "Mean cross-entropy of the next character."),
        Metric("accuracy", "maximize", "share", "Share of characters whose most likely guess is right."),
    )
    unit: ClassVar[str] = "characters"

    corpus: Annotated[Corpus, CORPORA] = PydocTopics()
    """The text."""
    context: Annotated[int, Field(gt=0)] = 64
    """Window length, in symbols."""
    batch: Annotated[int, Field(gt=0)] = 16
    """Windows per step, from the training split."""
    starts: Annotated[Literal["anywhere", "paragraphs"], Added()] = "anywhere"
    """Where training windows start. With paragraphs: at the beginning and after blank lines only, as in journal A, so
    that the same few windows come again and again. Validation windows are the same for both."""
    validation_windows: Annotated[int, Field(gt=0)] = 256
    """Windows of the validation split, evenly spread, the same for every run."""

    def load(self) -> Tokens:
        """See `Problem.load`."""
        train, validation = _tokens(self.corpus, self.vocabulary())
        shortest = min(len(train), len(validation))
        if shortest <= self.context:
            message = f"a split of the corpus has {shortest} {self.unit}, too few for a context of {self.context}"
            raise GridError(Mistake(message, "bad-value", "problem.context"))
        if self.starts == "anywhere":
            return Tokens(train, validation, None)
        starts = paragraph_starts(self.vocabulary().units(self.corpus.texts().train))
        return Tokens(train, validation, cast(Array, starts[starts < len(train) - self.context].astype(np.int32)))

    def shapes(self) -> Shapes:
        """See `Problem.shapes`."""
        symbols = self.vocabulary().size
        return Shapes(inputs=(self.context,), outputs=(self.context, symbols), symbols=symbols)

    def vocabulary(self) -> Vocabulary:
        """What numbers the symbols, and turns numbers into text again."""
        return _characters(self.corpus)

    def sample(self, data: Tokens, key: Key[Array, ""]) -> Batch:
        """Windows ``[B, T]`` of int32 symbols and their successors."""
        if data.starts is None:
            starts = jax.random.randint(key, (self.batch,), 0, data.train.shape[0] - self.context)
        else:
            starts = data.starts[jax.random.randint(key, (self.batch,), 0, data.starts.shape[0])]
        return self._windows(data.train, starts)

    def validation(self, data: Tokens) -> Batch:
        """See `Problem.validation`."""
        batches = -(-self.validation_windows // self.batch)
        last = data.validation.shape[0] - self.context - 1
        starts = np.linspace(0, last, batches * self.batch).astype(np.int32)
        windows = self._windows(data.validation, jnp.asarray(starts))
        return Batch(*(part.reshape(batches, self.batch, self.context) for part in windows))

    def consumes(self) -> dict[str, int]:
        """See `Problem.consumes`."""
        return {self.unit: self.batch * self.context}

    def loss(self, outputs: Float[Array, "B T V"], targets: Int[Array, "B T"]) -> Float[Array, ""]:
        """Mean cross-entropy, nats per character."""
        # One-hot instead of a gather: the gather's backward is a scatter-add, slow on CPU (see docs, performance).
        right = jnp.sum(outputs * jax.nn.one_hot(targets, outputs.shape[-1]), -1)
        return jnp.mean(jax.nn.logsumexp(outputs, -1) - right)

    def measure(self, outputs: Float[Array, "B T V"], targets: Int[Array, "B T"]) -> dict[str, Float[Array, ""]]:
        """See `Problem.measure`."""
        hits = jnp.argmax(outputs, -1) == targets
        return {"loss": self.loss(outputs, targets), "accuracy": jnp.mean(hits.astype(jnp.float32))}

    def text(self, symbols: Sequence[int]) -> str:
        """See `Problem.text`."""
        return self.vocabulary().decode(np.asarray(symbols))

    def _windows(self, text: UInt[Array, " N"], starts: Int[Array, " B"]) -> Batch:
        offsets = starts[:, None] + jnp.arange(self.context + 1)[None]
        windows = text[offsets].astype(jnp.int32)
        return Batch(windows[:, :-1], windows[:, 1:])


@PROBLEMS.register("byte_lm")
class ByteLM(CharLM):
    """Predict the next byte, of all 256, at every position of a window of UTF-8 text.

    Journal A had this problem in 2023 with two slips. Its loss was a mean over the 256 one-hot places too, so 256 times
    its numbers are nats per byte: 0.0217 at the start is log(256), and 3.30e-3 at the end is 0.845. Its accuracy took
    the most likely entry of the whole array, and was always 0.
    """

    reference = "journal A of the shipped systems, 2023"
    metrics = (
        Metric("loss", "minimize", "nats/byte", "Mean cross-entropy of the next byte."),
        Metric("accuracy", "maximize", "share", "Share of bytes whose most likely guess is right."),
    )
    unit = "bytes"

    def vocabulary(self) -> Vocabulary:
        """See `CharLM.vocabulary`."""
        return Bytes()


@cache
def _characters(corpus: Corpus) -> Vocabulary:
    return Characters("".join(sorted(set().union(*corpus.texts()))))


@cache
def _tokens(corpus: Corpus, vocabulary: Vocabulary) -> tuple[UInt[Array, " N"], UInt[Array, " M"]]:
    train, validation = (cast(Array, vocabulary.encode(text)) for text in corpus.texts())
    return train, validation
