"""The documentation is complete, in step with the code, and its examples run."""

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import get_args

import click
import pytest

from ablate.cli.app import group
from ablate.core import ErrorCode, GridError, NoResultsError, StoreError
from ablate.plan import import_plugins, make_plan
from ablate.store import Store
from ablate.systems import FAMILIES, Activation, Component, Diagnostic, Init, Intervention, Program, Schedule
from ablate.testing import conformance

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
GUIDES = sorted([*DOCS.glob("how-to/*.md"), *DOCS.glob("tutorial/*.md"), ROOT / "README.md"])

_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(page: Path, level: int = 2) -> dict[str, str]:
    """Heading -> what stands below it."""
    parts = re.split(rf"^{'#' * level} +(.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(text: str) -> list[tuple[str, str, str]]:
    """(language, title, content) of each code block."""
    return [(match[1], match[2] or "", match[3]) for match in _BLOCK.finditer(text)]


# --- the site ---------------------------------------------------------------------------------------------------


class Requests(HTMLParser):
    """Addresses that a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"link": ("href",), "img": ("src", "srcset"), "source": ("src", "srcset")}.get(tag, ("src",))
        values = dict(attrs)
        self.found += [value for name in names if (value := values.get(name))]


def test_the_site_builds_without_warnings_and_fetches_nothing(tmp_path: Path) -> None:
    # Without --quiet, which would keep warnings from being counted.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    html = sorted((tmp_path / "site").rglob("*.html"))
    assert len(html) > len(PAGES)
    for page in html:
        requests = Requests()
        requests.feed(page.read_text("utf-8"))
        assert requests.found
        assert not [address for address in requests.found if re.match(r"(\w+:)?//", address)], page.name


def test_local_targets_of_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", text)
    local = {(one or two).partition("#")[0] for one, two in targets} - {""}
    local = {target for target in local if not target.startswith(("http:", "https:", "mailto:"))}
    assert local
    missing = sorted(target for target in local if not (ROOT / target).exists())
    assert not missing


# --- reference --------------------------------------------------------------------------------------------------


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_components", DOCS / "generate_components.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_components_is_in_step() -> None:
    expected = generator().page()
    assert generator().PAGE.read_text("utf-8") == expected, "run: python docs/generate_components.py"


def test_every_component_and_field_is_documented() -> None:
    by_family = sections(DOCS / "reference/components.md")
    by_kind = sections(DOCS / "reference/components.md", level=3)
    for family in FAMILIES:
        assert family.name in by_family
        for cls in family:
            if not cls.__module__.startswith("ablate."):
                continue  # registered by another test
            text = by_kind[f"{family.name}: {cls.kind}"]
            assert cls.reference in text
            for name, info in cls.model_fields.items():
                assert f"| `{name}`" in text or f"| `{name}." in text, f"{family.name} {cls.kind}: {name}"
                assert " ".join((info.description or "").split()) in text or f"| `{name}." in text


def test_every_error_code_has_a_section_and_none_is_left_over() -> None:
    assert set(sections(DOCS / "reference/errors.md")) == set(get_args(ErrorCode))


HEAD = blocks((DOCS / "reference/errors.md").read_text("utf-8").partition("\n## ")[0])[1][2]
MISTAKES = [
    pytest.param(grid, message, id=code)
    for code, text in sections(DOCS / "reference/errors.md").items()
    for (kind, _, grid), (_, _, message) in zip(blocks(text), blocks(text)[1:], strict=False)
    if kind == "yaml"
]


@pytest.mark.parametrize(("grid", "message"), MISTAKES)
def test_examples_of_errors(grid: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = re.search(r"^base:", grid, re.MULTILINE)
    Path("grid.yaml").write_text(grid if whole else HEAD + grid)
    try:
        shown = "\n".join(map(str, make_plan(Path("grid.yaml"), Store(Path("runs"))).warnings))
    except GridError as error:
        shown = str(error)
    assert shown.replace(str(tmp_path), "/home/me") == message.rstrip("\n")


def test_every_command_and_option_is_documented() -> None:
    text = (DOCS / "reference/cli.md").read_text("utf-8")
    by_command = sections(DOCS / "reference/cli.md")
    context = click.Context(group)
    names = group.list_commands(context)
    assert {f"ablate {name}" for name in names} == {heading for heading in by_command if heading.startswith("ablate ")}
    known = {"--version", "-h", "--help"}
    for name in names:
        command = group.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            shown = [parameter.make_metavar(context)] if isinstance(parameter, click.Argument) else parameter.opts
            known |= set(shown)
            for one in shown:
                assert f"`{one.strip('[].')}" in by_command[f"ablate {name}"], f"{name}: {one}"
    options = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", text)) - {"-m"}
    assert options <= known, "a documented option does not exist"


def test_every_exit_code_is_documented() -> None:
    table = sections(DOCS / "reference/cli.md")["Exit codes"]
    for code in (0, 1, 3, 130, NoResultsError.exit_code, StoreError.exit_code):
        assert f"| {code} |" in table


# --- examples ---------------------------------------------------------------------------------------------------


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgets afterwards what the test registers."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for family in FAMILIES:
        monkeypatch.setattr(family, "_members", dict(family._members))


def check(component: Component) -> None:
    match component:
        case Activation():
            conformance.check_activation(component)
        case Init():
            conformance.check_init(component)
        case Schedule():
            conformance.check_schedule(component)
        case Program():
            conformance.check_program(component)
        case Intervention():
            conformance.check_intervention(component)
        case Diagnostic():
            conformance.check_diagnostic(component)
        case _:
            conformance.check_component(component)


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_examples_of_a_guide(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks with a title, as files: components conform, and every grid can be planned."""
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text("To be, or not to be, that is the question: " * 100)
    files = {title: content for _, title, content in blocks(page.read_text("utf-8")) if title}
    for title, content in files.items():
        Path(title).write_text(content, "utf-8")
    for title in (title for title, content in files.items() if ".register(" in content):
        before = {cls for family in FAMILIES for cls in family}
        import_plugins([title])
        added = [family.parse(cls.kind) for family in FAMILIES for cls in family if cls not in before]
        assert added, f"{title} registers nothing"
        for component in added:
            check(component)
    for title in (title for title in files if title.endswith(".yaml")):
        assert make_plan(Path(title), Store(Path("runs"))).runs


def test_guides_show_components() -> None:
    """The test above has something to test."""
    titles = {title for page in GUIDES for _, title, _ in blocks(page.read_text("utf-8")) if title}
    assert {"snake.py", "snake.yaml", "regression.py", "regression.yaml", "first.yaml", "book.yaml"} <= titles
