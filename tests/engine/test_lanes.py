"""More runs than lanes, lanes that come together, and how the strategy is chosen; in this process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ablate.engine import PackJob, compaction, executable, programs
from ablate.engine import pack as pack_module
from ablate.engine.drawing import drawings, read
from ablate.engine.executable import Executable
from ablate.engine.pack import train
from ablate.store import Store

from .conftest import MakeJob, finish, program, series

RATES = (0.003, 0.01, 0.03, 0.002, 0.02, 0.05, 0.001)
WILD = 1e30


@pytest.fixture(autouse=True)
def _fresh_programs() -> Iterator[None]:
    programs.forget_programs()
    yield
    programs.forget_programs()


def configs(*rates: float) -> list[dict[str, Any]]:
    return [program(optimizer__lr=rate) for rate in rates]


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_a_lane_whose_run_has_ended_takes_the_next(
    make_job: MakeJob, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)  # a report after each call
    few = make_job(configs(*RATES[:3], WILD, *RATES[3:]), store="few", strategy=strategy, lanes=2)
    reports = finish(few)
    assert max(report.alive for report in reports[1:-1]) <= 2, reports[-1].message
    assert [lane.status for lane in reports[-1].lanes] == ["done"] * 3 + ["diverged"] + ["done"] * 4, reports[
        -1
    ].message
    wide = make_job(configs(*RATES[:3], WILD, *RATES[3:]), store="wide", strategy=strategy)
    finish(wide)
    if strategy == "map":
        assert series(few).equals(series(wide))
    else:
        np.testing.assert_allclose(series(few)["value"], series(wide)["value"], rtol=1e-5)
    assert len(programs._programs) == 2, "a refill compiled something"


def test_runs_that_lost_their_lane_continue_from_their_final_state(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)  # a report after each call
    finish(make_job(configs(*RATES), store="grown", steps=30, lanes=2))
    grown = make_job(configs(*RATES), store="grown", steps=60, lanes=3)
    reports = finish(grown)
    whole = make_job(configs(*RATES), store="whole", steps=60)
    finish(whole)
    assert min(lane.step for report in reports[1:-1] for lane in report.lanes) >= 30
    assert series(grown).equals(series(whole))


def test_an_interrupt_between_refills_loses_nothing(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)
    half = train(make_job(configs(*RATES), store="cut", lanes=2))
    seen = [report for report, _ in zip(half, range(40), strict=False)]
    half.close()  # type: ignore[attr-defined]
    ended = {lane.run_id for report in seen for lane in report.lanes if lane.status == "done"}
    assert 1 < len(ended) < 7
    rest = make_job(configs(*RATES), store="cut", lanes=2)
    finish(rest)
    whole = make_job(configs(*RATES), store="whole")
    finish(whole)
    assert series(rest).equals(series(whole))


def test_lanes_come_together_when_many_have_ended(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices with four lanes each; all of the first device diverge at once, and the others are split anew."""
    rates = [WILD] * 4 + list(RATES[:4])
    monkeypatch.setattr(pack_module, "SECONDS_PER_CALL", 0.0)
    widths = []
    gather = Executable.gather

    def watched(self: Executable, lanes: Any, rows: np.ndarray) -> Any:
        widths.append((self.width, rows.tolist()))
        return gather(self, lanes, rows)

    monkeypatch.setattr(Executable, "gather", watched)
    mapped = make_job(configs(*rates), store="map", strategy="map", steps=40)
    finish(mapped)
    assert widths == [(8, [4, 6, 4, 4, 5, 7, 4, 4])]
    alone = make_job(configs(*RATES[:4]), store="alone", strategy="map", steps=40)
    finish(alone)
    ours = series(mapped).filter(pl.col("run_id").is_in([run.run_id for run in alone.runs]))
    assert ours.equals(series(alone))

    widths.clear()
    monkeypatch.setattr(compaction, "WORTH_COMPACTING", 0.0)
    batched = make_job(configs(*rates), store="vmap", strategy="vmap", steps=40)
    finish(batched)
    assert [width for width, _ in widths] == [4]
    ours = series(batched).filter(pl.col("run_id").is_in([run.run_id for run in alone.runs]))
    np.testing.assert_allclose(ours["value"], series(alone)["value"], rtol=1e-5)


def test_batches_of_lanes_are_like_single_ones(make_job: MakeJob) -> None:
    batched = make_job(configs(*RATES), store="batched", strategy="map:8", steps=100, eval_every=50)
    single = make_job(configs(*RATES), store="single", strategy="map", steps=100, eval_every=50)
    finish(batched)
    finish(single)
    np.testing.assert_allclose(series(batched)["value"], series(single)["value"], rtol=1e-5)


class TestCalibration:
    """The clock is replaced, and the network counts as large; everything else is real."""

    @pytest.fixture(autouse=True)
    def _large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (executable, programs):
            monkeypatch.setattr(module, "FEW_PARAMETERS", 1)

    @pytest.fixture
    def measured(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Strategies in the order in which they were timed; on this clock batches are the fastest."""
        order: list[str] = []

        def measure(one: Executable, *_: Any, seconds: float = 1.0) -> float:
            order.append(one.strategy)
            return {"map": 10.0, "vmap": 5.0, "map:8": 30.0}[one.strategy]

        monkeypatch.setattr(programs, "_measure", measure)
        return order

    def strategies(self, job: PackJob) -> list[str]:
        return [pack.strategy for pack in Store(Path(job.store)).packs()]

    def test_a_long_pack_takes_the_fastest_and_the_store_remembers(
        self, make_job: MakeJob, measured: list[str]
    ) -> None:
        rates = np.linspace(0.001, 0.01, 32).tolist()
        job = make_job(configs(*rates), strategy="auto", steps=300, eval_every=300)
        finish(job)
        assert measured == ["map", "map", "vmap", "map:8"]
        assert self.strategies(job) == ["map:8"]
        programs.forget_programs()
        again = make_job(configs(*rates), strategy="auto", steps=310, eval_every=300)
        finish(again)
        assert self.strategies(again) == ["map:8", "map:8"]
        assert len(measured) == 4, "measured again"

    def test_a_short_pack_and_a_forced_strategy_are_not_measured(self, make_job: MakeJob, measured: list[str]) -> None:
        short = make_job(configs(*RATES), strategy="auto", steps=30)
        finish(short)
        forced = make_job(configs(*RATES), strategy="vmap", steps=300, eval_every=300)
        finish(forced)
        assert self.strategies(forced) == ["map", "vmap"]
        assert measured == []

    @pytest.mark.parametrize(("pace", "timed"), [(5_000.0, []), (1.0, ["vmap", "vmap", "map"])])
    def test_a_short_pack_of_small_networks_is_not_even_timed(
        self, make_job: MakeJob, measured: list[str], monkeypatch: pytest.MonkeyPatch, pace: float, timed: list[str]
    ) -> None:
        for module in (executable, programs):
            monkeypatch.setattr(module, "FEW_PARAMETERS", 8_000)
        monkeypatch.setattr(programs, "LEAST_PACE", pace)
        job = make_job(configs(*RATES), strategy="auto", steps=300, eval_every=300)
        finish(job)
        assert measured == timed
        assert self.strategies(job) == (["map"] if timed else ["vmap"])

    def test_a_run_goes_on_as_it_began(
        self, make_job: MakeJob, measured: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first part was too short to be measured; what is left of it is not measured either."""
        finish(make_job(configs(*RATES), strategy="auto", steps=30))
        longer = make_job(configs(*RATES), strategy="auto", steps=300, eval_every=300)
        monkeypatch.setattr(programs, "WORTH_CALIBRATING", 0.0)
        finish(longer)
        assert self.strategies(longer) == ["map", "map"]
        assert measured == []

    def test_batched_lanes_go_on_at_the_width_they_began_with(
        self, make_job: MakeJob, measured: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At another width, sums may be added in another order."""
        for module in (executable, programs):
            monkeypatch.setattr(module, "FEW_PARAMETERS", 8_000)
        network = {"model__width": 32, "problem__batch": 64}
        variants = [program(optimizer__lr=rate, **network) for rate in (*RATES, 0.004)]
        whole = make_job(variants, strategy="auto", store="whole", eval_every=20, steps=40)
        finish(whole)
        finish(make_job(variants, strategy="auto", steps=20, eval_every=20))
        few = make_job(variants[2:4], strategy="auto", steps=40, eval_every=20)
        finish(few)
        assert [pack.width for pack in Store(Path(few.store)).packs()] == [8, 8]
        together = series(whole).filter(pl.col("run_id").is_in([run.run_id for run in few.runs]))
        assert series(few).filter(pl.col("run_id").is_in([run.run_id for run in few.runs])).equals(together)
        assert measured == []

    def test_the_real_clock_gives_a_pace(self, make_job: MakeJob) -> None:
        job = make_job(configs(*RATES), strategy="map", steps=10)
        finish(job)
        (one,) = programs._programs.values()
        rows = np.zeros((7, one.signature.structure.num_leaves), np.float32)
        _, _, starts = read([configs(*RATES)[0]] * 7)
        pace = programs._measure(one, rows, drawings(starts, np.zeros(7, np.int32)), seconds=0.05)
        assert 1 < pace < 1e8


COMPILES = """
import sys, jax
from ablate.engine.compile_cache import use_compile_cache
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name))
folder = use_compile_cache()
jax.jit(lambda x: x @ x + 1)(jax.numpy.ones((8, 8))).block_until_ready()
print(folder, hits.count("/jax/compilation_cache/cache_hits") > 0, flush=True)
"""


class TestCompileCache:
    """Real processes: one compiles, the next one loads."""

    def compile(self, **environment: str) -> tuple[str, bool]:
        result = subprocess.run(
            [sys.executable, "-c", COMPILES],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "", "HOME": "/nonexistent", **environment},
        )
        folder, hit = result.stdout.split()
        return folder, hit == "True"

    def test_the_second_process_loads_what_the_first_compiled(self, tmp_path: Path) -> None:
        place = str(tmp_path / "cache")
        first, second = self.compile(ABLATE_CACHE_DIR=place), self.compile(ABLATE_CACHE_DIR=place)
        assert (first[1], second[1]) == (False, True)
        assert first[0] == second[0]
        assert Path(first[0]).stat().st_mode & 0o777 == 0o700
        other, hit = self.compile(ABLATE_CACHE_DIR=place, XLA_FLAGS="--xla_force_host_platform_device_count=2")
        assert other != first[0], "a program for other flags could be loaded"
        assert not hit

    def test_a_folder_that_others_can_write_to_is_not_used(self, tmp_path: Path) -> None:
        folder = Path(self.compile(ABLATE_CACHE_DIR=str(tmp_path))[0])
        folder.chmod(0o770)
        assert self.compile(ABLATE_CACHE_DIR=str(tmp_path)) == ("None", False)

    def test_it_can_be_switched_off(self) -> None:
        assert self.compile(ABLATE_CACHE_DIR="off") == ("None", False)
