"""``ablate doctor``."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import store_option

if TYPE_CHECKING:
    from ablate.core import Check, Checkup

_SECONDS = 120.0
"""For a check in a process of its own."""


@click.command("doctor")
@store_option
@click.option("--only", metavar="CHECKS", help="Only these checks, comma-separated.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(store: Path, only: str | None, as_json: bool) -> None:
    """Say what is wrong with this installation, this machine and the results folder, and what to do about it.

    Checks versions, machine, devices, ray, cache, store, states and speed, in half a minute. Exits with 1 if something
    needs attention.
    """
    from ablate.core import CommandError, Problem, did_you_mean, examine

    checks = _checks(store)
    chosen = list(checks) if only is None else only.replace(",", " ").split()
    for name in chosen:
        if name not in checks:
            raise CommandError(
                Problem(f"--only: no check is called {name!r}; {did_you_mean(name, checks)}", "bad-command")
            )
    found = []
    for name in chosen:
        checkup = examine(name, checks[name])
        found.append(checkup)
        if not as_json:
            _show(checkup)
    problems = sum(checkup.level == "problem" for checkup in found)
    if as_json:
        click.echo(json.dumps([checkup.to_plain() for checkup in found], indent=1, ensure_ascii=False))
    else:
        click.echo("all is well" if not problems else f"{problems} of {len(found)} checks found something to mend")
    sys.exit(1 if problems else 0)


def _checks(store: Path) -> dict[str, "Check"]:
    from ablate.engine import available_cpus, prepare_environment
    from ablate.engine.doctor import check_cache, check_machine, check_versions, in_child
    from ablate.store import check_store

    prepare_environment(available_cpus())  # as for a run: decides about the cache
    return {
        "versions": check_versions,
        "machine": check_machine,
        "devices": in_child("devices", timeout=_SECONDS),
        "ray": in_child("ray", timeout=_SECONDS),
        "cache": check_cache,
        "store": lambda facts: check_store(store, facts),
        "states": in_child("states", str(store), timeout=10 * _SECONDS),
        "speed": in_child("speed", timeout=_SECONDS),
    }


def _show(checkup: "Checkup") -> None:
    from .console import out

    colours = {"ok": "green", "note": "yellow", "problem": "red"}
    name = checkup.name
    for finding in checkup.findings:
        mark = f"[{colours[finding.level]}]{finding.level:8}[/]"
        out.print(f"{name:9} {mark}", end="")
        out.print(finding.text, markup=False, soft_wrap=True)
        if finding.advice:
            out.print(f"{'':18}-> {finding.advice}", markup=False, soft_wrap=True)
        name = ""
