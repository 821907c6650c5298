"""The command line as users meet it: what it prints, where it writes, what it returns."""

import json
import os
import pty
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from ablate.cli import app

GRID = """
question: "Is a hidden layer of tanh better on spirals?"
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  optimizer: {kind: adamw, lr: 1e-2}
  train: {steps: 40, eval_every: 10}
metric: {name: val_loss, goal: minimize}
seeds: 3
ablate: {model.activation: tanh, optimizer.lr: [1e30]}
"""


def ablate(folder: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    """Run the real command in a folder; its standard output and standard error."""
    command = [sys.executable, "-m", "ablate", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


@pytest.mark.slow
def test_the_whole_way(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    printed, _ = ablate(tmp_path, "plan", "grid.yaml")
    assert "3 variants x 3 seeds = 9 runs in 2 packs; variants = base + 2 ablate" in printed
    assert "remaining: 9 runs, 360 run-steps" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.yaml"], "plan writes nothing"

    _, error = ablate(tmp_path, "report", "grid.yaml", code=2)
    assert "no results of 'grid'" in error
    assert "[no-results]" in error

    printed, progress = ablate(tmp_path, "run", "grid.yaml", "--only", "base", "--inline")
    assert "3 of 9 runs ended" in printed
    assert "compiling" in progress
    assert "ETA" in progress

    printed, _ = ablate(tmp_path, "status", "grid.yaml")
    assert "9 runs: 3 done, 6 not ended" in printed
    printed, _ = ablate(tmp_path, "plan", "grid.yaml")
    assert (
        "remaining: 6 runs, 240 run-steps, under 1 s of training as last measured, and 1 pack that never ran" in printed
    )

    printed, _ = ablate(tmp_path, "report", "grid.yaml")
    assert Path(printed.splitlines()[-1]) == (tmp_path / "reports" / "grid.html").resolve()

    printed, _ = ablate(tmp_path, "run", "grid.yaml", "--inline")
    assert "9 of 9 runs ended; 3 of them diverged; 6 trained now" in printed
    printed, _ = ablate(tmp_path, "status", "grid.yaml")
    assert "9 runs: 6 done, 3 diverged" in printed
    assert "✕ at" in printed

    printed, _ = ablate(tmp_path, "report", "grid.yaml", "--out", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "diverged" in page
    printed, _ = ablate(tmp_path, "run", "grid.yaml", "--inline")
    assert "nothing was left to train" in printed
    (tmp_path / "grid.yaml").write_text(GRID + "margin: 0.1\n")
    _, error = ablate(tmp_path, "report", "grid.yaml")
    assert "has changed since it was run" in error


def test_plan_for_people_and_for_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.chdir(tmp_path)
    out, code = run_main(["plan", "grid.yaml", "--variants", "model.width=8,16"])
    assert code == 0
    assert "width=16         model.width: 16" in out
    out, code = run_main(["plan", "grid.yaml", "--json"])
    assert code == 0
    plan = json.loads(out)
    assert (plan["runs"], plan["ended"], plan["remaining_steps"]) == (9, 0, 360)
    assert plan["estimated_seconds"] is None
    assert [variant["label"] for variant in plan["variants"]] == ["base", "activation=tanh", "lr=1e30"]
    assert len({run["run_id"] for pack in plan["packs"] for run in pack["runs"]}) == 9
    out, code = run_main(["plan", "grid.yaml", "--json", "--variants"])
    assert code == 2
    assert "exclude each other" in out


@pytest.mark.slow
def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """Through Ray, on a real pseudo-terminal: a live panel that is gone at the end, and the closing lines.

    The worker waits until the panel has shown it, however fast the machine is.
    """
    (tmp_path / "grid.yaml").write_text(GRID + "run: {checkpoint_every: 10}\nplugins: [pausing.py]\n")
    shutil.copy(Path(__file__).parents[1] / "engine" / "pausing.py", tmp_path)
    pause = tmp_path / "pause"
    pause.touch()
    while_training = ["training: base", "lanes alive", "steps/s, ETA", "val_loss: "]
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ablate", "run", "grid.yaml"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        deadline = time.monotonic() + 240
        with suppress(OSError):  # the terminal closes with the process
            while chunk := os.read(ours, 65536):
                seen += chunk
                if all(text.encode() in seen for text in while_training) or time.monotonic() > deadline:
                    pause.unlink(missing_ok=True)
        os.close(ours)
    text = seen.decode()
    assert process.returncode == 0, text
    for expected in ("starting workers", "compiling: base", *while_training):
        assert expected in text
    assert text.rstrip().splitlines()[-1].startswith("next: ablate report grid.yaml")


@pytest.mark.slow
def test_a_run_that_raises_is_a_failure_and_can_be_retried(tmp_path: Path) -> None:
    broken = (
        '"""A bad activation."""\n\nfrom ablate.systems import ACTIVATIONS, Activation\n\n\n'
        '@ACTIVATIONS.register("bad")\nclass Bad(Activation):\n    """For a test."""\n\n'
        '    def build(self):\n        """See Activation."""\n        raise OSError(\'no disk today\')\n'
    )
    (tmp_path / "bad.py").write_text(broken)
    (tmp_path / "grid.yaml").write_text(GRID.replace("tanh,", "bad,") + "plugins: [bad.py]\n")
    printed, error = ablate(tmp_path, "run", "grid.yaml", "--inline", code=1)
    assert "9 of 9 runs" not in printed
    assert "no disk today" in error
    assert "--retry error" in printed
    printed, _ = ablate(tmp_path, "run", "grid.yaml", "--inline", code=1)
    assert "nothing was left to train" in printed, "an error is not repeated unless asked"
    (tmp_path / "bad.py").write_text(broken.replace("raise OSError('no disk today')", "return lambda x: x"))
    printed, _ = ablate(tmp_path, "run", "grid.yaml", "--inline", "--retry", "error")
    assert "9 of 9 runs ended; 3 of them diverged; 3 trained now" in printed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[empty-grid]"),
        (GRID.replace("seeds", "sedes"), "did you mean seeds?"),
        (GRID.replace("tanh", "tahn"), "grid.yaml:10:28  ablate.model.activation: no activation is called 'tahn'"),
        (GRID.replace("width: 8", "width: eight"), "grid.yaml:5:29  base.model.width: input should be a valid integer"),
        (GRID.replace("spirals,", "spirls,"), "did you mean spirals?"),
        (GRID + "tune: {}", "[empty-axis]"),
        (GRID.replace("{kind: spirals, points: 64,", "{kind: char_lm, corpus: shakespeare,"), "no corpus is called"),
    ],
)  # fmt: skip
def test_bad_input_is_one_message_and_writes_nothing(
    tmp_path: Path, text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grid.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    out, code = run_main(["run", "grid.yaml", "--inline"])
    assert code == 2
    assert expected in out
    assert [path.name for path in tmp_path.iterdir()] == ["grid.yaml"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rnu", "grid.yaml"], "did you mean run?"),
        (["run", "nowhere.yaml", "--inline"], "[file-not-found]"),
        (["run", "grid.yaml", "--inline", "--address", "auto"], "exclude each other"),
        (["run", "grid.yaml", "--inline", "--retry", "eror"], "did you mean error?"),
        (["run", "grid.yaml", "--inline", "--only", "tnah"], "tanh"),
        (["run", "grid.yaml", "--inline", "optimizer.lrr=1"], "did you mean lr?"),
        (["status", "grid.yaml"], "[no-results]"),
        (["report", "grid.yaml"], "[no-results]"),
    ],
)
def test_bad_commands(tmp_path: Path, arguments: list[str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.chdir(tmp_path)
    out, code = run_main(arguments)
    assert code == 2, out
    assert expected in out
    assert [path.name for path in tmp_path.iterdir()] == ["grid.yaml"]


def run_main(arguments: list[str]) -> tuple[str, int]:
    """The entry point in this process: everything it printed, and its exit code."""
    import click

    @click.command(context_settings={"ignore_unknown_options": True})
    def entry() -> None:
        app.main()

    before, sys.argv = sys.argv, ["ablate", *arguments]
    try:
        result = CliRunner().invoke(entry, [])
    finally:
        sys.argv = before
    return result.output, result.exit_code


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = "import sys; sys.argv = ['ablate', '--help']\nimport ablate.cli\n"
    script += "try:\n    ablate.cli.main()\nexcept SystemExit:\n    pass\n"
    script += "print([name for name in ('jax', 'ray', 'polars', 'altair', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Train what is missing" in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_the_shell_can_complete_commands_and_options() -> None:
    def complete(words: str) -> list[str]:
        count = len(words.split(" ")) - 1
        environment = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": str(count), "_ABLATE_COMPLETE": "bash_complete"}
        program = "import sys; sys.argv = ['ablate']; from ablate.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert complete("ablate re") == ["report"]
    assert {"--variants", "--json", "--store"} <= set(complete("ablate plan --"))
