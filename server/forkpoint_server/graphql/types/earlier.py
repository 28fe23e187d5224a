"""Answers of other runs to a call of a replayed one: what hosts serve as `cached`."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import strawberry
from forkpoint.content import ContentError, Digest, digest_from_text
from forkpoint.events.kinds import Kind
from forkpoint.events.model import StepEnded
from forkpoint.events.wire import read_event

from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.enums import AnswerScope
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.query.pages import check_first
from forkpoint_server.replay.cached import Cached, find_answers, lineage_of
from forkpoint_server.security.audit import Action, Entry, record_alone

MOST = 16
NAMED = 500
"""Steps at most that may be named as given already."""
_KINDS = tuple(Kind)
_SECOND = 1_000_000_000


@strawberry.input(description="A call of a replay that its own recording has no answer to.")
class EarlierCallInput:
    """`signature` is that of the redacted input, as recorded."""

    kind: Kind
    name: str
    signature: str
    scope: AnswerScope
    ttl_s: float | None = strawberry.field(
        default=None, description="Greatest age of an answer in seconds; null for any"
    )
    allow_errors: bool = strawberry.field(default=False, description="Whether failures answer it")


@strawberry.type(description="How an equal call ended in another run.")
class EarlierAnswer:
    """`event` is the one that ended the step, `blocks` what its artifacts need."""

    run_id: strawberry.ID
    step_id: strawberry.ID
    key: str
    seq: BigInt = strawberry.field(description="Step number in its run")
    event: JSON
    blocks: JSON = strawberry.field(description="List of block bodies as text.")


async def earlier_answers(
    info: Info, run_id: str, call: EarlierCallInput, *, without: Sequence[str], first: int
) -> list[EarlierAnswer]:
    """The newest first, under the rules of mode `cached`; what was read is in the audit log."""
    check_first(first, maximum=MOST)
    signature = _digest(call.signature)
    if len(without) > NAMED:
        raise LimitExceeded("without", NAMED)
    given = [step for text in without if (step := read_run_id(text)) is not None]
    context = info.context
    project_id = context.project_id
    oldest = 0 if call.ttl_s is None else context.services.clock() - int(call.ttl_s * _SECOND)
    async with context.services.database.reading(project_id) as connection:
        raw = await driver(connection)
        lineage = call.scope is AnswerScope.LINEAGE
        found = await find_answers(
            raw,
            project_id,
            runs=await lineage_of(raw, project_id, run_id) if lineage else None,
            without=run_id,
            kind=_KINDS.index(call.kind),
            name=call.name,
            signature=signature,
            not_before_ns=oldest,
            errors=call.allow_errors,
            given=given,
            limit=first,
        )
        blobs = context.services.blobs
        closures = [
            await load_closure(connection, project_id, _roots(one), blobs=blobs) for one in found
        ]
    if found:
        lent = {"from": sorted({one.run_id for one in found})[:10], "steps": len(found)}
        entry = Entry(action=Action.ANSWERS_LENT, target=run_id, facts=lent)
        await record_alone(
            context.services.database, context.principal, entry, now_ns=context.services.clock()
        )
    return [
        EarlierAnswer(
            run_id=strawberry.ID(one.run_id),
            step_id=strawberry.ID(one.step_id),
            key=one.key,
            seq=BigInt(one.seq),
            event=JSON(orjson.Fragment(one.end)),
            blocks=JSON([body.decode() for body in closure.values()]),
        )
        for one, closure in zip(found, closures, strict=True)
    ]


def _roots(found: Cached) -> set[Digest]:
    ended = read_event(orjson.loads(found.end))
    refs = ended.artifacts if isinstance(ended, StepEnded) else ()
    return {digest_from_text(ref.root) for ref in refs if ref.root is not None}


def _digest(signature: str) -> Digest:
    try:
        return digest_from_text(signature)
    except ContentError:
        raise BadRequest("`signature` is no digest", field="signature") from None
