"""``--only SELECTOR``."""

import pytest

from ablate.core import CommandError
from ablate.grid import select

from .conftest import Expand

AXES = """\
ablate:
  model.activation: [relu, {kind: shrink, amount: 1}]
  optimizer.lr: [0.01, 0.1]
grid:
  model.activation: [gelu, relu]
  model.init: [he, glorot]
"""


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        ("base", ["base"]),
        ("activation=relu", ["activation=relu"]),
        ("relu, 0.1,base", ["base", "activation=relu", "lr=0.1"]),
        ("activation=relu, init=he", ["activation=relu, init=he"]),
        ("lr=0.1,activation=relu, init=he,base", ["base", "lr=0.1", "activation=relu, init=he"]),
        ("lr=*", ["lr=0.01", "lr=0.1"]),
        ("*init=h?", ["init=he", "activation=relu, init=he"]),
        ("model.activation=relu", ["activation=relu", "activation=relu, init=he", "activation=relu, init=glorot"]),
        ("optimizer.lr=0.01", ["lr=0.01"]),
        ("activation=shrink", ["activation=shrink(amount=1)"]),
        ("model.init=he,shrink", ["activation=shrink(amount=1)", "init=he", "activation=relu, init=he"]),
    ],
)
def test_selectors(expanded: Expand, selector: str, labels: list[str]) -> None:
    assert [variant.label for variant in select(expanded(AXES), selector)] == labels


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("rleu", "--only: no variant is called 'rleu'; did you mean relu?  [unknown-variant]"),
        ("relu,,base", "a part of the selector is empty; write a label, a pattern or path=value  [bad-command]"),
        ("rel*x", "--only: no label fits the pattern 'rel*x'; did you mean relu?  [unknown-variant]"),
        (
            "optimizer.lr=0.2",
            "no variant has optimizer.lr=0.2; the values of optimizer.lr are 0.01, 0.1, 1e-3  [unknown-variant]",
        ),
        ("optimizr.lr=0.1", "--only: no variant sets optimizr.lr; did you mean optimizer.lr?  [unknown-path]"),
        ("kind=gpt", "--only: kind may mean model.kind, optimizer.kind; write the whole path  [unknown-path]"),
    ],
)
def test_selectors_that_mean_nothing(expanded: Expand, selector: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        select(expanded(AXES), selector)
    assert str(caught.value).endswith(message)
