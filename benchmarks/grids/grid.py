"""`Grid`: what is trained, written down once for ablate (as a grid file) and for its peers (as a list of trials)."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Settings = dict[str, Any]
"""Dotted path -> value, as in a grid file."""

_SHAPE = ("model.layers", "model.width", "model.activation")
"""What decides the program of a hand-written loop. Weights come as arrays, rates as numbers."""


@dataclass(frozen=True)
class Trial:
    """One training: a variant and a seed."""

    index: int
    variant: int
    seed: int
    settings: Settings
    """The base with the variant's changes."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """Layers, width, activation."""
        return tuple(self.settings[path] for path in _SHAPE)

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rate and weight decay."""
        return float(self.settings["optimizer.lr"]), float(self.settings["optimizer.weight_decay"])


@dataclass(frozen=True)
class Grid:
    """A benchmark: variants x seeds, all trained for the same number of steps."""

    name: str
    question: str
    workload: Literal["mlp", "transformer"]
    base: dict[str, Any]
    """As in a grid file, `train` excluded."""
    variants: tuple[Settings, ...]
    """Changes of the base."""
    seeds: int
    steps: int
    every: int
    """Steps between two points of a loss curve; divides `steps`."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Variant by variant, seed by seed."""
        base = dict(flat(self.base))
        pairs = itertools.product(enumerate(self.variants), range(self.seeds))
        return tuple(
            Trial(index, number, seed, base | changes) for index, ((number, changes), seed) in enumerate(pairs)
        )

    @property
    def groups(self) -> tuple[tuple[Trial, ...], ...]:
        """The trials that can share a compiled program, in order of their first one."""
        found: dict[tuple[Any, ...], list[Trial]] = {}
        for trial in self.trials:
            found.setdefault(trial.shape, []).append(trial)
        return tuple(map(tuple, found.values()))

    @property
    def paths(self) -> tuple[str, ...]:
        """What differs between the variants."""
        return tuple(dict.fromkeys(path for changes in self.variants for path in changes))

    def cut(self, *, seeds: int | None = None, steps: int | None = None, every: int | None = None) -> "Grid":
        """The same with fewer seeds or steps."""
        steps = steps or self.steps
        return replace(self, seeds=seeds or self.seeds, steps=steps, every=min(every or self.every, steps))

    @property
    def quick(self) -> "Grid":
        """Its first and its last variant on three seeds for twenty steps: proves that a peer runs and agrees."""
        few = replace(self, variants=(self.variants[0], self.variants[-1]))
        return few.cut(seeds=3, steps=min(20, self.steps), every=min(10, self.every))

    @property
    def text(self) -> str:
        """The grid file; JSON, which YAML contains."""
        return json.dumps(
            {
                "question": self.question,
                "plugins": ["benchmarks.plugin"],
                "base": {**self.base, "train": {"steps": self.steps, "eval_every": self.every}},
                "metric": {"name": "val_loss", "goal": "minimize"},
                "seeds": self.seeds,
                "grid": list(self.variants),
            },
            indent=1,
        )


def product(*axes: Sequence[Settings]) -> tuple[Settings, ...]:
    """Every combination of one entry of each axis."""
    return tuple(
        {path: value for changes in combination for path, value in changes.items()}
        for combination in itertools.product(*axes)
    )


def axis(path: str, *values: Any) -> tuple[Settings, ...]:
    """One path, several values."""
    return tuple({path: value} for value in values)


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of every leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
