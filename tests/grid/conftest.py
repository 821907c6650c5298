"""Grids in a folder of their own, with a small base that most tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ablate.grid import Expansion, expand, load

HEAD = """\
base:
  model: {kind: gpt, width: 64, heads: 4, activation: gelu}
  optimizer: {kind: adamw, lr: 1e-3}
metric: {name: val_loss, goal: minimize}
"""

Write = Callable[..., str]
Expand = Callable[..., Expansion]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files into the current folder: ``write(text, name)``."""
    monkeypatch.chdir(tmp_path)

    def write(text: str | bytes, name: str = "a.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    return write


@pytest.fixture
def expanded(write: Write) -> Expand:
    """Expands a text put after a small base: ``expanded(text, "path=value", ...)``."""

    def expanded(text: str = "", *overrides: str) -> Expansion:
        return expand(load(write(HEAD + text), overrides))

    return expanded
