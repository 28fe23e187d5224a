"""The audit log: who did what to which thing, in the transaction of the act itself.

Rows are only added (the service has no right to change or delete them), and each holds the SHA-256
of the one before it and of itself, so a changed, lost or inserted row breaks the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import orjson

from forkpoint_server.db.engine import Database, Driver, driver
from forkpoint_server.security.principals import Principal

LOCK = 0x61756469
"""First key of the advisory lock that puts the rows of a project in one order."""
BEGINNING = bytes(32)
"""What the first row of a project seals."""
NAMED = 10
"""Ids that one row names; `count` says how many there were."""


class Action(StrEnum):
    """What is written down."""

    TOKEN_CREATED = "token.created"
    TOKEN_REVOKED = "token.revoked"
    EVENT_CONFLICT = "event.conflict"
    """Events that came again with other content; the first ones stayed."""
    RUN_CONFLICT = "run.conflict"
    """A run that was begun or finished again with another record."""
    PAYLOAD_REFUSED = "payload.refused"
    """Somebody asked for payload that is at risk or withheld."""
    RECORDING_EXPORTED = "recording.exported"
    """A whole recording was downloaded."""
    ANSWERS_LENT = "answers.lent"
    """Answers of other runs were read to replay this one; with theirs, and the number of steps."""
    REPLAY_GRANTED = "replay.granted"
    """A replay was started whose policy allows live calls; with what it may do."""
    RUNS_DELETED = "runs.deleted"
    RETENTION_CHANGED = "retention.changed"
    AUDIT_TRIMMED = "audit.trimmed"
    """The oldest rows of this log went; `through` and `hash` are those of the last of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act. `facts` are ids, numbers and names; never payload."""

    action: Action
    target: str
    """Id of what it was done to."""
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """An entry as it is stored."""

    seq: int
    at_ns: int
    actor: str
    token_id: str | None
    address: str | None
    action: str
    target: str
    reason: str | None
    facts: str
    """JSON text."""
    previous: bytes
    hash: bytes

    def sealed(self, project_id: int) -> bytes:
        """The hash that this row must have."""
        told = [
            project_id,
            self.seq,
            self.at_ns,
            self.actor,
            self.token_id,
            self.address,
            self.action,
            self.target,
            self.reason,
            self.facts,
        ]
        return hashlib.sha256(self.previous + orjson.dumps(told)).digest()


COLUMNS = "seq, at_ns, actor, token_id, address, action, target, reason, facts, previous, hash"


async def record(raw: Driver, who: Principal, entry: Entry, *, now_ns: int) -> None:
    """Add one row. Call it last in the transaction of the act: others wait for the log until then.

    If this fails the act is undone with it.
    """
    await raw.execute("select pg_advisory_xact_lock($1, $2)", LOCK, who.project_id)
    newest = await raw.fetchrow(
        "select seq, hash from audit where project_id = $1 order by seq desc limit 1",
        who.project_id,
    )
    seq, previous = (0, BEGINNING) if newest is None else (newest[0] + 1, newest[1])
    row = AuditRow(
        seq=seq,
        at_ns=now_ns,
        actor=who.name,
        token_id=who.token_id,
        address=who.address,
        action=entry.action,
        target=entry.target,
        reason=entry.reason,
        facts=orjson.dumps(entry.facts).decode(),
        previous=previous,
        hash=b"",
    )
    await raw.execute(
        f"""
        insert into audit (project_id, {COLUMNS})
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        who.project_id,
        row.seq,
        row.at_ns,
        row.actor,
        row.token_id,
        row.address,
        row.action,
        row.target,
        row.reason,
        row.facts,
        row.previous,
        row.sealed(who.project_id),
    )


async def record_alone(database: Database, who: Principal, entry: Entry, *, now_ns: int) -> None:
    """Add one row about what changed nothing: a refusal, a reading."""
    async with database.transaction(who.project_id) as connection:
        await record(await driver(connection), who, entry, now_ns=now_ns)


async def trim(raw: Driver, who: Principal, *, before_ns: int, now_ns: int) -> int:
    """Take away the rows that are older, and say so in the log; how many there were.

    The database itself keeps the last 30 days, and the newest row in any case.
    """
    await raw.execute("select pg_advisory_xact_lock($1, $2)", LOCK, who.project_id)
    gone = await raw.fetchrow("select rows, through, hash from trim_audit($1)", before_ns)
    if gone is None:
        return 0
    facts = {"count": gone[0], "through": gone[1], "hash": gone[2].hex()}
    entry = Entry(action=Action.AUDIT_TRIMMED, target="audit", reason="retention", facts=facts)
    await record(raw, who, entry, now_ns=now_ns)
    return gone[0]


async def audit_refused(
    database: Database, who: Principal, payloads: Sequence[str], *, now_ns: int
) -> None:
    """One row for payload that was asked for and not given; none if there was none."""
    if payloads:
        target = payloads[0] if len(payloads) == 1 else "payloads"
        entry = Entry(action=Action.PAYLOAD_REFUSED, target=target, facts=named(payloads))
        await record_alone(database, who, entry, now_ns=now_ns)


def named(ids: Sequence[str]) -> dict[str, object]:
    """Facts about many things: how many, and which were the first."""
    return {"count": len(ids), "ids": list(ids[:NAMED])}
