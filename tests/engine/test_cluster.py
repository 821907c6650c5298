"""An existing Ray cluster, of several nodes or with GPUs: the nodes are processes, and the GPUs are invented."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .driving import PAUSING, SPIRALS, Driver

pytestmark = [
    pytest.mark.slow,
    # Ray's cluster utility forks this process, where other tests may have started JAX; the child is replaced at once.
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),
]

SEEN = '''
"""Writes down where it was imported."""

import json
import os
import sys
from pathlib import Path

names = ("CUDA_VISIBLE_DEVICES", "XLA_CLIENT_MEM_FRACTION", "XLA_FLAGS")
if os.environ.get("RAY_RAYLET_PID"):
    seen = {name: os.environ.get(name) for name in names}
    Path(__file__).with_name(f"seen-{os.getpid()}.json").write_text(json.dumps(seen))
'''

MakeCluster = Callable[..., Any]


@pytest.fixture
def make_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeCluster]:
    """Starts the head of a cluster, and ends the cluster with the test."""
    from ray.cluster_utils import Cluster

    for name in ("XLA_FLAGS", "XLA_CLIENT_MEM_FRACTION"):
        monkeypatch.delenv(name, raising=False)  # its workers inherit the environment of this process

    clusters = []

    def make(**head: Any) -> Cluster:
        cluster = Cluster(
            initialize_head=True,
            head_node_args={"include_dashboard": False, "object_store_memory": 100 * 1024**2, **head},
        )
        clusters.append(cluster)
        return cluster

    yield make
    for cluster in clusters:
        cluster.shutdown()


def test_a_node_that_dies_midway(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(num_cpus=1)
    doomed = cluster.add_node(num_cpus=1, object_store_memory=100 * 1024**2)
    driver = Driver(tmp_path, PAUSING.replace("lanes: map", "lanes: solo"))
    driver.pause()
    running = driver.start("--address", cluster.address)
    running.reaches(lambda: sum(attempts[-1].state.step > 0 for attempts in driver.store.attempts.values()) == 2)
    start = time.monotonic()
    cluster.remove_node(doomed, allow_graceful=False)
    driver.go_on()
    running.ends(0)
    assert time.monotonic() - start < 120
    driver.results()


@pytest.mark.parametrize("hidden", ["scratch", "store"])
def test_a_node_with_other_folders(make_cluster: MakeCluster, tmp_path: Path, hidden: str) -> None:
    """A worker needs nothing of the driver's machine but the store, and says so if it lacks that."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a process cannot have a file system of its own here")
    folders = {"scratch": tmp_path / "scratch", "store": tmp_path / "runs"}
    for folder in folders.values():
        folder.mkdir()
    cluster = make_cluster(num_cpus=0)
    ray = [str(Path(sys.executable).with_name("ray")), "start", f"--address={cluster.address}", "--num-cpus=1"]
    inside = f"mount -t tmpfs tmpfs {folders[hidden]} && exec {' '.join(ray)} --object-store-memory=100000000 --block"
    with (tmp_path / "node.log").open("w") as log:
        node = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", inside], stdout=log, stderr=log, start_new_session=True
        )
    try:
        driver = Driver(tmp_path, SPIRALS, environment={"TMPDIR": str(folders["scratch"])})
        running = driver.start("--address", cluster.address)
        if hidden == "scratch":
            running.ends(0)
            driver.results()
        else:
            printed = running.ends(1)
            assert f"there is no store {tmp_path / 'runs'} on " in printed
            assert printed.count("there is no store") == 1
    finally:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


@pytest.mark.parametrize(
    ("gpus", "asked", "devices", "fraction"),
    [(4, "auto", {"0", "1", "2", "3"}, "0.9"), (1, "{gpu: 0.25}", {"0"}, "0.225")],
)
def test_packs_spread_over_gpus(
    make_cluster: MakeCluster, tmp_path: Path, gpus: int, asked: str, devices: set[str], fraction: str
) -> None:
    """Runs of one signature: as many packs as there are workers, each with its own device or share of one."""
    cluster = make_cluster(num_cpus=4, num_gpus=gpus)
    (tmp_path / "seen.py").write_text(SEEN)
    grid = PAUSING.replace("  model.activation: tanh\n", "").replace("seeds: 2", "seeds: 4")
    driver = Driver(tmp_path, grid.replace("[pausing.py]", "[seen.py, pausing.py]"))
    driver.pause()  # a worker that ended its pack would take one from those that still start
    running = driver.start("--address", cluster.address, f"run.resources={asked}")
    running.reaches(lambda: len(list(tmp_path.glob("seen-*.json"))) == 4)
    driver.go_on()
    running.ends(0)
    assert sorted(len(pack.run_ids) for pack in driver.store.packs()) == [2, 2, 2, 2]
    seen = [json.loads(path.read_text()) for path in tmp_path.glob("seen-*.json")]
    assert len(seen) == 4
    assert {one["CUDA_VISIBLE_DEVICES"] for one in seen} == devices
    assert {one["XLA_CLIENT_MEM_FRACTION"] for one in seen} == {fraction}
    assert {one["XLA_FLAGS"] for one in seen} == {"--xla_force_host_platform_device_count=1"}
    driver.results()


def test_no_cluster_and_too_small_a_machine(tmp_path: Path) -> None:
    driver = Driver(tmp_path)
    assert "no Ray cluster answers at 127.0.0.1:1" in driver.finish("--address", "127.0.0.1:1", code=1)
    printed = driver.finish("run.resources={cpu: 10000}", code=1)
    assert "run.resources asks for 10000 CPUs per worker, which this machine does not have" in printed
    assert "Traceback" not in printed
