"""Problems: data, batches, loss and validation. Importing this package registers the built-in ones."""

from . import char_lm, reconstruction, spirals
from .base import PROBLEMS, Batch, Problem, Shapes
from .corpora import CORPORA, Corpus, Texts
from .images import IMAGES, Images, Pictures, Splits
from .vocabularies import Vocabulary

__all__ = [
    "CORPORA",
    "IMAGES",
    "PROBLEMS",
    "Batch",
    "Corpus",
    "Images",
    "Pictures",
    "Problem",
    "Shapes",
    "Splits",
    "Texts",
    "Vocabulary",
    "char_lm",
    "reconstruction",
    "spirals",
]
