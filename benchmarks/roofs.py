"""What this machine can do at best, to be measured in the same session as the peers.

``python -m benchmarks.roofs`` is about arithmetic; with ``--noop-trials 100``, about Ray Tune.
"""

import argparse
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

MATRICES = (512, 1024, 2048)
COPIED_BYTES = 256 * 2**20
ITERATIONS = 10_000


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noop-trials", type=int, default=0)
    options = parser.parse_args()
    print(json.dumps(noop_trials(options.noop_trials) if options.noop_trials else arithmetic()))


def arithmetic() -> dict[str, float]:
    """Matrix products, copying, and the price of nothing at all."""
    import jax
    import jax.numpy as jnp

    found = {}
    for size in MATRICES:
        matrix = jnp.ones((size, size))
        product = jax.jit(jnp.dot)
        seconds = best(functools.partial(product, matrix, matrix))
        found[f"gemm_{size}_gflops"] = 2 * size**3 / seconds / 1e9
    found["copy_gb_per_second"] = 2 * COPIED_BYTES / best(_in_place(jnp.ones(COPIED_BYTES // 4))) / 1e9
    small = jnp.eye(8)
    # One small product, because a loop over scalars is compiled away.
    loop = jax.jit(lambda x: jax.lax.scan(lambda carry, _: (carry @ small, None), x, length=ITERATIONS)[0])
    found["scan_iteration_us"] = best(functools.partial(loop, small)) / ITERATIONS * 1e6
    nothing = jax.jit(lambda x: x + 1)
    found["jit_call_us"] = best(functools.partial(nothing, jnp.zeros(())), 200) * 1e6
    return found


def _in_place(array: Any) -> Callable[[], Any]:
    """Reads and writes every element, into the same memory."""
    import jax

    add, held = jax.jit(lambda x: x + 1, donate_argnums=0), [array]

    def once() -> Any:
        held[0] = add(held[0])
        return held[0]

    return once


def best(function: Callable[[], Any], repeats: int = 7) -> float:
    """Seconds of the fastest call, after a warm-up."""
    import jax

    jax.block_until_ready(function())
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function())
        found.append(time.perf_counter() - start)
    return min(found)


def noop_trials(count: int) -> dict[str, float]:
    """Seconds of Ray Tune for trials that do nothing, with fresh and with reused workers."""
    os.environ |= {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}
    start = time.perf_counter()
    import ray
    from ray import tune

    imported = time.perf_counter() - start
    start = time.perf_counter()
    ray.init(include_dashboard=False, log_to_driver=False)
    found = {"import_ray_tune_seconds": imported, "ray_init_seconds": time.perf_counter() - start}

    class Nothing(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            """Nothing."""

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return True

        def step(self) -> dict[str, Any]:
            return {"done": True}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """Nothing."""

    def nothing(config: dict[str, Any]) -> None:
        tune.report({"done": True})

    trainables: dict[str, tuple[Any, bool]] = {"function": (nothing, False), "reused": (Nothing, True)}
    for name, (trainable, reuse) in trainables.items():
        with tempfile.TemporaryDirectory() as scratch:
            start = time.perf_counter()
            tune.Tuner(
                tune.with_resources(trainable, {"cpu": 1}),
                tune_config=tune.TuneConfig(num_samples=count, reuse_actors=reuse),
                run_config=tune.RunConfig(storage_path=scratch, verbose=0),
            ).fit()
            found[f"noop_{name}_trial_seconds"] = (time.perf_counter() - start) / count
    ray.shutdown()
    return found


if __name__ == "__main__":
    main()
