"""Runs that are initialised in different ways train as lanes of one program."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ablate.engine.drawing import read
from ablate.engine.executable import executable_for
from ablate.store import Store
from ablate.systems import INTERVENTIONS, PROGRAMS, Intervention, Moment, signature

from .conftest import MakeJob, finish, program, series

INITS: tuple[Any, ...] = (
    "he_normal",
    "orthogonal",
    {"kind": "lecun_normal", "scale": 0.5},
    {"kind": "he_normal", "scale": 2.0},
)


def test_equal_configurations_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    parse = PROGRAMS.parse

    def count(value: object, *parts: Any) -> Any:
        asked.append(value)
        return parse(value, *parts)

    monkeypatch.setattr(PROGRAMS, "parse", count)
    configs = [program(optimizer__lr=rate) for rate in (0.1, 0.2) for _ in range(3)]
    _, rows, starts = read(configs)
    assert len(asked) == 2
    assert len({id(start) for start in starts}) == 2
    np.testing.assert_array_equal(rows, rows[[0, 0, 0, 3, 3, 3]])
    assert np.any(rows[0] != rows[3])


def test_inits_share_a_signature_and_each_has_its_own_drawing() -> None:
    found = [signature(PROGRAMS.parse(program(model__weights=init))) for init in INITS]
    assert len(set(found)) == 1
    assert len({one.whole for one in found}) == 3, "two differ in a lane field only"
    assert len({one.id for one in found}) == 1


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_lanes_of_other_inits_equal_solo_runs(make_job: MakeJob, strategy: str) -> None:
    packed = make_job([program(model__weights=init) for init in INITS], seeds=(0, 1), store="packed", strategy=strategy)
    assert finish(packed)[-1].phase == "ended"
    found = series(packed)
    starts = found.filter(step=0, metric="val_loss")["value"]
    assert len(set(starts)) == len(INITS) * 2
    for number, init in enumerate(INITS):
        alone = make_job([program(model__weights=init)], seeds=(0, 1), store=f"alone{number}", strategy="map")
        finish(alone)
        expected = series(alone)
        mine = found.filter(pl.col("run_id").is_in(expected["run_id"]))
        if strategy == "map":
            assert mine.sort("run_id", "step", "metric").equals(expected.sort("run_id", "step", "metric"))
        np.testing.assert_allclose(mine["value"], expected["value"], rtol=1e-5, atol=1e-7)


def test_a_freed_lane_takes_a_run_of_another_init(make_job: MakeJob) -> None:
    configs = [program(model__weights=init) for init in INITS]
    whole, refilled = make_job(configs, store="whole"), make_job(configs, store="refilled", lanes=1)
    finish(whole)
    finish(refilled)
    assert series(refilled).equals(series(whole))


def test_one_program_and_one_drawing_per_init(make_job: MakeJob) -> None:
    job = make_job([program(model__weights=init, model__width=11) for init in INITS])
    finish(job)
    packs = {attempt.pack_id for run in job.runs if (attempt := Store(Path(job.store)).attempt(run.run_id))}
    assert len(packs) == 1
    executable = executable_for(signature(PROGRAMS.parse(job.runs[0].config)), 4, "map")
    wholes = [signature(PROGRAMS.parse(run.config)).whole for run in job.runs]
    assert executable.compile(wholes) > 0
    assert sorted(str(name).partition(",")[0] for name in executable._programs) == ["('init'"] * 3 + ["advance"]
    assert executable.compile(wholes) == 0


def test_an_intervention_that_draws_again_keeps_inits_apart_and_draws_as_they_do(make_job: MakeJob) -> None:
    shaken = {"shake": {"kind": "shrink_and_perturb", "p": 0.5, "sigma": 0.5}}
    configs = [program(model__weights=init, interventions=shaken) for init in INITS[:2]]
    first, second = (signature(PROGRAMS.parse(config)) for config in configs)
    assert first != second
    for number, config in enumerate(configs):
        assert finish(make_job([config], store=f"{number}"))[-1].phase == "ended"


def test_an_intervention_that_does_not_say_that_it_draws_is_told(make_job: MakeJob) -> None:
    @INTERVENTIONS.register("test_silent")
    class Silent(Intervention):
        """Draws, but does not say so."""

        at = "step"

        def update(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
            moment.setting.fresh(moment.key)
            return state, moment

    last = finish(make_job([program(interventions={"it": "test_silent"})]))[-1]
    assert last.phase == "failed"
    assert "weights" in last.message
    assert "redraws" in last.message
