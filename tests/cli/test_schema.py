"""``ablate schema``: a file, and the line that makes an editor find it."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from ablate.grid import load
from ablate.systems import FAMILIES

from .test_cli import run_main
from .test_components import PLUGIN

GRID = """
base: {problem: spirals, model: {kind: mlp, activation: {kind: braked, path: x, brakes: {front: drum}}}}
metric: {name: val_loss, goal: minimize}
plugins: [mine.py]
ablate: {model.activation.brakes.front: [drum]}
"""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for family in FAMILIES:
        monkeypatch.setattr(family, "_members", dict(family._members))


def test_the_default_place_and_its_line() -> None:
    out, code = run_main(["schema"])
    assert code == 0
    assert out.splitlines()[-1] == "# yaml-language-server: $schema=../.ablate/grid.schema.json"
    first = Path(".ablate/grid.schema.json").read_text()
    assert json.loads(first)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    run_main(["schema"])
    assert Path(".ablate/grid.schema.json").read_text() == first


def test_plugins_of_a_grid_are_in_it() -> None:
    Path("mine.py").write_text(PLUGIN)
    Path("grid.yaml").write_text(GRID)
    data = load("grid.yaml").tree.plain()
    run_main(["schema", "--out", "plain.json"])
    out, code = run_main(["schema", "--grid", "grid.yaml", "--out", "mine.json"])
    assert code == 0
    assert out.splitlines()[-1] == "# yaml-language-server: $schema=mine.json"
    fits = [
        jsonschema.Draft202012Validator(json.loads(Path(name).read_text())).is_valid(data)
        for name in ("plain.json", "mine.json")
    ]
    assert fits == [False, True]


def test_a_place_that_cannot_be_written_is_one_message() -> None:
    Path("file").write_text("")
    out, code = run_main(["schema", "--out", "file/schema.json"])
    assert code == 2
    assert "cannot write file/schema.json" in out
