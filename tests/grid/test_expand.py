"""What a grid expands to: variants, contexts, counts, labels, warnings and places."""

import time
from dataclasses import asdict

from ablate.core import Location, canonical_json
from ablate.grid import Expansion, load

from .conftest import HEAD, Expand, Write


def labels(expansion: Expansion) -> list[str]:
    return [variant.label for variant in expansion.variants]


def test_ablate_changes_one_thing_at_a_time(expanded: Expand) -> None:
    expansion = expanded(
        """
ablate:
  model.activation: [relu, {kind: soft_shrink, amount: 1.0, scale: 3.0}]
  model.activation.slope: 0.2
  optimizer.kind: sgd
  optimizer: [{kind: lion, lr: 3e-4}, {as: plain, value: adamw}]
  no_history: {model.history: 1, model.position: none}
"""
    )
    assert labels(expansion) == [
        "base",
        "activation=relu",
        "activation=soft_shrink(amount=1, scale=3)",
        "slope=0.2",
        "optimizer.kind=sgd",
        "optimizer=lion(lr=3e-4)",
        "plain",
        "no_history",
    ]
    base, relu, shrink, slope, sgd, lion, plain, no_history = expansion.variants
    config = {variant.label: expansion.config(variant, expansion.contexts[0]) for variant in expansion.variants}
    assert base.is_base
    assert not base.changes
    assert config[relu.label]["model"]["activation"] == "relu"
    assert config[shrink.label]["model"]["activation"] == {"kind": "soft_shrink", "amount": 1.0, "scale": 3.0}
    assert config[slope.label]["model"]["activation"] == {"kind": "gelu", "slope": 0.2}
    assert config[sgd.label]["optimizer"] == {"kind": "sgd", "lr": 1e-3}
    assert config[lion.label]["optimizer"] == {"kind": "lion", "lr": 3e-4}
    assert config[plain.label]["optimizer"] == "adamw"
    assert no_history.changes == {"model.history": 1, "model.position": "none"}
    assert expansion.grid.base["model"]["activation"] == "gelu"


def test_grid_crosses_and_zip_is_one_more_axis(expanded: Expand) -> None:
    expansion = expanded(
        """
grid:
  - {model.activation: [gelu, relu], model.init: [glorot, he]}
  - {model.activation: [tanh]}
zip:
  size: {model.width: [64, 128], model.heads: [4, 8]}
when:
  - {if: {model.activation: tanh}, grid: {model.gain: [1, 2]}}
exclude:
  - {model.activation: relu, model.init: [he, other]}
  - model.width == 128 and model.activation == 'gelu'
include:
  - {label: paper, model.activation: relu, optimizer.lr: 6e-4}
  - {model.width: 16}
"""
    )
    assert labels(expansion) == [
        "base",
        "init=glorot",
        "init=he",
        "activation=relu, init=glorot",
        "activation=relu, init=glorot, width=128, heads=8",
        "activation=tanh, gain=1",
        "activation=tanh, gain=2",
        "activation=tanh, width=128, heads=8, gain=1",
        "activation=tanh, width=128, heads=8, gain=2",
        "paper",
        "width=16",
    ]
    assert asdict(expansion.counts) == {
        "base": 1,
        "ablate": 0,
        "grid": 5,
        "zip": 2,
        "when": 2,
        "include": 2,
        "excluded": 4,
        "duplicates": 0,
        "variants": 11,
        "contexts": 1,
        "seeds": 1,
        "runs": 11,
        "candidates": 0,
        "tuning_seeds": 0,
        "tuning_runs": 0,
    }
    assert not expansion.warnings


def test_zip_alone_is_a_product(expanded: Expand) -> None:
    expansion = expanded("zip: {size: {model.width: [8, 16], model.heads: [2, 8]}}\nseeds: 3")
    assert labels(expansion) == ["base", "width=8, heads=2", "width=16, heads=8"]
    assert (expansion.counts.grid, expansion.counts.zip, expansion.counts.runs) == (1, 2, 9)


def test_key_by_key_a_component_and_a_field_inside_it_do_not_depend_on_order(expanded: Expand) -> None:
    one = expanded("grid: {optimizer: [sgd, {kind: adamw, lr: 1e-3}], optimizer.lr: [1e-3, 0.1]}")
    two = expanded("grid: {optimizer.lr: [1e-3, 0.1], optimizer: [sgd, {kind: adamw, lr: 1e-3}]}")
    expected = {
        "base": {},
        "optimizer.kind=sgd": {"optimizer.kind": "sgd"},
        "optimizer=sgd(lr=0.1)": {"optimizer": {"kind": "sgd", "lr": 0.1}},
        "lr=0.1": {"optimizer.lr": 0.1},
    }
    for expansion in (one, two):
        assert {variant.label: variant.changes for variant in expansion.variants} == expected


def test_variants_that_coincide_are_kept_once_with_a_warning(expanded: Expand) -> None:
    expansion = expanded(
        """
ablate:
  model.activation: [gelu, relu, {kind: relu}]
  model.activation.kind: [relu]
  model.width: [64.0]
grid:
  model.activation: [gelu, relu]
  model.width: [64, 32]
"""
    )
    assert labels(expansion) == ["base", "activation=relu", "width=32", "activation=relu, width=32"]
    assert expansion.counts.duplicates == 6
    assert [str(warning) for warning in expansion.warnings] == [
        "a.yaml:7:22  ablate.model.activation: this variant is the same as base; it is kept once  [duplicate-variant]\n"
        "    a.yaml:2:55  the same configuration",
        "a.yaml:7:34  ablate.model.activation: this variant is the same as activation=relu; it is kept once"
        "  [duplicate-variant]\n    a.yaml:7:28  the same configuration",
        "a.yaml:8:27  ablate.model.activation.kind: this variant is the same as activation=relu; it is kept once"
        "  [duplicate-variant]\n    a.yaml:7:28  the same configuration",
        "a.yaml:9:17  ablate.model.width: this variant is the same as base; it is kept once  [duplicate-variant]\n"
        "    a.yaml:2:29  the same configuration",
        "a.yaml:10:1  grid: this variant is the same as base; it is kept once  [duplicate-variant]\n"
        "    a.yaml:2:55  the same configuration",
        "a.yaml:10:1  grid: this variant is the same as activation=relu; it is kept once  [duplicate-variant]\n"
        "    a.yaml:7:28  the same configuration",
    ]


def test_conditions_that_match_nothing_warn_and_the_base_stays(expanded: Expand) -> None:
    expansion = expanded(
        """
ablate: {model.width: [128], huge: {model.width: 4096}}
when: [{if: {model.width: 128}, grid: {model.x: [1]}}]
exclude: [{model.width: 64}, model.width > 5000, model.width > 4000, model.width == 4096]
"""
    )
    assert labels(expansion) == ["base", "width=128"]
    assert [str(warning) for warning in expansion.warnings] == [
        "a.yaml:6:30  ablate.huge: huge is taken out by exclude[2]  [no-match]\n    a.yaml:8:50  the condition",
        "a.yaml:8:11  exclude[0]: this matches no variant; it matches the base, which is never excluded  [no-match]",
        "a.yaml:8:30  exclude[1]: this matches no variant  [no-match]",
        "a.yaml:7:8  when[0]: there is no `grid` or `zip` that these axes could extend, so they are not used"
        "  [no-match]",
    ]


def test_contexts_have_their_own_baseline(expanded: Expand) -> None:
    expansion = expanded(
        """
across:
  problem: [{kind: text, size: 8}, {as: big, value: {kind: text, size: 16}}, {kind: text, size: 8.0}]
ablate:
  problem.size: [8]
  model.width: [32]
"""
    )
    assert [context.label for context in expansion.contexts] == ["problem=text(size=8)", "big"]
    assert labels(expansion) == ["base", "size=8", "width=32"]
    assert expansion.counts.runs == 6
    base, size, width = expansion.variants
    small, big = expansion.contexts
    assert expansion.config(base, big)["problem"]["size"] == 16
    assert expansion.config(size, big)["problem"]["size"] == 8
    assert canonical_json(expansion.config(size, small)) == canonical_json(expansion.config(base, small))
    assert expansion.config(width, small)["model"]["width"] == 32
    assert [str(warning) for warning in expansion.warnings] == [
        "a.yaml:7:78  across: the context problem=text(size=8) is the same as problem=text(size=8); it is kept once"
        "  [duplicate-variant]"
    ]


def test_labels_lengthen_where_they_would_be_equal(expanded: Expand) -> None:
    expansion = expanded(
        """
ablate:
  model.x: [0.12345678, 0.12345679, 1, "1", true, "true"]
  model.y: [{as: wide, value: 1}]
  wide: {model.width: 128}
"""
    )
    assert labels(expansion)[1:] == [
        "x=0.12345678",
        "x=0.12345679",
        "x=1",
        'x="1"',
        "x=true",
        'x="true"',
        "model.y=1",
        "wide",
    ]


def test_a_value_of_a_configuration_is_found_where_it_was_written(expanded: Expand) -> None:
    expansion = expanded(
        """across: {problem: [{kind: text, size: 8}]}
ablate:
  model.activation: [relu, {kind: shrink, amount: 1}]
  optimizer.kind: [sgd]
  model.actvation: [relu]
  model.history.length: [3]
"""
    )
    base, relu, shrink, sgd, typo, nested = expansion.variants
    (context,) = expansion.contexts

    def at(variant: object, path: str, *, key: bool = False) -> str:
        place = expansion.locate(variant, context, path, key=key)  # type: ignore[arg-type]
        assert isinstance(place, Location)
        return str(place)

    assert at(base, "model.activation") == "a.yaml:2:55"
    assert at(base, "model.activation", key=True) == "a.yaml:2:43"
    assert at(base, "model.nothing") == "a.yaml:2:10"
    assert at(base, "problem.size") == "a.yaml:5:39"
    assert at(relu, "model.activation") == "a.yaml:7:22"
    assert at(shrink, "model.activation.amount") == "a.yaml:7:51"
    assert at(shrink, "model.activation.missing") == "a.yaml:7:28"
    assert at(sgd, "optimizer.lr") == "a.yaml:3:32"
    assert at(sgd, "optimizer.momentum") == "a.yaml:8:20"
    assert at(typo, "model.actvation", key=True) == "a.yaml:9:3"
    assert at(nested, "model.history") == "a.yaml:10:3"
    assert expansion.where(shrink, context, "model.activation.amount") == "ablate.model.activation.amount"
    assert expansion.where(nested, context, "model.history") == "ablate.model.history.length"
    assert expansion.where(base, context, "problem.size") == "across.problem.size"
    assert expansion.where(base, context, "model.nothing") == "base.model.nothing"
    assert {path: str(place) for path, place in shrink.origins.items()} == {"model.activation": "a.yaml:7:28"}


def test_the_whole_document_is_on_the_grid(write: Write) -> None:
    grid = load(
        write(
            HEAD.replace("minimize}", "minimize, at: 'mean_last:5'}")
            + "question: why?\nmargin: 0.5\nseeds: [3, 5-7]\nrun: {order: shuffled, on: {error: stop_all}}\n"
            + "report: {columns: [params]}\n"
        )
    )
    assert (grid.name, grid.path, grid.question, grid.margin, grid.seeds) == ("a", "a.yaml", "why?", 0.5, (3, 5, 6, 7))
    assert (grid.metric.name, grid.metric.goal, grid.metric.at) == ("val_loss", "minimize", "mean_last:5")
    assert (grid.run.order, grid.run.on.error) == ("shuffled", "stop_all")
    assert grid.report.columns == ("params",)


def test_a_hundred_thousand_variants_take_about_two_seconds(expanded: Expand) -> None:
    started = time.process_time()
    expansion = expanded(
        """
grid:
  model.activation: [gelu, relu, tanh, silu, mish, elu, selu, celu, softplus, {kind: shrink, amount: 1.0}]
  model.width: {range: [32, 352, 32]}
  optimizer.lr: {log: [1e-5, 1e-1], count: 100}
  model.layers: {min: 1, max: 10, count: 10}
exclude: ["model.width % model.heads == 1"]
"""
    )
    assert time.process_time() - started < 6
    assert expansion.counts.variants == 100_001
