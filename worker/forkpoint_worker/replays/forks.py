"""Forks without agent code: the engine decides step by step, here its run is written."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from forkpoint.content import Digest, MemoryBlocks, Value, digest_text, encode
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Verdict
from forkpoint.events.model import Event, Origin, StepStarted
from forkpoint.replay.codes import exit_code, verdict_of
from forkpoint.replay.fresh import Ask, Executed, Found, Page, Reply, Seek
from forkpoint.replay.graph import Graph
from forkpoint.replay.ladder import Executing
from forkpoint.replay.plan import spec_cut
from forkpoint.replay.prefix import Prefix, prefix_of
from forkpoint.replay.reemit import Reemission
from forkpoint.replay.report import REPORT_FORMAT
from forkpoint.replay.single import Single
from forkpoint.replay.spec import ReplaySpec
from forkpoint_server.ingestion.sharing import Share
from forkpoint_server.replay.progress import End, Step
from forkpoint_server.replay.words import SAYS

from forkpoint_worker.replays.attempt import Attempt
from forkpoint_worker.replays.elsewhere import Elsewhere
from forkpoint_worker.replays.payload import roots_of
from forkpoint_worker.replays.reading import Recorded
from forkpoint_worker.replays.verify import stored
from forkpoint_worker.replays.writing import BATCH


class Executor(Protocol):
    """What the engine gives to execute: a run written to `page`, asking models on its way."""

    page: Page

    def run(self) -> Executing:
        """Write the run."""
        ...

    def common(self) -> int:
        """The `seq` before which nothing will differ from the recording; 0: there is nothing."""
        ...

    def keep(self, prefix: Prefix) -> None:
        """Write nothing of what the new run shares with its recording."""
        ...


async def graph(attempt: Attempt, recorded: Recorded) -> End:
    """Spread the edits of a fork through its recording: `forked`, or stopped by its policy."""
    await attempt.payload().keep(roots_of(recorded), recorded.blocks)
    emission = Reemission(recorded.start, attempt.target)
    spec = attempt.spec
    executor = await asyncio.to_thread(
        Graph,
        recorded.recording,
        recorded.events,
        spec,
        emission,
        now=attempt.work.services.clock,
    )
    return await execute(attempt, recorded, executor, emission)


async def single(attempt: Attempt, recorded: Recorded) -> End:
    """Ask the model step at the cut once more: a run of one step."""
    await attempt.payload().keep(roots_of(recorded), recorded.blocks)
    emission = Reemission(recorded.start, attempt.target)
    executor = Single(recorded.recording, attempt.spec, emission, now=attempt.work.services.clock)
    return await execute(attempt, recorded, executor, emission)


async def execute(
    attempt: Attempt, recorded: Recorded, executor: Executor, emission: Reemission
) -> End:
    """Write what an executor of the engine gives, asking models for it, to the end."""
    proven = await attempt.baseline(recorded)
    spec = attempt.spec
    origin, kept = _origin(attempt, recorded, spec)
    prefix = await asyncio.to_thread(_prefix, recorded, executor)
    share = None if prefix is None else _share(attempt, recorded, prefix)
    shares = await attempt.run.start(emission.opening(origin), kept, share=share)
    await attempt.running(recorded)  # whoever hears of it finds the run
    writing = _Writing(attempt, executor.page)
    if prefix is not None and shares:
        executor.keep(prefix)
        await writing.begin_after(prefix, recorded)
    executed = await _driven(attempt, executor, writing)
    await writing.flush()
    await attempt.still_held()
    verdict = Verdict.FORKED if executed.stop is None else verdict_of(executed.stop)
    failed = await _failed(attempt, recorded, executed)
    report = _report(attempt, recorded, executed, verdict, failed)
    report["soft"] = _soft(attempt, proven=proven)
    blocks, ref = stored("replay_report", report)
    end = executed.end or emission.cut_short(recorded.events)
    await attempt.run.finish(emission.closing(end, verdict, (ref,)), {**writing.unsent(), **blocks})
    return End(
        verdict=verdict,
        reason=executed.stop,
        message=executed.message,
        failed_step=failed,
        report=report,
        step=Step(matched=executed.matched, spend=executed.spend or None),
    )


class _Writing:
    """Sends pages in batches; every block goes out once."""

    def __init__(self, attempt: Attempt, page: Page) -> None:
        self._attempt = attempt
        self._page = page
        self._sent: set[Digest] = set()
        self._steps = 0

    async def begin_after(self, prefix: Prefix, recorded: Recorded) -> None:
        """Count the steps that are there without being written."""
        self._steps = len(prefix.started)
        place = self._steps - 1
        key = recorded.recording.started[place].key if place >= 0 else None
        await self._attempt.progress(Step(key=key, matched=self._steps))

    async def flush(self) -> None:
        """Send what the page holds."""
        events, _ = self._page.take()
        for at in range(0, len(events), BATCH):
            some = events[at : at + BATCH]
            await self._attempt.run.send(some, self.unsent())
            await self._attempt.progress(Step(key=_last_key(some), matched=self._count(some)))

    def unsent(self) -> dict[Digest, bytes]:
        """Blocks that were not sent before; they count as sent from now on."""
        fresh = {
            digest: body
            for digest, body in self._page.blocks.blocks.items()
            if digest not in self._sent
        }
        self._sent.update(fresh)
        return fresh

    def _count(self, events: list[Event]) -> int:
        self._steps += sum(isinstance(event, StepStarted) for event in events)
        return self._steps


async def _driven(attempt: Attempt, executor: Executor, writing: _Writing) -> Executed:
    """Run the engine in a thread; in between, send what it wrote and ask the models it names."""
    running, elsewhere = executor.run(), Elsewhere(attempt)
    answer: Reply | Found | ReplayError | None = None
    while True:
        asked = await asyncio.to_thread(_advanced, running, answer)
        if isinstance(asked, Executed):
            return asked
        if isinstance(asked, Seek):
            answer = await elsewhere.find(asked)
            continue
        await writing.flush()
        try:
            answer = await attempt.ask(asked)
        except ReplayError as error:
            answer = error


def _advanced(
    running: Executing, answer: Reply | Found | ReplayError | None
) -> Ask | Seek | Executed:
    try:
        if isinstance(answer, ReplayError):
            return running.throw(answer)
        return running.send(answer)
    except StopIteration as over:
        return cast("Executed", over.value)


def _prefix(recorded: Recorded, executor: Executor) -> Prefix | None:
    return prefix_of(recorded.events, executor.common())


def _share(attempt: Attempt, recorded: Recorded, prefix: Prefix) -> Share:
    """What the service has to know of a shared prefix; its own events as those of the new run."""
    emission = Reemission(recorded.start, attempt.target)
    emission.keep(prefix)
    return Share(
        source=recorded.start.run_id,
        until=prefix.until,
        moved_ns=emission.moved(0),
        executor=attempt.target.executor,
        writers=prefix.writers,
        own=[emission.event(seq, event) for seq, event in prefix.own],
    )


def _origin(
    attempt: Attempt, recorded: Recorded, spec: ReplaySpec
) -> tuple[Origin, dict[Digest, bytes]]:
    blocks = MemoryBlocks()
    cut = spec_cut(recorded.recording, spec)
    edits = [cast("Value", edit.to_json()) for edit in spec.edits]

    def kept(value: Value) -> str:
        return digest_text(encode(value, blocks.put))

    origin = Origin(
        run=recorded.start.run_id,
        session=attempt.session.session_id,
        kind=spec.kind,
        cut_key=None if cut is None else cut.used,
        cut_side=None if cut is None else cut.side,
        edits=kept(edits) if edits else None,
        policy=kept(cast("Value", spec.policy.to_json())),
    )
    return origin, blocks.blocks


def _report(
    attempt: Attempt,
    recorded: Recorded,
    executed: Executed,
    verdict: Verdict | None,
    failed: dict[str, object] | None,
) -> dict[str, object]:
    """`forkpoint.divergence/1` of a fork on a worker, with what its executor has to say."""
    return {
        "format": REPORT_FORMAT,
        "verdict": None if verdict is None else verdict.value,
        "exit": exit_code(verdict),
        "failedStep": failed,
        "message": executed.message,
        "matched": executed.matched,
        "recorded": len(recorded.recording),
        "changes": [],
        **executed.said,
    }


def _soft(attempt: Attempt, *, proven: bool) -> list[dict[str, object]]:
    """What the result must not be taken for."""
    codes = [SAYS[attempt.session.executor], *([] if proven else ["baseline_unproven"])]
    return [{"code": code, "count": 1} for code in codes]


async def _failed(
    attempt: Attempt, recorded: Recorded, executed: Executed
) -> dict[str, object] | None:
    """The step it stopped at. Where an output is needed, its number is that in the new run."""
    if executed.stop is None:
        return None
    place = recorded.recording.by_key.get(executed.source_key or "")
    sequence = None if place is None else recorded.recording.seqs[place]
    if executed.stop == "needs_tool_output":
        sequence = await attempt.number_of(executed.key)
    return {
        "key": executed.key,
        "sequence": sequence,
        "sourceKey": executed.source_key,
        "reason": executed.stop,
    }


def _last_key(events: list[Event]) -> str | None:
    keys = (event.key for event in reversed(events) if isinstance(event, StepStarted))
    return next(keys, None)
