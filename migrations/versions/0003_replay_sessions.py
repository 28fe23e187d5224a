"""Replay sessions with their progress and live calls, and the runners that are online."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = (
    """
create table replay_session (
  run_id uuid not null,
  session_id uuid not null,
  project_id int not null,
  client_id text not null,
  sample int not null default 0,
  kind text not null check (kind in ('replay', 'fork')),
  executor text not null,
  state text not null default 'queued'
    check (state in ('queued', 'preparing', 'running', 'finished', 'stopped', 'failed',
                     'cancelled')),
  reason text,
  message text,
  spec jsonb not null,
  plan jsonb not null,
  failed_step jsonb,
  verdict text,
  report jsonb,
  resumes uuid,
  new_run_id uuid not null,
  runner text,
  entrypoint text,
  owner uuid,
  fence bigint not null default 0,
  deliveries int not null default 0,
  claimed bool not null default false,
  lease_until timestamptz,
  head int not null default 0,
  at_key text,
  matched int not null default 0,
  total int,
  spend jsonb not null default '{}',
  created_ns bigint not null,
  started_ns bigint,
  ended_ns bigint,
  primary key (run_id, session_id),
  unique (run_id, client_id, sample)
)""",
    "create index replay_session_by_id on replay_session (session_id)",
    "create index replay_session_by_start on replay_session (run_id, created_ns desc, session_id)",
    """
create index replay_session_waiting on replay_session (project_id, created_ns)
  where executor = 'host' and state = 'queued'""",
    """
create index replay_session_held on replay_session (owner)
  where executor = 'host' and state in ('preparing', 'running')""",
    """
create table replay_progress (
  run_id uuid not null,
  session_id uuid not null,
  n int not null,
  project_id int not null,
  state text not null,
  at_key text,
  matched int not null,
  total int,
  spend jsonb not null,
  time_ns bigint not null,
  primary key (run_id, session_id, n)
)""",
    """
create table replay_call (
  run_id uuid not null,
  session_id uuid not null,
  key text not null,
  project_id int not null,
  fence bigint not null,
  answer jsonb,
  primary key (run_id, session_id, key)
)""",
    """
create table runner (
  project_id int not null,
  runner_id uuid not null,
  name text not null,
  entrypoints text[] not null,
  facts jsonb not null,
  connected_ns bigint not null,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (project_id, runner_id)
)""",
)
NAMES = ("replay_session", "replay_progress", "replay_call", "runner")

POLICY = """
create policy tenant on {table}
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
      execute format(
        'grant select, insert, update, delete on replay_session, replay_progress, replay_call, '
        'runner to %I', name);
    end if;
  end loop;
end
$$;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for statement in TABLES:
        op.execute(statement)
    for table in NAMES:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(POLICY.format(table=table))
    op.execute(GRANTS)
