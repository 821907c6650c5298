"""Problems: data, batches, loss and validation. Importing this package registers the built-in ones."""

from . import char_lm, spirals
from .base import PROBLEMS, Batch, Problem, Shapes
from .corpora import CORPORA, Corpus, Texts

__all__ = ["CORPORA", "PROBLEMS", "Batch", "Corpus", "Problem", "Shapes", "Texts", "char_lm", "spirals"]
