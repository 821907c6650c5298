"""Steady state of the shipped char-GPT: ablate against a hand-written JAX loop and PyTorch.

    python -m benchmarks.char_gpt [--rounds 5] [--out benchmarks/results/char_gpt.json]

Each peer is a process of its own, started in turn (A B C A B C ...), and trains the same model on the same batches
from the same weights; a round counts only if the losses agree. The shipped grids cut each batch into four parts, which
helps a processor's cache (``micro_batches``); ablate and PyTorch are measured so and with whole batches. Reported:
milliseconds per update of one run ("lane-step"), with every core in use, and ratios within a round. Also in each
round, large matrix products on all cores: the share of their rate that the arithmetic of ablate's updates reaches.
PyTorch is optional: pip install 'ablate-grid[bench]'.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine

LANES, STEPS, WARM = 4, 40, 5
WIDTH, HEADS, LAYERS, CONTEXT, BATCH = 64, 4, 2, 64, 16
LR, B1, B2, EPS, DECAY, CLIP = 1e-3, 0.9, 0.99, 1e-8, 0.1, 1.0
CONFIG = {
    "kind": "supervised",
    "problem": {"kind": "char_lm", "corpus": "pydoc", "context": CONTEXT, "batch": BATCH},
    "model": {"kind": "gpt", "layers": LAYERS, "width": WIDTH, "heads": HEADS, "embedding_scale": 0.03},
    "optimizer": {"kind": "adamw", "lr": LR, "b2": B2, "eps": EPS, "weight_decay": DECAY, "clip": CLIP},
}
PARTS = 4
"""Of each batch, as in grids/_char_gpt_cpu.yaml."""
WHOLE = "ablate, whole batches"
AGREE = 1e-3
"""Largest relative difference of the mean loss of the timed steps (float32, different summation orders)."""


def cores() -> int:
    return len(os.sched_getaffinity(0))


# --- peers: each prints one JSON object -------------------------------------------------------------------------


def ablate(folder: Path, parts: int) -> dict[str, Any]:
    """The engine's own executable, lanes on every core."""
    from ablate.engine.devices import prepare_environment

    prepare_environment(cores())
    import jax
    import numpy as np

    from ablate.engine.drawing import drawings, read
    from ablate.engine.executable import executable_for

    shared, rows, starts = read([CONFIG | {"micro_batches": parts}] * LANES)
    executable = executable_for(shared, LANES, "map")
    compile_seconds = executable.compile([shared.whole])
    lanes = executable.start(drawings(starts, np.arange(LANES)))
    if parts == PARTS:
        export(folder, lanes.program)
    quiet, loud = np.zeros((LANES, 1), bool), np.ones((LANES, 1), bool)

    def advance(until: int, evaluate: np.ndarray) -> Any:
        nonlocal lanes
        lanes, report = executable.advance(lanes, rows, np.full((LANES, 1), until), evaluate)
        return jax.block_until_ready(report)

    advance(WARM, loud)
    start = time.perf_counter()
    report = advance(WARM + STEPS, quiet)
    seconds = time.perf_counter() - start
    loss = float(executable.read(report).means[:, 0, executable.step_metrics.index("train_loss")].mean())
    return result(seconds, loss, compile_seconds=compile_seconds, gflop=updates_gflop(shared))


def updates_gflop(shared: Any) -> float:
    """Operations of one update, counted in the traced function."""
    from ablate.systems import count_flops

    update = count_flops(shared).update
    assert update is not None
    return update / 1e9


def products() -> dict[str, Any]:
    """The rate of large matrix products on all cores, the best of three sizes."""
    from benchmarks.roofs import MATRICES, arithmetic

    found = arithmetic()
    return {"gflops": max(found[f"gemm_{size}_gflops"] for size in MATRICES)}


def export(folder: Path, state: Any) -> None:
    """Weights and batches of all lanes, for the other peers."""
    import jax
    import numpy as np

    from ablate.systems import PROGRAMS, root, stream

    config = PROGRAMS.parse(CONFIG)
    tokens = config.load()
    weights = {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state.parameters)
    }
    windows = np.stack(
        [
            np.stack(
                [
                    window(config, tokens, jax.random.fold_in(stream(root(lane), "data"), step))
                    for step in range(WARM + STEPS)
                ]
            )
            for lane in range(LANES)
        ]
    )
    np.savez(folder / "start.npz", windows=windows, **weights)


def window(config: Any, tokens: Any, key: Any) -> Any:
    import jax
    import numpy as np

    batch = config.problem.sample(jax.tree.map(jax.numpy.asarray, tokens), key)
    return np.concatenate([batch.inputs, batch.targets[:, -1:]], axis=1)


def handwritten(folder: Path) -> dict[str, Any]:
    """The loop an expert would write for this model alone: one scan over the steps, lanes mapped on each core."""
    os.environ["XLA_FLAGS"] = machine.xla_flags(cores())
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    start, windows, vocabulary = load(folder)
    size = WIDTH // HEADS
    optimizer = optax.chain(
        optax.clip_by_global_norm(CLIP),
        optax.adamw(
            LR, B1, B2, EPS, weight_decay=DECAY, mask=lambda tree: jax.tree.map(lambda leaf: leaf.ndim >= 2, tree)
        ),
    )

    def norm(x: Any) -> Any:
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)

    def loss_of(p: Any, tokens: Any) -> Any:
        inputs, targets = tokens[:, :-1].reshape(-1), tokens[:, 1:].reshape(-1)
        x = jax.nn.one_hot(inputs, vocabulary) @ p["embedding"] + jnp.tile(p["position"], (BATCH, 1))
        causal = jnp.tril(jnp.ones((CONTEXT, CONTEXT), bool))
        for layer in range(LAYERS):
            heads = (norm(x) @ p[f"qkv{layer}"]).reshape(BATCH, CONTEXT, 3, HEADS, size).transpose(2, 0, 3, 1, 4)
            q, k, v = jax.nn.standardize(heads[0], epsilon=1e-6), jax.nn.standardize(heads[1], epsilon=1e-6), heads[2]
            scores = jnp.where(causal, jnp.einsum("bhtd,bhsd->bhts", q, k) * size**-0.5, -1e30)
            mixed = jnp.einsum("bhts,bhsd->bthd", jax.nn.softmax(scores), v).reshape(-1, WIDTH)
            x = x + mixed @ p[f"out{layer}"]
            x = x + jax.nn.gelu(norm(x) @ p[f"up{layer}"]) @ p[f"down{layer}"]
        logits = x @ p["unembedding"]
        return jnp.mean(jax.nn.logsumexp(logits, -1) - jnp.sum(logits * jax.nn.one_hot(targets, vocabulary), -1))

    def lane(p: Any, opt: Any, batches: Any) -> Any:
        def step(carry: Any, tokens: Any) -> Any:
            p, opt = carry
            loss, gradients = jax.value_and_grad(loss_of)(p, tokens)
            updates, opt = optimizer.update(gradients, opt, p)
            return (optax.apply_updates(p, updates), opt), loss

        (p, opt), losses = jax.lax.scan(step, (p, opt), batches)
        return p, opt, losses.mean()

    mesh = Mesh(np.asarray(jax.devices()), ("lanes",))
    split = PartitionSpec("lanes")
    run = jax.jit(
        jax.shard_map(
            lambda *args: jax.lax.map(lambda one: lane(*one), args),
            mesh=mesh,
            in_specs=split,
            out_specs=split,
            check_vma=False,
        ),
        donate_argnums=(0, 1),
    )
    sharding = NamedSharding(mesh, split)
    p = jax.device_put({name: jnp.asarray(value) for name, value in start.items()}, sharding)
    opt = jax.device_put(jax.vmap(optimizer.init)(p), sharding)
    batches = jnp.asarray(windows)
    p, opt, loss = run(p, opt, batches[:, :WARM])
    timed = jax.block_until_ready(batches[:, WARM:])
    compiled = run.lower(p, opt, timed).compile()
    begin = time.perf_counter()
    p, opt, loss = jax.block_until_ready(compiled(p, opt, jax.device_put(timed, sharding)))
    return result(time.perf_counter() - begin, float(loss.mean()))


def torch_eager(folder: Path, threads: int, lanes: range, parts: int) -> dict[str, Any]:
    """A plain PyTorch loop, one run after the other, with the fused AdamW and scaled dot-product attention."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    start, windows, _ = load(folder)
    size = WIDTH // HEADS
    seconds, losses = 0.0, []

    def norm(x: Any) -> Any:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)

    for index in lanes:
        p = {name: torch.tensor(value[index]).requires_grad_() for name, value in start.items()}
        optimizer = torch.optim.AdamW(list(p.values()), lr=LR, betas=(B1, B2), eps=EPS, weight_decay=DECAY, fused=True)
        tokens = torch.tensor(windows[index].astype("int64"))

        def loss_of(batch: Any, p: Any = p) -> Any:
            inputs, targets = batch[:, :-1], batch[:, 1:]
            x = functional.embedding(inputs, p["embedding"]) + p["position"]
            for layer in range(LAYERS):
                heads = (norm(x) @ p[f"qkv{layer}"]).view(len(batch), CONTEXT, 3, HEADS, size).permute(2, 0, 3, 1, 4)
                q, k = (functional.layer_norm(heads[i], (size,), eps=1e-6) for i in (0, 1))
                mixed = functional.scaled_dot_product_attention(q, k, heads[2], is_causal=True)
                x = x + mixed.transpose(1, 2).reshape(len(batch), CONTEXT, WIDTH) @ p[f"out{layer}"]
                x = x + functional.gelu(norm(x) @ p[f"up{layer}"], approximate="tanh") @ p[f"down{layer}"]
            return functional.cross_entropy((x @ p["unembedding"]).flatten(0, 1), targets.flatten())

        for step in range(WARM + STEPS):
            if step == WARM:
                begin = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            for part in tokens[step].chunk(parts):
                loss = loss_of(part) / parts
                loss.backward()
                if step >= WARM:
                    losses.append(loss.detach())
            torch.nn.utils.clip_grad_norm_(p.values(), CLIP)
            optimizer.step()
        seconds += time.perf_counter() - begin
    return result(seconds, float(torch.stack(losses).mean()) * parts, lanes=len(lanes))


def load(folder: Path) -> Any:
    """(weights by short name ``[lanes, ...]``, windows ``[lanes, steps, B, T+1]``, vocabulary)."""
    import numpy as np

    file = np.load(folder / "start.npz")
    names = {".embedding": "embedding", ".position": "position", ".unembedding": "unembedding"}
    for layer in range(LAYERS):
        paths = {"qkv": "qkv", "out": "out", "up": "mlp.up", "down": "mlp.down"}
        names |= {f".blocks[{layer}].{path}": f"{part}{layer}" for part, path in paths.items()}
    start = {short: file[long] for long, short in names.items()}
    return start, file["windows"], start["embedding"].shape[1]


def result(seconds: float, loss: float, *, lanes: int = LANES, **more: float) -> dict[str, Any]:
    return {"ms_per_lane_step": 1000 * seconds / (lanes * STEPS), "loss": loss, **more}


# --- the rounds -------------------------------------------------------------------------------------------------


def spawn(peer: str, folder: Path, *extra: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.char_gpt", "--peer", peer, "--folder", str(folder), *extra]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    printed, _ = process.communicate()
    if process.returncode:
        message = "a peer failed; see above"
        raise SystemExit(message)
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def measure(peer: str, folder: Path) -> dict[str, Any]:
    """One peer, once. ``torch processes`` is one single-threaded process per core, timed together."""
    if not peer.startswith("torch processes"):
        return finish(spawn(peer, folder))
    share = LANES // cores()
    single = peer.replace("torch processes", "torch one thread")
    processes = [spawn(single, folder, "--first", str(share * core), "--count", str(share)) for core in range(cores())]
    found = [finish(process) for process in processes]
    slowest = max(one["ms_per_lane_step"] for one in found)
    return {"ms_per_lane_step": slowest / cores(), "loss": statistics.mean(one["loss"] for one in found)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peer")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=LANES)
    options = parser.parse_args()
    if options.peer:
        some = range(options.first, options.first + options.count)
        peers = {
            "ablate": lambda: ablate(options.folder, PARTS),
            WHOLE: lambda: ablate(options.folder, 1),
            "handwritten": lambda: handwritten(options.folder),
            "products": products,
            "torch threads": lambda: torch_eager(options.folder, cores(), range(LANES), 1),
            "torch threads, in parts": lambda: torch_eager(options.folder, cores(), range(LANES), PARTS),
            "torch one thread": lambda: torch_eager(options.folder, 1, some, 1),
            "torch one thread, in parts": lambda: torch_eager(options.folder, 1, some, PARTS),
        }
        print(json.dumps(peers[options.peer]()))
        return
    names = ["ablate", WHOLE, "handwritten"]
    try:
        import torch

        names += [f"torch {mode}{cut}" for mode in ("threads", "processes") for cut in ("", ", in parts")]
        versions = {"torch": torch.__version__}
    except ImportError:
        versions = {}
    rounds: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(options.rounds):
            found = {name: measure(name, Path(scratch)) for name in names}
            losses = [one["loss"] for one in found.values()]
            agree = max(losses) / min(losses) - 1 < AGREE
            best, mine = measure("products", Path(scratch))["gflops"], found["ablate"]
            share, share_whole = (
                mine["gflop"] / found[name]["ms_per_lane_step"] * 1e3 / best for name in ("ablate", WHOLE)
            )
            rounds.append(
                {
                    "peers": found,
                    "agree": agree,
                    "gemm_gflops": best,
                    "share": share,
                    "share_whole": share_whole,
                    "load": os.getloadavg()[0],
                }
            )
            times = "  ".join(f"{name} {one['ms_per_lane_step']:.2f} ms" for name, one in found.items())
            print(
                f"round {number}: {times}  losses {'agree' if agree else f'DIFFER {losses}'}"
                f"  {share:.0%} of {best:.0f} GFLOP/s  load {os.getloadavg()[0]:.1f}"
            )
    counted = [one["peers"] for one in rounds if one["agree"]]
    for name in names[1:]:
        ratios = sorted(one[name]["ms_per_lane_step"] / one["ablate"]["ms_per_lane_step"] for one in counted)
        print(f"{name} / ablate: median {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")
    for name, key in (("ablate", "share"), (WHOLE, "share_whole")):
        shares = sorted(one[key] for one in rounds)
        median, least, most = statistics.median(shares), shares[0], shares[-1]
        print(f"{name}, share of the rate of large products: median {median:.0%} (from {least:.0%} to {most:.0%})")
    if options.out:
        import jax

        options.out.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "versions": {"jax": jax.__version__, **versions},
            "cores": cores(),
            "lanes": LANES,
            "steps": STEPS,
            "rounds": rounds,
        }
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
