"""What a derived run can be replayed as, and what keeps it from more (OTLP guide, section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forkpoint.events.kinds import Kind

from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.otlp.verdicts import EVALUATION_SUBTYPE

if TYPE_CHECKING:
    from forkpoint_server.ingestion.otlp.finishing import Standing

_KINDS = tuple(Kind)
_MODEL, _AGENT, _CUSTOM = (_KINDS.index(kind) for kind in (Kind.MODEL, Kind.AGENT, Kind.CUSTOM))
CAPTURE_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The variable that makes OpenTelemetry's own instrumentations record messages."""


async def capabilities(driver: Driver, run_id: str, at: Standing) -> dict[str, object]:
    """`{can: [verify, graph, single], reasons: {code: count}}`. Index: primary keys."""
    counts = await driver.fetchrow(
        """
        with calls as (
          select s.step_id, s.kind, s.flags,
            s.kind not in ($2, $3) and s.subtype is distinct from $5 as is_call,
            bool_or(a.role like 'input.%' and a.root is not null) as has_input,
            bool_or(a.role = 'output' and a.root is not null) as has_output,
            bool_or(a.role = 'input.params') as has_params,
            bool_or(a.role = 'input.messages' and a.root is not null) as has_messages,
            bool_or(a.state = 'withheld') as is_withheld,
            bool_or(a.state not in ('clean', 'withheld')) as is_unread
          from step s
          left join artifact a on a.run_id = s.run_id and a.step_id = s.step_id
          where s.run_id = $1
          group by s.step_id, s.kind, s.flags, s.subtype)
        select
          count(*) filter (where is_call) as calls,
          count(*) filter (where is_call
            and not (coalesce(has_input, false) and coalesce(has_output, false))) as missing,
          count(*) filter (where is_withheld) as withheld,
          count(*) filter (where is_unread) as unread,
          count(*) filter (where kind = $4) as models,
          count(*) filter (where kind = $4 and not coalesce(has_params, false)) as no_params,
          count(*) filter (where kind = $4 and coalesce(has_messages, false)) as with_messages,
          count(*) filter (where flags & 16384 <> 0) as truncated,
          count(*) filter (where flags & 32768 <> 0) as server_state
        from calls
        """,
        run_id,
        _AGENT,
        _CUSTOM,
        _MODEL,
        EVALUATION_SUBTYPE,
    )
    reasons = {
        "content_missing": counts["missing"],
        "withheld": counts["withheld"],
        "truncated": counts["truncated"],
        "no_root": int(at.roots == 0),
        "open_steps": at.open_steps,
        "orphan": at.orphans,
        "params_missing": counts["no_params"],
        "server_state": counts["server_state"],
        "identity_derived": 1,
    }
    can: list[str] = []
    if counts["unread"] == 0 and counts["withheld"] == 0:
        can.append("verify")
    if counts["calls"] and counts["missing"] == 0 and counts["unread"] == 0:
        can.append("graph")
    if counts["with_messages"]:
        can.append("single")
    shown = {code: count for code, count in reasons.items() if count}
    hint = {"content_missing": f"set {CAPTURE_CONTENT}=true"} if counts["missing"] else {}
    return {"can": can, "reasons": shown, "hints": hint}
