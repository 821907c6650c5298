"""``ablate import``: W&B sweeps of the shapes that people have become grids that load."""

from pathlib import Path
from typing import Any

import pytest

from ablate.grid import Grid, expand, load

from .test_cli import run_main

BAYES = """
program: train.py
project: demo
name: "cifar: tune"
method: bayes
metric: {name: val/loss, goal: minimize, target: 0.1}
parameters:
  learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 1}
  batch_size: {values: [32, 64]}
  epochs: {value: 10}
  dropout: {min: 0.0, max: 0.5}
  weight_decay: {distribution: normal, mu: 0.01, sigma: 0.001}
early_terminate: {type: hyperband, min_iter: 3}
run_cap: 50
command:
  - ${env}
  - python
  - ${program}
  - --fixed=3
  - ${args}
"""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def imported(text: str, *options: str) -> tuple[Grid, str]:
    """The grid that a sweep becomes, loaded, and its text."""
    Path("sweep.yaml").write_text(text)
    Path("grid.yaml").unlink(missing_ok=True)
    out, code = run_main(["import", "sweep.yaml", "--out", "grid.yaml", *options])
    assert code == 0, out
    return load("grid.yaml"), Path("grid.yaml").read_text()


def axes(grid: Grid) -> dict[str, list[Any]]:
    """The values of each axis."""
    products = grid.sections.grid
    return {axis[0][0].path: [choice.value for (choice,) in axis] for product in products for axis in product}


def test_a_search_becomes_a_product_and_says_what_it_lost() -> None:
    grid, text = imported(BAYES)
    assert axes(grid) == {
        "learning_rate": [0.0001, 0.001, 0.01, 0.1, 1],
        "batch_size": [32, 64],
        "dropout": [0, 0.125, 0.25, 0.375, 0.5],
    }
    assert grid.base == {
        "program": "train",
        "learning_rate": 0.01,
        "batch_size": 32,
        "epochs": 10,
        "dropout": 0.25,
        "weight_decay": 0.01,
    }
    assert (grid.metric.name, grid.metric.goal) == ("val/loss", "minimize")
    assert grid.question == "cifar: tune"
    assert expand(grid).counts.variants == 5 * 2 * 5, "the base is a member of the product"
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert text.startswith("\n".join(comments[:3]))
    for lost in ("method bayes", "early_terminate hyperband", "run_cap 50", "--fixed=3", "normal", "metric.target 0.1"):
        assert any(lost in line for line in comments), lost
    assert "needs a program of yours" in " ".join(comments)
    assert max(map(len, text.splitlines())) <= 120


def test_nested_parameters_and_dotted_names_are_paths() -> None:
    grid, text = imported("""
method: grid
metric: {name: acc, goal: maximize}
parameters:
  optimizer:
    parameters:
      name: {values: [adam, sgd]}
      schedule: {parameters: {warmup: {value: 5}}}
  model: {value: gpt}
  model.width: {values: [64, 128]}
  "++trainer.grad clip": {value: null}
  kind: {value: x}
  layers: {values: [[16], [32, 16]]}
  "null": {values: ["no", "true"]}
""")
    assert grid.base == {
        "program": "my_program",
        "optimizer": {"name": "adam", "schedule": {"warmup": 5}},
        "model": {"kind": "gpt", "width": 64},
        "trainer": {"grad_clip": None},
        "kind_": "x",
        "layers": [16],
        "null": "no",
    }
    assert axes(grid) == {
        "optimizer.name": ["adam", "sgd"],
        "model.width": [64, 128],
        "layers": [[16], [32, 16]],
        "null": ["no", "true"],
    }
    assert "++trainer.grad clip: is called trainer.grad_clip here" in text
    assert expand(grid).counts.variants == 16


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("{min: 2, max: 4}", [2, 3, 4]),
        ("{min: 0, max: 8}", [0, 2, 4, 6, 8]),
        ("{distribution: int_uniform, min: 1, max: 10}", [1, 3, 5, 8, 10]),
        ("{distribution: uniform, min: 0, max: 1}", [0, 0.25, 0.5, 0.75, 1]),
        ("{distribution: q_uniform, min: 0, max: 1, q: 0.5}", [0, 0.5, 1]),
        ("{distribution: q_log_uniform_values, min: 32, max: 512, q: 8}", [32, 64, 128, 256, 512]),
        ("{distribution: log_uniform, min: 0, max: 2.302585}", [1.0, 1.77828, 3.16228, 5.62341, 10.0]),
        ("{distribution: inv_log_uniform_values, min: 1, max: 16}", [1, 2, 4, 8, 16]),
        ("{values: [a, 'null', '1e5', \"x\\ty\", 'é: #']}", ["a", "null", "1e5", "x\ty", "é: #"]),
        ("{distribution: categorical, values: [true, 1, 1.5, null]}", [True, 1, 1.5, None]),
    ],
)  # fmt: skip
def test_distributions(spec: str, values: list[Any]) -> None:
    grid, _ = imported(f"parameters: {{x: {spec}}}\nmetric: {{name: loss}}\n")
    found = axes(grid)["x"]
    assert found == (pytest.approx(values, rel=1e-5) if isinstance(values[0], float) else values)
    if all(type(value) is int for value in values):
        assert all(type(value) is int for value in found)
    assert grid.base["x"] in found


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ("{distribution: constant, value: 3}", 3),
        ("{values: [7]}", 7),
        ("{min: 2.5, max: 2.5}", 2.5),
        ("{distribution: log_normal, mu: 0, sigma: 1}", 1),
        ("{distribution: beta, a: 1, b: 3}", 0.25),
        ("{value: {a: {b: [1, 2]}}}", {"a": {"b": [1, 2]}}),
    ],
)
def test_what_makes_no_axis(spec: str, value: Any) -> None:
    grid, _ = imported(f"parameters: {{x: {spec}}}\nmetric: {{name: loss}}\n")
    assert grid.base["x"] == value
    assert axes(grid) == {}


def test_seeds_become_seeds() -> None:
    grid, _ = imported("parameters: {seed: {values: [3, 1, 2]}, x: {values: [1, 2]}}\nmetric: {name: loss}\n")
    assert grid.seeds == (3, 1, 2)
    assert "seed" not in grid.base
    assert "seed: became `seeds`" in grid.text
    grid, _ = imported("parameters: {seed: {values: [-1, 2]}}\n")
    assert axes(grid) == {"seed": [-1, 2]}


def test_count_and_standard_output() -> None:
    Path("sweep.yaml").write_text("parameters: {x: {min: 0.0, max: 1.0}}\n")
    out, code = run_main(["import", "sweep.yaml", "--count", "3"])
    assert code == 0
    Path("grid.yaml").write_text(out)
    assert axes(load("grid.yaml")) == {"x": [0, 0.5, 1]}
    assert load("grid.yaml").metric.name == "val_loss"
    assert "metric: the sweep has none" in out
    assert sorted(path.name for path in Path().iterdir()) == ["grid.yaml", "sweep.yaml"]


def test_nothing_is_overwritten() -> None:
    Path("sweep.yaml").write_text(BAYES)
    out, code = run_main(["import", "sweep.yaml", "--out", "sweep.yaml"])
    assert code == 2
    assert "sweep.yaml exists and is not overwritten" in out
    assert Path("sweep.yaml").read_text() == BAYES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "sweep.yaml:1:1  a W&B sweep is a mapping with the key parameters, got an empty file  [wrong-type]"),
        ("- 1", "got a list  [wrong-type]"),
        ("a: [1", "[yaml-syntax]"),
        ("method: grid", "sweep.yaml:1:1  parameters: this is no W&B sweep"),
        ("paramters: {x: {value: 1}}", "did you mean paramters?"),
        ("base: {}\nmetric: {}", "this is a grid already"),
        ("parameters: [x]", "sweep.yaml:1:13  parameters: expected a mapping of parameters, got a list  [wrong-type]"),
        ("parameters: {x: 3}", "sweep.yaml:1:17  parameters.x: a parameter is a mapping such as {value: 1}"),
        ("parameters: {x: {vales: [1]}}", "parameters.x.vales: no such key of a parameter; did you mean value"),
        ("parameters: {x: {values: 1}}", "parameters.x: values is a list, got the number 1  [wrong-type]"),
        ("parameters: {x: {values: []}}", "parameters.x: a parameter needs at least one value  [empty-axis]"),
        ("parameters: {x: {min: 1}}", "parameters.x: int_uniform needs max  [missing-field]"),
        ("parameters: {x: {min: 3, max: 1}}", "min must be below max, got 3 and 1  [bad-value]"),
        ("parameters: {x: {min: a, max: 1}}", "min is a number, got the text 'a'  [wrong-type]"),
        ("parameters: {x: {distribution: log_uniform_values, min: 0, max: 1}}", "needs values above 0, got 0"),
        ("parameters: {x: {distribution: log_uniform, min: 0, max: 9999}}", "takes exponents of e"),
        ("parameters: {x: {distribution: unifrm, min: 0, max: 1}}", "did you mean uniform?"),
        ("parameters: {x: {distribution: [a], min: 0, max: 1}}", "no distribution of W&B is called a list"),
        ("parameters: {x: {distribution: q_uniform, min: 0, max: 1, q: 0}}", "q must be above 0"),
        ("parameters: {x: {distribution: int_uniform, min: 0.5, max: 1}}", "goes between integers"),
        ("parameters: {x: {}}", "got an empty mapping  [wrong-type]"),
        ("parameters: {x: {parameters: {}}}", "parameters.x.parameters: expected a mapping of parameters"),
        ("parameters: {x: {value: {a b: 1}}}", "'a b' is not a field name"),
        ("parameters: {x: {value: 1}, x.y: {value: 1}}", "x is the number 1, which has no field 'y'"),
        ("parameters: {x: {value: 1}, +x: {value: 2}}", "sweep.yaml:1:29  parameters.+x: two parameters are called x"),
        ("method: gird\nparameters: {x: {value: 1}}", "sweep.yaml:1:9  method: no method of W&B is called"),
        ("metric: loss\nparameters: {x: {value: 1}}", "metric.name: a metric is written {name: NAME"),
        ("metric: {name: a, goal: down}\nparameters: {x: {value: 1}}", "expected minimize or maximize"),
        ("name: [a]\nparameters: {x: {value: 1}}", "name: expected a text, got a list"),
    ],
)
def test_malformed_sweeps_are_one_message(text: str, expected: str) -> None:
    Path("sweep.yaml").write_text(text)
    out, code = run_main(["import", "sweep.yaml", "--out", "grid.yaml"])
    assert code == 2, out
    assert expected in out
    assert len([line for line in out.splitlines() if line.endswith("]")]) == 1, out
    assert not Path("grid.yaml").exists()
