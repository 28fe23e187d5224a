"""`expect.json` of a bundle: what its run must come to, whatever way it takes there.

A mapping of JSON pointers (RFC 6901) to values. They point into the outcome: `/status`, `/output`,
`/error` (its class), `/calls/NAME` (how often a tool was called; nothing there means null).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from forkpoint.errors import BundleError
from forkpoint.replay.pointers import PointerError, tokens_of, value_at

FORMAT = "forkpoint.expect/1"
Outcome = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """One expectation that does not hold."""

    pointer: str
    expected: object
    got: object

    def __str__(self) -> str:
        return f"{self.pointer}: expected {self.expected!r}, got {self.got!r}"


def written(expected: Outcome) -> dict[str, object]:
    """The member of a bundle."""
    return {"format": FORMAT, "outcome": dict(expected)}


def read(member: Mapping[str, object] | None) -> dict[str, object]:
    """Pointers and values of a member; nothing if there is none. Raises `BundleError`."""
    if member is None:
        return {}
    outcome = member.get("outcome")
    if member.get("format") != FORMAT or not isinstance(outcome, Mapping):
        raise BundleError(f"`expect.json` is not {FORMAT}", code="integrity_failed")
    pointers = cast("Mapping[str, object]", outcome)
    for pointer in pointers:
        tokens_of(pointer)
    return dict(pointers)


def unmet(expected: Outcome, outcome: Outcome) -> list[Unmet]:
    """The expectations that an outcome does not meet."""
    found: list[Unmet] = []
    for pointer, value in expected.items():
        got = found_at(outcome, pointer)
        if got != value or isinstance(got, bool) is not isinstance(value, bool):
            found.append(Unmet(pointer=pointer, expected=value, got=got))
    return found


def found_at(outcome: Outcome, pointer: str) -> object:
    """The value at a pointer; None where there is nothing."""
    try:
        return value_at(outcome, tokens_of(pointer))
    except PointerError:
        return None
