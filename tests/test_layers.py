"""The layer contracts hold, and they can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([lint_imports, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_the_layers_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("store/atomic.py", "import ablate.analysis", "Layers"),
        ("analysis/types.py", "import jax", "The reading column"),
        ("systems/streams.py", "import ray", "Only the engine imports Ray"),
        ("plan/packs.py", "import altair", "Only the report imports Altair"),
        ("cli/app.py", "import ray", "Commands import"),
    ],
)
def test_the_contracts_can_fail(tmp_path: Path, module: str, line: str, broken: str) -> None:
    shutil.copytree(ROOT / "ablate", tmp_path / "ablate", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    path = tmp_path / "ablate" / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout
    assert any(broken in row and "BROKEN" in row for row in done.stdout.splitlines()), done.stdout
