"""The grids for GPUs, which nobody here can run: each plans, and each of its programs traces at its full size."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.plan import make_plan
from ablate.store import Store
from ablate.systems import Signature, in_training, root

PROFILES = sorted((Path(__file__).parents[2] / "grids/gpu").glob("*.yaml"))
OF_MNIST = {"dln_memory", "tdln"}
"""Their pictures come with a package that need not be here; others of the same size do."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "pictures.npz"
    arrays = {f"x_{part}": np.zeros((80, 28, 28), np.uint8) for part in ("train", "test")}
    np.savez(path, **arrays, **{f"y_{part}": np.arange(80) % 10 for part in ("train", "test")})  # type: ignore[arg-type]
    return path


def traced(shared: Signature) -> Any:
    """State before and after an update, and what is recorded of it, as shapes: nothing is computed or compiled."""
    data = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), shared.static_config().load())

    def run(row: jax.Array, data: Any) -> Any:
        drawn = shared.whole.config(row)
        program, before = in_training(drawn), drawn.init(data, root(0))
        after, metrics = program.step(data, before)
        return before, after, metrics | program.evaluate(data, after), program.diagnose(data, after)

    return jax.eval_shape(run, jax.ShapeDtypeStruct((shared.whole.structure.num_leaves,), jnp.float32), data)


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_plans_and_every_program_of_it_traces(path: Path, pictures: Path, tmp_path: Path) -> None:
    own = [f"problem.images={{kind: npz, path: {pictures}}}"] if path.stem in OF_MNIST else []
    plan = make_plan(path, Store(tmp_path), own)
    assert len(plan.runs) >= 10
    for shared in {run.signature.whole: run.signature for run in plan.runs}.values():
        before, after, recorded, diagnosed = traced(shared)
        assert jax.tree_util.tree_all(jax.tree.map(lambda old, new: old == new, before, after)), "shapes and dtypes"
        assert {value.shape for value in recorded.values()} == {()}
        assert plan.grid.metric.name in recorded
        assert bool(diagnosed) == bool(shared.static_config().recordings())
