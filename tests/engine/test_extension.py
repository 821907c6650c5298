"""Plug-ins, each one file beside a grid, through Ray: an activation, and a whole program of one's own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ablate.store import Store

pytestmark = pytest.mark.slow

SNAKE = '''
"""A periodic activation."""

from typing import Annotated

import jax.numpy as jnp

from ablate.core import Lane
from ablate.systems import ACTIVATIONS, Activation


@ACTIVATIONS.register("snake")
class Snake(Activation):
    """x + sin(a x)^2 / a."""

    reference = "Ziyin, Hartwig & Ueda 2020, arXiv:2006.08195"

    frequency: Annotated[float, Lane()] = 1.0
    """a, in radians per unit of the input."""

    def build(self):
        """See Activation."""
        return lambda x: x + jnp.sin(self.frequency * x) ** 2 / self.frequency
'''

SNAKE_GRID = """
question: "Is a periodic activation better on spirals?"
plugins: [snake.py]
base: {problem: spirals, model: {kind: mlp, width: 16}, optimizer: {kind: adamw, lr: 1e-2}, train: {steps: 100}}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {model.activation: [snake, {kind: snake, frequency: 3}]}
"""

LINE = '''
"""Least squares on a line, with a step size of its own: no model, no optimiser, no data set of ablate's."""

from typing import Annotated

import jax
import jax.numpy as jnp

from ablate.core import Lane, Metric
from ablate.systems import PROGRAMS, Program, stream


@PROGRAMS.register("line")
class Line(Program):
    """Fits y = 2 x + 1 by stochastic gradient descent."""

    step_size: Annotated[float, Lane()] = 0.1
    """Of each update."""
    noise: Annotated[float, Lane()] = 0.0
    """Standard deviation of the noise on y."""
    points: int = 8
    """Per batch."""

    @property
    def recorded(self):
        """See Program."""
        return (Metric("error", "minimize", "y", "Distance from the true line."), Metric("loss"))

    def load(self):
        """See Program."""
        return jnp.linspace(-1, 1, self.points)

    def init(self, data, key):
        """See Program."""
        return {"line": jnp.zeros(2), "key": key, "step": jnp.zeros((), jnp.int32)}

    def step(self, data, state):
        """See Program."""
        key = jax.random.fold_in(stream(state["key"], "noise"), state["step"])
        y = 2 * data + 1 + self.noise * jax.random.normal(key, data.shape)

        def loss_of(line):
            return jnp.mean((line[0] * data + line[1] - y) ** 2)

        loss, slope = jax.value_and_grad(loss_of)(state["line"])
        line = state["line"] - self.step_size * slope
        return {**state, "line": line, "step": state["step"] + 1}, {"loss": loss}

    def evaluate(self, data, state):
        """See Program."""
        return {"error": jnp.abs(state["line"] - jnp.array([2.0, 1.0])).sum()}
'''

LINE_GRID = """
question: "Which step size fits a line?"
plugins: [line.py]
base: {program: line, step_size: 0.1, noise: 0.1, train: {steps: 200, eval_every: 50}}
metric: {name: error, goal: minimize}
seeds: 3
ablate:
  step_size: [0.3, 5.0]
  points: 16
"""


def run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ablate", "run", "grid.yaml", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_activation_from_one_file(tmp_path: Path) -> None:
    (tmp_path / "snake.py").write_text(SNAKE)
    (tmp_path / "grid.yaml").write_text(SNAKE_GRID)
    assert "6 of 6 runs ended" in run(tmp_path)
    store = Store(tmp_path / "runs")
    plan = store.plan("grid")
    assert [variant.label for variant in plan.variants] == ["base", "activation=snake", "activation=snake(frequency=3)"]
    assert plan.variants[1].citations == ("snake: Ziyin, Hartwig & Ueda 2020, arXiv:2006.08195",)
    assert len(store.packs()) == 2, "both frequencies are lanes of one program"


def test_a_program_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "line.py").write_text(LINE)
    (tmp_path / "grid.yaml").write_text(LINE_GRID)
    assert "12 of 12 runs ended; 3 of them diverged" in run(tmp_path)
    store = Store(tmp_path / "runs")
    plan = store.plan("grid")
    runs = store.runs(plan.runs)
    series = store.series(run.run_id for run in plan.runs)
    assert set(runs.filter(variant="step_size=5")["status"]) == {"diverged"}
    for label in ("base", "step_size=0.3", "points=16"):
        ids = runs.filter(variant=label)["run_id"]
        last = series.filter(series["run_id"].is_in(ids.implode()), metric="error", step=200)["value"]
        assert len(last) == 3
        np.testing.assert_array_less(last, 0.2)
    (tmp_path / "grid.yaml").write_text(LINE_GRID.replace("seeds: 3", "seeds: 4").replace("steps: 200", "steps: 250"))
    assert "16 of 16 runs ended; 4 of them diverged; 13 trained now" in run(tmp_path, "--inline")
