"""``path=value`` on the command line."""

from typing import Any

import pytest

from ablate.core import GridError, Location
from ablate.grid import Grid, expand, load

from .conftest import HEAD, Write


def grid_with(write: Write, *overrides: str, text: str = "") -> Grid:
    return load(write(HEAD + text), overrides)


@pytest.mark.parametrize(
    ("override", "section", "value"),
    [
        ("optimizer.lr=3e-4", "optimizer", {"kind": "adamw", "lr": 3e-4}),
        ("base.optimizer.lr=3e-4", "optimizer", {"kind": "adamw", "lr": 3e-4}),
        ("optimizer={kind: sgd, lr: 0.1}", "optimizer", {"kind": "sgd", "lr": 0.1}),
        ("optimizer.kind=!remove", "optimizer", {"lr": 1e-3}),
        ("optimizer.schedule.warmup=5", "optimizer", {"kind": "adamw", "lr": 1e-3, "schedule": {"warmup": 5}}),
        ("optimizer.betas=[0.9, 0.99]", "optimizer", {"kind": "adamw", "lr": 1e-3, "betas": [0.9, 0.99]}),
        ("train.steps=10", "train", {"steps": 10}),
    ],
)
def test_a_field_path_sets_the_base(write: Write, override: str, section: str, value: Any) -> None:
    grid = grid_with(write, override)
    assert grid.base[section] == value
    place = grid.locate(f"base.{override.partition('=')[0].removeprefix('base.')}")
    assert (place == Location("<command line>", 1, 1)) != ("!remove" in override)


def test_a_component_keeps_its_name_when_a_field_is_set(write: Write) -> None:
    assert grid_with(write, "model.activation.slope=0.1").base["model"]["activation"] == {"kind": "gelu", "slope": 0.1}


def test_several_values_make_an_axis(write: Write) -> None:
    text = "ablate: {model.width: [128]}\n"
    grid = grid_with(write, "model.activation=relu,{kind: shrink, amount: 1},'a,b'", "grid.model.heads=1,2", text=text)
    assert [variant.label for variant in expand(grid).variants] == [
        "base",
        "width=128",
        "activation=relu",
        "activation=shrink(amount=1)",
        'activation="a,b"',
        "heads=1",
        "heads=2",
    ]


def test_top_level_keys_can_be_set(write: Write) -> None:
    grid = grid_with(
        write,
        "seeds=0-2,7",
        "margin=0.02",
        "metric.at=best",
        "report.columns=params,step_ms",
        "question=does it, really? it's late",
        "across.model.width=1,2",
        "run={order: file}",
    )
    assert (grid.seeds, grid.margin, grid.metric.at) == ((0, 1, 2, 7), 0.02, "best")
    assert (grid.report.columns, grid.question) == (("params", "step_ms"), "does it, really? it's late")
    assert grid.run.order == "file"
    assert [context.label for context in expand(grid).contexts] == ["width=1", "width=2"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.width"], "1:1  'model.width' is not of the form path=value, such as optimizer.lr=3e-4  [bad-command]"),
        (
            ["seeds=3", "seds=3"],
            "1:9  seds: no such key; did you mean seeds? (write base.seds=... for a field of that name)  [unknown-key]",
        ),
        (["seeds="], "1:1  seeds: there is a value missing after seeds=; write seeds=null for no value  [bad-command]"),
        (["a b=3"], "1:1  'a b' is not a path such as model.width  [unknown-path]"),
        (
            ["model.width.x=3"],
            "1:1  model.width.x: base.model.width is the number 64, which has no key 'x'  [unknown-path]",
        ),
        (["model.hads=!remove"], "1:1  model.hads: there is nothing to remove; did you mean heads?  [unknown-key]"),
        (
            ["model.x=1,!remove"],
            "1:1  model.x: `!remove` is the whole value, as in model.x=!remove, or is not there  [bad-value]",
        ),
        (["seeds=0,0"], "1:1  seeds: 0 appears twice  [duplicate-seed]"),
        (["margin=x"], "1:1  margin: expected a number, got the text 'x'  [wrong-type]"),
        (
            ["extends=b.yaml"],
            "1:1  extends: this cannot be set on the command line; write a grid file that extends both"
            "  [not-supported]",
        ),
        (
            ["model.x={a: 1, a: 2}"],
            "1:1  a: this key is written twice; keep one of the two  [duplicate-key]",
        ),
    ],
)
def test_mistakes_are_placed_on_the_command_line(write: Write, overrides: list[str], message: str) -> None:
    with pytest.raises(GridError) as caught:
        grid_with(write, *overrides)
    assert str(caught.value) == f"<command line>:{message}"


def test_mistakes_of_file_and_command_line_are_shown_together(write: Write) -> None:
    with pytest.raises(GridError) as caught:
        grid_with(write, "margin=0", "seds=1", text="qestion: x\n")
    assert [str(problem.location) for problem in caught.value.problems] == [
        "<command line>:1:1",
        "<command line>:1:10",
        "a.yaml:5:1",
    ]
