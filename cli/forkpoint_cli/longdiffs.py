"""Comparisons that take longer than a request: asked for, then waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import cast

from forkpoint_cli.errors import CliError
from forkpoint_cli.session import Session

Fields = Mapping[str, object]
POLL_S = 0.5
_STATE = "state phase error"
_REQUEST = f"""
mutation ($a: ID!, $b: ID!) {{ requestDiff(input: {{a: $a, b: $b}}) {{ {_STATE} }} }}
"""
_ASKED = f"query ($a: ID!, $b: ID!) {{ diffRequest(a: $a, b: $b) {{ {_STATE} }} }}"


def wait_for_diff(
    session: Session, runs: Mapping[str, str], *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Have a worker compare the runs `a` and `b`, and say what it does until it has."""
    said: object = ""
    found = cast("Fields", session.service.ask(_REQUEST, **runs)["requestDiff"])
    while found["state"] != "ready":
        if found["state"] == "failed":
            raise CliError(
                f"the comparison failed: {found['error']}", hint="forkpoint doctor; then ask again"
            )
        if found["phase"] != said:
            said = found["phase"]
            session.output.remark(f"long runs: {said or 'waiting for a worker'}")
        sleep(POLL_S)
        found = cast("Fields", session.service.ask(_ASKED, **runs)["diffRequest"])
