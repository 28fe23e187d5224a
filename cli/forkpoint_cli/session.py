"""What each command is given: the settings, the service and the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from forkpoint_cli.client import Service
from forkpoint_cli.output import Output
from forkpoint_cli.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One invocation of the command line."""

    settings: Settings
    service: Service
    output: Output


pass_session = click.make_pass_decorator(Session)


def json_option(command: F) -> F:
    """`--json`, as every reading command has it."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(
        command
    )
