"""Conformance checks of problems and of sets of pictures."""

import jax
import jax.numpy as jnp
import numpy as np

from ablate.systems import Batch, Images, Problem, Shapes, root

from ._rules import check_component


def check_problem(problem: Problem) -> None:
    """Batches as its shapes say, drawn by the key alone; one validation split; finite losses and declared metrics."""
    check_component(problem)
    shapes, data = problem.shapes(), jax.tree.map(jnp.asarray, problem.load())
    sample = jax.jit(lambda key: problem.sample(data, key))
    batch, again, other = (sample(root(seed)) for seed in (0, 0, 1))
    _check_inputs(shapes, batch)
    jax.tree.map(np.testing.assert_array_equal, batch, again)
    assert not np.array_equal(batch.inputs, other.inputs), "every batch is the same"
    validation = problem.validation(data)
    jax.tree.map(np.testing.assert_array_equal, validation, problem.validation(data))
    assert validation.inputs.ndim == batch.inputs.ndim + 1, "validation needs an axis of batches"
    _check_inputs(shapes, jax.tree.map(lambda leaf: leaf[0], validation))
    outputs = jax.random.normal(root(2), (len(batch.inputs), *shapes.outputs))
    loss, slopes = jax.jit(jax.value_and_grad(problem.loss))(outputs, batch.targets)
    assert (loss.shape, loss.dtype) == ((), jnp.float32), "the loss must be one float32 number"
    assert bool(jnp.isfinite(loss) & jnp.all(jnp.isfinite(slopes))), "loss or gradient is not finite"
    assert bool(jnp.any(slopes != 0)), "the loss has no gradient"
    measured = jax.jit(problem.measure)(outputs, batch.targets)
    declared = {metric.name for metric in problem.metrics}
    assert set(measured) == declared, f"it measures {sorted(measured)} and declares {sorted(declared)}"
    assert all(value.shape == () and bool(jnp.isfinite(value)) for value in measured.values())


def check_images(images: Images) -> None:
    """Float32 grey levels from 0 to 1, int32 labels, one size, and no label that only validation has."""
    check_component(images)
    splits = images.splits()
    for pixels, labels in (splits.train, splits.validation):
        assert pixels.dtype == np.float32, f"grey levels are {pixels.dtype}"
        assert labels.dtype == np.int32, f"labels are {labels.dtype}"
        assert pixels.ndim == 3, f"pictures are {pixels.shape}, not [N, H, W]"
        assert labels.shape == pixels.shape[:1], "a label for each picture"
        assert pixels.min() >= 0, "grey levels go from 0"
        assert pixels.max() <= 1, "grey levels go to 1"
    assert splits.train.pixels.shape[1:] == splits.validation.pixels.shape[1:], "the splits differ in size"
    assert set(splits.validation.labels.tolist()) <= set(splits.train.labels.tolist())
    assert images.splits().sha256 == splits.sha256, "the set differs from one call to the next"


def _check_inputs(shapes: Shapes, batch: Batch) -> None:
    inputs = batch.inputs
    assert inputs.shape[1:] == shapes.inputs, f"inputs are {inputs.shape[1:]}, not {shapes.inputs}"
    assert all(len(leaf) == len(inputs) for leaf in jax.tree.leaves(batch.targets)), "a target for each example"
    if shapes.symbols is None:
        assert inputs.dtype == jnp.float32, "numbers must be float32"
        assert bool(jnp.all(jnp.isfinite(inputs))), "inputs are not finite"
    else:
        assert jnp.issubdtype(inputs.dtype, jnp.integer), "symbols must be integers"
        assert 0 <= int(inputs.min()) <= int(inputs.max()) < shapes.symbols, "a symbol is out of range"
