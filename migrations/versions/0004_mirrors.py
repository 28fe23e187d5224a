"""Finding the trace that shows a recorded run once more."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("create index run_by_mirror on run (mirror_of) where mirror_of is not null")
