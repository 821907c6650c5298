"""Models. Importing this package registers the built-in ones."""

from . import gpt, mlp
from .base import MODELS, Model

__all__ = ["MODELS", "Model", "gpt", "mlp"]
