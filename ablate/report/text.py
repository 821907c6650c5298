"""Small text tools: shortening, highlighting names inside generated sentences, a calm tint for YAML."""

import json
import re
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape

_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
_YAML = re.compile(r"^(?P<indent>\s*(?:- )*)(?P<key>[\w.$-]+|\"[^\"]*\"|'[^']*')(?P<colon>:)(?=\s|$)")


def safe_json(value: Any) -> Markup:
    """JSON that may stand inside a ``<script>``: no character in it can end the element or start another.

    Raises:
        ValueError: for a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return Markup(text.translate(_UNSAFE))


def typeset(text: str) -> str:
    """A generated sentence with real minus signs before numbers."""
    return re.sub(r"(?<![^\s(\[±])-(?=\.?\d)", "\u2212", text)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters on one line, cut in the middle, because labels often differ only at the end."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    tail = limit // 3
    return f"{line[: limit - tail - 1].rstrip()}\u2026{line[-tail:].lstrip()}"


def natural(text: str) -> list[tuple[int, str]]:
    """What texts are sorted by so that a number in them counts as one: ``blocks.2`` comes before ``blocks.10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", text)]


def sentence(text: str, variants: Iterable[str], baseline: str = "") -> Markup:
    """A generated sentence with the variants' names set apart and the figures in parentheses set back."""
    known = sorted(set(variants), key=len, reverse=True)
    names = "|".join(re.escape(name) for name in known if name)
    pattern = re.compile(rf"(?<![\w=.])(?P<name>{names})(?![\w=])|(?P<sign>[()])" if names else r"(?P<sign>[()])")
    out: list[Markup] = []
    depth = position = 0
    text = typeset(text)
    for match in pattern.finditer(text):
        out.append(escape(text[position : match.start()]))
        position = match.end()
        found = match.group()
        if match.lastgroup == "name":
            kind = "name" if found != baseline else "name is-baseline"
            out.append(Markup('<bdi class="{}">{}</bdi>').format(kind, shorten(found, 64)))
        elif found == "(":
            depth += 1
            out.append(Markup('<span class="aside">(') if depth == 1 else Markup("("))
        else:
            out.append(Markup(")</span>") if depth == 1 else Markup(")"))
            depth = max(depth - 1, 0)
    out.append(escape(text[position:]))
    if depth:
        out.append(Markup("</span>"))
    return Markup("").join(out)


def yaml_lines(text: str) -> list[Markup]:
    """The lines of a YAML file, keys and comments marked for a quiet tint."""
    return [_tinted(line) for line in text.rstrip("\n").splitlines()]


def _tinted(line: str) -> Markup:
    body, comment = line, ""
    found = re.search(r"(^|\s)#", line)
    if found and line[: found.start()].count('"') % 2 == 0 and line[: found.start()].count("'") % 2 == 0:
        body, comment = line[: found.end() - 1], line[found.end() - 1 :]
    key = _YAML.match(body)
    if key:
        head = Markup('{}<span class="key">{}</span>:').format(key["indent"], key["key"])
        marked = head + escape(body[key.end() :])
    else:
        marked = escape(body)
    return marked + Markup('<span class="comment">{}</span>').format(comment) if comment else marked
