"""Bytes that a project brought in a day, and how much work waits over all projects."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    "set local lock_timeout = '5s'",
    # day: days of UTC since 1970. Written by each API process every few seconds.
    """
create table usage_day (
  project_id int not null,
  day int not null,
  bytes bigint not null,
  primary key (project_id, day)
)
""",
    "alter table usage_day enable row level security",
    "alter table usage_day force row level security",
    """
create policy tenant on usage_day
  using (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
  with check (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
""",
    "create policy owner on staged_body for select to current_user using (true)",
    # Looked at by the API every few seconds; sizes alone are read of sealed bodies.
    """
create function intake_backlog(most int) returns table (jobs bigint, sealed bigint)
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select
      (select count(*)
       from (select from job where state = 'queued' limit most) as waiting),
      (select coalesce(sum(octet_length(sealed)), 0)::bigint
       from staged_body
       where not mapped)
  $$
""",
    "revoke all on function intake_backlog from public",
)

GRANTS = """
do $$
declare
  name text;
begin
  foreach name in array array['fp_api', 'fp_worker'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format('grant select, insert, update, delete on usage_day to %I', name);
      execute format('grant execute on function intake_backlog to %I', name);
    end if;
  end loop;
end
$$;
"""


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    op.execute(GRANTS)
