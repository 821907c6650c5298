"""ablate against its peers: the same grids, the same losses, the same machine, in turn.

    python -m benchmarks.suite --grid R-S --repeats 5            # every peer that is installed
    python -m benchmarks.suite --grid R-S --peers ablate,fused_scan,oracle_vmap
    python -m benchmarks.suite --grid R-S --quick                # proves that every peer runs and agrees

Writes `benchmarks/results/GRID.json` after every run; `python -m benchmarks.table` puts it into the documentation.
How it is measured, and what is compared, is in docs/explanation/performance.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import machine
from .goals import GOALS
from .grids import GRIDS
from .peers import PEERS, Peer
from .runs import BUSY_LIMIT, ROOT, Run, curves, execute, prepare
from .task import Curve, Mode, Task

RESULTS = Path(__file__).parent / "results"
REFERENCE = PEERS["fused_scan"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 if every run that was asked for has a number."""
    options = _options(arguments)
    chosen = [PEERS[name] for name in options.peers] if options.peers else list(PEERS.values())
    pythons = dict(entry.split("=", 1) for entry in options.python)
    left_out = {peer.name: missing for peer in chosen if (missing := peer.missing(_python(peer, pythons)))}
    for name, missing in left_out.items():
        print(f"{name}: left out, because {missing} is not installed; see --python", flush=True)
    peers = [peer for peer in chosen if peer.name not in left_out]
    override = options.busy or ("quick" if options.quick else "")
    record: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "load_gate": f"overridden: {override}" if override else f"below {BUSY_LIMIT:g} busy cores",
        "machine": machine.description(),
        "left_out": left_out,
        "goals": {goal.name: goal.text for goal in GOALS},
        "roofs": {} if options.no_roofs else _roofs(options.noop_trials),
    }
    failed = 0
    for name in options.grid:
        out = options.out or RESULTS / ("quick" if options.quick else ".") / f"{name}.json"
        with tempfile.TemporaryDirectory(prefix="ablate-benchmark-") as scratch:
            runs: list[Run] = []
            for run in _measure(name, peers, options, pythons, Path(scratch), override=bool(override)):
                runs.append(run)
                _show(run)
                _write(out, {**record, "grid": name, **_sizes(name, options), "runs": [asdict(one) for one in runs]})
        failed += sum(run.seconds is None for run in runs)
        print(f"{name}: {len(runs)} runs, {failed} without a number; {out}", flush=True)
    return 1 if failed else 0


def _measure(
    name: str,
    peers: Sequence[Peer],
    options: argparse.Namespace,
    pythons: Mapping[str, str],
    scratch: Path,
    *,
    override: bool,
) -> Iterator[Run]:
    """Every run of one grid, in turn: A B C, then C B A, and so on."""
    task = _task(name, options, scratch)
    prepare(task)
    reference = _reference(task, scratch)
    peers = [peer for peer in peers if task.grid.workload in peer.workloads]
    for repeat in range(options.repeats):
        for peer in peers if repeat % 2 == 0 else peers[::-1]:
            slow = peer.name in options.once and repeat > 0
            wrong = options.wrong_rate if peer.name in options.wrong else 1.0
            one = replace(task, out=str(scratch / "out" / peer.name), rate_factor=wrong)

            def run(mode: Mode, repeat: int = repeat, peer: Peer = peer, one: Task = one) -> Run:
                if not override:
                    _wait_until_quiet(options.patience)
                return execute(
                    peer,
                    replace(one, mode=mode),
                    repeat=repeat,
                    cache=scratch / "cache" / peer.name,
                    reference=reference,
                    python=_python(peer, pythons),
                    timeout=options.timeout,
                    override=override,
                )

            if "warm" in peer.modes and "warm" in options.modes and "cold" not in options.modes and repeat == 0:
                run("cold")  # fills the cache
            for mode in () if slow else [mode for mode in peer.modes if mode in options.modes]:
                yield run(mode)


def _task(name: str, options: argparse.Namespace, scratch: Path) -> Task:
    whole = GRIDS[name]
    grid = (whole.quick if options.quick else whole).cut(seeds=options.seeds, steps=options.steps)
    return Task(
        name=name,
        seeds=grid.seeds,
        steps=grid.steps,
        every=grid.every,
        few=options.quick,
        prepared=str(scratch / "prepared.npz"),
        out=str(scratch / "out" / "reference"),
        mode="cold",
        cores=machine.cores(),
    )


def _reference(task: Task, scratch: Path) -> dict[int, Curve]:
    """The losses of a sequential fused scan, which all others must have. Not timed."""
    run = execute(REFERENCE, task, repeat=0, cache=scratch / "cache" / "reference", reference=None, override=True)
    if run.failed:
        message = f"the reference failed: {run.failed}"
        raise SystemExit(message)
    return curves(REFERENCE, task)


def _python(peer: Peer, pythons: Mapping[str, str]) -> str:
    return pythons.get(peer.name, sys.executable)


def _wait_until_quiet(patience: float) -> None:
    """Wait until the machine is quiet.

    Raises:
        SystemExit: it is not within `patience` seconds.
    """
    end = time.perf_counter() + patience
    while (busy := machine.busy_cores()) >= BUSY_LIMIT:
        if time.perf_counter() > end:
            message = f"{busy:.1f} cores are busy with other things; wait, or say why not with --busy 'REASON'"
            raise SystemExit(message)
        time.sleep(5)


def _roofs(noop_trials: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for extra in ([], *([["--noop-trials", str(noop_trials)]] if noop_trials else [])):
        command = [sys.executable, "-m", "benchmarks.roofs", *extra]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found |= json.loads(done.stdout.splitlines()[-1])
    return found


def _sizes(name: str, options: argparse.Namespace) -> dict[str, int]:
    grid = (GRIDS[name].quick if options.quick else GRIDS[name]).cut(seeds=options.seeds, steps=options.steps)
    return {"variants": len(grid.variants), "seeds": grid.seeds, "steps": grid.steps, "shapes": len(grid.groups)}


def _show(run: Run) -> None:
    if run.failed:
        text = f"FAILED  {run.failed}"
    elif run.seconds is None:
        text = "discarded: others kept the machine busy" if run.discarded else f"REFUSED  {run.agreement['reason']}"
    else:
        rate = f", {run.lane_steps / run.seconds:,.0f} lane-steps/s" if run.mode == "steady" and run.lane_steps else ""
        text = f"{run.seconds:8.2f} s{rate}, losses within {run.agreement['worst']:.1g}"
    print(f"{run.repeat}  {run.peer:16} {run.mode:7} {text}  (others {run.usage['others']:.1f})", flush=True)


def _write(path: Path, record: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")


def _names(text: str) -> list[str]:
    return text.split(",")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    modes: tuple[Mode, ...] = ("cold", "warm", "steady")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.suite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", nargs="+", required=True, choices=sorted(GRIDS))
    parser.add_argument("--peers", metavar="A,B", help=f"of {', '.join(PEERS)}; default: all", type=_names, default=[])
    parser.add_argument("--modes", metavar="A,B", type=_names, default=list(modes))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument(
        "--once", metavar="A,B", help="peers that run in the first repeat only", type=_names, default=[]
    )
    parser.add_argument("--seeds", type=int, help="fewer seeds")
    parser.add_argument("--steps", type=int, help="fewer steps")
    parser.add_argument("--quick", action="store_true", help="two variants, three seeds, twenty steps; no load gate")
    parser.add_argument(
        "--busy", metavar="REASON", default="", help="measure on a busy machine; the reason is recorded"
    )
    parser.add_argument("--patience", type=float, default=1800, help="seconds to wait for a quiet machine")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one run")
    parser.add_argument("--python", metavar="PEER=PATH", nargs="+", default=[], help="another interpreter for a peer")
    parser.add_argument("--no-roofs", action="store_true", help="leave out what the machine can do at best")
    parser.add_argument("--noop-trials", type=int, default=100, help="empty Ray Tune trials among the roofs")
    parser.add_argument("--out", type=Path, help="file for the results; default: benchmarks/results/GRID.json")
    parser.add_argument(
        "--wrong", metavar="A,B", help="train these peers with a wrong rate: must be refused", type=_names, default=[]
    )
    parser.add_argument("--wrong-rate", type=float, default=1.1)
    options = parser.parse_args(arguments)
    for name in (*options.peers, *options.once, *options.wrong):
        if name not in PEERS:
            parser.error(f"there is no peer {name!r}; there are {', '.join(PEERS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
