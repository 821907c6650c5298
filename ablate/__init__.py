"""ablate: declarative ablation grids for neural networks, with honest statistics."""

__version__ = "0.1.0"
