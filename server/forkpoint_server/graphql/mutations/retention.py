"""Changing what a project keeps."""

from __future__ import annotations

import strawberry

from forkpoint_server.artifacts.keeping import AUDIT_LEAST_DAYS, retention_of, set_retention
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import BadRequest
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.security.audit import Action, Entry, record
from forkpoint_server.security.scopes import Scope


@strawberry.input(description="What to keep; what is left out has no bound.")
class SetRetentionInput:
    """These take the place of all rules that were there; each must be positive."""

    max_age_days: float | None = None
    max_runs: int | None = None
    max_bytes: BigInt | None = None
    max_run_bytes: BigInt | None = None
    audit_days: float | None = None

    def read(self) -> dict[str, object]:
        """The rules as they are stored; raises `BadRequest`."""
        given: dict[str, float | None] = {
            "max_age_days": self.max_age_days,
            "max_runs": self.max_runs,
            "max_bytes": self.max_bytes,
            "max_run_bytes": self.max_run_bytes,
            "audit_days": self.audit_days,
        }
        rules = {name: value for name, value in given.items() if value is not None}
        if any(value <= 0 for value in rules.values()):
            raise BadRequest("rules of retention are positive numbers", field="input")
        if rules.get("audit_days", AUDIT_LEAST_DAYS) < AUDIT_LEAST_DAYS:
            raise BadRequest(
                f"the audit log is kept for {AUDIT_LEAST_DAYS} days at least", field="auditDays"
            )
        return dict(rules)


@strawberry.type(description="The rules as they are now.")
class SetRetentionPayload:
    """Workers follow them within the hour."""

    retention: JSON


@strawberry.type
class RetentionMutation:
    """Part of the mutation type."""

    @strawberry.mutation(extensions=[Needs(Scope.ADMIN)])
    async def set_retention(self, info: Info, input: SetRetentionInput) -> SetRetentionPayload:
        """Change what the project keeps; runs beyond it are deleted for good."""
        context, rules = info.context, input.read()
        async with context.services.database.transaction(context.project_id) as connection:
            raw = await driver(connection)
            before = await retention_of(raw, context.project_id)
            await set_retention(raw, context.project_id, rules)
            entry = Entry(
                action=Action.RETENTION_CHANGED,
                target="project",
                facts={"before": before, "after": rules},
            )
            await record(raw, context.principal, entry, now_ns=context.services.clock())
        return SetRetentionPayload(retention=JSON(rules))
