"""Traces of OpenTelemetry: sealed bodies that wait for a worker, and what a derived run is."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "set local lock_timeout = '5s'",
    # intake: events (our own senders) | otlp. plain: a trace in which nothing is of an agent.
    """
alter table run
  add column intake text not null default 'events' check (intake in ('events', 'otlp')),
  add column plain bool not null default false,
  add column mirror_of uuid,
  add column otel jsonb,
  add column capabilities jsonb
""",
    """
create table staged_body (
  run_id uuid not null,
  stage_id bigint not null generated always as identity,
  project_id int not null,
  signal text not null check (signal in ('traces', 'logs')),
  items int not null,
  key_id text not null,
  sealed bytea not null,
  mapped bool not null default false,
  received_ns bigint not null,
  primary key (run_id, stage_id)
)
""",
    "alter table staged_body alter column sealed set storage external",
    # What a replay of a derived run reads: its events in derived order, with their artifacts.
    """
create table derived_event (
  run_id uuid not null,
  seq bigint not null,
  project_id int not null,
  body bytea not null,
  primary key (run_id, seq)
)
""",
    # Public keys of the workers; sealed bodies are for the newest.
    """
create table sealing_key (
  key_id text primary key,
  public bytea not null,
  created_ns bigint not null default (extract(epoch from now()) * 1e9)::bigint
)
""",
)

POLICY = (
    "alter table {table} enable row level security",
    "alter table {table} force row level security",
    """
create policy tenant on {table}
  using (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
  with check (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
""",
)

GRANTS = """
do $$
declare
  name text;
begin
  foreach name in array array['fp_api', 'fp_worker'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format(
        'grant select, insert, update, delete on staged_body, derived_event to %I', name);
      execute format('grant usage on all sequences in schema public to %I', name);
      execute format('grant select on sealing_key to %I', name);
    end if;
  end loop;
  if exists (select from pg_roles where rolname = 'fp_worker') then
    grant insert on sealing_key to fp_worker;
  end if;
end
$$;
"""


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    for table in ("staged_body", "derived_event"):
        for statement in POLICY:
            op.execute(statement.format(table=table))
    op.execute(GRANTS)
