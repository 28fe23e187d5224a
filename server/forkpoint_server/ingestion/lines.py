"""Events and blocks as lines of JSON, read while they arrive; what was read is let go. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from forkpoint_server.artifacts.blocks import Arriving
from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.ingestion.batch import Batch
from forkpoint_server.ingestion.incoming import Incoming, Rejected, taken, within
from forkpoint_server.ingestion.reading import checked, read_line
from forkpoint_server.security.json_text import read_json
from forkpoint_server.settings import Limits

_BLOCK = b'{"block":'
"""How nearly all lines begin that bring a block; it saves an attempt to read them as events."""


class LineReader:
    """Takes a body apart, piece by piece. Memory: what came of the lines, and one unfinished line.

    The index of an event is the number of its line, from 0. A line that is no JSON, or is too long,
    is rejected alone; a bad block refuses the request (`Arriving.add`).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arriving = Arriving()
        self._uuids: set[str] = set()
        self.waiting = b""
        """The line that has not ended yet."""
        self.size = 0
        """Bytes so far."""
        self._place = 0
        self._skipping = False
        self._events: list[Incoming] = []
        self._rejected: list[Rejected] = []

    def feed(self, part: bytes) -> None:
        """Read all lines that end in this part.

        Raises `LimitExceeded` (`lines`) and what `Arriving.add` raises.
        """
        self.size += len(part)
        *lines, self.waiting = (self.waiting + part).split(b"\n")
        if self._place + len(lines) > self._limits.events_lines:
            raise self._too_many
        for line in lines:
            self._take(line)
        if len(self.waiting) > self._limits.events_line:
            if not self._skipping:
                self._reject("field_too_large", self._too_long)
            self._skipping, self.waiting = True, b""

    def finish(self) -> None:
        """Read the last line, which needs no line break."""
        self._take(self.waiting)
        self.waiting = b""

    def batch(self, *, event_bytes: int | None = None) -> Batch:
        """All that came; events over a quota of bytes are refused."""
        events, large = within(self._events, event_bytes)
        return Batch(
            events=events,
            rejected=[*self._rejected, *large],
            blocks=self._arriving.arrived(),
        )

    def _take(self, line: bytes) -> None:
        if self._skipping:
            self._skipping = False
        elif len(line) > self._limits.events_line:
            self._reject("field_too_large", self._too_long)
        elif line and not line.isspace():
            if self._place >= self._limits.events_lines:
                raise self._too_many
            self._read(line)
        self._place += 1

    def _read(self, line: bytes) -> None:
        event = None if line.startswith(_BLOCK) else read_line(line)
        if event is not None:
            self._keep(taken(checked(event, event, self._uuids), index=self._place))
            return
        try:
            value = read_json(line, what=f"line {self._place}")
        except BadRequest as error:
            self._reject("schema_invalid", error.message)
            return
        block = cast("Mapping[str, object]", value).get("block") if _is_object(value) else None
        if block is not None:
            self._arriving.add(block)
        else:
            self._keep(taken(checked(None, value, self._uuids), index=self._place))

    def _keep(self, each: Incoming | Rejected) -> None:
        if isinstance(each, Incoming):
            self._events.append(each)
        else:
            self._rejected.append(each)

    def _reject(self, code: str, message: str) -> None:
        self._rejected.append(Rejected(index=self._place, id=None, code=code, message=message))

    @property
    def _too_many(self) -> LimitExceeded:
        return LimitExceeded("lines", self._limits.events_lines)

    @property
    def _too_long(self) -> str:
        return f"the line is over {self._limits.events_line} bytes"


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)
