"""The filters of lists."""

from __future__ import annotations

import strawberry

from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.graphql.types.enums import Kind, RunStatus
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.query.runfilter import RunFilter
from forkpoint_server.query.steps import StepFilter

_NO_RUN = "00000000-0000-0000-0000-000000000000"


@strawberry.input(name="StepFilter", description="Which steps; absent fields do not filter.")
class StepFilterInput:
    """`text` searches name, model, error class and key."""

    kind: list[Kind] | None = None
    status: list[RunStatus] | None = None
    name: str | None = None
    text: str | None = None

    def read(self) -> StepFilter:
        """The filter of the query room."""
        return StepFilter(
            kind=self.kind,
            status=None if self.status is None else [status.value for status in self.status],
            name=self.name,
            text=self.text,
        )


@strawberry.input(name="RunFilter", description="Which runs; absent fields do not filter.")
class RunFilterInput:
    """`text` searches name, error class and id; `since` and `until` are ns since the epoch."""

    status: list[RunStatus] | None = None
    name: str | None = None
    tag: str | None = None
    kind: Kind | None = None
    tool: str | None = None
    model: str | None = None
    since: BigInt | None = None
    until: BigInt | None = None
    text: str | None = None
    fork_of: strawberry.ID | None = None
    duration_over_ns: BigInt | None = None
    ids: list[strawberry.ID] | None = None
    plain: bool | None = strawberry.field(
        default=None, description="true: only traces in which nothing is of an agent"
    )

    def read(self) -> RunFilter:
        """The filter of the query room; ids that can be none match no run."""
        return RunFilter(
            status=None if self.status is None else [status.value for status in self.status],
            name=self.name,
            tag=self.tag,
            kind=self.kind,
            tool=self.tool,
            model=self.model,
            since=self.since,
            until=self.until,
            text=self.text,
            fork_of=None if self.fork_of is None else read_run_id(self.fork_of) or _NO_RUN,
            duration_over_ns=self.duration_over_ns,
            plain=self.plain,
            ids=None if self.ids is None else [read_run_id(text) or _NO_RUN for text in self.ids],
        )
