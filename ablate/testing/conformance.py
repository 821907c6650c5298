"""Conformance checks: what every component of a family must do. Call them from a test of your own component.

Each raises `AssertionError` with the rule that is broken::

    from ablate.testing import conformance

    def test_snake():
        conformance.check_activation(Snake(frequency=2.0))
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ablate.core import canonical_json, marked_paths, to_identity, to_plain
from ablate.core.spec import Lane
from ablate.systems import (
    FAMILIES,
    Activation,
    Component,
    Init,
    Model,
    Program,
    Schedule,
    Shapes,
    hyper,
    root,
    signature,
)


def check_component(component: Component) -> None:
    """Rules for anything registered: documented, readable from what it writes, and a pytree of its lane fields."""
    cls = type(component)
    assert cls.kind, f"{cls.__name__} is not registered; decorate it with its family's register()"
    assert (cls.__doc__ or "").strip(), f"{cls.__name__} needs a docstring"
    undocumented = [name for name, info in cls.model_fields.items() if not info.description]
    assert not undocumented, f"fields of {cls.__name__} without a docstring: {', '.join(undocumented)}"
    family = next(family for family in FAMILIES if cls in tuple(family))
    plain = to_plain(component)
    again = family.parse(plain)
    assert to_plain(again) == plain, f"{cls.__name__} does not read back what it writes"
    assert canonical_json(to_identity(again)) == canonical_json(to_identity(component))
    leaves = jax.tree.leaves(component)
    assert len(leaves) == len([path for path in marked_paths(component, Lane) if _is_set(component, path)])
    assert _structure(again) == _structure(component), f"two equal {cls.__name__} do not share a signature"


def check_activation(activation: Activation) -> None:
    """Elementwise, keeps shape and dtype, finite values and gradients, lane fields may be traced."""
    check_component(activation)
    function = activation.build()
    x = jnp.linspace(-8, 8, 321).reshape(3, 107)
    y = function(x)
    assert y.shape == x.shape, f"the shape changes from {x.shape} to {y.shape}"
    assert y.dtype == x.dtype, f"the dtype changes from {x.dtype} to {y.dtype}"
    assert bool(jnp.all(jnp.isfinite(y))), "values are not finite on [-8, 8]"
    slopes = jax.vmap(jax.grad(lambda value: function(value)))(x.reshape(-1))
    assert bool(jnp.all(jnp.isfinite(slopes))), "gradients are not finite on [-8, 8]"
    rolled = function(jnp.roll(x, 1, axis=1))
    np.testing.assert_allclose(rolled, jnp.roll(y, 1, axis=1), rtol=1e-6, err_msg="it is not elementwise")
    _check_traced(activation, lambda traced: traced.build()(x), y)


def check_init(init: Init) -> None:
    """Deterministic in its key, float32, the shape that was asked for, proportional to its scale."""
    check_component(init)
    shape = (48, 32)
    weights = init.build()(root(0), shape)
    assert weights.shape == shape
    assert weights.dtype == jnp.float32
    assert bool(jnp.all(jnp.isfinite(weights)))
    np.testing.assert_array_equal(weights, init.build()(root(0), shape), err_msg="it is not deterministic")
    assert not np.array_equal(weights, init.build()(root(1), shape)), "it ignores its key"
    doubled = init.model_copy(update={"scale": 2 * init.scale}).build()(root(0), shape)
    np.testing.assert_allclose(doubled, 2 * weights, rtol=1e-6, err_msg="it is not proportional to its scale")
    _check_traced(init, lambda traced: traced.build()(root(0), shape), weights)


def check_schedule(schedule: Schedule) -> None:
    """A finite float32 scalar, not negative, at every step, traced or not."""
    check_component(schedule)
    factor = schedule.build()
    values = jax.vmap(factor)(jnp.arange(0, 3000, 7))
    assert values.dtype == jnp.float32
    assert bool(jnp.all(jnp.isfinite(values)))
    assert bool(jnp.all(values >= 0)), "the factor is negative"
    _check_traced(schedule, lambda traced: jax.vmap(traced.build())(jnp.arange(0, 3000, 7)), values)


def check_model(model: Model, shapes: Shapes, *, batch: int = 3) -> None:
    """Float32 parameters, the asked-for output shape, examples independent, a gradient for every parameter."""
    check_component(model)
    parameters = model.init(shapes, root(0))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(parameters)), "parameters must be float32"
    again = model.init(shapes, root(0))
    jax.tree.map(np.testing.assert_array_equal, parameters, again)
    inputs = _inputs(shapes, batch)
    outputs = model.apply(parameters, inputs, key=None)
    assert outputs.shape == (batch, *shapes.outputs), f"outputs are {outputs.shape}, not {(batch, *shapes.outputs)}"
    np.testing.assert_array_equal(outputs, model.apply(parameters, inputs, key=None), err_msg="evaluation is random")
    alone = model.apply(parameters, inputs[:1], key=None)
    np.testing.assert_allclose(alone, outputs[:1], rtol=1e-4, atol=1e-5, err_msg="an example depends on its neighbours")

    def loss(leaves: object) -> Array:
        return jnp.mean(jnp.square(model.apply(leaves, inputs, key=root(1)) - 1.0))

    gradients = jax.grad(loss)(parameters)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        name = jax.tree_util.keystr(path)
        assert bool(jnp.all(jnp.isfinite(leaf))), f"the gradient of {name} is not finite"
        assert bool(jnp.any(leaf != 0)), f"{name} has no gradient: it is not used"
    _check_traced(model, lambda traced: traced.apply(traced.init(shapes, root(0)), inputs, key=None), outputs)


def check_program(program: Program, *, steps: int = 3) -> None:
    """Steps keep the state's structure, metrics are those that are declared, and the same key gives the same bits."""
    check_component(program)
    shared = signature(program)
    data = jax.tree.map(jnp.asarray, shared.static_config().load())
    row = jnp.asarray(hyper([program])[0])

    @jax.jit
    def run(row: Array, key: Array) -> tuple[object, dict[str, Array]]:
        config = shared.config(row)
        state = config.init(data, key)
        metrics: dict[str, Array] = {}
        for _ in range(steps):
            after, metrics = config.step(data, state)
            _same_shapes(state, after)
            state = after
        return state, metrics | config.evaluate(data, state)

    _, metrics = run(row, root(0))
    declared = {metric.name for metric in program.recorded}
    assert set(metrics) == declared, f"metrics {sorted(metrics)} are not the declared {sorted(declared)}"
    assert all(value.shape == () for value in metrics.values()), "metrics must be scalars"
    _, again = run(row, root(0))
    assert {name: float(value) for name, value in metrics.items()} == {
        name: float(value) for name, value in again.items()
    }


def _same_shapes(before: object, after: object) -> None:
    assert _structure(before) == _structure(after), "a step changes the structure of the state"
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    assert all(old.shape == new.shape and old.dtype == new.dtype for old, new in pairs), (
        "a step changes a shape or dtype"
    )


def _structure(tree: object) -> Any:
    return jax.tree.structure(tree)


def _check_traced(component: Component, compute: object, expected: Array) -> None:
    """The same result when lane fields are traced, in one compilation whatever their values."""
    leaves, structure = jax.tree.flatten(component)
    if not leaves:
        return
    traces = 0

    @jax.jit
    def traced(values: Sequence[Array]) -> Array:
        nonlocal traces
        traces += 1
        return compute(jax.tree.unflatten(structure, values))  # type: ignore[operator, no-any-return]

    actual = traced([jnp.float32(leaf) for leaf in leaves])
    np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=1e-5, err_msg="traced lane fields change the result")
    traced([jnp.float32(leaf + 0.125) for leaf in leaves])
    assert traces == 1, "another value of a lane field compiles again: it is used as a Python number"


def _inputs(shapes: Shapes, batch: int) -> Array:
    if shapes.symbols is None:
        return jax.random.normal(root(2), (batch, *shapes.inputs))
    return jax.random.randint(root(2), (batch, *shapes.inputs), 0, shapes.symbols)


def _is_set(component: object, path: str) -> bool:
    for name in path.split("."):
        component = component[name] if isinstance(component, dict) else getattr(component, name)
    return component is not None
