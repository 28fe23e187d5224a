"""The schema, put together from parts: whoever adds root fields adds its part to a list here."""

from __future__ import annotations

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types.execution import ExecutionContext

from forkpoint_server.graphql.auditing import AuditQuery
from forkpoint_server.graphql.bulk import BulkQuery
from forkpoint_server.graphql.comparing import DiffQuery
from forkpoint_server.graphql.errors import present
from forkpoint_server.graphql.gate import Documents, Gate
from forkpoint_server.graphql.mutations.causes import CauseMutation
from forkpoint_server.graphql.mutations.deletion import DeletionMutation
from forkpoint_server.graphql.mutations.diff import DiffMutation
from forkpoint_server.graphql.mutations.ingestion import IngestionMutation
from forkpoint_server.graphql.mutations.replay import ReplayMutation
from forkpoint_server.graphql.mutations.retention import RetentionMutation
from forkpoint_server.graphql.mutations.tokens import TokenMutation
from forkpoint_server.graphql.queries import CoreQuery
from forkpoint_server.graphql.replaying import ReplayQuery
from forkpoint_server.graphql.scalars import SCALARS
from forkpoint_server.graphql.subscriptions.attributionprogress import (
    AttributionProgressSubscription,
)
from forkpoint_server.graphql.subscriptions.diffprogress import DiffProgressSubscription
from forkpoint_server.graphql.subscriptions.replayprogress import ReplayProgressSubscription
from forkpoint_server.graphql.subscriptions.runevents import RunEventsSubscription
from forkpoint_server.graphql.subscriptions.runnerjobs import RunnerJobsSubscription
from forkpoint_server.graphql.subscriptions.runschanged import RunsChangedSubscription

QUERIES: tuple[type, ...] = (CoreQuery, BulkQuery, DiffQuery, ReplayQuery, AuditQuery)
MUTATIONS: tuple[type, ...] = (
    IngestionMutation,
    TokenMutation,
    DeletionMutation,
    DiffMutation,
    ReplayMutation,
    RetentionMutation,
    CauseMutation,
)
SUBSCRIPTIONS: tuple[type, ...] = (
    RunEventsSubscription,
    RunsChangedSubscription,
    ReplayProgressSubscription,
    RunnerJobsSubscription,
    DiffProgressSubscription,
    AttributionProgressSubscription,
)


class Schema(strawberry.Schema):
    """Answers refusals with their code, and everything unexpected with an error id."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Make each error presentable; runs before any answer is written."""
        for error in errors:
            present(error)


_documents = Documents()

schema = Schema(
    query=merge_types("Query", QUERIES),
    mutation=merge_types("Mutation", MUTATIONS),
    subscription=merge_types("Subscription", SUBSCRIPTIONS),
    config=StrawberryConfig(disable_field_suggestions=True, scalar_map=dict(SCALARS)),
    extensions=[lambda: Gate(_documents)],
)
