"""A run begins and ends: `startRun` and `finishRun`, both idempotent by run id."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forkpoint.content import Digest, digest_from_text, digest_text
from forkpoint.errors import EventError
from forkpoint.events.ids import UUID_TEXT
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import ArtifactRef, RunEnd, RunStart
from forkpoint.events.wire import (
    Record,
    encode,
    read_run_end,
    read_run_start,
    without_beyond,
)

from forkpoint_server.artifacts.blocks import read_blocks
from forkpoint_server.artifacts.epochs import enter
from forkpoint_server.db.engine import Database, Driver, driver
from forkpoint_server.db.tables import RUN_ITSELF
from forkpoint_server.errors import BadRequest, Conflict, NotFound
from forkpoint_server.ingestion.conflicts import auditing_conflict
from forkpoint_server.ingestion.gaps import NOT_SENT, make_gaps
from forkpoint_server.ingestion.incoming import check_artifacts, root_of
from forkpoint_server.ingestion.intake import Intake
from forkpoint_server.ingestion.otlp.finishing import end_now
from forkpoint_server.ingestion.rows import Rows
from forkpoint_server.ingestion.rulesets import is_known
from forkpoint_server.ingestion.sequence import Order
from forkpoint_server.ingestion.sharing import Share, does_share, share_rows
from forkpoint_server.ingestion.start import check_open, insert_run
from forkpoint_server.ingestion.state import RunState, lock_runs, store_runs
from forkpoint_server.ingestion.stored import load_orders
from forkpoint_server.ingestion.writer import insert_artifacts
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.live.publish import Publisher, Silent
from forkpoint_server.security.principals import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class StartResult:
    """A run that is there now; if `missing` is not empty it is not, send it with these blocks."""

    run_id: str
    created: bool
    missing: tuple[str, ...] = ()
    shares: bool = False
    """Whether it begins with the rows it was to share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishResult:
    """A run that is over; if `missing` is not empty it is not, send it with these blocks."""

    run_id: str
    changed: bool
    """False: it had been finished before, with the same record."""
    missing: tuple[str, ...] = ()
    job: int | None = None
    """What a worker has to do now; None if nothing, or if it is in the queue already."""


async def start_run(
    database: Database,
    principal: Principal,
    record: object,
    blocks: Sequence[object] = (),
    *,
    live: Publisher | None = None,
    clock: Callable[[], int] = time.time_ns,
    open_runs: int | None = None,
    share: Share | None = None,
) -> StartResult:
    """Store a `RunStart`; a repetition is a sign of life and changes nothing else.

    `share`: begin with rows of another run, where these cannot change any more.

    Raises `BadRequest`, `Conflict` if the id stands for another record, and `RateLimited` if the
    project has `open_runs` running already.
    """
    start = _read_start(record)
    arrived = read_blocks(blocks)
    refs = _start_artifacts(start)
    async with (
        auditing_conflict(database, principal, start.run_id, clock=clock),
        database.transaction(principal.project_id) as connection,
    ):
        intake = await _intake(await driver(connection), principal, clock)
        lacking = await intake.lacks_roots(arrived, _roots(refs))
        if lacking:
            return StartResult(run_id=start.run_id, created=False, missing=_texts(lacking))
        known = is_known(start.ruleset_id, registered=intake.epoch.rulesets)
        head = -1
        created = await insert_run(
            intake.driver,
            _readable(start, known=known),
            project_id=principal.project_id,
            now_ns=intake.now_ns,
        )
        if created:
            await check_open(intake.driver, principal.project_id, allowed=open_runs)
            run = (await lock_runs(intake.driver, [start.run_id]))[start.run_id]
            run.stored_bytes += await intake.store_blocks(arrived)
            await _hang(intake, run, refs)
            if share is not None:
                await share_rows(intake, run, share)
            head = run.head
            await store_runs(intake.driver, [run], now_ns=intake.now_ns)
        shares = share is not None and await does_share(intake.driver, start.run_id)
    if created:
        await (live or Silent()).published(start.run_id, 0, head)
    return StartResult(run_id=start.run_id, created=created, shares=shares)


async def finish_run(
    database: Database,
    principal: Principal,
    record: object,
    blocks: Sequence[object] = (),
    *,
    live: Publisher | None = None,
    clock: Callable[[], int] = time.time_ns,
) -> FinishResult:
    """Store a `RunEnd`: missing events become gaps, waiting ones follow them, nothing comes after.

    Raises `BadRequest`, `NotFound`, and `Conflict` if it was finished with another record.
    """
    end = _read_end(record)
    arrived = read_blocks(blocks)
    async with (
        auditing_conflict(database, principal, end.run_id, clock=clock),
        database.transaction(principal.project_id) as connection,
    ):
        intake = await _intake(await driver(connection), principal, clock)
        runs = await lock_runs(intake.driver, [end.run_id])
        run = runs.get(end.run_id)
        if run is None:
            raise NotFound("run")
        if await _is_derived(intake.driver, end.run_id):
            return await _end_derived(intake, run)
        known = is_known(run.ruleset_id, registered=intake.epoch.rulesets)
        end = _readable(end, known=known)
        if run.finished:
            _check_same(run, end)
            return FinishResult(run_id=end.run_id, changed=False)
        lacking = await intake.lacks_roots(arrived, _roots(end.artifacts))
        if lacking:
            return FinishResult(run_id=end.run_id, changed=False, missing=_texts(lacking))
        run.stored_bytes += await intake.store_blocks(arrived)
        await _hang(intake, run, end.artifacts)
        job = await _finish(intake, runs, end)
    await (live or Silent()).published(end.run_id, min(run.first_new, run.head), run.head)
    return FinishResult(run_id=end.run_id, changed=True, job=job)


async def _finish(intake: Intake, runs: dict[str, RunState], end: RunEnd) -> int | None:
    run = runs[end.run_id]
    orders = await load_orders(intake.driver, runs, events=())
    order: Order = orders[end.run_id]
    expected = {int(writer): count for writer, count in end.events.items()}
    order.fill(
        make_gaps(order, run_id=end.run_id, reason=NOT_SENT, now_ns=end.ended_ns, expected=expected)
    )
    await intake.write(runs, orders)
    run.status = end.status
    await store_runs(intake.driver, [run], now_ns=intake.now_ns)
    await intake.driver.execute(
        """
        update run
        set ended_ns = $2, error_class = $3, verdict = $4, end_record = $5, finished = true,
          events_expected = (convert_from($5, 'UTF8')::jsonb -> 'events')
        where run_id = $1
        """,
        end.run_id,
        end.ended_ns,
        end.error_class,
        end.verdict,
        encode(end),
    )
    return await enqueue(
        intake.driver,
        intake.project_id,
        JobKind.FINISH_RUN,
        dedupe_key=end.run_id,
        run_id=end.run_id,
    )


async def _end_derived(intake: Intake, run: RunState) -> FinishResult:
    if run.finished:
        return FinishResult(run_id=run.run_id, changed=False)
    job = await end_now(
        intake.driver, run.run_id, project_id=intake.project_id, now_ns=intake.now_ns
    )
    return FinishResult(run_id=run.run_id, changed=True, job=job)


async def _is_derived(driver: Driver, run_id: str) -> bool:
    """Whether a run is made of a trace: nobody numbers its events, so none can be missing."""
    return await driver.fetchval("select intake = 'otlp' from run where run_id = $1", run_id)


async def _intake(raw: Driver, principal: Principal, clock: Callable[[], int]) -> Intake:
    return Intake(
        driver=raw,
        project_id=principal.project_id,
        epoch=await enter(raw, principal.project_id),
        now_ns=clock(),
    )


async def _hang(intake: Intake, run: RunState, refs: Sequence[ArtifactRef]) -> None:
    rows = Rows()
    into = intake.materialiser(run, rows, {})
    for ref in refs:
        into.hang_one(ref, step_id=RUN_ITSELF)
    await insert_artifacts(intake.driver, rows.artifacts)


def _read_start(record: object) -> RunStart:
    try:
        start = read_run_start(record)
        check_artifacts(_start_artifacts(start))
        if start.origin is not None and not UUID_TEXT.match(start.origin.run):
            raise EventError(
                "`origin.run` must be a lower-case UUID", code="id_invalid", field="origin.run"
            )
    except EventError as error:
        raise _refused(error) from None
    return start


def _read_end(record: object) -> RunEnd:
    try:
        end = read_run_end(record)
        check_artifacts(end.artifacts)
        if end.status is RunStatus.RUNNING:
            raise EventError("a run that ends is not `running`", field="status")
        for writer, count in end.events.items():
            if not (writer.isdecimal() and len(writer) < 10 and 0 <= count < 2**62):
                raise EventError("`events` maps writer numbers to counts", field="events")
    except EventError as error:
        raise _refused(error) from None
    return end


def _refused(error: EventError) -> BadRequest:
    return BadRequest(error.message, code=error.code, field=error.details.get("field"))


def _start_artifacts(start: RunStart) -> tuple[ArtifactRef, ...]:
    """Edits and policy of a fork hang on the run like any payload."""
    origin = start.origin
    named = {} if origin is None else {"edits": origin.edits, "policy": origin.policy}
    own = tuple(ArtifactRef(role=role, root=root) for role, root in named.items() if root)
    return (*start.artifacts, *own)


def _roots(refs: Sequence[ArtifactRef]) -> set[Digest]:
    return {digest_from_text(root) for ref in refs if (root := root_of(ref)) is not None}


def _texts(digests: Sequence[Digest]) -> tuple[str, ...]:
    return tuple(digest_text(digest) for digest in digests)


def _readable(record: Record, *, known: bool) -> Record:
    """A record without fields of a newer version, unless its sender's rules of redaction are known:
    they are payload to us.
    """
    return record if known or record.beyond is None else without_beyond(record)


def _check_same(run: RunState, end: RunEnd) -> None:
    if run.end_record != encode(end):
        raise Conflict(f"run {end.run_id} was finished with another record; the first one stays")
