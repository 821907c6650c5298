"""``ablate components``: everything that is registered, for people and for programs."""

import json
from pathlib import Path

import pytest

from ablate.systems import FAMILIES, OPTIMIZERS

from .test_cli import run_main

PLUGIN = '''
"""A program with a family of its own."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from ablate.core import Family, Lane
from ablate.systems import ACTIVATIONS, Activation, Component

BRAKES = Family("brake")


@BRAKES.register("drum")
class Drum(Component):
    """Slows down."""


@ACTIVATIONS.register("braked")
class Braked(Activation):
    """An activation with brakes.

    More about it.
    """

    brakes: Mapping[str, Annotated[Component, BRAKES]] = {}
    """Brakes by name."""
    strength: Annotated[float | None, Lane(), Field(gt=0)] = None
    """How hard it brakes."""
    path: str
    """A required field."""

    def build(self):
        """See Activation."""
        return lambda x: x
'''


@pytest.fixture
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgets afterwards what a plug-in registers."""
    for family in FAMILIES:
        monkeypatch.setattr(family, "_members", dict(family._members))


def test_the_overview_has_every_member_and_a_family_every_field() -> None:
    overview, code = run_main(["components"])
    assert code == 0
    for family in FAMILIES:
        rows, _ = run_main(["components", family.name])
        assert f"\n{family.name}\n" in f"\n{overview}"
        for cls in family:
            assert any(line.split()[:1] == [cls.kind] for line in overview.splitlines())
            assert f"{cls.kind}  {family.name}\n" in rows
            assert getattr(cls, "reference", "") in rows
    lines = run_main(["components", "optimizer"])[0].splitlines()
    *_, momentum = (line for line in lines if line.startswith("momentum"))
    assert momentum.split("  ")[-1] == "Decay of the accumulated gradient per step."
    assert "number, at least 0, below 1  0.0" in momentum
    assert any("number, above 0 or null" in line and " lane " in line for line in lines if line.startswith("clip"))
    assert not any(line != line.rstrip() for line in lines)


def test_json_is_the_same_for_programs() -> None:
    out, code = run_main(["components", "optimizer", "--json"])
    assert code == 0
    (family,) = json.loads(out)["families"]
    assert [member["kind"] for member in family["members"]] == list(OPTIMIZERS.kinds())
    fields = {field["path"]: field for field in family["members"][0]["fields"]}
    assert fields["schedule"] == {
        "path": "schedule",
        "type": "schedule",
        "required": False,
        "default": "constant",
        "mark": "part",
        "description": "Factor of the learning rate over the steps.",
    }
    (program,) = json.loads(run_main(["components", "program", "--json"])[0])["families"]
    marks = {field["path"]: field["mark"] for field in program["members"][0]["fields"]}
    assert marks["train.steps"] == "budget"
    assert marks["train.eval_every"] == "recording"


@pytest.mark.usefixtures("_forget")
def test_plugins_of_a_grid_are_listed_with_their_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PLUGIN)
    Path("grid.yaml").write_text("base: {}\nmetric: {name: val_loss, goal: minimize}\nplugins: [mine.py]\n")
    assert "braked" not in run_main(["components"])[0]
    out, _ = run_main(["components", "--grid", "grid.yaml"])
    assert "braked" in out
    assert "An activation with brakes." in out
    assert "brake\n  drum" in out
    out, _ = run_main(["components", "activation", "--grid", "grid.yaml"])
    assert "More about it." in out
    assert "mapping of names to brake" in out
    assert "required" in next(line for line in out.splitlines() if line.startswith("path"))


def test_a_wrong_family_or_grid_is_one_message() -> None:
    out, code = run_main(["components", "optimiser"])
    assert (out, code) == ("there is no family 'optimiser'; did you mean optimizer?  [bad-command]\n", 2)
    out, code = run_main(["components", "--grid", "nowhere.yaml"])
    assert code == 2
    assert "[file-not-found]" in out
