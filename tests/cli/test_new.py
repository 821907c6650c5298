"""``ablate new``: a first grid for every problem, right as it is written."""

from pathlib import Path

import pytest

from ablate.grid import load
from ablate.plan import import_plugins
from ablate.systems import FAMILIES, PROBLEMS

from .test_cli import run_main

PLUGIN = '''
"""Problems that stress the writer."""

from typing import Literal

from ablate.systems import PROBLEMS
from ablate.systems.problems.spirals import Spirals


@PROBLEMS.register("odd")
class Odd(Spirals):
    """Spirals with odd fields."""

    style: Literal["a: b", "null", "plain"] = "null"
    """First sentence. Second sentence."""
    nothing: float | None = None


@PROBLEMS.register("needy")
class Needy(Spirals):
    """Spirals with a required field."""

    file: str
'''


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for family in FAMILIES:
        monkeypatch.setattr(family, "_members", dict(family._members))


@pytest.mark.parametrize("problem", PROBLEMS.kinds())
def test_the_grid_of_every_problem_is_right(problem: str) -> None:
    out, code = run_main(["new", "first", "--problem", problem])
    assert (out, code) == ("wrote grids/first.yaml; next: ablate check grids/first.yaml\n", 0)
    out, code = run_main(["check", "grids/first.yaml"])
    assert code == 0
    assert out.startswith("ok: "), "and nothing to warn about"
    assert "1 claim" in out
    text = Path("grids/first.yaml").read_text()
    assert load("grids/first.yaml").base["problem"]["kind"] == problem
    assert len(text.splitlines()) < 50
    assert max(map(len, text.splitlines())) <= 120


def test_nothing_is_overwritten() -> None:
    Path("mine.yaml").write_text("precious")
    out, code = run_main(["new", "./mine.yaml", "--problem", "spirals"])
    assert code == 2
    assert "mine.yaml exists and is not overwritten" in out
    assert Path("mine.yaml").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "written"),
    [("a", "grids/a.yaml"), ("b/a", "b/a.yaml"), ("c.yml", "c.yml"), ("a.b", "grids/a.b.yaml"), ("./d", "d.yaml")],
)
def test_a_name_or_a_path(name: str, written: str) -> None:
    assert run_main(["new", name, "--problem", "spirals"])[1] == 0
    assert Path(written).is_file()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["new", "a", "--problem", "spirls"], "there is no problem 'spirls'; did you mean spirals?  [bad-command]"),
        (["new", " "], "is no name of a file"),
        (["new", "a\nb"], "is no name of a file"),
        (["new", ".."], "is no name of a file"),
    ],
)
def test_wrong_commands_write_nothing(arguments: list[str], expected: str) -> None:
    out, code = run_main(arguments)
    assert code == 2
    assert expected in out
    assert not list(Path().iterdir())


def test_problems_of_plugins() -> None:
    Path("odd.py").write_text(PLUGIN)
    import_plugins(["odd.py"])
    assert run_main(["new", "odd.yaml", "--problem", "odd"])[1] == 0
    text = Path("odd.yaml").read_text()
    assert 'style: "null"                       # First sentence\n' in text
    assert run_main(["check", "odd.yaml"])[1] == 0
    out, code = run_main(["new", "needy.yaml", "--problem", "needy"])
    assert code == 2
    assert "needy has fields without a default (file)" in out
