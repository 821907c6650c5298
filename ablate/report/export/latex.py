"""LaTeX for a paper: a table with the rules of booktabs, and the claims below it.

Written by hand, because no dependency of ablate writes LaTeX. It needs the package ``booktabs`` and runs under
pdfLaTeX, XeLaTeX and LuaLaTeX.
"""

import re
import unicodedata
from pathlib import Path

from ablate.store import write_text

from . import Source
from .paper import Paper, one_line, paper
from .paths import beside

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "'": r"{\char39}",
    "`": r"{\char96}",
    "[": "{[}",
    "]": "{]}",
}
_SYMBOLS = {
    "\u00a0": "~",
    "\u2009": r"\,",
    "\u202f": r"\,",
    "\u2212": "$-$",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": "`{}",
    "\u2019": "'{}",
    "\u201c": "``{}",
    "\u201d": "''{}",
    "\u2026": r"\ldots{}",
    "\u00b1": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u00b7": r"$\cdot$",
    "\u00b5": r"$\mu$",
    "\u2192": r"$\rightarrow$",
    "\u2190": r"$\leftarrow$",
    "\u2264": r"$\leq$",
    "\u2265": r"$\geq$",
    "\u2260": r"$\neq$",
    "\u2248": r"$\approx$",
    "\u221e": r"$\infty$",
    "\u221a": r"$\surd$",
    "\u207b": r"\textsuperscript{$-$}",
} | {sign: rf"\textsuperscript{{{digit}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_GREEK = frozenset("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ")


def signs() -> dict[str, str]:
    """Character -> how LaTeX sets it, for all that are not themselves; without those that have only a code point."""
    return _SPECIAL | _SYMBOLS | {sign: rf"$\{_greek(sign)}$" for sign in sorted(_GREEK)}


def write(source: Source, stem: Path) -> tuple[Path, ...]:
    r"""``STEM.tex``, to be read with ``\input``."""
    path = beside(stem, ".tex")
    write_text(path, document(paper(source.analysis, source.plan), label=source.plan.name))
    return (path,)


def escape(text: str) -> str:
    """Text that LaTeX sets as it is, on one line.

    Characters that no font of pdfLaTeX has are written by their code point, ``U+1F9EA``.
    """
    parts = re.split("(?<=-)(?=-)", one_line(text))  # two hyphens in a row would become a dash
    return "{}".join("".join(map(_character, part)) for part in parts)


def _character(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign < "\x7f" or "\u00c0" <= sign <= "\u017e":
        return sign
    return rf"\texttt{{U+{ord(sign):04X}}}"


def _greek(sign: str) -> str:
    """The command of a Greek letter; Unicode spells lambda its own way."""
    name = unicodedata.name(sign).rpartition(" ")[2].lower().replace("lamda", "lambda")
    return name.capitalize() if sign.isupper() else name


_SIGNS = signs()


def document(content: Paper, *, label: str) -> str:
    r"""The whole file; `label` names the table for ``\ref``, after ``tab:``."""
    columns = len(content.heads)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(content.title)} {escape(content.headline)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9.-]+', '-', label)}}}",
        rf"\begin{{tabular}}{{{''.join('r' if head.numeric else 'l' for head in content.heads)}}}",
        r"\toprule",
        _row([head.title for head in content.heads]),
    ]
    for part in content.parts:
        lines.append(r"\midrule")
        if part.context or len(content.parts) > 1:
            lines.append(rf"\multicolumn{{{columns}}}{{l}}{{\emph{{{escape(part.context)}}}}} \\")
        lines += [_row(row) for row in part.rows]
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\smallskip", rf"{{\footnotesize {escape(content.note)}}}"]
    lines.append(r"\end{table}")
    if content.claims:
        lines.append(r"\begin{itemize}")
        lines += [
            rf"\item \textbf{{{one.verdict}}}: {escape(one.text)} ({escape(one.evidence)})" for one in content.claims
        ]
        lines.append(r"\end{itemize}")
    return "\n".join(lines) + "\n"


def _row(cells: "list[str] | tuple[str, ...]") -> str:
    return " & ".join(map(escape, cells)) + r" \\"
