"""Recordings that were replayed without edits and were identical, by what replayed them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
create table baseline (
  run_id uuid not null,
  code text not null,
  project_id int not null,
  head bigint not null,
  proven_ns bigint not null,
  primary key (run_id, code)
)""",
    "alter table baseline enable row level security",
    "alter table baseline force row level security",
    """
create policy tenant on baseline
  using (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
  with check (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
""",
    """
do $$
declare
  name text;
begin
  foreach name in array array['fp_api', 'fp_worker'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format('grant select, insert, update, delete on baseline to %I', name);
    end if;
  end loop;
end
$$;
""",
)


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for statement in STATEMENTS:
        op.execute(statement)
