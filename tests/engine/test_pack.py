"""The pack loop: exactness, divergence, resume, errors; in this process."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import pytest

from ablate.engine import pack as pack_module
from ablate.engine import programs
from ablate.engine.executable import Executable
from ablate.engine.pack import train
from ablate.store import Store
from ablate.systems import PROGRAMS, Signature, hyper, signature, whole_hyper

from .conftest import MakeJob, finish, program, series


@pytest.fixture(autouse=True)
def _fresh_programs() -> Iterator[None]:
    programs.forget_programs()
    yield
    programs.forget_programs()


def of_run(frame: pl.DataFrame, run_id: str) -> pl.DataFrame:
    return frame.filter(pl.col("run_id") == run_id)


RATES = (0.003, 0.01, 0.03)


def test_results_land_in_the_store(make_job: MakeJob) -> None:
    job = make_job([program(optimizer__lr=rate) for rate in RATES], seeds=(0, 1))
    reports = finish(job)
    assert reports[-1].phase == "ended"
    assert {lane.status for lane in reports[-1].lanes} == {"done"}
    frame = series(job)
    for run in job.runs:
        mine = of_run(frame, run.run_id)
        assert mine.filter(metric="val_loss")["step"].to_list() == [0, 10, 20, 30]
        assert mine.filter(metric="train_loss")["step"].to_list() == [10, 20, 30]
        losses = mine.filter(metric="val_loss")["value"]
        assert losses[-1] < losses[0]


def test_map_lanes_equal_solo_runs_bitwise(make_job: MakeJob) -> None:
    configs = [program(optimizer__lr=rate) for rate in RATES]
    packed = make_job(configs, store="packed")
    finish(packed)
    for config in configs:
        alone = make_job([config], store="alone")
        finish(alone)
        run_id = alone.runs[0].run_id
        assert of_run(series(packed), run_id).equals(of_run(series(alone), run_id))


def test_vmap_lanes_equal_solo_runs_closely(make_job: MakeJob) -> None:
    configs = [program(optimizer__lr=rate) for rate in RATES]
    packed = make_job(configs, store="packed", strategy="vmap", steps=100, eval_every=50)
    alone = make_job(configs, store="alone", strategy="map", steps=100, eval_every=50)
    finish(packed)
    finish(alone)
    np.testing.assert_allclose(series(packed)["value"], series(alone)["value"], rtol=1e-5)


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_lane_order_changes_no_bit(make_job: MakeJob, strategy: str) -> None:
    configs = [program(optimizer__lr=rate) for rate in (*RATES, 0.1)]
    forward = make_job(configs, store="forward", strategy=strategy)
    backward = make_job(configs[::-1], store="backward", strategy=strategy)
    finish(forward)
    finish(backward)
    assert series(forward).equals(series(backward))


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_a_diverging_lane_is_frozen_and_its_neighbours_untouched(make_job: MakeJob, strategy: str) -> None:
    good = [program(optimizer__lr=rate) for rate in RATES]
    wild = program(optimizer__lr=1e30)
    sick = make_job([*good[:1], wild, *good[1:]], store="sick", strategy=strategy)
    well = make_job([*good, program(optimizer__lr=0.02)], store="well", strategy=strategy)
    last = finish(sick)[-1]
    finish(well)
    diverged = last.lanes[1]
    assert diverged.status == "diverged"
    assert 0 < diverged.step < 30
    state = Store(Path(sick.store)).attempt(diverged.run_id)
    assert state is not None
    assert state.state.status == "diverged"
    assert state.state.cause in {"train_loss", "grad_norm", "parameters"}
    mine = of_run(series(sick), diverged.run_id)
    assert mine["step"].max() == diverged.step
    for run in well.runs[:3]:
        assert of_run(series(sick), run.run_id).equals(of_run(series(well), run.run_id))


def test_the_step_of_divergence_is_exact(make_job: MakeJob) -> None:
    """A loop of single steps, written out by hand, stops being finite at the step that the engine records."""
    job = make_job([program(optimizer__kind="sgd", optimizer__lr=50.0, model__activation="identity")], steps=200)
    recorded = finish(job)[-1].lanes[0]
    assert recorded.status == "diverged"
    config = PROGRAMS.parse(job.runs[0].config)
    data = config.load()
    step = jax.jit(lambda state: signature(config).config(hyper([config])[0]).step(data, state))
    state = signature(config).whole.config(whole_hyper([config])[0]).init(data, jax.random.key(0))
    finished = 0
    while True:
        state, metrics = step(state)
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((metrics, state.parameters))):
            break
        finished += 1
    assert 0 < recorded.step == finished


def test_how_a_run_is_cut_into_calls_changes_no_bit(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    configs = [program(optimizer__lr=rate) for rate in RATES]
    long = make_job(configs, store="long", steps=60, eval_every=20)
    finish(long)
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)
    short = make_job(configs, store="short", steps=60, eval_every=20)
    reports = finish(short)
    assert len(reports) > 50, "the run was not cut up"
    assert series(long).equals(series(short))


def test_more_steps_continue_a_finished_run_bitwise(make_job: MakeJob) -> None:
    configs = [program(optimizer__lr=rate) for rate in RATES]
    finish(make_job(configs, store="grown", steps=30))
    grown = make_job(configs, store="grown", steps=60)
    reports = finish(grown)
    whole = make_job(configs, store="whole", steps=60)
    finish(whole)
    assert min(lane.step for report in reports[1:] for lane in report.lanes) >= 30
    assert series(grown).equals(series(whole))


@pytest.mark.parametrize(("coarse", "fine", "since"), [(20, 10, 0), (10, 20, 30), (30, 20, 0), (30, 60, 30)])
def test_a_checkpoint_is_used_where_the_recording_before_it_is_enough(
    make_job: MakeJob, coarse: int, fine: int, since: int
) -> None:
    finish(make_job([program()], store="cut", steps=30, eval_every=coarse))
    again = make_job([program()], store="cut", steps=60, eval_every=fine)
    finish(again)
    whole = make_job([program()], store="whole", steps=60, eval_every=fine)
    finish(whole)
    attempt = Store(Path(again.store)).attempt(again.runs[0].run_id)
    assert attempt is not None
    assert attempt.state.since == since
    recorded = series(again).filter(pl.col("step").is_in(series(whole)["step"].implode()))
    validation = pl.col("metric") == "val_loss"  # means of the steps since the last evaluation depend on the cadence
    assert recorded.filter(validation).equals(series(whole).filter(validation))


def test_an_interrupted_pack_resumes_bitwise(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)
    configs = [program(optimizer__lr=rate) for rate in RATES]
    cut = make_job(configs, store="cut", steps=60)
    for report in train(cut):
        if report.lanes and report.lanes[0].step >= 23:
            Path(cut.stop_file).touch()
    assert report.phase == "stopped"
    assert 23 <= report.lanes[0].step < 60
    Path(cut.stop_file).unlink()
    resumed = finish(cut)
    assert resumed[2].lanes[0].step >= report.lanes[0].step
    whole = make_job(configs, store="whole", steps=60)
    finish(whole)
    assert series(cut).equals(series(whole))


def test_closing_the_generator_saves(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)
    job = make_job([program()], steps=60)
    reports = train(job)
    for report in reports:
        if report.lanes[0].step >= 15:
            break
    reports.close()  # type: ignore[attr-defined]
    attempt = Store(Path(job.store)).attempt(job.runs[0].run_id)
    assert attempt is not None
    assert attempt.state.step >= 15
    assert attempt.state.checkpoint is not None


def test_a_pack_can_be_cut_up_differently(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are read run by run: half of an interrupted pack goes on in another pack, bitwise."""
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)
    configs = [program(optimizer__lr=rate) for rate in RATES]
    cut = make_job(configs, store="cut", steps=40)
    for report in train(cut):
        if report.lanes and report.lanes[0].step >= 12:
            Path(cut.stop_file).touch()
    Path(cut.stop_file).unlink()
    part = make_job([configs[2], program(optimizer__lr=0.05)], store="cut", steps=40)
    finish(part)
    whole = make_job(configs, store="whole", steps=40)
    finish(whole)
    run_id = part.runs[0].run_id
    assert of_run(series(part), run_id).equals(of_run(series(whole), run_id))


def test_a_damaged_checkpoint_is_reported_and_not_used(make_job: MakeJob) -> None:
    configs = [program()]
    finish(make_job(configs, store="hurt", steps=30))
    state = next((Path(make_job(configs, store="hurt").store) / "packs").glob("*/state-*.safetensors"))
    content = bytearray(state.read_bytes())
    content[-5] ^= 0xFF
    state.write_bytes(content)
    grown = make_job(configs, store="hurt", steps=60)
    reports = finish(grown)
    assert any("damaged" in line for line in reports[-1].damaged)
    whole = make_job(configs, store="whole", steps=60)
    finish(whole)
    assert series(grown).equals(series(whole))


def test_one_compilation_per_signature_and_width(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[str, int]] = []
    real = Executable.compile

    def counting(self: Executable, drawn_by: Collection[Signature] = ()) -> float:
        seconds = real(self, drawn_by)
        if seconds:
            compiled.append((self.signature.id, self.width))
        return seconds

    monkeypatch.setattr(Executable, "compile", counting)
    events: list[str] = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    finish(make_job([program(optimizer__lr=rate) for rate in RATES], store="a"))
    first = len(events)
    for seed in range(1, 4):
        finish(
            make_job([program(optimizer__lr=rate * seed) for rate in RATES], store="b", seeds=(seed,), steps=17 * seed)
        )
    assert len(compiled) == 1
    assert len(events) == first, "another pack of the same signature and width compiled something"
    finish(make_job([program(model__activation="relu")], store="c"))
    assert len(compiled) == 2


def test_a_worker_keeps_few_programs(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds its data on the device; a grid of hundreds of signatures must not hold hundreds."""
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 2)
    for width in (4, 5, 4, 6):
        finish(make_job([program(model__width=width)], store=f"width{width}", steps=10))
    kept = [executable.parameters for executable in programs._programs.values()]
    assert kept == [count_parameters(4), count_parameters(6)]


def count_parameters(width: int) -> int:
    """Of the MLP of `program`: two hidden layers between two inputs and two outputs."""
    return (2 * width + width) + (width * width + width) + (width * 2 + 2)


def test_a_component_that_raises_ends_its_pack_with_an_error(make_job: MakeJob) -> None:
    job = make_job([program()])
    broken: dict[str, Any] = job.runs[0].config | {"problem": {"kind": "char_lm"}}
    job = job.model_copy(update={"runs": (job.runs[0].model_copy(update={"config": broken}),)})
    last = finish(job)[-1]
    assert last.phase == "failed"
    assert "use gpt" in last.message
    attempt = Store(Path(job.store)).attempt(job.runs[0].run_id)
    assert attempt is not None
    assert attempt.state.status == "error"
    assert "use gpt" in attempt.state.message


def test_an_attempt_is_on_record_even_if_its_first_call_fails(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is written once the devices have work."""

    def advance(*_: Any) -> None:
        message = "RESOURCE_EXHAUSTED: out of memory"
        raise ValueError(message)

    monkeypatch.setattr(Executable, "advance", advance)
    job = make_job([program()])
    assert finish(job)[-1].phase == "failed"
    (record,) = Store(Path(job.store)).packs()
    assert record.run_ids == (job.runs[0].run_id,)


def test_the_state_of_a_pack_is_donated(make_job: MakeJob) -> None:
    """Each call reuses the memory of the state that it was given, rather than holding two."""
    finish(make_job([program(optimizer__lr=rate) for rate in RATES]))
    (executable,) = programs._programs.values()
    memory = executable._advance.of_leaves.memory_analysis()  # type: ignore[attr-defined]
    shapes = jax.tree.leaves(jax.eval_shape(lambda lanes: jax.tree.map(_plain, lanes), executable.lanes_shape))
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in shapes)
    assert memory.alias_size_in_bytes >= state / len(executable.devices)


def _plain(leaf: jax.Array) -> jax.Array:
    return jax.random.key_data(leaf) if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
