"""The filter line of the command line says what the cockpit's says."""

from __future__ import annotations

import pytest
from forkpoint_cli.errors import CliError
from forkpoint_cli.filterline import read_filter

NOW = 1_790_000_000_000_000_000


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", {}),
        ("refund agent", {"text": "refund agent"}),
        (
            'name:"refund agent" status:ok,error',
            {"name": "refund agent", "status": ["OK", "ERROR"]},
        ),
        ("tag:suite:banking kind:tool", {"tag": "suite:banking", "kind": "TOOL"}),
        (
            "duration:>10s since:1d",
            {"durationOverNs": str(10**10), "since": str(NOW - 86400 * 10**9)},
        ),
        ("until:2026-03-01", {"until": str(1772323200 * 10**9)}),
    ],
)
def test_a_line_is_read_as_a_filter(line: str, found: dict[str, object]):
    assert read_filter(line, now_ns=NOW) == found


@pytest.mark.parametrize("line", ["nokey:x", "status:fine", "since:yesterday", "duration:long"])
def test_what_does_not_parse_is_refused(line: str):
    with pytest.raises(CliError):
        read_filter(line, now_ns=NOW)
