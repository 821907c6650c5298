"""``ablate check``: every problem at once or one line, and plug-ins only if asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from .test_cli import run_main

ROOT = Path(__file__).parents[2]
GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {model.activation: [tanh, relu]}
"""
PLUGIN = """
from pathlib import Path

from ablate.systems import ACTIVATIONS, Activation

Path("imported").write_text("yes")


@ACTIVATIONS.register("side_effect")
class SideEffect(Activation):
    def build(self):
        return lambda x: x
"""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ablate.systems import ACTIVATIONS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ACTIVATIONS, "_members", dict(ACTIVATIONS._members))


def test_a_right_grid_is_one_line_and_writes_nothing() -> None:
    Path("grid.yaml").write_text(GRID + "claims: [{that: tanh, is: better, than: relu}]\n")
    out, code = run_main(["check", "grid.yaml"])
    assert (out, code) == ("ok: 3 variants x 2 seeds = 6 runs; 1 claim\n", 0)
    assert [path.name for path in Path().iterdir()] == ["grid.yaml"]


def test_overrides_and_contexts_count() -> None:
    Path("grid.yaml").write_text(GRID)
    out, code = run_main(["check", "grid.yaml", "across.problem.points=64,128", "seeds=1"])
    assert (out, code) == ("ok: 3 variants x 2 contexts x 1 seed = 6 runs\n", 0)


def test_every_problem_is_shown() -> None:
    Path("grid.yaml").write_text(GRID.replace("width: 8", "width: eight").replace("tanh", "tahn"))
    out, code = run_main(["check", "grid.yaml", "problem.points=-1"])
    assert code == 2
    assert "grid.yaml:4:29  base.model.width" in out
    assert "did you mean tanh?" in out
    assert "<command line>:1:1  base.problem.points" in out
    assert "3 problems" in out


def test_warnings_are_shown() -> None:
    Path("grid.yaml").write_text(GRID + "exclude: ['model.width > 99']\n")
    out, code = run_main(["check", "grid.yaml"])
    assert code == 0
    assert "warning: grid.yaml:8:11  exclude[0]: this matches no variant  [no-match]" in out


def test_without_plugins_no_plugin_is_imported() -> None:
    Path("mine.py").write_text(PLUGIN)
    Path("grid.yaml").write_text(GRID.replace("tanh", "side_effect") + "plugins: [mine.py]\n")
    out, code = run_main(["check", "grid.yaml", "--no-plugins"])
    assert code == 0
    assert not Path("imported").exists()
    assert "components were not validated, because the plug-ins mine.py were not imported" in " ".join(out.split())
    assert out.splitlines()[-1] == "ok: 3 variants x 2 seeds = 6 runs"
    out, code = run_main(["check", "grid.yaml", "--no-plugins", "metric.goal=up"])
    assert code == 2, "what needs no component is checked all the same"

    out, code = run_main(["check", "grid.yaml"])
    assert (out, code) == ("ok: 3 variants x 2 seeds = 6 runs\n", 0)
    assert Path("imported").exists()


def test_without_plugins_a_grid_that_names_none_is_validated() -> None:
    Path("grid.yaml").write_text(GRID.replace("tanh", "side_effect"))
    out, code = run_main(["check", "grid.yaml", "--no-plugins"])
    assert code == 2
    assert "no activation is called 'side_effect'" in out


def test_without_plugins_nothing_numeric_is_imported() -> None:
    Path("mine.py").write_text("raise RuntimeError\n")
    Path("grid.yaml").write_text(GRID + "plugins: [mine.py]\n")
    script = "import sys; sys.argv = ['ablate', 'check', 'grid.yaml', '--no-plugins']\nimport ablate.cli\n"
    script += "try:\n    ablate.cli.main()\nexcept SystemExit:\n    pass\n"
    script += "print([name for name in ('jax', 'ray', 'polars', 'mine') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("path", sorted((ROOT / "grids").glob("[!_]*.yaml")), ids=lambda path: path.stem)
def test_shipped_grids_are_right(path: Path) -> None:
    out, code = run_main(["check", str(path)])
    assert code == 0
    assert out.splitlines()[-1].startswith("ok: ")
