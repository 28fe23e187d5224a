"""The command `forkpoint`: reads the settings, picks the command, turns errors into exit codes."""

from __future__ import annotations

import os
import sys

import click
from forkpoint.errors import ForkpointError, ReplayError
from forkpoint.replay.codes import error_exit
from rich.text import Text

from forkpoint_cli.client import Service
from forkpoint_cli.commands.audit import audit
from forkpoint_cli.commands.bisect import bisect
from forkpoint_cli.commands.bundle import bundle
from forkpoint_cli.commands.capture import capture
from forkpoint_cli.commands.demo import demo
from forkpoint_cli.commands.diff import diff
from forkpoint_cli.commands.doctor import doctor
from forkpoint_cli.commands.importing import import_runs
from forkpoint_cli.commands.replay import replay
from forkpoint_cli.commands.runner import runner
from forkpoint_cli.commands.runs import runs
from forkpoint_cli.commands.to_test import to_test
from forkpoint_cli.commands.token import token
from forkpoint_cli.commands.up import down, up
from forkpoint_cli.errors import TROUBLE, CliError
from forkpoint_cli.output import Output
from forkpoint_cli.session import Session
from forkpoint_cli.settings import read_settings

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="Address of the service (FORKPOINT_URL).")
@click.option("--token", "secret", help="Access token (FORKPOINT_TOKEN).")
@click.option("--data", help="Data directory (FORKPOINT_DATA).")
@click.option("--raw", is_flag=True, help="Print recorded text with its control characters.")
@click.version_option(package_name="forkpoint-cli", prog_name="forkpoint")
@click.pass_context
def forkpoint(
    context: click.Context, url: str | None, secret: str | None, data: str | None, raw: bool
) -> None:
    """Flight recorder for AI agents: record, replay, fork, compare."""
    settings = read_settings(os.environ, url=url, token=secret, data=data, raw=raw)
    context.obj = Session(settings=settings, service=Service(settings), output=Output(raw=raw))


for command in (
    up,
    down,
    demo,
    capture,
    runs,
    import_runs,
    replay,
    diff,
    bisect,
    bundle,
    to_test,
    runner,
    token,
    audit,
    doctor,
):
    forkpoint.add_command(command)


def main() -> None:
    """Run one command and exit with its status."""
    try:
        status = forkpoint(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(TROUBLE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except (CliError, ForkpointError) as error:
        sys.exit(_explain(error))
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(TROUBLE)
    sys.exit(status if isinstance(status, int) else 0)


def _explain(error: CliError | ForkpointError) -> int:
    output = Output()
    output.remark(Text("error: ", style="bold red"), error.message)
    hint = error.hint if isinstance(error, CliError) else None
    if hint:
        output.remark(Text("       "), hint)
    if isinstance(error, CliError):
        return error.exit_code
    return error_exit(error) if isinstance(error, ReplayError) else TROUBLE
