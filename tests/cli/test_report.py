"""``ablate report`` over several grids, and while a grid is trained."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ablate.cli import app, clock

GRID = """
question: "Is <b>this</b> rate & that one the same?"
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 4}
  train: {steps: 4, eval_every: 2}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {optimizer.lr: [0.1]}
"""
REFRESH = 'http-equiv="refresh"'


def ablate(*arguments: str) -> Result:
    return CliRunner().invoke(app.group, arguments)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(GRID)
    Path("two.yaml").write_text(GRID.replace("0.1", "0.2"))


def test_without_a_grid_all_of_the_store_and_an_index(tmp_path: Path) -> None:
    assert "no grid was ever run" in str(ablate("report").exception)
    for name in ("one.yaml", "two.yaml"):
        assert ablate("run", name, "--inline").exit_code == 0
    printed = ablate("report", "--to", "html,md").output
    folder = tmp_path / "reports"
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "one.html", "one.md", "two.html", "two.md"]
    index = (folder / "index.html").read_text()
    assert str(folder / "index.html") in printed
    for name in ("one", "two"):
        assert f'<a href="{name}.html">{name}</a>' in index
    assert "Is &lt;b&gt;this&lt;/b&gt; rate &amp; that one the same?" in index
    assert "4 of 4 runs ended" in index
    assert "<script" not in index
    assert REFRESH not in (folder / "one.html").read_text()


def test_several_grids_go_into_a_folder(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        assert ablate("run", name, "--inline").exit_code == 0
    assert ablate("report", "two.yaml", "one.yaml", "--out", "there").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["index.html", "one.html", "two.html"]


def test_watch_writes_the_page_until_all_runs_have_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "reports" / "one.html"
    pages: list[str] = []

    def sleep(seconds: float) -> None:
        """Something happens meanwhile: nothing was run, then a part, nothing new, the rest."""
        pages.append(page.read_text() if page.exists() else "")
        arguments = {1: ("--only", "base"), 3: ()}.get(len(pages))
        if arguments is not None:
            assert ablate("run", "one.yaml", "--inline", *arguments).exit_code == 0

    monkeypatch.setattr(clock, "sleep", sleep)
    printed = ablate("report", "one.yaml", "--watch")
    assert printed.exit_code == 0, printed.output
    assert pages[0] == ""
    assert pages[1] == pages[2]
    assert REFRESH in pages[1]
    assert "2 of 4 runs" in printed.output
    assert "4 of 4 runs" in printed.output
    assert REFRESH not in page.read_text()


@pytest.mark.parametrize("arguments", [(), ("one.yaml", "two.yaml"), ("one.yaml", "--to", "md")])
def test_watch_is_for_the_page_of_one_grid(arguments: tuple[str, ...]) -> None:
    assert "--watch writes the HTML page of one grid" in str(ablate("report", "--watch", *arguments).exception)
