"""Asks the process that started this one for answers of other runs, over a Unix socket.

One line of JSON each way. A question has the members of `Seek`. An answer is `{"found": null}`,
`{"found": {"run", "key", "seq", "event", "blocks"}}` with the event that ended the step and the
blocks of its artifacts as text, or `{"error": "why nobody could look"}`. Blocks are kept by the
digest of what came, so a damaged one is missing.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

import msgspec

from forkpoint.content.blocks import digest_of
from forkpoint.content.errors import ContentError
from forkpoint.errors import EventError, ReplayError
from forkpoint.events.model import SourceRef, StepEnded
from forkpoint.events.wire import read_event
from forkpoint.replay.answers import ended_as
from forkpoint.replay.fresh import Found, Seek

TIMEOUT_S = 60
LINE_BYTES = 256 << 20


class _Found(msgspec.Struct):
    run: str
    key: str
    seq: int
    event: dict[str, object]
    blocks: list[str]


class _Told(msgspec.Struct):
    found: _Found | None = None
    error: str | None = None


class SocketElsewhere:
    """Implements `Elsewhere`. Each question has a connection of its own: nothing stays open."""

    def __init__(self, path: str) -> None:
        self._path = path

    def find(self, asked: Seek) -> Found | None:
        """As `Elsewhere` says."""
        try:
            line = self._told(msgspec.json.encode(_question(asked)))
            told = msgspec.json.decode(line, type=_Told)
        except (OSError, msgspec.DecodeError) as error:
            raise _nobody(f"no word of whoever looks for them ({error})") from None
        if told.error is not None:
            raise _nobody(told.error)
        return None if told.found is None else _read(told.found)

    def _told(self, question: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(TIMEOUT_S)
            line.connect(self._path)
            line.sendall(question + b"\n")
            with line.makefile("rb") as words:
                return words.readline(LINE_BYTES)


def _question(asked: Seek) -> Mapping[str, object]:
    return {
        "kind": asked.kind,
        "name": asked.name,
        "signature": asked.signature,
        "scope": asked.scope,
        "ttl_s": asked.ttl_s,
        "allow_errors": asked.allow_errors,
        "reuse": asked.reuse,
    }


def _read(found: _Found) -> Found | None:
    """Raises `ReplayError` `integrity_failed` for what is not whole."""
    bodies = [text.encode() for text in found.blocks]
    blocks = {digest_of(body): body for body in bodies}
    try:
        ended = read_event(found.event)
        if not isinstance(ended, StepEnded):
            return None
        outcome = ended_as(ended, lambda _: blocks)
    except (ContentError, EventError) as error:
        raise ReplayError(
            f"the answer of {found.key} in run {found.run} is damaged: {error.message}",
            code="integrity_failed",
        ) from None
    source = SourceRef(run=found.run, key=found.key, seq=found.seq)
    return Found(outcome=outcome, source=source)


def _nobody(why: str) -> ReplayError:
    return ReplayError(f"other runs could not be looked at: {why}", code="no_answer")
