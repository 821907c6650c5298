"""Small, fast jobs for the engine."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ablate.core import digest, run_id, to_identity, to_plain
from ablate.engine import PackJob, PackReport, RunJob
from ablate.engine.pack import train
from ablate.store import Store
from ablate.systems import PROGRAMS

from .driving import end_all

MakeJob = Callable[..., PackJob]


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    end_all()


def finish(job: PackJob) -> list[PackReport]:
    """Train a pack to its end, in this process."""
    return list(train(job))


def series(job: PackJob) -> pl.DataFrame:
    """What its runs recorded; nothing may be damaged."""
    store = Store(Path(job.store))
    frame = store.series(run.run_id for run in job.runs)
    assert store.damaged == []
    return frame


def program(**changes: Any) -> dict[str, Any]:
    """A small MLP on the spirals; `changes` are dotted paths with ``__`` for the dot."""
    config: dict[str, Any] = {
        "kind": "supervised",
        "problem": {"kind": "spirals", "points": 64, "batch": 16},
        "model": {"kind": "mlp", "width": 8, "activation": {"kind": "leaky_relu"}},
        "optimizer": {"kind": "adamw", "lr": 0.01},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = config
        for parent in parents:
            target = target[parent]
        target[last] = value
    return config


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """Builds a pack job over configurations and seeds in a store of the test's own."""

    def make(
        configs: Sequence[dict[str, Any]],
        *,
        seeds: Sequence[int] = (0,),
        steps: int = 30,
        eval_every: int = 10,
        store: str = "store",
        strategy: str = "map",
        index: int = 0,
        **more: Any,
    ) -> PackJob:
        root = tmp_path / store
        Store(root).prepare()
        runs = []
        for seed in seeds:
            for number, config in enumerate(configs):
                parsed = PROGRAMS.parse(config)
                runs.append(
                    RunJob(
                        run_id=run_id(digest(to_identity(parsed)), seed),
                        label=f"variant {number}",
                        seed=seed,
                        steps=steps,
                        eval_every=eval_every,
                        config=to_plain(parsed),
                        recordings=parsed.recordings(),
                    )
                )
        return PackJob(
            index=index,
            title="test",
            strategy=strategy,
            runs=tuple(runs),
            store=str(root),
            stop_file=str(root / "stop"),
            **more,
        )

    return make
