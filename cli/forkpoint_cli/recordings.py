"""A recorded run brought here: from the service page by page, or out of a bundle."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint.content import Digest, digest_of
from forkpoint.events.model import Event, RunEnd, RunStart, StepStarted
from forkpoint.events.wire import read_event, read_run_end, read_run_start

from forkpoint_cli.client import Service
from forkpoint_cli.errors import NoSuchRun

_PAGE = """
query ($id: ID!, $after: BigInt!) {
  run(id: $id) { recording(after: $after, first: 500) { start end events blocks head next } }
}
"""
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run as it was recorded. `end` is None while it runs or when its writer vanished."""

    start: RunStart
    end: RunEnd | None
    events: Sequence[tuple[int, Event]]
    blocks: Mapping[Digest, bytes]

    def step_number(self, key: str) -> int | None:
        """The step number of a call key."""
        return next((seq for seq, step in self._steps() if step.key == key), None)

    def _steps(self) -> list[tuple[int, StepStarted]]:
        return [(seq, event) for seq, event in self.events if isinstance(event, StepStarted)]


def download(service: Service, run: str) -> Recorded:
    """Everything a replay of a run needs. Raises `NoSuchRun`."""
    return asyncio.run(_download(service, run))


async def _download(service: Service, run: str) -> Recorded:
    events: list[tuple[int, Event]] = []
    blocks: dict[Digest, bytes] = {}
    after = "-1"
    async with service.connected() as connection:
        while True:
            answer = await connection.ask(_PAGE, id=run, after=after)
            if answer["run"] is None:
                raise NoSuchRun(f"there is no run {run}", hint="see: forkpoint runs list")
            page = cast("Mapping[str, Fields]", answer["run"])["recording"]
            for row in cast("Sequence[Fields]", page["events"]):
                events.append((int(cast("str", row["seq"])), read_event(row["event"])))
            for text in cast("Sequence[str]", page["blocks"]):
                body = text.encode()
                blocks[digest_of(body)] = body
            if page["next"] is None:
                break
            after = str(page["next"])
    end = read_run_end(page["end"]) if page["end"] else None
    return Recorded(start=read_run_start(page["start"]), end=end, events=events, blocks=blocks)
