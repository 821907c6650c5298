"""Which paths matter where the design is neither a full grid nor one change at a time: by a model, so with its name."""

import warnings
from importlib.util import find_spec
from typing import Any

from ._study import Study, base_value, is_number
from ._words import value_text
from .evidence import Importance

FEWEST = 30
"""A model of fewer finished runs says nothing."""

LOG = 20.0
"""Positive numbers of which the largest is so many times the smallest count by their logarithms."""

INSTALL = "pip install 'ablate-grid[importance]'"


def is_installed() -> bool:
    """Whether optuna, which has the model, is there."""
    return find_spec("optuna") is not None


def read_importance(study: Study) -> tuple[Importance, ...]:
    """The shares of each context with enough runs, by optuna's PED-ANOVA; empty without optuna.

    Every finished run is a trial: the value of each path that any variant changes, and its score. A share says how far
    the best tenth of the trials is from all of them in one path, the others averaged out by the model.

    References:
        Watanabe, Bansal and Hutter (2023), PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
        subspaces.
    """
    if not is_installed():
        return ()
    found = []
    for context in study.plan.contexts:
        trials = [
            (row.variant, seed.score) for row in study.rows(context) for seed in row.seeds if seed.score is not None
        ]
        columns = _columns(study, context, list(dict.fromkeys(variant for variant, _ in trials)))
        if len(trials) >= FEWEST and len(columns) > 1:
            shares = _shares(trials, columns, study.plan.metric.goal)
            found.append(Importance(context, len(trials), tuple(sorted(shares.items(), key=lambda item: -item[1]))))
    return tuple(found)


def _columns(study: Study, context: str, labels: list[str]) -> dict[str, dict[str, Any]]:
    """Path -> variant -> value, of paths that take more than one: numbers as they are, others in words."""
    changes = {variant.label: variant.changes for variant in study.plan.variants}
    paths = dict.fromkeys(path for label in labels for path in changes[label])
    columns: dict[str, dict[str, Any]] = {}
    for path in paths:
        base = base_value(study.plan, path, context)
        values = {label: changes[label].get(path, base) for label in labels}
        if not all(is_number(value) for value in values.values()):
            values = {label: value_text(value) for label, value in values.items()}
        if len(set(values.values())) > 1:
            columns[path] = values
    return columns


def _shares(trials: list[tuple[str, float]], columns: dict[str, dict[str, Any]], goal: str) -> dict[str, float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {
        path: _distribution(optuna.distributions, list(values.values())) for path, values in columns.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is marked as experimental
        table = optuna.create_study(direction=goal)
        table.add_trials(
            [
                optuna.trial.create_trial(
                    params={path: values[variant] for path, values in columns.items()},
                    distributions=distributions,
                    value=score,
                )
                for variant, score in trials
            ]
        )
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(table, evaluator=evaluator)
    return {path: float(share) for path, share in found.items()}


def _distribution(kinds: Any, values: list[Any]) -> Any:
    if isinstance(values[0], str):
        return kinds.CategoricalDistribution(sorted(set(values)))
    low, high = min(values), max(values)
    return kinds.FloatDistribution(float(low), float(high), log=low > 0 and high > LOG * low)
