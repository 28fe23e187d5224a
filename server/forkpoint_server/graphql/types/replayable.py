"""What hosts read of a run to replay it: the recording, and answers of other runs."""

from __future__ import annotations

import strawberry

from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.graphql.types.earlier import (
    EarlierAnswer,
    EarlierCallInput,
    earlier_answers,
)
from forkpoint_server.graphql.types.recording import RecordingPage, recording_page
from forkpoint_server.graphql.types.runfields import RunFields
from forkpoint_server.security.scopes import Scope

PAYLOAD = Needs(Scope.READ_PAYLOAD)
BEGINNING = BigInt(-1)


@strawberry.type
class ReplayableRun(RunFields):
    """Part of the run type."""

    @strawberry.field(extensions=[PAYLOAD])
    async def recording(
        self, info: Info, after: BigInt = BEGINNING, first: int = 500
    ) -> RecordingPage:
        """Everything a replay needs, in pages of events with the blocks of clean artifacts."""
        return await recording_page(info, self.row.run_id, after=after, first=first)

    @strawberry.field(extensions=[PAYLOAD])
    async def earlier_answers(
        self,
        info: Info,
        call: EarlierCallInput,
        without: list[strawberry.ID],
        first: int = 1,
    ) -> list[EarlierAnswer]:
        """Answers of other runs to a call of a replay of this one, without some steps of them."""
        return await earlier_answers(info, self.row.run_id, call, without=without, first=first)
