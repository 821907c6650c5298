"""Everything numeric: the run as pure functions, lanes, and the built-in components.

Importing this package registers the built-in components.
"""

from . import supervised
from .activations import ACTIVATIONS, Activation
from .component import Component, in_training, parts_of
from .diagnostics import DIAGNOSTICS, Diagnostic, Look
from .flops import Flops, count_flops
from .inits import INITS, Init
from .inspect import citations, parameter_count
from .interpolation import interpolate
from .interventions import INTERVENTIONS, Intervention, Moment, Reset, Setting
from .joined import joined
from .lanes import Signature, Signatures, hyper, signature, whole_hyper
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
    Slices,
    Units,
)
from .optimizers import OPTIMIZERS, Optimizer
from .problems import (
    CORPORA,
    IMAGES,
    PROBLEMS,
    Batch,
    Corpus,
    Images,
    Pictures,
    Problem,
    Shapes,
    Splits,
    Texts,
    Vocabulary,
)
from .products import product
from .program import PROGRAMS, Program, Train
from .schedules import SCHEDULES, Schedule
from .streams import root, stream
from .taps import tap

FAMILIES = (
    PROGRAMS,
    PROBLEMS,
    CORPORA,
    IMAGES,
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
    INTERVENTIONS,
    DIAGNOSTICS,
)
"""Every family, for listing."""

__all__ = [
    "ACTIVATIONS",
    "ATTENTIONS",
    "CORPORA",
    "DIAGNOSTICS",
    "DLN",
    "DLNS",
    "FAMILIES",
    "IMAGES",
    "INITS",
    "INTERVENTIONS",
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
    "Diagnostic",
    "Flops",
    "Images",
    "Init",
    "Intervention",
    "Look",
    "MLPBlock",
    "Model",
    "Moment",
    "Norm",
    "Optimizer",
    "Pictures",
    "Position",
    "Problem",
    "Program",
    "Reset",
    "Schedule",
    "Setting",
    "Shapes",
    "Signature",
    "Signatures",
    "Slices",
    "Splits",
    "Texts",
    "Train",
    "Units",
    "Vocabulary",
    "citations",
    "count_flops",
    "hyper",
    "in_training",
    "interpolate",
    "joined",
    "parameter_count",
    "parts_of",
    "product",
    "root",
    "signature",
    "stream",
    "supervised",
    "tap",
    "whole_hyper",
]
