"""Evaluations become validator steps below the step they judge; no span brings their rows.

`gen_ai.evaluation.result` comes as an event of a span or as a log record, often long after it
(OpenTelemetry GenAI conventions, events).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from forkpoint.events.kinds import Kind

from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.otlp.assemble import OK, SpanRow, TraceRows
from forkpoint_server.ingestion.otlp.columns import Columns, add_trace
from forkpoint_server.ingestion.otlp.store import known_spans, update_runs, write_columns

EVALUATION_SUBTYPE = "evaluation"
_VALIDATOR = tuple(Kind).index(Kind.VALIDATOR)


def evaluation_row(step: bytes, judged: bytes, *, name: str, at_ns: int) -> SpanRow:
    """The row of an evaluation: a moment, below the step it judges."""
    return SpanRow(step, judged, _VALIDATOR, name, at_ns, max(at_ns, 1), OK, 0)


async def add_verdicts(
    driver: Driver, run_id: str, rows: Sequence[SpanRow], *, project_id: int, received_ns: int
) -> None:
    """Give the evaluations of a run events and steps, under its lock; known ones stay as they are.

    The run does not become younger by it: `received_ns` is when the sender was last heard.
    """
    if not rows:
        return
    trace = TraceRows(run_id, UUID(run_id).bytes, b"", {row.step: row for row in rows})
    known = await known_spans(driver, [trace])
    head = await driver.fetchval("select head from run where run_id = $1", run_id)
    columns = Columns()
    change = add_trace(columns, trace, head=head, known=known.get(run_id, {}))
    if change.steps:
        await write_columns(driver, columns)
        await update_runs(driver, columns.runs, recognised=(run_id,), now_ns=received_ns)
