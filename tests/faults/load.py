"""Senders that repeat each batch until it is acknowledged, and keep a ledger of what they know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
from faults.oracle import Fields, Ledger
from recorded_runs import RecordedRun

STEPS = 10
"""Of one batch."""
SETBACKS = (httpx2.HTTPError, OSError)
START = "mutation($record: JSON!) { startRun(input: {record: $record}) { created } }"
FINISH = "mutation($record: JSON!) { finishRun(input: {record: $record}) { missing } }"


class Answers:
    """Counts acknowledgements; whoever breaks things waits for some more between two faults."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Condition()

    async def add(self) -> None:
        async with self._more:
            self.count += 1
            self._more.notify_all()

    async def more(self, count: int) -> float:
        """Seconds until so many more have come."""
        began = time.monotonic()
        async with self._more:
            wanted = self.count + count
            await self._more.wait_for(lambda: self.count >= wanted)
        return time.monotonic() - began


@dataclass(slots=True)
class Sender:
    """One run, one connection."""

    url: str
    answers: Answers
    run: RecordedRun = field(default_factory=RecordedRun)
    ledger: Ledger = field(init=False)
    duplicates: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.run.run_id)

    async def start(self) -> None:
        async with httpx2.AsyncClient(base_url=self.url, timeout=20) as client:
            await until_done(client, START, record=self.run.start())

    async def send(self, over: asyncio.Event) -> None:
        """Batch after batch until it is over."""
        first = 0
        async with httpx2.AsyncClient(base_url=self.url, timeout=20) as client:
            while not over.is_set():
                events = list(self._steps(first))
                numbers = self.ledger.note_sent(events)
                blocks = self.run.take_blocks()
                await self._until_taken(client, events, blocks)
                self.ledger.note_acknowledged(numbers, blocks)
                first += STEPS
                await self.answers.add()

    async def finish(self) -> None:
        sent = {"0": len(self.ledger.sent)}
        async with httpx2.AsyncClient(base_url=self.url, timeout=20) as client:
            await until_done(client, FINISH, record=self.run.end(events=sent))

    def _steps(self, first: int) -> list[Fields]:
        made: list[Fields] = []
        for number in range(first, first + STEPS):
            made.append(self.run.began(f"r#{number}"))
            value = {"number": number, "run": self.run.run_id, "text": "some text " * 40}
            ended = self.run.ended(f"r#{number}", artifacts=(self.run.ref("output", value),))
            made.append(orjson.loads(orjson.dumps(ended)))
        return made

    async def _until_taken(
        self, client: httpx2.AsyncClient, events: list[Fields], blocks: list[str]
    ) -> None:
        lines = [*events, *({"block": block} for block in blocks)]
        body = b"\n".join(map(orjson.dumps, lines))
        while (answer := await _answer(client, body)) is None:
            await asyncio.sleep(0.05)
        assert answer["accepted"] + answer["duplicates"] == len(events), answer
        self.duplicates += answer["duplicates"]


async def _answer(client: httpx2.AsyncClient, body: bytes) -> Any:
    """What the service says; None: ask again."""
    headers = {"content-type": "application/x-ndjson"}
    try:
        response = await client.post("/v1/events", content=body, headers=headers)
    except SETBACKS:
        return None
    if response.status_code == 503:
        assert response.headers["retry-after"]
        return None
    assert response.status_code == 200, response.content
    return orjson.loads(response.content)


async def until_done(client: httpx2.AsyncClient, mutation: str, **variables: object) -> None:
    """Repeat a mutation until it is answered without an error; only `OVERLOADED` may be one."""
    while True:
        try:
            response = await client.post(
                "/graphql", json={"query": mutation, "variables": variables}
            )
        except SETBACKS:
            await asyncio.sleep(0.05)
            continue
        answer = orjson.loads(response.content)
        if not answer.get("errors"):
            return
        assert answer["errors"][0]["extensions"]["code"] == "OVERLOADED", answer


@asynccontextmanager
async def loaded(url: str, *, senders: int) -> AsyncGenerator[tuple[list[Sender], Answers]]:
    """Senders at work as long as the block runs, and until each has its last batch answered."""
    answers = Answers()
    made = [Sender(url, answers) for _ in range(senders)]
    for sender in made:
        await sender.start()
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for sender in made:
            tasks.create_task(sender.send(over))
        yield made, answers
        await answers.more(senders)
        over.set()
