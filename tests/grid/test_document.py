"""YAML 1.2 scalars, places, and files that are hostile or not YAML at all."""

import time
from pathlib import Path
from typing import Any

import pytest

from ablate.core import GridError, Location
from ablate.grid import load
from ablate.grid.document import parse
from ablate.grid.tree import Tree

from .conftest import Write


def tree_of(text: str) -> Tree:
    tree = parse(text, "a.yaml")
    assert tree is not None
    return tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("3e6", 3e6),
        (".5", 0.5),
        ("1.", 1.0),
        ("+7", 7),
        ("-0x", "-0x"),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1_000", "1_000"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("TRUE", True),
        ("false", False),
        ("~", None),
        ("Null", None),
        ("''", ""),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("2024-06-01", "2024-06-01"),
        ("12:30:00", "12:30:00"),
        ("1.2.3", "1.2.3"),
        ("{a: [1, two]}", {"a": [1, "two"]}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    plain = tree_of(text).plain()
    assert plain == value
    assert type(plain) is type(value)


def test_every_value_and_key_has_its_place() -> None:
    tree = tree_of("a:\n  - b: {c.d: 1}\né: [x, y]\n")
    assert tree.locate("a[0].b.c.d") == Location("a.yaml", 2, 14)
    assert tree.locate("a[0].b.c.d", key=True) == Location("a.yaml", 2, 9)
    assert tree.locate("é[1]") == Location("a.yaml", 3, 8)
    assert tree.locate("a[0].b.nothing.here") == tree.locate("a[0].b") == Location("a.yaml", 2, 8)


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join(f'*{old}' for _ in range(9))}]\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.yaml:1:1  the file is empty; a grid has at least `base` and `metric`  [empty-grid]"),
        (b"# nothing\n", "a.yaml:1:1  the file is empty; a grid has at least `base` and `metric`  [empty-grid]"),
        (b"- 1", "a.yaml:1:1  a grid is a mapping of keys such as base and metric, got a list  [wrong-type]"),
        (
            b"\xef\xbb\xbfbase: {}",
            "a.yaml:1:1  the file begins with a byte-order mark; save it as UTF-8 without one  [not-text]",
        ),
        (b"a: 1\nb: caf\xe9", "a.yaml:2:7  byte 0xe9 is not UTF-8; save the file as UTF-8 text  [not-text]"),
        (b"a: \x00", "a.yaml:1:4  the YAML cannot be read: control characters are not allowed  [yaml-syntax]"),
        (
            b"x" * 10_000_000,
            "a.yaml:1:1  a grid file is at most 1 MiB; keep data in its own file and name its path in the grid"
            "  [too-large]",
        ),
        (b"[" * 1_000_000, "a.yaml:1:51  values are nested more than 50 deep; flatten them  [too-large]"),
        (
            b"a:\n" + b"- 1\n" * 110_000,
            "a.yaml:99999:3  the file has more than 100,000 values; use value forms such as {min, max, count}"
            "  [too-large]",
        ),
        (
            BOMB.encode(),
            "a.yaml:1:11  the aliases (*name) of this file stand for more than 100,000 values; write fewer"
            "  [alias-bomb]",
        ),
        (
            b"a: &a {b: *a}",
            "a.yaml:1:4  a.b: an alias (*name) is inside the value that it stands for; write the value out"
            "  [alias-bomb]",
        ),
        (b"a:\n\tb: 1", "a.yaml:2:1  the line is indented with a tab; YAML wants spaces  [yaml-syntax]"),
        (
            b"a: 1\n---\nb: 2",
            "a.yaml:2:1  a second document (---) begins here; a grid file has one  [yaml-syntax]",
        ),
        (
            b"a: [1, 2\nb: 3",
            "a.yaml:2:2  the YAML cannot be read: did not find expected ',' or ']' (a '[' is not closed, or a comma is "
            "missing)  [yaml-syntax]\n    a.yaml:1:4  while parsing a flow sequence",
        ),
        (
            b"a: b: c",
            "a.yaml:1:5  the YAML cannot be read: mapping values are not allowed in this context (a ':' that is part "
            "of a text needs quotes around the text)  [yaml-syntax]",
        ),
        (
            b"a: &x 1\nb: &x 2",
            "a.yaml:2:4  this anchor (&name) is used twice; rename one  [yaml-syntax]\n    a.yaml:1:4  first used here",
        ),
        (
            b"a: {b: 1, c: 2, b: 3}",
            "a.yaml:1:17  a.b: this key is written twice; keep one of the two  [duplicate-key]\n"
            "    a.yaml:1:5  first written here",
        ),
        (
            b"a: !!python/name:os.system x\nb: .inf\nc: 99999999999999999999\n1: d\n<<: {e: 1}\n? [f]\n: g",
            "a.yaml:1:4  a: the tag !!python/name:os.system is not part of the grid language; the only one is !remove"
            "  [not-supported]\n"
            "a.yaml:2:4  b: .inf is not a finite number; write one that is  [bad-value]\n"
            "a.yaml:3:4  c: this integer does not fit in 64 bits; write a smaller one, or a decimal number such as "
            "1e20  [bad-value]\n"
            "a.yaml:4:1  a key must be text; write '1' in quotes  [wrong-type]\n"
            "a.yaml:5:1  merge keys (<<) are not part of YAML 1.2; share settings with `extends`  [not-supported]\n"
            "a.yaml:6:3  a key must be text, not a mapping or a list  [wrong-type]",
        ),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value.split("[")[-1].partition("]")[0],
)
def test_a_file_that_is_no_grid_has_one_clear_message_at_once(write: Write, data: bytes, message: str) -> None:
    name = write(data)
    started = time.process_time()
    with pytest.raises(GridError) as caught:
        load(name)
    assert time.process_time() - started < 1.5
    assert str(caught.value) == message


def test_a_file_that_cannot_be_read_says_why(write: Write, tmp_path: Path) -> None:
    write("")
    for name, reason in (
        ("none.yaml", "no such file or directory"),
        (".", "is a directory"),
        ("a\0b", "embedded null"),
    ):
        with pytest.raises(GridError, match=reason) as caught:
            load(name)
        assert caught.value.problems[0].code == "file-not-found"
