"""What diagnostics read, as rows of the store."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from ablate.store import DiagnosticRow

from .executable import Executable
from .runs import Run


def readings(executable: Executable, run: Run, measured: Float[np.ndarray, " D"]) -> Iterator[DiagnosticRow]:
    """The numbers of one run at its current step.

    Args:
        executable: the program that measured them.
        run: whose they are.
        measured: its columns of `Report.evaluation` behind the evaluation metrics.
    """
    program, start = executable.signature.static_config(), 0
    for name, shape in executable.diagnosis.items():
        values = measured[start : start + math.prod(shape)].tolist()
        start += len(values)
        diagnostic, quantity, layer = name.split("/", 2)
        text = program.described(name, values)
        yield (run.job.run_id, run.step, diagnostic, quantity, layer, [] if text is not None else values, text)
