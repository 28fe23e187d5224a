"""Which model step asked for a tool step, in runs that are derived from traces."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("""
        alter table step
            -- a digest of the id of the call that a tool step answers
            add column call_mark text,
            -- of a model step: [[mark or null, tool name], ...] in its answer
            add column asks jsonb,
            -- step id of the model step that asked
            add column asked_by uuid
    """)
