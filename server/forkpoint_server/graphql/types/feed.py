"""What subscribers of a run are sent."""

from __future__ import annotations

import strawberry

from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.enums import RunStatus


@strawberry.type(description="The next events of a run, in the order of seq, each once.")
class RunEventBatch:
    """The last batch of a finished run carries its status; then the subscription completes."""

    from_seq: BigInt = strawberry.field(description="First seq of the batch; head + 1 if empty.")
    to_seq: BigInt = strawberry.field(description="Last seq of the batch: pass it as `after`.")
    head: BigInt
    status: RunStatus
    started_ns: BigInt = strawberry.field(description="Start of the run, ns since the epoch.")
    events: JSON = strawberry.field(
        description="List of {seq, type, stepSeq, parentSeq, kind, name, key, strand, lane, "
        "depth, status, errorClass, timeNs, tokensIn, tokensOut, costMicroUsd, mode, divergence, "
        "edit, count, reason}; fields that do not apply are left out."
    )
