"""Starts one peer on one task, watches the machine meanwhile, and checks what it left."""

import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import machine
from .gate import Agreement, compare
from .peers import Peer
from .task import Curve, Task, read_curves, read_facts

ROOT = Path(__file__).parents[1]
BUSY_LIMIT, OTHERS_LIMIT = 0.5, 1.0
"""A run starts only when fewer cores than the first are busy; it is discarded if others kept more than the second."""


@dataclass
class Run:
    """One run of one peer, as it is kept in the results."""

    peer: str
    mode: str
    repeat: int
    wall_seconds: float | None = None
    """From process start to process end. Nothing for a run that failed or was refused."""
    steady_seconds: float | None = None
    """Of the training alone, in the mode ``steady``."""
    lane_steps: float | None = None
    """Steps x trials of `steady_seconds`."""
    facts: dict[str, float] = field(default_factory=dict)
    agreement: dict[str, Any] = field(default_factory=dict)
    failed: str = ""
    discarded: bool = False
    """Others kept the machine too busy."""
    usage: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """What its mode measures."""
        if self.discarded:
            return None
        return self.steady_seconds if self.mode == "steady" else self.wall_seconds


def environment(peer: Peer, task: Task, cache: Path, mark: str) -> dict[str, str]:
    """The same settings for all: no flag of XLA or JAX is given to ablate that a peer does not get."""
    kept = machine.environment() | {
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": machine.xla_flags(task.cores),
        "JAX_TRACEBACK_IN_LOCATIONS_LIMIT": "0",  # as `ablate.engine.prepare_environment`
        "RAY_USAGE_STATS_ENABLED": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
        machine.MARK: mark,
    }
    if peer.is_ablate:
        return kept | {"ABLATE_CACHE_DIR": str(cache)}
    return kept | {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def prepare(task: Task) -> None:
    """Draw weights and batches. Not timed."""
    path = Path(task.prepared).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    task.write(path)
    variables = environment(Peer("prepare", ""), task, path.parent / "cache", "prepare")
    subprocess.run([sys.executable, "-m", "benchmarks.prepare", str(path)], env=variables, check=True)


def execute(
    peer: Peer,
    task: Task,
    *,
    repeat: int,
    cache: Path,
    reference: Mapping[int, Curve] | None,
    python: str = sys.executable,
    timeout: float = 3600.0,
    override: bool = False,
) -> Run:
    """One run. Without a reference nothing is compared: that is the run which becomes it."""
    out = Path(task.out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if task.mode == "cold":
        shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    task.write(out / "task.json")
    grid = out / f"{task.name}.yaml"
    grid.write_text(task.grid.text)
    command, mark = peer.command(python, out / "task.json", grid, out / "runs"), uuid.uuid4().hex
    run = Run(peer.name, task.mode, repeat)
    with (out / "log.txt").open("w") as log, machine.watched(mark) as usage:
        start = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=out,
                env=environment(peer, task, cache, mark),
                timeout=timeout,
                check=False,
            )
            code = done.returncode
        except subprocess.TimeoutExpired:
            code = -1
        seconds = time.perf_counter() - start
    run.usage = vars(usage)
    run.discarded = usage.others > OTHERS_LIMIT and not override
    if code:
        lines = (out / "log.txt").read_text(errors="replace").strip().splitlines()
        run.failed = (
            f"exit code {code}: {' / '.join(lines[-3:])[-500:]}" if code > 0 else f"not done after {timeout:g} s"
        )
        return run
    agreement = _check(peer, task, reference)
    run.agreement = vars(agreement) if agreement else {}
    run.facts = _facts(peer, task)
    if agreement is None or agreement.accepted:
        run.wall_seconds = seconds
        if task.is_steady:
            run.steady_seconds, run.lane_steps = run.facts.get("seconds"), run.facts.get("lane_steps")
    return run


def curves(peer: Peer, task: Task) -> dict[int, Curve]:
    """What a run left."""
    if peer.has_store:
        from .collect import curves_of_ablate

        return curves_of_ablate(task)
    return read_curves(task)


def _check(peer: Peer, task: Task, reference: Mapping[int, Curve] | None) -> Agreement | None:
    return None if reference is None else compare(task.grid, reference, curves(peer, task))


def _facts(peer: Peer, task: Task) -> dict[str, float]:
    if peer.module:
        return read_facts(task)
    from .collect import facts_of_ablate

    return facts_of_ablate(task)
