"""Models and their parts. Importing this package registers the built-in ones."""

from . import gpt, mlp, tdln
from .attention import ATTENTIONS, Attention
from .base import MODELS, Model, Slices, Units
from .dln import DLN, DLNS
from .mlp_block import MLP_BLOCKS, MLPBlock
from .norms import NORMS, Norm
from .positions import POSITIONS, Position

__all__ = [
    "ATTENTIONS",
    "DLN",
    "DLNS",
    "MLP_BLOCKS",
    "MODELS",
    "NORMS",
    "POSITIONS",
    "Attention",
    "MLPBlock",
    "Model",
    "Norm",
    "Position",
    "Slices",
    "Units",
    "gpt",
    "mlp",
    "tdln",
]
