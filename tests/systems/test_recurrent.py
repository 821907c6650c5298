"""DLN and TDLN: the formulas, what is frozen, and what a memory can and cannot do."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from ablate.core import GridError
from ablate.systems import (
    DIAGNOSTICS,
    IMAGES,
    INTERVENTIONS,
    MODELS,
    PROBLEMS,
    PROGRAMS,
    Model,
    Shapes,
    inspect,
    interpolate,
    root,
)
from ablate.systems.joined import apart
from ablate.systems.models.recurrent import Linear, Parameters, Recurrent, Rows, fresh_linear
from ablate.systems.models.scans import linear_recurrence
from ablate.systems.models.tdln import DLNModel, TDLNModel
from ablate.systems.supervised import Supervised, TrainState
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
    found = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in found}


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


def by_hand(recurrent: Recurrent, parameters: Parameters, rows: np.ndarray, level: int = 0) -> np.ndarray:
    """The memory of a level over one sequence [T, D], as a loop of numbers of double precision."""
    inner = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters.levels[level].inner)
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


@pytest.mark.parametrize("kind", ["dln", "tdln"])
@pytest.mark.parametrize("shapes", [PIXELS, SYMBOLS], ids=["pixels", "symbols"])
def test_the_whole_network_is_its_formulas(kind: str, shapes: Shapes) -> None:
    """Two levels norm(relu(y + x)), two highway blocks norm(relu(Linear(x) + x)), and the output."""
    recurrent = model(kind, highway=2, forgetting=[0.01, 0.3], **LEVELS)
    leaves, structure = jax.tree.flatten(start(recurrent, shapes))
    moved = [leaf + 0.05 * jax.random.normal(root(index), leaf.shape) for index, leaf in enumerate(leaves)]
    parameters = jax.tree.unflatten(structure, moved)
    double = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters)

    def normed(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
        centred = np.maximum(rows, 0) - np.maximum(rows, 0).mean(-1, keepdims=True)
        return np.asarray(centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight)

    inputs = TOKENS if shapes.symbols else PICTURES
    for example, found in zip(np.asarray(inputs), outputs(recurrent, parameters, inputs), strict=True):
        rows = np.tile(np.eye(4)[example], 3)[:, :SIZE] if shapes.symbols else np.repeat(example[:, None], SIZE, 1)
        for index, level in enumerate(double.levels):
            rows = normed(by_hand(recurrent, double, rows, index) + rows, level.norm)
        rows = rows if shapes.symbols else rows[-1]
        for block in double.highway:
            rows = normed(rows @ block.inner.weight + block.inner.bias + rows, block.norm)
        expected = rows @ double.output.weight + double.output.bias
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_linear_maps_start_as_those_of_equinox() -> None:
    found, expected = fresh_linear(root(0), 200, 300), eqx.nn.Linear(200, 300, key=root(1))
    assert expected.bias is not None
    for mine, theirs in ((found.weight.T, expected.weight), (found.bias, expected.bias)):
        assert mine.shape == theirs.shape
        quantiles = np.linspace(0, 1, 5)
        np.testing.assert_allclose(np.quantile(mine, quantiles), np.quantile(theirs, quantiles), atol=0.014)


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

PICTURE_PROBLEM = {"kind": "reconstruction", "batch": 4, "judged": 0}
FROZEN: dict[str, set[str]] = {
    "trainable": set(),
    "fixed": {"levels.0.inner.memory", "levels.1.inner.memory"},
    "fixed_as_run": {"levels.0.inner"},
}
EVERYTHING = {"weight_decay": 0.1, "decayed": "all"}
RESETS = {"like": {"kind": "redo", "threshold": 9, "every": 1}}
ACTING = {
    "cap": {"kind": "weight_cap", "cap": 0.5},
    "clip": {"kind": "update_clip", "limit": 1e-3},
    "init": {"kind": "l2_init", "strength": 1.0},
    "l2": {"kind": "l2", "strength": 1.0},
    "noise": {"kind": "shrink_and_perturb", "p": 0.9, "sigma": 0.1},
    "random": {"kind": "random_k", **RESETS},
    "reset": RESETS["like"],
}


def program(recurrent: Recurrent, **fields: Any) -> Supervised:
    parsed = PROGRAMS.parse({"kind": "supervised", "problem": PICTURE_PROBLEM, "model": recurrent, **fields})
    assert isinstance(parsed, Supervised)
    return parsed


def trained(config: Supervised, steps: int = 3) -> tuple[TrainState, TrainState, dict[str, Array]]:
    """The states before and after some updates, and the metrics of the updates."""
    data = jax.tree.map(jnp.asarray, config.load())

    @jax.jit
    def run() -> Any:
        before = config.init(data, root(0))
        return before, *jax.lax.scan(lambda state, _: config.step(data, state), before, length=steps)

    before, after, metrics = run()
    return before, after, metrics


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("trainable", {"optimizer": "adam"}),
        ("fixed", {"optimizer": {"kind": "adamw", **EVERYTHING}}),
        ("fixed", {"optimizer": {"kind": "lion", **EVERYTHING}}),
        ("fixed", {"optimizer": {"kind": "muon", **EVERYTHING}, "micro_batches": 2}),
        ("fixed_as_run", {"optimizer": {"kind": "adamw", "decay": "independent", **EVERYTHING}}),
        ("fixed", {"optimizer": "sgd", "interventions": ACTING}),
        ("fixed_as_run", {"optimizer": "sgd", "interventions": ACTING}),
    ],
    ids=["trainable", "adamw", "lion", "muon", "as run", "interventions", "interventions as run"],
)
def test_fixed_parameters_never_move_and_all_others_do(name: str, fields: dict[str, Any]) -> None:
    parts = {"levels": 2, "highway": 0} if "interventions" in fields else LEVELS
    before, after, _ = trained(program(model(memory=name, **parts), **fields))
    for path, old in paths(before.parameters).items():
        is_frozen = any(path.startswith(part) for part in FROZEN[name])
        assert np.array_equal(old, paths(after.parameters)[path]) == is_frozen, path
    moments = {path: leaf for path, leaf in paths(apart(after.optimizer)).items() if leaf.ndim}
    for path, moment in moments.items():
        if any(part in path for part in FROZEN[name]):
            assert not jnp.any(moment), path


def test_a_penalty_on_what_is_fixed_does_not_count_in_the_norm_of_the_gradient() -> None:
    penalty = {"interventions": {"it": {"kind": "l2", "strength": 100.0}}, "optimizer": {"kind": "sgd", "clip": 1.0}}
    fixed, free = (trained(program(model(memory=memory), **penalty), 1) for memory in ("fixed", "trainable"))
    memory = fixed[0].parameters.levels[0].inner.memory
    penalised = sum(float(jnp.sum((200 * leaf) ** 2)) for leaf in (memory.radius, memory.angle))
    norms = [float(metrics["grad_norm"][0]) for *_, metrics in (fixed, free)]
    assert norms[1] ** 2 - norms[0] ** 2 == pytest.approx(penalised, rel=1e-3)


def test_what_is_fixed_is_no_trainable_number() -> None:
    counts = {name: inspect.parameter_count(program(model(memory=name, **LEVELS))) for name in FROZEN}
    assert counts["trainable"] - counts["fixed"] == 2 * 2 * SIZE
    assert counts["trainable"] - counts["fixed_as_run"] == 2 * SIZE + 2 * (SIZE + 1) * SIZE


@pytest.mark.parametrize("fields", [{"time_bias": 1000}, {"form": "first", "time_bias": 100}], ids=str)
def test_at_full_speed_the_matrix_of_time_is_not_trained(fields: dict[str, Any]) -> None:
    recurrent = model(**fields)
    slope = jax.jit(jax.grad(lambda weights: jnp.sum(recurrent.apply(weights, PICTURES, key=None) ** 2)))
    slopes = slope(start(recurrent)).levels[0].inner
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(slopes.time))
    assert jnp.any(slopes.memory.radius)


# --- hidden units -----------------------------------------------------------------------------------------------

BOTH = ["levels.0.hidden", "levels.1.hidden"]
UNITS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "default": ({}, ["highway.0.hidden"], []),
    "relu levels": (LEVELS, [*BOTH, "highway.0.hidden"], []),
    "last block": ({"highway": 2, "norm": "none"}, ["highway.0.hidden", "highway.1.hidden"], ["highway.1.hidden"]),
    "channels": ({"highway": 0, "levels": 2}, BOTH, BOTH),
    "channels of a DLN": ({"kind": "dln", "highway": 0, "levels": 2}, ["levels.1.hidden"], ["levels.1.hidden"]),
    "no memory": ({"highway": 0, "levels": 2, "highway_only": "upper"}, [], []),
}


@pytest.mark.parametrize("name", UNITS)
def test_units_are_counted_everywhere_and_reset_where_matrices_alone_read_them(name: str) -> None:
    fields, counted, reset = UNITS[name]
    recurrent = model(**fields)
    assert [units.tap for units in recurrent.units()] == counted
    assert [units.tap for units in recurrent.resettable()] == reset
    wanted = program(recurrent, interventions={"reset": RESETS["like"]})
    if reset:
        assert inspect.parameter_count(wanted) > 0
        return
    with pytest.raises(GridError, match=r"interventions\.reset: .*dln has no hidden units that can be reset here"):
        inspect.parameter_count(wanted)


def test_resets_act_on_a_recurrence_as_on_any_other_model() -> None:
    small = program(model(levels=2, highway=0, memory="fixed", scan="sequential"))
    conformance.check_intervention(INTERVENTIONS.parse({"kind": "random_k", **RESETS}), small, steps=3)


def test_dead_units_of_a_recurrence_are_counted() -> None:
    config = program(model(**LEVELS), diagnostics={"dead": "dead_units"})
    data = jax.tree.map(jnp.asarray, config.load())
    state = config.init(data, root(0))
    bias = state.parameters.highway[0].inner.bias
    killed = jax.tree.map(lambda leaf: leaf.at[:3].set(-1e3) if leaf is bias else leaf, state.parameters)
    found = jax.jit(config.diagnose)(data, eqx.tree_at(lambda state: state.parameters, state, killed))
    assert set(found) == {f"dead/share/{layer}.hidden" for layer in ("levels.0", "levels.1", "highway.0")}
    assert float(found["dead/share/highway.0.hidden"]) >= 0.3


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
