"""Interventions and diagnostics through the engine: packs, losses that stay the same bits, and what is stored."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from ablate.engine.advancing import MOST_INTERVALS, Advance
from ablate.engine.executable import executable_for
from ablate.store import DIAGNOSTICS, Store, check_store
from ablate.systems import PROGRAMS, signature

from .conftest import MakeJob, finish, program, series

LOOKS = {
    "sizes": {"kind": "norms"},
    "bins": {"kind": "histograms", "bins": 6},
    "moved": "update_ratio",
    "dead": "dead_units",
}
TEXT: dict[str, Any] = {
    "problem": {"kind": "char_lm", "context": 10, "batch": 4, "validation_windows": 4},
    "model": {"kind": "gpt", "layers": 1, "width": 8, "heads": 2, "dropout": 0.1},
}


def lowered(config: dict[str, Any], strategy: Any) -> str:
    shared = signature(PROGRAMS.parse(config))
    executable = executable_for(shared, 4, strategy)
    shapes = [
        jax.ShapeDtypeStruct((4, shared.structure.num_leaves), jnp.float32),
        jax.ShapeDtypeStruct((4, MOST_INTERVALS), jnp.int32),
        jax.ShapeDtypeStruct((4, MOST_INTERVALS), jnp.bool_),
    ]
    advance = jax.jit(Advance(executable.source, strategy))
    return str(advance.lower(executable.source.shapes, *shapes, executable.lanes_shape).as_text())


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_nothing_is_traced_for_what_is_not_used(strategy: str) -> None:
    plain = lowered(program(), strategy)
    assert lowered(program(interventions={}, diagnostics={}), strategy) == plain
    assert len(lowered(program(diagnostics=LOOKS), strategy)) > len(plain)


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_diagnostics_change_no_bit_of_the_metrics(make_job: MakeJob, strategy: str) -> None:
    rates = (0.003, 0.01, 0.03)
    without = make_job([program(optimizer__lr=rate) for rate in rates], store="without", strategy=strategy)
    watched = make_job(
        [program(optimizer__lr=rate, diagnostics=LOOKS) for rate in rates], store="with", strategy=strategy
    )
    finish(without)
    assert finish(watched)[-1].phase == "ended"
    assert [run.run_id for run in watched.runs] == [run.run_id for run in without.runs]
    assert series(watched).equals(series(without))
    found = Store(Path(watched.store)).diagnostics(run.run_id for run in watched.runs)
    assert found.schema == DIAGNOSTICS
    assert found["step"].unique().sort().to_list() == [0, 10, 20, 30]
    layers = found.filter(diagnostic="moved")["layer"].unique().sort().to_list()
    assert layers == ["biases.0", "biases.1", "biases.2", "weights.0", "weights.1", "weights.2"]
    shares = found.filter(pl.col("diagnostic") == "bins", pl.col("quantity") == "weights")["values"]
    np.testing.assert_allclose(shares.list.sum(), 1.0, rtol=1e-5)
    assert set(shares.list.len()) == {6}


def test_diagnostics_change_no_bit_of_a_transformer(make_job: MakeJob) -> None:
    everything: dict[str, Any] = {
        kind: {"kind": kind} for kind in ("norms", "attention_entropy", "logit_scale", "update_ratio")
    }
    everything["text"] = {"kind": "samples", "count": 1, "prompt": 4}
    without = make_job([program(**TEXT)], store="without", steps=12, eval_every=6)
    watched = make_job([program(**TEXT, diagnostics=everything)], store="with", steps=12, eval_every=6)
    finish(without)
    finish(watched)
    assert series(watched).equals(series(without))
    found = Store(Path(watched.store)).diagnostics([watched.runs[0].run_id])
    texts = found.filter(diagnostic="text")
    assert texts["text"].str.len_chars().to_list() == [10, 10, 10]
    assert texts["values"].list.len().to_list() == [0, 0, 0]
    assert found.filter(pl.col("diagnostic") != "text")["text"].null_count() == found.height - 3
    facts: dict[str, Any] = {}
    problems = [finding for finding in check_store(Path(watched.store), facts) if finding.level == "problem"]
    assert problems == []
    assert facts["foreign"] == []


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_lanes_of_other_strengths_equal_solo_runs(make_job: MakeJob, strategy: str) -> None:
    """Two thresholds of redo and two strengths of l2, in one pack and each alone."""

    def config(threshold: float, strength: float) -> dict[str, Any]:
        redo = {"kind": "redo", "threshold": threshold, "every": 7}
        return program(interventions={"reset": redo, "decay": {"kind": "l2", "strength": strength}})

    configs = [config(-1, 0), config(0.3, 0), config(-1, 1e-3), config(0.6, 1e-3)]
    packed = make_job(configs, store="packed", strategy=strategy)
    reports = finish(packed)
    assert {lane.status for lane in reports[-1].lanes} == {"done"}, reports[-1].message
    for one in configs:
        alone = make_job([one], store="alone", strategy="map")
        finish(alone)
        mine = series(packed).filter(run_id=alone.runs[0].run_id)
        np.testing.assert_allclose(mine["value"], series(alone)["value"], rtol=1e-5, atol=1e-7)
    resets = series(packed).filter(metric="reset_units").group_by("run_id").agg(pl.col("value").sum())
    assert sorted(count > 0 for count in resets["value"]) == [False, False, True, True]
    vanilla = make_job([program()], store="vanilla", strategy="map")
    finish(vanilla)
    first = series(packed).filter(pl.col("run_id") == packed.runs[0].run_id, pl.col("metric") != "reset_units")
    if strategy == "map":
        assert first["value"].equals(series(vanilla)["value"])


def test_resume_keeps_what_interventions_remember(make_job: MakeJob) -> None:
    config = program(interventions={"decay": {"kind": "l2_init", "strength": 0.01}}, diagnostics={"sizes": "norms"})
    finish(make_job([config], store="grown", steps=20))
    grown = make_job([config], store="grown", steps=40)
    assert min(lane.step for report in finish(grown)[1:] for lane in report.lanes) >= 20
    whole = make_job([config], store="whole", steps=40)
    finish(whole)
    assert series(grown).equals(series(whole))
    stores = [Store(Path(job.store)).diagnostics([job.runs[0].run_id]) for job in (grown, whole)]
    assert stores[0].equals(stores[1])


def test_a_finished_run_that_lacks_a_diagnostic_is_trained_again(make_job: MakeJob) -> None:
    plain = make_job([program()], store="one")
    finish(plain)
    before = series(plain)
    watched = make_job([program(diagnostics={"sizes": "norms"})], store="one")
    (run,) = watched.runs
    store = Path(watched.store)
    assert Store(store).has_ended(run.run_id, 30, 10)
    assert not Store(store).has_ended(run.run_id, 30, 10, run.recordings)
    assert Store(store).reached(run.run_id, 30, 10, run.recordings) == 0
    finish(watched)
    assert series(watched).equals(before)
    assert Store(store).has_ended(run.run_id, 30, 10, run.recordings)
    assert Store(store).diagnostics([run.run_id])["step"].unique().sort().to_list() == [0, 10, 20, 30]
    longer = make_job([program(diagnostics={"sizes": "norms"})], store="one", steps=50)
    assert min(lane.step for report in finish(longer)[1:] for lane in report.lanes) >= 30
