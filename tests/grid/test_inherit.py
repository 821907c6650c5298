"""``extends``, ``!remove``, and places that point into the file that set a value."""

from pathlib import Path

import pytest

from ablate.core import GridError, Location
from ablate.grid import expand, load

from .conftest import HEAD, Write


def test_mappings_merge_and_everything_else_replaces(write: Write) -> None:
    write(
        HEAD
        + "seeds: [7, 8]\n"
        + "ablate:\n  model.width: {log: [1, 100], count: 3}\n  gone: {model.width: 1}\n  model.heads: [1]\n",
        "below.yaml",
    )
    name = write(
        "extends: below.yaml\n"
        "base:\n  model: {width: 32, activation: {slope: 0.1}}\n  optimizer: !remove\n"
        "seeds: [1]\n"
        "ablate:\n  model.width: {values: [8]}\n  gone: !remove\n"
    )
    grid = load(name)
    assert grid.base == {
        "model": {"kind": "gpt", "width": 32, "heads": 4, "activation": {"kind": "gelu", "slope": 0.1}}
    }
    assert grid.seeds == (1,)
    assert [variant.label for variant in expand(grid).variants] == ["base", "width=8", "heads=1"]


def test_of_several_files_the_later_ones_win(write: Write) -> None:
    write(HEAD + "seeds: [7]\nablate: {model.width: [8]}\n", "sub/question.yaml")
    write("base: {model: {width: 99, heads: 9}}\nseeds: [1]\n", "size.yaml")
    grid = load(write("extends: [sub/question.yaml, size.yaml]\nbase: {model: {heads: 3}}\n"))
    model = grid.base["model"]
    assert (model["kind"], model["width"], model["heads"]) == ("gpt", 99, 3)
    assert grid.seeds == (1,)
    assert [variant.label for variant in expand(grid).variants] == ["base", "width=8"]
    assert grid.locate("base.model.width") == Location("size.yaml", 1, 23)


def test_places_point_into_the_file_that_set_the_value(write: Write) -> None:
    write(HEAD, "sub/top.yaml")
    write("extends: top.yaml\nbase: {model: {heads: 8}}\n", "sub/middle.yaml")
    name = write("extends: sub/middle.yaml\nablate: {model.width: [1, 2]}\n")
    grid = load(name)
    assert grid.locate("base.model.width") == Location("sub/top.yaml", 2, 29)
    assert grid.locate("base.model.heads") == Location("sub/middle.yaml", 2, 23)
    assert grid.locate("ablate.model.width[1]") == Location("a.yaml", 2, 27)
    assert grid.locate("base.model.heads.deeper") == Location("sub/middle.yaml", 2, 23)
    assert grid.locate("ablate.model.width", key=True) == Location("a.yaml", 2, 10)


def test_plugins_are_relative_to_the_file_that_names_them(write: Write, tmp_path: Path) -> None:
    write("", "sub/mine.py")
    write(HEAD + "plugins: [mine.py, my_lab.snr]\n", "sub/top.yaml")
    grid = load(write("extends: sub/top.yaml\n"))
    assert grid.plugins == ("mine.py", "my_lab.snr")
    assert grid.plugin_paths == {"mine.py": tmp_path / "sub" / "mine.py"}


def test_a_circle_is_refused_with_its_members(write: Write) -> None:
    write("extends: b.yaml", "a.yaml")
    write("extends: c.yaml", "b.yaml")
    write("extends: a.yaml", "c.yaml")
    with pytest.raises(GridError) as caught:
        load("a.yaml")
    assert str(caught.value) == (
        "c.yaml:1:10  extends: the files extend each other in a circle: a.yaml -> b.yaml -> c.yaml -> a.yaml"
        "  [circular-extends]"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "base: {modle: !remove }",
            "a.yaml:2:8  base.modle: there is nothing to remove: the file that is extended sets no such key; "
            "did you mean model?  [unknown-key]",
        ),
        (
            "seeds: [1, !remove ]",
            "a.yaml:2:12  seeds.1: `!remove` stands after a key, to take that key out of the file that is extended"
            "  [bad-value]",
        ),
        (
            "extends: {a: b}",
            "a.yaml:1:10  extends: expected the path of a grid file, or a list of paths, got a mapping  [wrong-type]",
        ),
        (
            "extends: [3]",
            "a.yaml:1:11  extends[0]: expected the path of a grid file, or a list of paths, got the number 3"
            "  [wrong-type]",
        ),
        (
            "extends: [x.yaml]",
            "a.yaml:1:11  extends[0]: cannot read x.yaml: no such file or directory; check the path  [file-not-found]",
        ),
    ],
)
def test_what_cannot_be_merged_is_refused(write: Write, text: str, message: str) -> None:
    write(HEAD, "below.yaml")
    name = write(text if text.startswith("extends") else f"extends: below.yaml\n{text}")
    with pytest.raises(GridError) as caught:
        load(name)
    assert str(caught.value) == message
