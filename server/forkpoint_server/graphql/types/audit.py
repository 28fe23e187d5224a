"""The audit log as its readers see it."""

from __future__ import annotations

from typing import Self

import orjson
import strawberry

from forkpoint_server.graphql.scalars import JSON, BigInt, big
from forkpoint_server.query.audit import AuditFilter, Chain
from forkpoint_server.security.audit import AuditRow


@strawberry.type(name="AuditEntry", description="One act, as it was written down with it.")
class AuditEntryNode:
    """Rows are only ever added; each seals the one before it."""

    seq: BigInt
    at_ns: BigInt
    actor: str = strawberry.field(
        description="Name of the token, `local` without one, or `worker`."
    )
    token_id: str | None = strawberry.field(description="null: without a token, or by the worker")
    address: str | None = strawberry.field(description="null: from within the service")
    action: str = strawberry.field(description="One of the words of the security guide.")
    target: str = strawberry.field(description="Id of what it was done to.")
    reason: str | None = strawberry.field(description="null when the action says it all")
    facts: JSON = strawberry.field(description="Ids, numbers and names; never payload.")
    hash: str = strawberry.field(description="SHA-256 of this row and the one before it, in hex.")

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        """The entry of a row."""
        return cls(
            seq=BigInt(row.seq),
            at_ns=BigInt(row.at_ns),
            actor=row.actor,
            token_id=row.token_id,
            address=row.address,
            action=row.action,
            target=row.target,
            reason=row.reason,
            facts=JSON(orjson.Fragment(row.facts)),
            hash=row.hash.hex(),
        )


@strawberry.input(name="AuditFilter", description="Which entries; all that is given must hold.")
class AuditFilterInput:
    """`action` is one of the words of the security guide, `target` an id."""

    action: str | None = None
    target: str | None = None
    since_ns: BigInt | None = None

    def read(self) -> AuditFilter:
        """The filter of the query room."""
        return AuditFilter(action=self.action, target=self.target, since_ns=self.since_ns)


@strawberry.type(description="Whether the audit log is as it was written.")
class AuditChain:
    """Every row was read and its seal checked."""

    rows: BigInt
    intact: bool
    broken_at: BigInt | None = strawberry.field(
        description="`seq` of the first row that does not fit; null: all do"
    )

    @classmethod
    def of(cls, chain: Chain) -> Self:
        """What a check found."""
        return cls(
            rows=BigInt(chain.rows),
            intact=chain.broken_at is None,
            broken_at=big(chain.broken_at),
        )
