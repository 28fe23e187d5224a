"""Four min-hashes of the text that was new in a call, by which similar steps pair."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    # 16 bytes, written when the run is over (forkpoint.diff.sketch)
    op.execute("alter table step add column sketch bytea")
