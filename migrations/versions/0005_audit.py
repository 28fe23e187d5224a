"""The audit log: rows that are only ever added, each sealing the one before it."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLE = """
create table audit (
  project_id int not null,
  seq bigint not null,
  at_ns bigint not null,
  actor text not null,
  token_id text,
  address text,
  action text not null,
  target text not null,
  reason text,
  facts text not null,
  previous bytea not null,
  hash bytea not null,
  primary key (project_id, seq)
)"""
INDEXES = (
    "create index audit_by_action on audit (project_id, action, seq)",
    "create index audit_by_target on audit (project_id, target, seq)",
)
POLICIES = (
    "alter table audit enable row level security",
    "alter table audit force row level security",
    """
create policy tenant on audit
  using (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
  with check (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
""",
    "create policy owner on audit to current_user using (true) with check (true)",
)

# The only way to take rows away: the oldest, never the newest one, and never younger than 30 days.
# It works on the caller's own project, whatever it is told.
TRIM = """
create function trim_audit(before_ns bigint)
  returns table (rows bigint, through bigint, hash bytea)
  language plpgsql volatile security definer set search_path = public, pg_temp
  as $$
    declare
      here int := nullif(current_setting('forkpoint.project', true), '')::int;
      youngest bigint := ((extract(epoch from now()) - 30 * 86400) * 1e9)::bigint;
      kept bigint;
    begin
      select coalesce(min(seq), (select max(seq) from audit where project_id = here))
        into kept
        from audit
        where project_id = here and at_ns >= least(before_ns, youngest);
      return query
        with gone as (
          delete from audit
          where project_id = here and seq < kept
          returning audit.seq, audit.hash)
        select count(*), max(gone.seq),
          (select last.hash from gone as last order by last.seq desc limit 1)
        from gone
        having count(*) > 0;
    end
  $$
"""

GRANTS = """
do $$
declare
  name text;
begin
  foreach name in array array['fp_api', 'fp_worker'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format('grant select, insert on audit to %I', name);
      execute format('grant execute on function trim_audit to %I', name);
    end if;
  end loop;
end
$$;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for statement in (TABLE, *INDEXES, *POLICIES, TRIM):
        op.execute(statement)
    op.execute("revoke all on function trim_audit from public")
    op.execute(GRANTS)
