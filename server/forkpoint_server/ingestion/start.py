"""The first row of a run."""

from __future__ import annotations

import orjson
from forkpoint.content import Digest, digest_from_text
from forkpoint.events.model import Origin, OtelLink, RunStart
from forkpoint.events.wire import encode

from forkpoint_server.db.engine import Driver
from forkpoint_server.errors import Conflict, RateLimited

OPEN_RUNS_S = 10
"""Seconds after which to try again to open one more run; a silent one ends after a minute."""


async def insert_run(driver: Driver, start: RunStart, *, project_id: int, now_ns: int) -> bool:
    """Insert a run; False if it is there with the same record, which counts as a sign of life.

    Raises `Conflict` if the id is taken by another record. Index: primary key of `run`.
    """
    body = encode(start)
    inserted = await driver.fetchval(
        """
        insert into run (
          run_id, project_id, name, started_ns, received_ns, ordering, identity, tags,
          code_version, sdk, ruleset_id, redaction_key_id, content_format, signature_codec,
          start_record, parent_run_id, session_id, origin_kind, cut_key, cut_side, edits_root,
          policy_root, otel)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
          $19, $20, $21, $22, $23)
        on conflict (run_id) do nothing
        returning true
        """,
        start.run_id,
        project_id,
        start.name,
        start.started_ns,
        now_ns,
        start.ordering,
        start.identity,
        start.tags,
        start.code_version,
        start.sdk,
        start.ruleset_id,
        start.redaction_key_id,
        start.content_format,
        start.signature_codec,
        body,
        *_origin(start.origin),
        _otel(start.otel),
    )
    if inserted:
        return True
    same = await driver.fetchval(
        """
        update run
        set received_ns = greatest(received_ns, $3)
        where run_id = $1
        returning start_record = $2
        """,
        start.run_id,
        body,
        now_ns,
    )
    if not same:
        raise Conflict(f"run id {start.run_id} is taken by another run; make a new one")
    return False


async def check_open(driver: Driver, project_id: int, *, allowed: int | None) -> None:
    """Raise `RateLimited` if more runs of the project are running. Index: `run_unfinished`."""
    if allowed is None:
        return
    running = await driver.fetchval(
        """
        select count(*)
        from (
          select
          from run
          where project_id = $1
            and not finished
            and status = 'running'
          limit $2) as running
        """,
        project_id,
        allowed + 1,
    )
    if running > allowed:
        raise RateLimited(
            f"{allowed} runs of this project are open; finish some first",
            retry_after_s=OPEN_RUNS_S,
            quota="open_runs",
            allowed=allowed,
        )


def _origin(origin: Origin | None) -> tuple[object, ...]:
    if origin is None:
        return (None,) * 7
    return (
        origin.run,
        origin.session,
        origin.kind,
        origin.cut_key,
        origin.cut_side,
        _digest(origin.edits),
        _digest(origin.policy),
    )


def _otel(link: OtelLink | None) -> str | None:
    """The link as JSON, in the names of the API."""
    if link is None:
        return None
    return orjson.dumps({"traceId": link.trace_id, "spanId": link.span_id}).decode()


def _digest(text: str | None) -> Digest | None:
    return None if text is None else digest_from_text(text)
