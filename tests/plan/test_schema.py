"""The editor schema: every component is in it, shipped grids fit it, broken ones do not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from ablate.grid import load
from ablate.grid.document import parse
from ablate.plan import grid_schema
from ablate.systems import FAMILIES

ROOT = Path(__file__).parents[2]
HEAD = """
base:
  problem: {kind: char_lm, context: 64}
  model: {kind: gpt, activation: gelu}
  optimizer: {kind: adamw, lr: 1e-3, schedule: {kind: warmup_cosine, warmup: 5}}
metric: {name: val_loss, goal: minimize}
"""


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = grid_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def plain(text: str) -> Any:
    """A grid as plain data, read by ablate itself."""
    tree = parse(text, "grid.yaml")
    assert tree is not None
    return tree.plain()


@pytest.mark.parametrize("path", sorted((ROOT / "grids").rglob("[!_]*.yaml")), ids=lambda path: path.stem)
def test_shipped_grids_fit(path: Path, validator: Any) -> None:
    assert [error.message for error in validator.iter_errors(load(path).tree.plain())] == []


@pytest.mark.parametrize(
    "text",
    [
        "ablate:\n  model.activation: [relu, {as: soft, value: {kind: soft_shrink, scale: 3}}]\n  optimizer.lr: 0\n",
        "ablate: {model.width: {range: [8, 32, 8]}, optimizer.lr: {log: [1e-4, 1e-2], count: 5}}",
        "ablate: {no history: {model.position: none, model.width: 32}, optimizer: [{kind: sgd, lr: 1}, adamw]}",
        "ablate: {model.activation: {as: leaky, value: {kind: leaky_relu}}, model.activation.slope: [0.1, 0.2]}",
        "grid: [{model.kind: [gpt, mlp]}, {model.width: [8, 16]}]\nzip: {size: {model.width: [8], model.heads: [2]}}",
        "when: [{if: 'model.width > 3', grid: {optimizer.momentum: [0, 0.9]}}]\nexclude: [{model.width: [8, 16]}]",
        "include: [{label: paper, optimizer.clip: null, train.steps: 10}]\nacross: {problem.context: [32, 64]}",
        "seeds: [1, 0-4]\nmargin: 0.01\nrun: {resources: {gpu: 0.5}, lanes: solo}\nreport: {columns: [params]}",
        "seeds: 0-9\nclaims: [{that: {model.width: 3}, is: equivalent, to: base, margin: 0.1}]\nrun:\nplugins:\n",
        "tune: {axes: {optimizer.lr: {log: [1e-4, 1e-2], count: 5}}, seeds: 3, select: {at: 'mean_last:10'}}",
        "claims: [{that: a, is: below, value: 2}, {order: [a, b, c], rank_correlation: 0.5}]",
        "reference: {source: paper, values: {base: 1, relu: 2.5}}\nversion: 1\nquestion: why\nmetric: "
        "{name: val_loss, goal: maximize, at: 'mean_last:5'}",
    ],
)
def test_what_the_language_allows_fits(text: str, validator: Any) -> None:
    head = HEAD if "metric:" not in text else HEAD.partition("metric")[0]
    assert [error.message for error in validator.iter_errors(plain(head + text))] == []


def test_a_grid_that_extends_needs_no_base(validator: Any) -> None:
    assert not validator.is_valid({"extends": "other.yaml", "base": {"model": {"slope": 1}}})
    assert validator.is_valid({"extends": "other.yaml", "base": {"model": {"weights": "orthogonal"}}})
    assert not validator.is_valid({"metric": {"name": "val_loss", "goal": "minimize"}})


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "sedes: 3",
        HEAD + "seeds: -1",
        HEAD + "margin: 0",
        HEAD + "version: 2",
        HEAD + "tune: {seeds: 3}",
        HEAD + "tune: {axes: {optimizer.lr: [wide]}}",
        HEAD + "tune: {axes: {optimizer.lr: [1]}, select: {at: first}}",
        HEAD + "ablate: {model.actvation: [relu]}",
        HEAD + "ablate: {model.activation: [rleu]}",
        HEAD + "ablate: {model.width: [wide]}",
        HEAD + "ablate: {model.width: []}",
        HEAD + "ablate: {model.width: {min: 1, max: 9}}",
        HEAD + "ablate: {model.activation: {log: [1, 2], count: 3}}",
        HEAD + "ablate: {narrow: {model.wdth: 3}}",
        HEAD + "grid: {narrow: {model.width: 3}}",
        HEAD + "exclude: [{modle.width: 3}]",
        HEAD + "when: [{if: 'model.width > 3'}]",
        HEAD + "claims: [{that: relu, is: beter, than: base}]",
        HEAD + "claims: [{that: relu, is: better}]",
        HEAD + "run: {lanes: fast}",
        HEAD + "run: {resources: {gpus: 1}}",
        HEAD + "report: {alpha: 0.9}",
        HEAD.replace("val_loss,", "val_loss, at: first,"),
        HEAD.replace("goal: minimize", "goal: down"),
        HEAD.replace("context: 64", "contxt: 64"),
        HEAD.replace("context: 64", "context: '64'"),
        HEAD.replace("context: 64", "corpus: file"),
        HEAD.replace("kind: gpt", "kind: gtp"),
        HEAD.replace("activation: gelu", "activation: {kind: gelu, slope: 1}"),
        HEAD.replace("lr: 1e-3", "lr: -1"),
        HEAD.replace("warmup: 5", "warmup: 0.5"),
        HEAD.replace("base:", "base:\n  momentum: 1"),
        HEAD.replace("base:", "base:\n  program: supervisd"),
    ],
)
def test_broken_grids_do_not_fit(text: str, validator: Any) -> None:
    assert validator.is_valid(plain(HEAD))
    assert not validator.is_valid(plain(text))


def test_every_kind_of_every_family_is_in_it() -> None:
    schema = grid_schema()
    for family in FAMILIES:
        names = [option.get("const") for option in schema["$defs"][f"{family.name}.kind"]["anyOf"]]
        assert names == list(family.kinds())
        choices = schema["$defs"][family.name]["anyOf"]
        for cls in family:
            member = schema["$defs"][f"{family.name}.{cls.kind}"]
            assert {"$ref": f"#/$defs/{family.name}.{cls.kind}"} in choices
            assert member["properties"]["kind"] == {"const": cls.kind}
            assert getattr(cls, "reference", "") in member["description"]
            for name, info in cls.model_fields.items():
                field = member["properties"][name]
                assert field["description"] == " ".join((info.description or "").split())
                assert ("default" in field) is not info.is_required()
    assert schema["$defs"]["optimizer.adamw"]["properties"]["schedule"]["default"] == "constant"


def test_every_reference_leads_somewhere() -> None:
    schema = grid_schema()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                found: Any = schema
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(schema)


def test_two_processes_write_the_same_bytes() -> None:
    script = "import json; from ablate.plan import grid_schema; print(json.dumps(grid_schema()))"
    first, second = (
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
    assert "activation.relu" in first
