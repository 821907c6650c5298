"""`Peer`: what the suite must know about each of them. Imports none."""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.task import Mode

_END_TO_END: tuple[Mode, ...] = ("cold", "warm")


@dataclass(frozen=True)
class Peer:
    """One way to train a grid."""

    name: str
    title: str
    """In words, for the table."""
    module: str = ""
    """In `benchmarks.peers`; empty for the command of ablate."""
    arguments: tuple[str, ...] = ()
    """After the task."""
    modes: tuple[Mode, ...] = _END_TO_END
    needs: tuple[str, ...] = ()
    """Modules that must be importable."""
    workloads: tuple[str, ...] = ("mlp", "transformer")

    @property
    def is_ablate(self) -> bool:
        """Whether it is what is measured, not what it is measured against."""
        return self.name.startswith("ablate")

    @property
    def has_store(self) -> bool:
        """Whether it leaves its results in a store of ablate, and not as the other peers do."""
        return self.is_ablate and self.module != "ablate_program"

    def command(self, python: str, task: Path, grid: Path, store: Path) -> list[str]:
        """What is started; the clock runs from here to its end."""
        if not self.module:
            return [python, "-m", "ablate", "run", str(grid), "--store", str(store), *self.arguments]
        return [python, "-m", f"benchmarks.peers.{self.module}", str(task), *self.arguments]

    def missing(self, python: str) -> str:
        """The first module that this interpreter cannot import; empty if it has all of them."""
        if python == sys.executable:
            return next((name for name in self.needs if importlib.util.find_spec(name) is None), "")
        script = "import sys, importlib.util as u; print(next((n for n in sys.argv[1:] if u.find_spec(n) is None), ''))"
        done = subprocess.run([python, "-c", script, *self.needs], capture_output=True, text=True, check=True)
        return done.stdout.strip()


_ALL = (
    Peer("ablate", "ablate run"),
    Peer("ablate_inline", "ablate run --inline", arguments=("--inline",)),
    Peer("ablate_pack", "ablate, its pack loop", module="ablate_pack", modes=("steady",)),
    Peer("ablate_program", "ablate, its programs alone", module="ablate_program", modes=("steady",)),
    Peer("ray_plain", "Ray Tune, function trainable, a jitted step (naive)", module="ray_plain", needs=("ray",)),
    Peer("ray_tuned", "Ray Tune, reused actors, fused scan", module="ray_tuned", needs=("ray",)),
    Peer("optuna", "Optuna GridSampler in one process, fused scan", module="optuna_grid", needs=("optuna",)),
    Peer(
        "hydra_joblib",
        "Hydra multirun with joblib, fused scan",
        module="hydra_joblib",
        needs=("hydra", "joblib", "hydra_plugins.hydra_joblib_launcher"),
    ),
    Peer("strong_loop", "JAX loop, donated and pre-sliced", module="strong_loop", modes=(*_END_TO_END, "steady")),
    Peer("fused_scan", "JAX, one fused scan per trial", module="fused_scan", modes=(*_END_TO_END, "steady")),
    Peer("oracle_vmap", "JAX by hand, vmap and scan", module="oracle", modes=(*_END_TO_END, "steady")),
    Peer("oracle_map", "JAX by hand, map and scan", module="oracle", arguments=("map",), modes=("steady",)),
    Peer(
        "torch_eager",
        "PyTorch eager, all cores as threads",
        module="torch_eager",
        modes=(*_END_TO_END, "steady"),
        needs=("torch",),
    ),
    Peer(
        "torch_processes",
        "PyTorch eager, one process per core",
        module="torch_eager",
        arguments=("processes",),
        modes=(*_END_TO_END, "steady"),
        needs=("torch",),
    ),
    Peer(
        "torch_compiled",
        "PyTorch, torch.compile",
        module="torch_compiled",
        modes=(*_END_TO_END, "steady"),
        needs=("torch",),
    ),
    Peer(
        "torch_vmap",
        "PyTorch, torch.func.vmap over the trials",
        module="torch_vmap",
        modes=(*_END_TO_END, "steady"),
        needs=("torch",),
    ),
)

PEERS = {peer.name: peer for peer in _ALL}
