"""Markdown for a README: headline, ranking table and claims, as GitHub and other CommonMark renderers read them."""

import re
from collections.abc import Sequence
from pathlib import Path

from ablate.store import write_text

from . import Source
from .paper import Head, Paper, one_line, paper
from .paths import beside

_MARKS = re.compile(r"[\\`*{}\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])|:(?=[\w+-]+:)")
"""What can begin a mark, a link, a column, mathematics, a template or an emoji; an underscore inside a word cannot."""

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ITEM = re.compile(r"^(\d*)([-+.)])(?=\s|$)")


def write(source: Source, stem: Path) -> tuple[Path, ...]:
    """``STEM.md``."""
    path = beside(stem, ".md")
    write_text(path, document(paper(source.analysis, source.plan)))
    return (path,)


def escape(text: str) -> str:
    """Text that shows as it is, on one line, inside a paragraph, a list item or a table cell."""
    return _MARKS.sub(lambda found: "\\" + found.group(), one_line(text)).translate(_ENTITIES)


def paragraph(text: str) -> str:
    """Text that shows as it is at the beginning of a line, where it could be taken for a list."""
    return _ITEM.sub(r"\1\\\2", escape(text))


def document(content: Paper) -> str:
    """The whole file."""
    blocks = [f"**{escape(content.title)}**", paragraph(content.headline)]
    for part in content.parts:
        if part.context or len(content.parts) > 1:
            blocks.append(f"**{escape(part.context)}**")
        blocks.append(grid(content.heads, part.rows))
    blocks.append(paragraph(content.note))
    if content.claims:
        blocks.append("\n".join(claims(content)))
    return "\n\n".join(blocks) + "\n"


def grid(heads: Sequence[Head], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [[escape(head.title) for head in heads], ["---:" if head.numeric else ":---" for head in heads]]
    lines += [[escape(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def claims(content: Paper) -> list[str]:
    """A list item per claim."""
    return [f"- **{one.verdict}**: {escape(one.text)} ({escape(one.evidence)})" for one in content.claims]
