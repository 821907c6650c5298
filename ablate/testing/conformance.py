"""Conformance checks: what every component of a family must do. Call them from a test of your own component.

Each raises `AssertionError` with the rule that is broken::

    from ablate.testing import conformance

    def test_snake():
        conformance.check_activation(Snake(frequency=2.0))
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ablate.systems import (
    DLN,
    Activation,
    Attention,
    Component,
    Init,
    MLPBlock,
    Model,
    Norm,
    Optimizer,
    Position,
    Program,
    Schedule,
    Shapes,
    in_training,
    root,
    signature,
    stream,
    whole_hyper,
)
from ablate.systems.interventions import leaf_name
from ablate.systems.taps import collecting

from ._acting import check_diagnostic, check_intervention
from ._data import check_images, check_problem
from ._rules import check_component, compare, same_shapes

__all__ = [
    "check_activation",
    "check_attention",
    "check_component",
    "check_diagnostic",
    "check_dln",
    "check_images",
    "check_init",
    "check_intervention",
    "check_mlp_block",
    "check_model",
    "check_norm",
    "check_optimizer",
    "check_position",
    "check_problem",
    "check_program",
    "check_schedule",
]


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


def check_optimizer(optimizer: Optimizer, *, steps: int = 50) -> None:
    """Lowers a quadratic loss of a matrix and a vector, keeps dtypes and structures, and rests where `lr` is 0."""
    check_component(optimizer)
    start = {"matrix": jax.random.normal(root(0), (6, 4)), "vector": jnp.ones(5)}

    def loss(parameters: Any) -> Array:
        return jnp.asarray(sum(jnp.sum(jnp.square(leaf - 0.5)) for leaf in jax.tree.leaves(parameters)))

    @jax.jit
    def train(trained: Optimizer) -> Array:
        transformation = trained.build()

        def step(carry: Any, _: None) -> tuple[Any, Array]:
            parameters, state = carry
            value, gradients = jax.value_and_grad(loss)(parameters)
            updates, state = transformation.update(gradients, state, parameters)
            return (jax.tree.map(jnp.add, parameters, updates), state), value

        _, losses = jax.lax.scan(step, (start, transformation.init(start)), length=steps)
        return jnp.asarray(losses)

    losses = train(optimizer)
    assert bool(jnp.all(jnp.isfinite(losses))), "the loss of a quadratic does not stay finite"
    assert losses[-1] < losses[0], "it does not lower a quadratic loss"
    rests = {"lr": 0.0} | ({"weight_decay": 0.0} if "weight_decay" in type(optimizer).model_fields else {})
    np.testing.assert_array_equal(train(optimizer.model_copy(update=rests)), losses[0], err_msg="it moves at lr 0")
    _check_traced(optimizer, train, losses)


def check_norm(norm: Norm) -> None:
    """Keeps shape and dtype, treats examples independently, is finite at zero, has a gradient for its weight."""
    check_component(norm)
    batch, width = 3, 8
    rows = jax.random.normal(root(0), (batch * 5, width))
    weight = norm.init(width)
    values = norm.apply(weight, rows, batch)
    _same_kind(values, rows)
    half = rows.astype(jnp.bfloat16)
    _same_kind(jax.eval_shape(lambda: norm.apply(weight, half, batch)), half)
    np.testing.assert_allclose(norm.apply(weight, rows[:5], 1), values[:5], rtol=1e-5, atol=1e-6)
    slopes = jax.grad(lambda zeros: jnp.sum(norm.apply(weight, zeros, batch)))(jnp.zeros_like(rows))
    assert bool(jnp.all(jnp.isfinite(slopes))), "the gradient at zero is not finite"
    if weight is not None:
        _has_gradients(lambda leaf: norm.apply(leaf, rows, batch), weight)
    _check_traced(norm, lambda traced: traced.apply(weight, rows, batch), values)


def check_position(position: Position) -> None:
    """A float32 table of the asked-for shape or none; queries and keys keep shape, dtype and independence."""
    check_component(position)
    table = position.init(6, 8, _draw)
    assert table is None or (table.shape == (6, 8) and table.dtype == jnp.float32)
    heads = jax.random.normal(root(0), (3, 2, 6, 4))
    rotate = jax.jit(lambda heads: position.rotate(heads))
    turned, half = rotate(heads), heads.astype(jnp.bfloat16)
    _same_kind(turned, heads)
    _same_kind(jax.eval_shape(rotate, half), half)
    np.testing.assert_allclose(rotate(heads[:1]), turned[:1], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(rotate(heads[:, :, :4]), turned[:, :, :4], rtol=1e-6, atol=1e-6)
    _check_traced(position, lambda traced: traced.rotate(heads), turned)


def check_attention(attention: Attention, *, history: int | None = None) -> None:
    """Shape and dtype; position t reads nothing after t and nothing from `history` positions before it or earlier."""
    check_component(attention)
    assert not attention.refuses(history), attention.refuses(history)
    batch, heads, length, size = 2, 3, 11, 4
    parts = [jax.random.normal(root(seed), (batch, heads, length, size)) for seed in range(3)]

    @jax.jit
    def mix(*parts: Array) -> Array:
        return attention.mix(*parts, scale=0.5, history=history, drop=lambda weights: weights)

    mixed = mix(*parts)
    assert mixed.shape == (batch, length, heads, size)
    halves = [part.astype(jnp.bfloat16) for part in parts]
    assert jax.eval_shape(mix, *halves).dtype == jnp.bfloat16, "the dtype changes"
    changed = [part.at[:, :, 5].add(1.0) for part in parts]
    far = length if history is None else min(length, 5 + history)
    others = mix(parts[0], *changed[1:])
    np.testing.assert_array_equal(others[:, :5], mixed[:, :5], err_msg="a position reads the future")
    np.testing.assert_array_equal(others[:, far:], mixed[:, far:], err_msg="a position reads beyond its history")
    assert not np.allclose(others[:, 5:far], mixed[:, 5:far]), "a position does not read its history"
    own = mix(changed[0], *parts[1:])
    np.testing.assert_array_equal(np.delete(own, 5, 1), np.delete(mixed, 5, 1), err_msg="queries are not independent")


def check_mlp_block(block: MLPBlock) -> None:
    """The same function of every row, shape and dtype kept, and a gradient for each parameter; draws what it names."""
    check_component(block)
    drawn: list[str] = []

    def draw(name: str, shape: tuple[int, int]) -> Array:
        drawn.append(name)
        return _draw(name, shape)

    weights = block.init(8, 24, draw)
    assert set(drawn) == set(type(block).names), f"it draws {sorted(drawn)} and names {sorted(type(block).names)}"
    rows = jax.random.normal(root(0), (7, 8))

    @jax.jit
    def apply(weights: Any, rows: Array) -> Array:
        return block.apply(weights, rows, jax.nn.gelu)

    values = apply(weights, rows)
    _same_kind(values, rows)
    halves = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (weights, rows))
    _same_kind(jax.eval_shape(apply, *halves), halves[1])
    np.testing.assert_allclose(apply(weights, rows[::-1]), values[::-1], rtol=1e-5, atol=1e-6)
    _has_gradients(lambda leaves: apply(leaves, rows), weights)


def check_dln(dln: DLN) -> None:
    """The rows with `width` numbers behind them, causal, examples independent, a gradient for each parameter."""
    check_component(dln)
    batch, length, size = 3, 6, 8
    weights = dln.init(size, _draw, root(0))
    rows = jax.random.normal(root(1), (batch * length, size))
    apply = jax.jit(lambda weights, rows: dln.apply(weights, rows, batch))
    values = apply(weights, rows)
    assert values.shape == (batch * length, size + dln.width)
    assert jax.eval_shape(apply, weights, rows.astype(jnp.bfloat16)).dtype == jnp.bfloat16, "the dtype changes"
    np.testing.assert_array_equal(values[:, :size], rows)
    changed = apply(weights, rows.at[length + 3].add(1.0))
    reached = np.any(np.asarray(changed != values), axis=1)
    assert not reached[: length + 3].any(), "the past, or an example before, sees the change"
    assert not reached[2 * length :].any(), "another example sees the change"
    _has_gradients(lambda leaves: apply(leaves, rows), weights)


def check_model(model: Model, shapes: Shapes, *, batch: int = 3) -> None:
    """Float32 parameters, the asked-for output shape, examples independent, a gradient for every parameter, real units.

    Gradients are taken beside the initial parameters, where a factor that starts at 0 hides nothing.
    """
    check_component(model)
    trained = in_training(model)
    apply = jax.jit(lambda parameters, inputs: trained.apply(parameters, inputs, key=None))
    parameters = model.init(shapes, root(0))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(parameters)), "parameters must be float32"
    again = model.init(shapes, root(0))
    jax.tree.map(np.testing.assert_array_equal, parameters, again)
    inputs = _inputs(shapes, batch)
    outputs = apply(parameters, inputs)
    assert outputs.shape == (batch, *shapes.outputs), f"outputs are {outputs.shape}, not {(batch, *shapes.outputs)}"
    np.testing.assert_array_equal(outputs, apply(parameters, inputs), err_msg="evaluation is random")
    alone = apply(parameters, inputs[:1])
    np.testing.assert_allclose(alone, outputs[:1], rtol=1e-4, atol=1e-5, err_msg="an example depends on its neighbours")
    _has_gradients(lambda leaves: trained.apply(leaves, inputs, key=root(1)), parameters)
    _check_units(trained, parameters, inputs)
    _check_traced(model, lambda traced: traced.apply(traced.init(shapes, root(0)), inputs, key=None), outputs)


def check_program(program: Program, *, steps: int = 3) -> None:
    """Steps keep the state's structure, metrics are those that are declared, and the same key gives the same bits.

    What is drawn for an update (`Program.draw`) is the same before the first update and right before its own.
    """
    check_component(program)
    shared = signature(program)
    data = jax.tree.map(jnp.asarray, shared.static_config().load())
    row = jnp.asarray(whole_hyper([program])[0])

    @jax.jit
    def run(row: Array, key: Array) -> tuple[object, dict[str, Array]]:
        drawn = shared.whole.config(row)
        config, state = in_training(drawn), drawn.init(data, key)
        metrics: dict[str, Array] = {}
        for _ in range(steps):
            after, metrics = config.step(data, state)
            same_shapes(state, after)
            state = after
        return state, metrics | config.evaluate(data, state)

    @jax.jit
    def run_ahead(row: Array, key: Array) -> tuple[object, object, object]:
        start = shared.whole.config(row)
        config, state = in_training(start), start.init(data, key)
        early = [config.draw(data, state, jnp.int32(step)) for step in range(steps)]
        late = []
        for step, drawn in enumerate(early):
            late.append(config.draw(data, state, jnp.int32(step)))
            state, _ = config.step_with(data, state, drawn)
        return state, early, late

    state, metrics = run(row, root(0))
    ahead, early, late = run_ahead(row, root(0))
    compare(early, late, "what is drawn for an update depends on the updates before it", rtol=0, atol=0)
    compare(state, ahead, "step_with(draw()) is another update than step()", rtol=1e-5, atol=1e-5)
    declared = {metric.name for metric in program.recorded}
    assert set(metrics) == declared, f"metrics {sorted(metrics)} are not the declared {sorted(declared)}"
    assert all(value.shape == () for value in metrics.values()), "metrics must be scalars"
    _, again = run(row, root(0))
    assert {name: float(value) for name, value in metrics.items()} == {
        name: float(value) for name, value in again.items()
    }


def _check_units(model: Model, parameters: Any, inputs: Array) -> None:
    """The taps and the parameters of hidden layers are there, with an entry per unit; `trained` covers everything."""
    expected: Any = jax.tree.structure(parameters)
    assert jax.tree.structure(model.trained(parameters)) == expected, "trained() has another structure"

    def tapped(parameters: Any) -> Any:
        with collecting() as found:
            model.apply(parameters, inputs, key=None)
        return found

    taps = jax.eval_shape(tapped, parameters)
    leaves = {leaf_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(parameters)}
    for units in model.units():
        assert units.tap in taps, f"there is no tap {units.tap}; there are {', '.join(taps) or 'none'}"
        count = taps[units.tap].shape[-1]
        for leaf, axis in (*units.incoming, *units.outgoing):
            assert leaf in leaves, f"there is no parameter {leaf}"
            found = leaves[leaf].shape[axis]
            assert found == count, f"{units.tap} has {count} units, and axis {axis} of {leaf} has {found} entries"


def _draw(name: str, shape: tuple[int, int]) -> Array:
    return jnp.asarray(jax.random.normal(stream(root(3), name), shape) / shape[0] ** 0.5)


def _same_kind(after: Array, before: Array) -> None:
    assert after.shape == before.shape, f"the shape changes from {before.shape} to {after.shape}"
    assert after.dtype == before.dtype, f"the dtype changes from {before.dtype} to {after.dtype}"


def _has_gradients(outputs: Callable[[Any], Array], parameters: Any) -> None:
    """Finite gradients for every leaf, and not zeros."""
    leaves, structure = jax.tree.flatten(parameters)
    beside = [leaf + 0.01 * jax.random.normal(root(index), leaf.shape) for index, leaf in enumerate(leaves)]
    slopes = jax.jit(jax.grad(lambda tree: jnp.mean(jnp.square(outputs(tree) - 1.0))))
    gradients = slopes(jax.tree.unflatten(structure, beside))
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        name = jax.tree_util.keystr(path)
        assert bool(jnp.all(jnp.isfinite(leaf))), f"the gradient of {name} is not finite"
        assert bool(jnp.any(leaf != 0)), f"{name} has no gradient: it is not used"


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
