"""Everything numeric: the run as pure functions, lanes, and the built-in components.

Importing this package registers the built-in components.
"""

from . import supervised
from .activations import ACTIVATIONS, Activation
from .component import Component
from .inits import INITS, Init
from .inspect import citations, parameter_count
from .lanes import Signature, hyper, signature
from .models import MODELS, Model
from .optimizers import OPTIMIZERS, Optimizer
from .problems import CORPORA, PROBLEMS, Batch, Corpus, Problem, Shapes, Texts
from .program import PROGRAMS, Program, Train
from .schedules import SCHEDULES, Schedule
from .streams import root, stream

FAMILIES = (PROGRAMS, PROBLEMS, CORPORA, MODELS, ACTIVATIONS, INITS, OPTIMIZERS, SCHEDULES)
"""Every family, for listing."""

__all__ = [
    "ACTIVATIONS",
    "CORPORA",
    "FAMILIES",
    "INITS",
    "MODELS",
    "OPTIMIZERS",
    "PROBLEMS",
    "PROGRAMS",
    "SCHEDULES",
    "Activation",
    "Batch",
    "Component",
    "Corpus",
    "Init",
    "Model",
    "Optimizer",
    "Problem",
    "Program",
    "Schedule",
    "Shapes",
    "Signature",
    "Texts",
    "Train",
    "citations",
    "hyper",
    "parameter_count",
    "root",
    "signature",
    "stream",
    "supervised",
]
