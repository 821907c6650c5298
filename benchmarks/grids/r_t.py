"""R-T: a transformer of two layers and width 64 on characters. 64 trials x 200 steps."""

from .grid import Grid, axis, product

R_T = Grid(
    name="R-T",
    question="Activation and rates of a char-GPT of 2 layers and width 64: 8 variants x 8 seeds x 200 steps.",
    workload="transformer",
    base={
        "problem": {"kind": "char_lm", "corpus": "pydoc", "context": 64, "batch": 16, "validation_windows": 64},
        "model": {
            "kind": "gpt",
            "layers": 2,
            "width": 64,
            "heads": 4,
            "activation": "gelu",
            "embedding_scale": 0.03,
        },
        "optimizer": {"kind": "adamw", "lr": 3e-4, "weight_decay": 0.1},
    },
    variants=product(
        axis("model.activation", "gelu", "relu"),
        axis("optimizer.lr", 3e-4, 6e-4),
        axis("optimizer.weight_decay", 0.1, 0.0),
    ),
    seeds=8,
    steps=200,
    every=50,
)
