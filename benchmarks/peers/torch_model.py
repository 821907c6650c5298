"""The two networks in PyTorch, on weights that come as arrays. What three peers have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.grids import Trial
from benchmarks.task import Prepared, Task

HEADS, CONTEXT = 4, 64
B1, B2, EPS = float(np.float32(0.9)), float(np.float32(0.999)), 1e-8
"""As in `benchmarks.mathematics.adamw`."""

Weights = dict[str, Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "squared_relu": lambda x: functional.relu(x).square(),
    "tanh": torch.tanh,
}


class Network:
    """A shape of a grid: its loss, its batches, its evaluation."""

    def __init__(self, task: Task, trial: Trial, prepared: Prepared) -> None:
        self.layers, _, activation = trial.shape
        self.function = ACTIVATIONS[activation]
        self.is_mlp = task.grid.workload == "mlp"
        self.data = {name: _tensor(array) for name, array in prepared.data.items()}

    def apply(self, p: Weights, inputs: Tensor) -> Tensor:
        """Logits."""
        return self._mlp(p, inputs) if self.is_mlp else self._transformer(p, inputs)

    def loss(self, p: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy."""
        logits = self.apply(p, inputs)
        return functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The examples that `benchmarks.prepare` drew."""
        if self.is_mlp:
            return self.data["inputs"][rows], self.data["targets"][rows]
        windows = self.data["text"][rows[..., None] + torch.arange(CONTEXT + 1)]
        return windows[..., :-1], windows[..., 1:]

    def evaluate(self, p: Weights) -> Tensor:
        """Loss and second number of the validation split: ``[2]``."""
        batches = zip(self.data["validation_inputs"], self.data["validation_targets"], strict=True)
        return torch.stack([self._measure(p, inputs, targets) for inputs, targets in batches]).mean(0)

    def _measure(self, p: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        logits = self.apply(p, inputs)
        loss = functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
        second = logits.abs().mean() if self.is_mlp else (logits.argmax(-1) == targets).float().mean()
        return torch.stack([loss, second])

    def _mlp(self, p: Weights, hidden: Tensor) -> Tensor:
        for index in range(self.layers):
            hidden = self.function(torch.addmm(p[f"b{index}"], hidden, p[f"w{index}"]))
        return torch.addmm(p[f"b{self.layers}"], hidden, p[f"w{self.layers}"])

    def _transformer(self, p: Weights, inputs: Tensor) -> Tensor:
        batch, context = inputs.shape
        width = p["embedding"].shape[1]
        size = width // HEADS
        x = functional.embedding(inputs, p["embedding"]) + p["position"]
        for layer in range(self.layers):
            heads = (_norm(x) @ p[f"qkv{layer}"]).view(batch, context, 3, HEADS, size).permute(2, 0, 3, 1, 4)
            q, k = (functional.layer_norm(heads[part], (size,), eps=1e-6) for part in (0, 1))
            mixed = functional.scaled_dot_product_attention(q, k, heads[2], is_causal=True)
            x = x + mixed.transpose(1, 2).reshape(batch, context, width) @ p[f"out{layer}"]
            x = x + self.function(_norm(x) @ p[f"up{layer}"]) @ p[f"down{layer}"]
        return x @ p["unembedding"]


def weights_of(prepared: Prepared, group: int, row: int) -> Weights:
    """The initial weights of a trial, trainable."""
    return {name: _tensor(stack[row]).clone().requires_grad_() for name, stack in prepared.weights(group).items()}


def optimizer_of(weights: Weights, rates: tuple[float, float]) -> Any:
    """The fused AdamW; decay on matrices only."""
    lr, decay = rates
    groups = [
        {"params": [leaf for leaf in weights.values() if leaf.ndim >= 2], "weight_decay": decay},
        {"params": [leaf for leaf in weights.values() if leaf.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, betas=(B1, B2), eps=EPS, fused=True)


def _norm(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.int64) if array.dtype.kind in "iu" else array)
