"""Every example of the grid language's page loads, expands, and gives the labels or messages under it."""

import re
from pathlib import Path

import pytest

from ablate.core import GridError
from ablate.grid import MetricChoice, OnFailure, ReportOptions, RunOptions, expand, load
from ablate.grid.schema import KEYS

from .conftest import Write

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "grid-language.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL)
FIRST = EXAMPLES[0][0]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[text.partition(":")[0] for text, _ in EXAMPLES])
def test_examples_do_what_the_page_says(write: Write, text: str, expected: str) -> None:
    own = {line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")}
    kept = [line for line in FIRST.splitlines(keepends=True) if line.partition(":")[0] not in own]
    name = write("".join(kept) + text if text != FIRST else text, "grid.yaml")
    try:
        shown = [variant.label for variant in expand(load(name)).variants]
    except GridError as error:
        shown = str(error).splitlines()
    assert shown == (expected.splitlines() or ["base"])


def test_every_key_is_on_the_page() -> None:
    options = [name for cls in (MetricChoice, OnFailure, RunOptions, ReportOptions) for name in cls.model_fields]
    missing = [name for name in (*KEYS, *options) if not re.search(rf"`[^`]*\b{name}\b[^`]*`|^ *{name}:", PAGE, re.M)]
    assert not missing
