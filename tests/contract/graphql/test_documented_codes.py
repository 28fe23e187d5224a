"""Every code that a caller can meet is in the API guide."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "api.md").read_text()
_CODE = re.compile(
    r'code(?:: str)? ?= ?"([a-z_]+)"|_reject\(\s*event,\s*"([a-z_]+)"'
    r'|^[A-Z_]+ = "([a-z_]+)"\n"""Code ',
    re.MULTILINE,
)
PLACES = (
    "server/forkpoint_server/errors.py",
    "server/forkpoint_server/ingestion",
    "server/forkpoint_server/artifacts",
    "server/forkpoint_server/security",
    "server/forkpoint_server/endpoints",
    "server/forkpoint_server/query",
    "server/forkpoint_server/graphql",
    "sdk/forkpoint/events/wire.py",
)
INTERNAL = re.compile(r"job_|lease_|revision_|collection_")
"""Between the service and its own workers."""


def codes_in(place: str) -> set[str]:
    path = ROOT / place
    files = path.rglob("*.py") if path.is_dir() else [path]
    found = {code for file in files for codes in _CODE.findall(file.read_text()) for code in codes}
    return {code for code in found if code and not INTERNAL.match(code)}


@pytest.mark.parametrize("place", PLACES)
def test_every_code_is_in_the_guide(place: str):
    missing = {
        code
        for code in codes_in(place)
        if f"`{code}`" not in GUIDE and f"`{code.upper()}`" not in GUIDE
    }

    assert missing == set()


def test_the_codes_of_events_are_found():
    assert {"nul_byte", "unknown_kind"} <= codes_in("sdk/forkpoint/events/wire.py")
    assert {"conflict", "sequence_taken"} <= codes_in("server/forkpoint_server/ingestion")
