"""Writes what was measured into docs/explanation/performance.md, between its markers."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .goals import GOALS
from .grids import GRIDS
from .peers import PEERS, Peer
from .summary import Results, Spread, measured, read

FOLDER = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs/explanation/performance.md"
BEGIN, END = "<!-- suite: begin (written by benchmarks/table.py) -->", "<!-- suite: end -->"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="write nothing")
    options = parser.parse_args()
    text = section(FOLDER)
    if options.print:
        print(text)
        return 0
    PAGE.write_text(inserted(PAGE.read_text("utf-8"), text), "utf-8")
    return 0


def inserted(page: str, text: str) -> str:
    """The page with `text` between the markers.

    Raises:
        SystemExit: the markers are not there.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"{PAGE} has no lines {BEGIN!r} and {END!r}"
        raise SystemExit(message)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def section(folder: Path) -> str:
    """Everything between the markers."""
    results = read(folder)
    parts = [_grid(one) for one in results.values()]
    missing = [name for name in GRIDS if name not in results]
    if missing:
        parts.append(f"Not measured yet: {', '.join(missing)}.")
    parts.append(_goals(results))
    compilation = folder / "compilation.json"
    if compilation.exists():
        parts.append(_compilation(json.loads(compilation.read_text("utf-8"))))
    profile = folder / "demo_profile.json"
    if profile.exists():
        parts.append(_profile(json.loads(profile.read_text("utf-8"))))
    return "\n\n".join(parts)


def _grid(results: Results) -> str:
    record = results.record
    whole, here = GRIDS[results.grid], record["machine"]
    repeats = 1 + max((run["repeat"] for run in record["runs"]), default=0)
    head = (
        f"**{results.grid}.** {whole.question} {here['cores']} cores, {here['processor']}, {record['created'][:10]},"
        f" JAX {here['versions']['jax']}, {repeats} {'repeat' if repeats == 1 else 'repeats'},"
        f" load gate {record['load_gate']}."
    )
    if record["seeds"] != whole.seeds or record["steps"] != whole.steps:
        head += f" Cut to {record['seeds']} seeds and {record['steps']} steps."
    rows = [
        "| peer | cold, s | ratio | warm, s | ratio | lane-steps/s, steady | ratio | losses within |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = dict.fromkeys(run["peer"] for run in record["runs"])
    rows += [_row(results, PEERS[name]) for name in PEERS if name in names]
    if record["left_out"]:
        absent = ", ".join(f"{PEERS[name].title} ({missing})" for name, missing in record["left_out"].items())
        head += f" Not installed: {absent}."
    roofs = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in record["roofs"].items())
    return "\n".join([head, "", *rows, *(["", f"Roofs in the same session: {roofs}."] if roofs else [])])


def _row(results: Results, peer: Peer) -> str:
    cells = [peer.title]
    for mode in ("cold", "warm"):
        cells += [_spread(results.seconds(peer.name, mode)), _ratio(results, peer, mode)]
    cells += [_spread(results.pace(peer.name), digits=0), _ratio(results, peer, "steady")]
    worst = [run["agreement"]["worst"] for mode in ("cold", "warm", "steady") for run in results.runs(peer.name, mode)]
    cells.append(f"{max(worst):.0e}" if worst else "")
    counts = results.counts(peer.name)
    if counts:
        cells[-1] += f" ({', '.join(f'{count} {reason}' for reason, count in counts.items())})"
    return f"| {' | '.join(cells)} |"


def _ratio(results: Results, peer: Peer, mode: Any) -> str:
    if peer.name in {"ablate", "ablate_pack"}:
        return "1" if results.seconds(peer.name, mode) else ""
    return _spread(results.ratio(peer.name, mode), digits=2)


def _spread(spread: Spread | None, digits: int = 1) -> str:
    if spread is None:
        return ""
    if spread.count == 1:
        return f"{spread.median:,.{digits}f}"
    return f"{spread.median:,.{digits}f} ({spread.low:,.{digits}f} to {spread.high:,.{digits}f})"


def _goals(results: Mapping[str, Results]) -> str:
    found = measured(results)
    rows = ["| goal | what | target | measured |", "|---|---|---|---|"]
    rows += [
        f"| {goal.name} | {goal.text} | {goal.target} | {found.get(goal.name) or goal.elsewhere or 'not yet'} |"
        for goal in GOALS
    ]
    return "\n".join(rows)


def _compilation(record: Mapping[str, Any]) -> str:
    here = record["machine"]
    rows = [
        f"**Compiling, with nothing beside it.** One program after the other in a process of its own, then in a second"
        f" process that finds them on disk; {here['cores']} cores, {record['created'][:10]}.",
        "",
        "| grid | programs | first, s | again, s | share, % |",
        "|---|---|---|---|---|",
    ]
    for name, repeats in record["grids"].items():
        first, again = ([sum(repeat[mode]) for repeat in repeats] for mode in ("cold", "warm"))
        shares = [100 * warm / cold for cold, warm in zip(first, again, strict=True)]
        cells = [_spread(Spread.of(first)), _spread(Spread.of(again), digits=2), _spread(Spread.of(shares))]
        rows.append(f"| {name} | {len(repeats[0]['cold'])} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _profile(record: Mapping[str, Any]) -> str:
    def lines() -> Iterator[str]:
        here = record["machine"]
        yield (
            f"**Where the time of a run goes.** `{record['command']}`, {record['wall_seconds']:.1f} s;"
            f" {here['cores']} cores, {record['created'][:10]}, {record['cache']} compile cache."
        )
        yield from ("", "| part | seconds | share |", "|---|---|---|")
        for name, seconds in record["parts"].items():
            yield f"| {name} | {seconds:.1f} | {100 * seconds / record['wall_seconds']:.0f} % |"
        yield ""
        yield "Measured apart, in processes of their own:"
        yield from ("", "| step | seconds |", "|---|---|")
        for name, seconds in record["steps"].items():
            yield f"| {name} | {seconds:.2f} |"

    return "\n".join(lines())


if __name__ == "__main__":
    sys.exit(main())
