"""The grids of the suite, one per file."""

from .grid import Grid, Trial
from .r_d import R_D
from .r_h import R_H
from .r_k import R_K
from .r_m import R_M
from .r_s import R_S
from .r_t import R_T

GRIDS = {grid.name: grid for grid in (R_S, R_M, R_T, R_H, R_D, R_K)}

__all__ = ["GRIDS", "Grid", "Trial"]
