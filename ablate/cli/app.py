"""The command group, and what every command does with errors."""

import importlib
import keyword
import os
import sys
import traceback
from typing import Any

import click

from ablate import __version__
from ablate.core import AblateError, InputError, LostClusterError, collect_rarely

_COMMANDS = {
    "plan": "Show what a grid would run, how it is packed, and what is already done.",
    "run": "Train what is missing. Running it again resumes.",
    "confirm": "Train the best variants on seeds that no selection has seen.",
    "status": "Show how far a grid is; also while it runs.",
    "report": "Write the report that ranks the variants: a page, a table, data or pictures.",
    "journal": "Append what a grid found to a Markdown lab journal.",
    "note": "Write down a remark on a grid, a variant or a run.",
    "compare": "Show what differs between two grids, variants or runs, and what came of it.",
    "check": "Say whether a grid is right, and how many runs it has. Writes nothing.",
    "doctor": "Say what is wrong with the installation, the machine and the store, and what to do.",
    "components": "List what a grid can name: families, components and their fields.",
    "schema": "Write a JSON Schema of the grid language, for editors.",
    "new": "Write a first grid for a problem, to be changed by hand.",
    "import": "Turn a W&B sweep file into a grid.",
}


class _Lazy(click.Group):
    """Imports a command's module only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"ablate.cli.{name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in _COMMANDS:
            from ablate.core import did_you_mean

            ctx.fail(f"there is no command {args[0]!r}; {did_you_mean(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ablate")
def group() -> None:
    """Declarative ablation grids: train the variants together, rank them honestly.

    \b
        ablate plan   grids/activations.yaml     what would run, and how it is packed
        ablate run    grids/activations.yaml     trains it; run again to resume
        ablate report grids/activations.yaml     one offline HTML file that ranks the variants

    Exit codes: 0 all planned runs have ended, 1 some runs failed, 2 the grid or the command is wrong,
    3 a bug in ablate, 130 interrupted (state saved).
    """  # noqa: D301 (click wants its \b)


def main() -> None:
    """Entry point of the ``ablate`` command."""
    collect_rarely()
    try:
        code = group.main(prog_name="ablate", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = 130
    except InputError as error:
        count = len(error.problems)
        for problem in error.problems:
            click.echo(str(problem), err=True)
        if count > 1:
            click.echo(f"{count} problems; nothing was written.", err=True)
        code = error.exit_code
    except LostClusterError as error:
        click.echo(f"error: {error}", err=True)
        sys.stdout.flush()
        os._exit(error.exit_code)
    except AblateError as error:
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception:
        click.echo(traceback.format_exc(), err=True)
        click.echo("This is a bug in ablate. Please report it with the lines above.", err=True)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)
