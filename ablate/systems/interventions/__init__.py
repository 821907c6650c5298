"""Interventions: what is done to training besides gradient descent. Importing this registers the built-in ones."""

from . import l2, random_k, redo, shrink_and_perturb, update_clip, weight_cap
from .base import INTERVENTIONS, Intervention, Moment, Point, Setting
from .leaves import Leaves, chosen_leaves, leaf_name
from .resets import Chosen, Reset

__all__ = [
    "INTERVENTIONS",
    "Chosen",
    "Intervention",
    "Leaves",
    "Moment",
    "Point",
    "Reset",
    "Setting",
    "chosen_leaves",
    "l2",
    "leaf_name",
    "random_k",
    "redo",
    "shrink_and_perturb",
    "update_clip",
    "weight_cap",
]
