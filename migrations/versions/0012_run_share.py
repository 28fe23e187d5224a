"""Which runs begin with rows of another run: forks store only what is new in them."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
create table run_share (
  run_id uuid not null,
  from_seq bigint not null,
  until_seq bigint not null,
  project_id int not null,
  source_run_id uuid not null,
  moved_ns bigint not null,
  own_steps text[] not null,
  executor text not null,
  primary key (run_id, from_seq)
)""",
    "create index run_share_by_source on run_share (source_run_id, until_seq)",
    "alter table run_share enable row level security",
    "alter table run_share force row level security",
    """
create policy tenant on run_share
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
      execute format('grant select, insert, update, delete on run_share to %I', name);
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
