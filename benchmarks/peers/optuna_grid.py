"""P4: Optuna's GridSampler with storage in memory, in one process, over the fused scan."""

import optuna

from benchmarks.task import asked

from .fused import Fused


def main() -> None:
    """Train the grid."""
    task = asked()
    fused, trials = Fused(task), task.grid.trials
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    order = [trial.index for trials in task.grid.groups for trial in trials]
    study = optuna.create_study(sampler=optuna.samplers.GridSampler({"trial": order}, seed=0))

    def objective(asked: optuna.Trial) -> float:
        trial = trials[asked.suggest_int("trial", 0, len(trials) - 1)]
        fused.train(trial)
        return float(trial.index)

    study.optimize(objective, n_trials=len(trials))


if __name__ == "__main__":
    main()
