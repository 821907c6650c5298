"""How packs and workers are counted, and what the queue hands out."""

import os
import subprocess
import sys

import pytest

from ablate.engine.devices import prepare_environment
from ablate.engine.job import PackJob, RunJob
from ablate.engine.queue import JobQueue
from ablate.engine.slots import Resources, Slots, slots


def job(*run_ids: str) -> PackJob:
    runs = tuple(RunJob(run_id=run_id, label=run_id, seed=0, steps=1, eval_every=1, config={}) for run_id in run_ids)
    return PackJob(title=" ".join(run_ids), strategy="map", runs=runs, store="", stop_file="")


@pytest.mark.parametrize(
    ("asked", "nodes", "expected"),
    [
        (Resources(), [{"CPU": 8}], Slots(8, 0, 1)),
        (Resources(), [{"CPU": 8}, {"CPU": 8}, {"CPU": 0}], Slots(8, 0, 2)),
        (Resources(), [{"CPU": 4}, {"CPU": 12}], Slots(4, 0, 4)),
        (Resources(cpus=3), [{"CPU": 8}, {"CPU": 2}], Slots(3, 0, 2)),
        (Resources(), [{"CPU": 16, "GPU": 4}], Slots(4, 1, 4)),
        (Resources(), [{"CPU": 8}, {"CPU": 8, "GPU": 1}], Slots(8, 1, 1)),
        (Resources(gpus=0.25), [{"CPU": 8, "GPU": 1}], Slots(2, 0.25, 4)),
        (Resources(gpus=0.1), [{"CPU": 10, "GPU": 1}], Slots(1, 0.1, 10)),
        (Resources(gpus=2), [{"CPU": 8, "GPU": 4}, {"CPU": 8, "GPU": 1}], Slots(4, 2, 2)),
        (Resources(), [{"CPU": 2, "GPU": 8}], Slots(1, 1, 2)),
        (Resources(max_workers=2), [{"CPU": 16, "GPU": 4}], Slots(4, 1, 2)),
        (Resources(gpus=2), [{"CPU": 8, "GPU": 1}], Slots(1, 2, 0)),
        (Resources(cpus=16), [{"CPU": 8}], Slots(16, 0, 0)),
    ],
)
def test_every_node_has_as_many_workers_as_fit(
    asked: Resources, nodes: list[dict[str, float]], expected: Slots
) -> None:
    assert slots(asked, nodes) == expected


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    prepare_environment(8)
    assert os.environ["XLA_FLAGS"] == "--xla_force_host_platform_device_count=8"
    assert "XLA_CLIENT_MEM_FRACTION" not in os.environ
    prepare_environment(2, 0.25)  # a worker inherits what the driver had
    assert os.environ["XLA_FLAGS"] == "--xla_force_host_platform_device_count=2"
    assert os.environ["XLA_CLIENT_MEM_FRACTION"] == "0.225"
    os.environ["XLA_FLAGS"] = "--xla_cpu_enable_fast_math=true --xla_force_host_platform_device_count=3"
    os.environ["XLA_CLIENT_MEM_FRACTION"] = "0.5"
    prepare_environment(2, 1)
    assert os.environ["XLA_FLAGS"].endswith("--xla_force_host_platform_device_count=3"), "what the user set is kept"
    assert os.environ["XLA_CLIENT_MEM_FRACTION"] == "0.5"


@pytest.mark.parametrize("asked", [None, "10"])
def test_programs_have_source_lines_only_if_asked(asked: str | None) -> None:
    script = """
from ablate.engine.devices import prepare_environment
prepare_environment(1)
import jax
print(jax.jit(lambda x: x + 1).lower(1.0).as_text(debug_info=True))
"""
    name = "JAX_TRACEBACK_IN_LOCATIONS_LIMIT"
    environment = {key: value for key, value in os.environ.items() if key != name} | ({name: asked} if asked else {})
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert "jit" in done.stdout
    assert ("<string>" in done.stdout) == bool(asked)


def test_halves_come_before_what_waits_and_before_the_next_stage() -> None:
    stages = [[job("a", "b"), job("c")], [job("d")]]
    queue = JobQueue(lambda: stages.pop(0) if stages else ())
    first = queue.take()
    assert first is not None
    queue.put([job("a"), job("b")])
    queue.ended()
    seen = []
    while taken := queue.take():
        seen.append(taken.title)
        if taken.title == "c":
            assert not queue.is_finished
        queue.ended()
    assert seen == ["a", "b", "c", "d"]
    assert queue.is_finished


def test_nothing_is_handed_out_after_a_stop() -> None:
    stopping = False
    queue = JobQueue(lambda: [job("a"), job("b")], lambda: stopping)
    assert queue.take() is not None
    stopping = True
    assert queue.take() is None
    assert not queue.is_finished, "a pack still trains"
    queue.ended()
    assert queue.is_finished


def test_dropped_runs_are_gone() -> None:
    queue = JobQueue(lambda: [job("a", "b"), job("b"), job("c")])
    queue.drop(lambda run: run.run_id == "b")
    left = [queue.take(), queue.take()]
    assert [[run.run_id for run in one.runs] for one in left if one] == [["a"], ["c"]]
    assert queue.take() is None
