"""Everything numeric: the run as pure functions, lanes, and the built-in components.

Importing this package registers the built-in components.
"""

from . import supervised
from .activations import ACTIVATIONS, Activation
from .component import Component
from .flops import Flops, count_flops
from .inits import INITS, Init
from .inspect import citations, parameter_count
from .lanes import Signature, Signatures, hyper, signature
from .models import (
    ATTENTIONS,
    DLN,
    DLNS,
    MLP_BLOCKS,
    MODELS,
    NORMS,
    POSITIONS,
    Attention,
    MLPBlock,
    Model,
    Norm,
    Position,
)
from .optimizers import OPTIMIZERS, Optimizer
from .problems import CORPORA, PROBLEMS, Batch, Corpus, Problem, Shapes, Texts
from .program import PROGRAMS, Program, Train
from .schedules import SCHEDULES, Schedule
from .streams import root, stream

FAMILIES = (
    PROGRAMS,
    PROBLEMS,
    CORPORA,
    MODELS,
    ATTENTIONS,
    MLP_BLOCKS,
    NORMS,
    POSITIONS,
    DLNS,
    ACTIVATIONS,
    INITS,
    OPTIMIZERS,
    SCHEDULES,
)
"""Every family, for listing."""

__all__ = [
    "ACTIVATIONS",
    "ATTENTIONS",
    "CORPORA",
    "DLN",
    "DLNS",
    "FAMILIES",
    "INITS",
    "MLP_BLOCKS",
    "MODELS",
    "NORMS",
    "OPTIMIZERS",
    "POSITIONS",
    "PROBLEMS",
    "PROGRAMS",
    "SCHEDULES",
    "Activation",
    "Attention",
    "Batch",
    "Component",
    "Corpus",
    "Flops",
    "Init",
    "MLPBlock",
    "Model",
    "Norm",
    "Optimizer",
    "Position",
    "Problem",
    "Program",
    "Schedule",
    "Shapes",
    "Signature",
    "Signatures",
    "Texts",
    "Train",
    "citations",
    "count_flops",
    "hyper",
    "parameter_count",
    "root",
    "signature",
    "stream",
    "supervised",
]
