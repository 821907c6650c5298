"""Diagnostics: what is read from inside the network. Importing this package registers the built-in ones."""

from . import attention_entropy, dead_units, histograms, logit_scale, norms, samples, update_ratio
from .base import DIAGNOSTICS, Diagnostic, Look, Readings, Step, named

__all__ = [
    "DIAGNOSTICS",
    "Diagnostic",
    "Look",
    "Readings",
    "Step",
    "attention_entropy",
    "dead_units",
    "histograms",
    "logit_scale",
    "named",
    "norms",
    "samples",
    "update_ratio",
]
