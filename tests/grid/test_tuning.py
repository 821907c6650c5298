"""What `tune` reads to, and what it leaves alone."""

from ablate.grid import expand, load

from .conftest import Write

GRID = """
base: {model: {width: 8, act: relu}, optimizer: {kind: adamw, lr: 1e-3}}
metric: {name: val_loss, goal: minimize, at: best}
seeds: 4
ablate: {model.act: [tanh], optimizer: [{kind: sgd}]}
"""
TUNE = "tune: {axes: {optimizer.lr: {log: [1e-3, 1e-1], count: 3}, optimizer.decay: [0, 0.1]}, seeds: 2}\n"


def test_candidates_are_the_product_of_the_nuisance_axes_over_every_variant(write: Write) -> None:
    expansion = expand(load(write(GRID + TUNE)))
    assert [one.label for one in expansion.candidates] == [
        f"lr={lr}, decay={decay}" for lr in ("1e-3", "0.01", "0.1") for decay in ("0", "0.1")
    ]
    sgd = expansion.variants[2]
    assert expansion.config(sgd, expansion.contexts[0], expansion.candidates[3])["optimizer"] == {
        "kind": "sgd",
        "lr": 0.01,
        "decay": 0.1,
    }
    assert (expansion.counts.runs, expansion.counts.tuning_runs) == (3 * 4, 3 * 6 * 2)


def test_tuning_changes_no_variant_and_no_label(write: Write) -> None:
    plain, tuned = expand(load(write(GRID))), expand(load(write(GRID + TUNE)))
    assert [(one.label, one.changes) for one in plain.variants] == [(one.label, one.changes) for one in tuned.variants]
    assert plain.candidates == ()


def test_the_selector_is_the_metric_except_for_what_it_says(write: Write) -> None:
    def select(text: str) -> tuple[str, str, str]:
        tuning = load(write(GRID + f"tune: {{axes: {{optimizer.lr: [1, 2]}}, select: {text}}}")).tuning
        assert tuning is not None
        return tuning.select.name, tuning.select.goal, tuning.select.at

    assert select("null") == ("val_loss", "minimize", "best")
    assert select("{at: 'mean_last:10'}") == ("val_loss", "minimize", "mean_last:10")
    assert select("{name: accuracy, goal: maximize}") == ("accuracy", "maximize", "best")


def test_tuning_seeds_are_never_the_grids_own_however_many_there_are(write: Write) -> None:
    grid = load(write(GRID + TUNE), ["seeds=10000", "tune.seeds=10000"])
    assert grid.tuning is not None
    assert len(grid.tuning.seeds) == 10_000
    assert not set(grid.tuning.seeds) & set(grid.seeds)


def test_a_candidate_that_is_another_is_kept_once(write: Write) -> None:
    expansion = expand(load(write(GRID + "tune: {axes: {optimizer.lr: [1, 2, 1.0]}}")))
    assert [one.label for one in expansion.candidates] == ["lr=1", "lr=2"]
    assert "the candidate lr=1 is the same as lr=1" in str(expansion.warnings[-1])
