"""DLN and TDLN: the formulas, what is frozen, and what a memory can and cannot do."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array

from ablate.core import GridError
from ablate.systems import DIAGNOSTICS, IMAGES, MODELS, OPTIMIZERS, PROBLEMS, PROGRAMS, Model, Shapes, interpolate, root
from ablate.systems.models.recurrent import Linear, Parameters, Recurrent, Rows
from ablate.systems.models.scans import linear_recurrence
from ablate.systems.models.tdln import DLNModel, TDLNModel
from ablate.systems.supervised import Supervised
from ablate.testing import conformance

LENGTH, SIZE = 12, 10
PIXELS = Shapes(inputs=(LENGTH,), outputs=(LENGTH,))
SYMBOLS = Shapes(inputs=(LENGTH,), outputs=(LENGTH, 4), symbols=4)
PICTURES = jax.random.uniform(root(1), (3, LENGTH))
TOKENS = jax.random.randint(root(1), (3, LENGTH), 0, 4)
LEVELS: dict[str, Any] = {"levels": 2, "join": "residual", "scan": "sequential"}

pytestmark = pytest.mark.usefixtures("quick_compilation")


def model(kind: str = "tdln", **fields: Any) -> Recurrent:
    parsed = MODELS.parse({"kind": kind, "size": SIZE, **fields})
    assert isinstance(parsed, Recurrent)
    return parsed


def start(recurrent: Recurrent, shapes: Shapes = PIXELS) -> Parameters:
    parameters: Parameters = jax.jit(lambda: recurrent.init(shapes, root(0)))()
    return parameters


def outputs(recurrent: Model, parameters: Parameters, inputs: Array = PICTURES) -> Array:
    apply = jax.jit(lambda parameters: recurrent.apply(parameters, inputs, key=None))
    return jnp.asarray(apply(parameters))


def same(one: object, two: object) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), one, two)


def paths(tree: Any) -> dict[str, Array]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


# --- every variant ----------------------------------------------------------------------------------------------

ANSWER = Shapes(inputs=(5,), outputs=(3,))
VARIANTS: dict[str, tuple[Shapes, dict[str, Any]]] = {
    "dln": (ANSWER, {"kind": "dln", "norm": {"kind": "rms", "eps": 1e-3}}),
    "levels": (SYMBOLS, {"time_bias": 0.5, "highway": 2, **LEVELS}),
    "first form": (ANSWER, {"form": "first", "time_bias": 0.5, "scan": "sequential"}),
    "highway only": (ANSWER, {"highway_only": "upper", **LEVELS}),
    "no memory": (SYMBOLS, {"highway_only": "all", "highway": 0, **LEVELS}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name: str) -> None:
    shapes, fields = VARIANTS[name]
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        conformance.check_model(model(**fields), shapes)


@pytest.mark.parametrize("kind", ["dln", "tdln"])
@pytest.mark.parametrize("axis", ["token", "block"])
def test_only_a_norm_over_time_sees_the_future(kind: str, axis: str) -> None:
    recurrent = model(kind, norm={"kind": "layer", "axis": axis}, **LEVELS)
    parameters = start(recurrent, SYMBOLS)
    before, after = (outputs(recurrent, parameters, tokens) for tokens in (TOKENS, TOKENS.at[:, 8].set(3)))
    changed = np.any(np.asarray(before != after), axis=(0, 2))
    assert changed[8:].any()
    assert changed[:8].any() == (axis == "block")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"forgetting": [0.1, 0.01]}, r"forgetting: \[0.1, 0.01\] is no range between 0 and 1, lowest first"),
        ({"forgetting": [0.1, 1]}, r"forgetting: \[0.1, 1.0\] is no range"),
        ({"period": [0, 10]}, r"period: \[0.0, 10.0\] is no range between 0 and inf"),
        ({"period": [1]}, r"period: list should have at least 2 items"),
        ({"highway_only": "upper"}, r"highway_only: upper: there is one level"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(GridError, match=message):
        model(**fields)


def test_problems_that_do_not_fit_are_refused() -> None:
    with pytest.raises(GridError, match=r"10 channels cannot hold 11 symbols"):
        start(model(), Shapes(inputs=(LENGTH,), outputs=(LENGTH, 11), symbols=11))
    with pytest.raises(GridError, match=r"tdln reads one row"):
        start(model(), Shapes(inputs=(4, 4), outputs=(16,)))


# --- the formulas -----------------------------------------------------------------------------------------------


def by_hand(recurrent: Recurrent, parameters: Parameters, rows: np.ndarray) -> np.ndarray:
    """One level over one sequence [T, D], as a loop of numbers of double precision."""
    inner = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters.levels[0].inner)
    radius, angle = inner.memory.radius, inner.memory.angle
    state, states, earlier = np.zeros(len(radius), complex), [], np.ones(len(radius))
    for x in rows:
        if isinstance(recurrent, DLNModel):
            state = radius * np.exp(1j * angle) * state + x
        else:
            assert isinstance(recurrent, TDLNModel)
            linear = isinstance(inner.time, Linear)
            logits = recurrent.time_bias + (x @ inner.time.weight + inner.time.bias if linear else x @ inner.time)
            time = 1 / (1 + np.exp(-logits))
            drive = earlier * x if inner.drive is None else time * (x @ inner.drive.weight + inner.drive.bias)
            state = radius**time * np.exp(1j * angle * time) * state + drive
            earlier = time
        states.append(state.real)
    return np.array(states)


@pytest.mark.parametrize(
    "fields",
    [{"kind": "dln"}, {"time_bias": -1.5}, {"form": "first"}, {"form": "first", "time_bias": 100}],
    ids=str,
)
@pytest.mark.parametrize("scan", ["associative", "sequential"])
@pytest.mark.parametrize("shapes", [PIXELS, SYMBOLS], ids=["pixels", "symbols"])
def test_both_scans_are_the_loop(fields: dict[str, Any], scan: str, shapes: Shapes) -> None:
    recurrent = model(scan=scan, highway=0, forgetting=[0.01, 0.3], **fields)
    parameters = start(recurrent, shapes)
    inputs = TOKENS if shapes.symbols else PICTURES
    found = jax.jit(recurrent.read)(parameters, inputs)
    for example, states in zip(np.asarray(inputs), found.reshape(3, -1, SIZE), strict=True):
        rows = np.tile(np.eye(4)[example], 3)[:, :SIZE] if shapes.symbols else np.repeat(example[:, None], SIZE, 1)
        expected = by_hand(recurrent, parameters, rows)
        np.testing.assert_allclose(states, expected[-len(states) :], rtol=2e-4, atol=2e-5)


def test_both_scans_have_the_same_gradients() -> None:
    def slopes(scan: str) -> Parameters:
        recurrent = model(scan=scan, join="residual")
        slope = jax.jit(jax.grad(lambda weights: jnp.sum(jnp.sin(recurrent.apply(weights, PICTURES, key=None)))))
        gradients: Parameters = slope(start(recurrent))
        return gradients

    same(slopes("associative"), slopes("sequential"))


def test_a_constant_factor_is_one_that_is_the_same_everywhere() -> None:
    drive = jax.lax.complex(*(jax.random.normal(root(seed), (2, 7, 3)) for seed in (1, 2)))
    factor = jax.lax.complex(*(jax.random.uniform(root(seed), (3,), maxval=0.7) for seed in (3, 4)))
    expected = np.zeros((2, 7, 3), complex)
    for t in range(7):
        expected[:, t] = np.asarray(drive[:, t]) + (np.asarray(factor) * expected[:, t - 1] if t else 0)
    everywhere = jnp.broadcast_to(factor[None, None], drive.shape)
    for given in (factor, everywhere):
        for scan in ("associative", "sequential"):
            found = jax.jit(linear_recurrence, static_argnums=2)(given, drive, scan)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [LENGTH, 300])
def test_a_tdln_whose_time_runs_at_full_speed_is_the_dln_of_its_drive(length: int) -> None:
    timed, slower, plain = model(time_bias=1000), model(time_bias=3), model("dln")
    weights = start(timed).levels[0].inner
    features = jax.random.normal(root(2), (2, length, SIZE))
    rows = Rows(features, None)
    driven = Rows(rows.times(weights.drive.weight) + weights.drive.bias, None)
    fast, expected = jax.jit(lambda: (timed.states(weights, rows), plain.states(weights, driven)))()
    same(fast, expected)
    assert not np.allclose(jax.jit(lambda: slower.states(weights, rows))(), fast, atol=0.01)


def test_numbers_that_are_repeated_cost_no_product_of_all_channels() -> None:
    recurrent = model(scan="sequential")
    weights = start(recurrent).levels[0].inner
    spread = np.ones((1, SIZE), np.float32)
    narrow, wide = Rows(PICTURES[:, :, None], spread), Rows(PICTURES[:, :, None] @ spread, None)
    same(*jax.jit(lambda: (recurrent.states(weights, narrow), recurrent.states(weights, wide)))())
    assert jax.make_jaxpr(narrow.times)(weights.time.weight).eqns[0].invars[0].aval.shape == (1, SIZE)


def test_memories_start_in_their_ranges() -> None:
    recurrent = model(size=20_000, forgetting=[1e-3, 1e-1], period=[2, 200])
    memory = recurrent.fresh_memory(root(0))
    for drawn, low, high in ((1 - memory.radius, 1e-3, 1e-1), (2 * math.pi / memory.angle, 2, 200)):
        share = np.log(np.asarray(drawn) / low) / math.log(high / low)
        assert -1e-4 < share.min() < share.max() < 1 + 1e-4
        np.testing.assert_allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)


# --- what is trained --------------------------------------------------------------------------------------------

FROZEN: dict[str, tuple[dict[str, Any], set[str]]] = {
    "trainable": ({}, set()),
    "fixed": ({"memory": "fixed"}, {".levels[0].inner.memory", ".levels[1].inner.memory"}),
    "fixed_as_run": ({"memory": "fixed_as_run"}, {".levels[0].inner"}),
}


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("trainable", "adam"), ("fixed", "adamw"), ("fixed", "lion"), ("fixed", "muon"), ("fixed_as_run", "adam")],
)
def test_fixed_parameters_never_move_and_all_others_do(name: str, optimizer: str) -> None:
    fields, frozen = FROZEN[name]
    recurrent = model(**LEVELS, **fields)
    transformation = OPTIMIZERS.parse({"kind": optimizer, "lr": 0.01}).build()

    def loss(parameters: Parameters) -> Array:
        return jnp.mean(jnp.square(recurrent.apply(parameters, PICTURES, key=None) - PICTURES))

    @jax.jit
    def step(parameters: Parameters, state: Any) -> tuple[Parameters, Any, Parameters]:
        gradients = jax.grad(loss)(parameters)
        updates, state = transformation.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state, gradients

    before = parameters = start(recurrent)
    state = transformation.init(parameters)
    for _ in range(3):
        parameters, state, gradients = step(parameters, state)
    old, new, slopes = paths(before), paths(parameters), paths(gradients)
    for path in old:
        is_frozen = any(path.startswith(part) for part in frozen)
        assert np.array_equal(old[path], new[path]) == is_frozen, path
        assert bool(jnp.any(slopes[path] != 0)) != is_frozen, path


@pytest.mark.parametrize("fields", [{"time_bias": 1000}, {"form": "first", "time_bias": 100}], ids=str)
def test_at_full_speed_the_matrix_of_time_is_not_trained(fields: dict[str, Any]) -> None:
    recurrent = model(**fields)
    slope = jax.jit(jax.grad(lambda weights: jnp.sum(recurrent.apply(weights, PICTURES, key=None) ** 2)))
    slopes = slope(start(recurrent)).levels[0].inner
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(slopes.time))
    assert jnp.any(slopes.memory.radius)


# --- what it is for ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("highway_only", "reads"), [("none", True), ("upper", True), ("all", False)])
def test_without_memory_only_the_last_pixel_is_read(highway_only: str, reads: bool) -> None:
    recurrent = model(highway_only=highway_only, levels=2, scan="sequential")
    parameters = start(recurrent)
    one, two = (outputs(recurrent, parameters, pictures) for pictures in (PICTURES, PICTURES.at[:, 3].add(0.5)))
    assert np.array_equal(one, two) != reads
    last = outputs(recurrent, parameters, PICTURES.at[:, -1].add(0.5))
    assert not np.array_equal(one, last)


def test_an_interpolation_starts_and_ends_at_the_reconstructions() -> None:
    recurrent = model(**LEVELS)
    parameters = start(recurrent)
    pictures = np.asarray(interpolate(recurrent, parameters, PICTURES[0], PICTURES[1], count=5))
    assert pictures.shape == (5, LENGTH)
    ends = jax.nn.sigmoid(outputs(recurrent, parameters, PICTURES[:2]))
    np.testing.assert_allclose(pictures[[0, -1]], ends, rtol=1e-5)
    assert not np.allclose(pictures[1], pictures[0], atol=1e-4)


def test_the_diagnostic_shows_the_interpolation_between_two_digits() -> None:
    config = {"kind": "supervised", "problem": {"kind": "reconstruction", "judged": 0}}
    program = PROGRAMS.parse({**config, "model": model(scan="sequential")})
    diagnostic = DIAGNOSTICS.parse({"kind": "interpolation", "first": 3, "second": 8, "count": 5})
    conformance.check_diagnostic(diagnostic, program)
    assert isinstance(program, Supervised)
    program = program.model_copy(update={"diagnostics": {"between": diagnostic}})
    data = program.load()
    state, found = jax.jit(lambda: (state := program.init(data, root(0)), program.diagnose(data, state)))()
    assert [name.rpartition("/")[2] for name in found] == ["000.0", "025.0", "050.0", "075.0", "100.0"]
    labels = IMAGES.parse("digits").splits().validation.labels.tolist()
    three, eight = (IMAGES.parse("digits").splits().validation.pixels[labels.index(label)] for label in (3, 8))
    ends = jax.nn.sigmoid(outputs(program.model, state.parameters, jnp.stack([three, eight]).reshape(2, 64)))
    np.testing.assert_allclose(found["between/picture/000.0"], ends[0], rtol=1e-4)
    np.testing.assert_allclose(found["between/picture/100.0"], ends[1], rtol=1e-4)


def test_an_interpolation_of_something_else_is_refused() -> None:
    diagnostic = DIAGNOSTICS.parse("interpolation")
    task, text = PROBLEMS.parse("reconstruction"), PROBLEMS.parse("char_lm")
    assert not diagnostic.refuses(model(), task)
    assert "needs the model dln or tdln" in diagnostic.refuses(MODELS.parse("mlp"), task)
    assert "needs the model dln or tdln" in diagnostic.refuses(model(), text)
    assert "label 11" in DIAGNOSTICS.parse({"kind": "interpolation", "second": 11}).refuses(model(), task)
