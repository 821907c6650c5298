"""The machine while it is measured: what it is, how busy others keep it, and what a process tree used of it."""

import os
import platform
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PACKAGES = (
    "ablate-grid",
    "jax",
    "jaxlib",
    "numpy",
    "optax",
    "equinox",
    "ray",
    "torch",
    "optuna",
    "hydra-core",
    "joblib",
)
_SAMPLE_SECONDS = 0.5
MARK = "ABLATE_BENCHMARK"
"""Environment variable by which the processes of a peer are known, Ray's included."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def xla_flags(count: int) -> str:
    """``XLA_FLAGS`` for every JAX peer on so many cores: one device per core, and ablate's options."""
    from ablate.engine.machine_code import compiler_options

    options = {"xla_force_host_platform_device_count": count, **compiler_options("cpu")}
    return " ".join(f"--{name}={str(value).lower()}" for name, value in options.items())


def environment() -> dict[str, str]:
    """The variables of this process without settings of OpenBLAS, JAX and XLA, for one that is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "JAX_", "XLA_"))}


def description() -> dict[str, Any]:
    """Processor, versions, settings."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": cores(),
        "versions": versions,
        "commit": _git("rev-parse", "--short", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def clocks() -> list[float]:
    """Of each core, MHz; empty where the system does not say."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    return [float(line.split(":", 1)[1]) for line in lines if line.startswith("cpu MHz")]


@dataclass(frozen=True)
class Times:
    """Seconds since boot that all cores together were busy, and that the hypervisor gave to somebody else."""

    busy: float
    stolen: float

    @classmethod
    def now(cls) -> "Times":
        """From the system."""
        fields = [int(word) / _TICKS for word in Path("/proc/stat").read_text("utf-8").splitlines()[0].split()[1:]]
        user, nice, system, _, _, irq, soft, stolen = fields[:8]
        return cls(user + nice + system + irq + soft, stolen)


def busy_cores(seconds: float = 2.0) -> float:
    """Cores that are busy now, while we wait."""
    before = Times.now()
    time.sleep(seconds)
    return (Times.now().busy - before.busy) / seconds


@dataclass
class Usage:
    """What happened on the machine while a peer ran."""

    seconds: float = 0.0
    own: float = 0.0
    """Core-seconds of the peer's processes."""
    others: float = 0.0
    """Cores that others kept busy, on average."""
    stolen: float = 0.0
    """Share of all cores' time that the hypervisor gave to somebody else."""
    load: tuple[float, float, float] = (0.0, 0.0, 0.0)
    clocks: list[float] = field(default_factory=list)


@contextmanager
def watched(mark: str) -> Iterator[Usage]:
    """Measure the block, telling the processes that have `mark` in their environment from all others."""
    usage, sampler = Usage(), _Sampler(mark)
    before, start, children = Times.now(), time.perf_counter(), _children()
    sampler.start()
    try:
        yield usage
    finally:
        usage.seconds = time.perf_counter() - start
        sampler.stop()
        after = Times.now()
        elapsed = time.perf_counter() - start
        usage.own = max(sampler.total, _children() - children)
        usage.others = max(0.0, (after.busy - before.busy - usage.own - sampler.own) / elapsed)
        usage.stolen = (after.stolen - before.stolen) / elapsed / cores()
        usage.load = os.getloadavg()
        usage.clocks = clocks()


class _Sampler:
    """Adds up the CPU time of marked processes; what a process used after its last sample is lost."""

    def __init__(self, mark: str) -> None:
        self.own = 0.0
        """CPU time of the sampling itself."""
        self._mark = f"{MARK}={mark}".encode()
        self._seen: dict[tuple[int, int], float] = {}
        self._marked: dict[tuple[int, int], bool] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def total(self) -> float:
        return sum(self._seen.values())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        self._sample()

    def _run(self) -> None:
        while not self._end.wait(_SAMPLE_SECONDS):
            self._sample()
        self.own = time.thread_time()

    def _sample(self) -> None:
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                words = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
                key = int(folder.name), int(words[19])  # a process id may come again, with another start time
                if key not in self._marked:
                    self._marked[key] = self._mark in (folder / "environ").read_bytes().split(b"\0")
            except (OSError, IndexError, ValueError):
                continue
            if self._marked[key]:
                self._seen[key] = (int(words[11]) + int(words[12])) / _TICKS


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip()
