"""Every way in which a run can end, each brought about by a real fault in a worker, and what follows."""

import shutil
from pathlib import Path

import pytest

from .driving import Driver

pytestmark = pytest.mark.slow

TROUBLE = """
question: "What can go wrong?"
plugins: [trouble.py]
base: {program: trouble, train: {steps: 100, eval_every: 50}}
metric: {name: count, goal: maximize}
"""


def make_driver(folder: Path, grid: str) -> Driver:
    shutil.copy(Path(__file__).with_name("trouble.py"), folder)
    return Driver(folder, TROUBLE + grid)


def test_every_status_by_a_real_fault(tmp_path: Path) -> None:
    driver = make_driver(
        tmp_path,
        """
seeds: 1
ablate: {fault: [explode, raise, hang, die], gibibytes: 8}
run: {max_restarts: 0, timeout: 10}
""",
    )
    printed = driver.finish(code=1)
    assert driver.statuses() == {
        "base": ["done"],
        "fault=explode": ["diverged"],
        "fault=raise": ["error"],
        "fault=hang": ["timeout"],
        "fault=die": ["lost"],
        "gibibytes=8": ["oom"],
    }
    messages = driver.messages()
    assert "the cat is on the mat (at" in messages["fault=raise"]
    assert "trouble.py" in messages["fault=raise"]
    assert "no progress for 10 s" in messages["fault=hang"]
    assert "its worker process died" in messages["fault=die"]
    assert "RESOURCE_EXHAUSTED" in messages["gibibytes=8"]
    for message in messages.values():
        assert printed.count(message) == 1 or not message, "one line for each failure"
        assert "\n" not in message
    assert "Traceback" not in printed
    assert "2 of 6 runs ended; 1 of them diverged; 4 failed" in printed
    assert "--retry error,lost,oom,timeout" in printed


def test_a_pack_that_needs_too_much_memory_is_halved(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, "seeds: 4\nablate: {gibibytes: [2, 8]}\nrun: {lanes: vmap}\n")
    driver.environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=1"  # or half of the memory would do
    printed = driver.finish(code=1)
    assert driver.statuses() == {"base": ["done"] * 4, "gibibytes=2": ["done"] * 4, "gibibytes=8": ["oom"] * 4}
    plan = driver.store.plan("grid")
    of = {variant.label: {run.run_id for run in plan.runs if run.variant == variant.label} for variant in plan.variants}
    packs = driver.store.packs()
    tried = {label: [len(pack.run_ids) for pack in packs if set(pack.run_ids) <= ids] for label, ids in of.items()}
    assert tried["base"] == [4]
    assert tried["gibibytes=2"] == [4, 2, 2]
    assert printed.count("is trained in halves") == 1 + 3
    assert printed.count("RESOURCE_EXHAUSTED") == 1
    assert "8 of 12 runs ended; 4 failed" in printed
    again = driver.finish("run.on.oom=continue", "--retry", "oom", code=1)
    assert "in halves" not in again
    assert driver.statuses()["gibibytes=8"] == ["oom"] * 4


def test_a_run_that_kills_its_worker_takes_no_other_with_it(tmp_path: Path) -> None:
    grid = "seeds: 1\nablate: {unlucky: [0, 0.5]}\nrun: {max_restarts: 0}\n"
    driver = make_driver(tmp_path, grid)
    driver.finish("base.fault=die", code=1)
    assert driver.statuses() == {"base": ["lost"], "unlucky=0": ["done"], "unlucky=0.5": ["done"]}


def test_an_error_stops_the_other_runs_of_its_variant(tmp_path: Path) -> None:
    driver = make_driver(
        tmp_path,
        """
seeds: 4
ablate: {fault: raise}
run: {lanes: solo, on: {error: stop_variant}}
""",
    )
    driver.finish(code=1)
    statuses = driver.statuses()
    assert statuses["base"] == ["done"] * 4
    assert statuses["fault=raise"] == ["error", "skipped", "skipped", "skipped"]
    assert "nothing was left" in driver.finish("--inline", code=1)
    assert driver.statuses() == statuses
    driver.finish("--inline", "--retry", "error", code=1)
    assert driver.statuses() == statuses
    driver.finish("--inline", "run.on.error=continue", code=1)
    assert driver.statuses()["fault=raise"] == ["error"] * 4


def test_an_error_stops_everything_if_asked(tmp_path: Path) -> None:
    driver = make_driver(
        tmp_path,
        """
seeds: 2
ablate: {fault: [raise, explode]}
run: {lanes: solo, on: {error: stop_all}}
""",
    )
    printed = driver.finish("--inline", code=1)
    assert driver.statuses() == {"base": ["done", None], "fault=raise": ["error", None], "fault=explode": [None] * 2}
    assert "the cat is on the mat" in printed
