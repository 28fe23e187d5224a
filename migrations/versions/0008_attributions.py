"""Causes that are verified by replays: what is asked, what the replays have shown."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = """
create table attribution (
  project_id int not null,
  attribution_id uuid not null,
  a uuid not null,
  b uuid not null,
  head_a bigint not null,
  head_b bigint not null,
  state text not null default 'running'
    check (state in ('running', 'finished', 'failed', 'cancelled')),
  reason text,
  message text,
  spec jsonb not null,
  report jsonb not null,
  awaits jsonb not null default '[]',
  head int not null default 0,
  created_ns bigint not null,
  ended_ns bigint,
  primary key (project_id, attribution_id)
)
"""
INDEX = """
create index attribution_by_pair on attribution (project_id, a, b, created_ns desc)
"""
POLICY = """
create policy tenant on attribution
  using (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
  with check (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
"""
GRANTS = """
do $$
declare
  name text;
begin
  foreach name in array array['fp_api', 'fp_worker'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format('grant select, insert, update, delete on attribution to %I', name);
    end if;
  end loop;
end
$$;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLE)
    op.execute(
        "create index attribution_by_pair on attribution (project_id, a, b, created_ns desc)"
    )
    op.execute("alter table attribution enable row level security")
    op.execute("alter table attribution force row level security")
    op.execute(POLICY)
    op.execute(GRANTS)
