"""``ablate doctor``: what it prints, and what it returns."""

import json
from pathlib import Path

import pytest

from ablate.store import Store

from .test_cli import run_main

CHEAP = "versions,machine,cache,store"


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABLATE_CACHE_DIR", str(tmp_path / "cache"))


def test_a_problem_is_shown_with_what_to_do_and_is_exit_code_1() -> None:
    Store(Path("runs")).prepare()
    Path("runs/grids/first").mkdir(parents=True)
    Path("runs/grids/first/plan.json").write_text("{")
    out, code = run_main(["doctor", "--only", "store cache"])
    assert code == 1
    assert "problem runs/grids/first/plan.json: unreadable" in out
    assert "-> delete the file" in out
    assert "cache     ok" in out
    assert out.endswith("1 of 2 checks found something to mend\n")


def test_all_is_well_as_json_and_nothing_is_written() -> None:
    out, code = run_main(["doctor", "--only", CHEAP, "--store", "elsewhere", "--json"])
    found = {one["check"]: one for one in json.loads(out)}
    assert list(found) == CHEAP.split(",")
    assert found["store"]["facts"]["path"] == "elsewhere"
    assert found["versions"]["facts"]["versions"]["jax"]
    assert code == int(any(one["level"] == "problem" for one in found.values()))
    assert not list(Path().iterdir())


def test_a_check_that_does_not_exist() -> None:
    out, code = run_main(["doctor", "--only", "cash"])
    assert code == 2
    assert "no check is called 'cash'; did you mean cache?" in out
