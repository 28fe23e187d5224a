"""Projects, runs, events, steps, artifacts, blocks, jobs."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTITIONS = 16

PLAIN_TABLES = """
create table project (
  project_id int primary key,
  name text not null,
  gen int not null default 1,
  sweep bool not null default false,
  settings jsonb not null default '{}',
  created_ns bigint not null default (extract(epoch from now()) * 1e9)::bigint
);
create table token (
  token_id text primary key,
  project_id int not null references project,
  name text not null,
  secret_sha256 bytea not null,
  scopes text[] not null,
  created_ns bigint not null,
  expires_ns bigint,
  last_used_ns bigint,
  revoked_ns bigint
);
create index token_by_project on token (project_id, token_id);
create table run (
  run_id uuid primary key,
  project_id int not null,
  name text not null,
  status text not null default 'running',
  health text[] not null default '{}',
  started_ns bigint not null,
  ended_ns bigint,
  received_ns bigint not null,
  head bigint not null default -1,
  revision int not null default 0,
  step_count int not null default 0,
  error_count int not null default 0,
  gap_count int not null default 0,
  tokens_in bigint,
  tokens_out bigint,
  cost_micro_usd bigint,
  ordering text not null default 'recorded',
  identity text not null default 'recorded',
  tags text[] not null default '{}',
  code_version text,
  sdk text,
  ruleset_id text,
  redaction_key_id text,
  content_format text not null default 'content/1',
  signature_codec text not null default 'sig/1',
  error_class text,
  verdict text,
  parent_run_id uuid,
  session_id text,
  origin_kind text,
  cut_key text,
  cut_side text,
  edits_root bytea,
  policy_root bytea,
  opening_seq bigint,
  opening_rank smallint not null default 0,
  writers jsonb not null default '{}',
  events_expected jsonb,
  lanes jsonb not null default '[]',
  stored_bytes bigint not null default 0,
  start_record bytea not null,
  end_record bytea,
  finished bool not null default false
) with (fillfactor = 80);
create index run_by_start on run (project_id, started_ns desc, run_id);
create index run_by_parent on run (parent_run_id) where parent_run_id is not null;
create index run_unfinished on run (project_id, received_ns) where not finished;
create table held_event (
  run_id uuid not null,
  writer int not null,
  sequence_no bigint not null,
  project_id int not null,
  event_id bytea not null,
  digest bytea not null,
  body bytea not null,
  received_ns bigint not null,
  primary key (run_id, writer, sequence_no)
);
create index held_event_by_age on held_event (project_id, received_ns);
create table pack (
  project_id int not null,
  pack_id bigint not null generated always as identity,
  sha256 bytea not null,
  size int not null,
  body bytea,
  s3_key text,
  primary key (project_id, pack_id)
);
alter table pack alter column body set storage external;
create index pack_by_digest on pack (sha256) where s3_key is not null;
create table blob (
  sha256 bytea primary key,
  size bigint not null,
  state text not null default 'live' check (state in ('live', 'deleting')),
  named_ns bigint not null
);
create unlogged table block_mark (
  project_id int not null,
  digest bytea not null,
  primary key (project_id, digest)
);
create table job (
  id bigint primary key generated always as identity,
  project_id int not null,
  run_id uuid,
  kind text not null,
  dedupe_key text not null,
  args jsonb not null default '{}',
  state text not null default 'queued'
    check (state in ('queued', 'leased', 'done', 'failed', 'quarantined')),
  priority smallint not null default 0,
  attempt int not null default 0,
  run_at timestamptz not null default now(),
  lease_until timestamptz,
  owner text,
  fence bigint not null default 0,
  error_class text,
  created_at timestamptz not null default now()
);
create unique index job_once on job (project_id, kind, dedupe_key)
  where state in ('queued', 'leased');
create index job_due on job (priority desc, run_at) where state = 'queued';
create index job_leased on job (lease_until) where state = 'leased';
create table diff_report (
  project_id int not null,
  a uuid not null,
  b uuid not null,
  options text not null,
  head_a bigint not null,
  head_b bigint not null,
  report bytea not null,
  pairs bytea not null,
  created_ns bigint not null,
  primary key (project_id, a, b, options)
);
"""

PARTITIONED = {
    "event": """
create table event (
  run_id uuid not null,
  seq bigint not null,
  project_id int not null,
  event_id bytea not null,
  event_type text not null,
  writer int not null,
  sequence_no bigint not null,
  step_id uuid,
  time_ns bigint not null,
  digest bytea not null,
  body bytea not null,
  primary key (run_id, seq),
  unique (run_id, event_id),
  unique (run_id, writer, sequence_no)
) partition by hash (run_id)""",
    "step": """
create table step (
  run_id uuid not null,
  step_id uuid not null,
  project_id int not null,
  seq bigint not null,
  end_seq bigint,
  parent_id uuid,
  parent_seq bigint,
  kind smallint not null,
  name text not null,
  status text not null,
  key text not null,
  strand text not null,
  lane int not null,
  depth int not null,
  site text,
  subtype text,
  effect text,
  codec text,
  model text,
  error_class text,
  finish_reason text,
  start_ns bigint not null,
  end_ns bigint,
  tokens_in bigint,
  tokens_out bigint,
  cost_micro_usd bigint,
  attempts int not null,
  chunks int,
  signature bytea,
  delta bytea,
  contended bool not null,
  flags int not null,
  replay jsonb,
  primary key (run_id, step_id),
  unique (run_id, seq)
) partition by hash (run_id)""",
    "artifact": """
create table artifact (
  run_id uuid not null,
  step_id uuid not null,
  role text not null,
  project_id int not null,
  gen int not null,
  root bytea,
  size bigint not null,
  state text not null,
  reason text,
  media_type text,
  primary key (run_id, step_id, role)
) partition by hash (run_id)""",
    "block": """
create table block (
  project_id int not null,
  digest bytea not null,
  gen int not null,
  size int not null,
  codec smallint not null,
  body bytea,
  pack_id bigint,
  off int,
  primary key (project_id, digest)
) partition by hash (digest)""",
}

# A step is updated once, when it ends; room on its page keeps that update off the indexes.
STORAGE = {
    "step": "fillfactor = 70",
    "block": "toast_tuple_target = 8160",
}

TENANT_TABLES = (
    "project",
    "token",
    "run",
    "event",
    "held_event",
    "step",
    "artifact",
    "block",
    "pack",
    "block_mark",
    "job",
    "diff_report",
)

# Tables that functions of the owner read across projects: who holds a token, which jobs are due.
OWNER_TABLES = ("project", "token", "job", "pack")

POLICY = """
alter table {table} enable row level security;
alter table {table} force row level security;
create policy tenant on {table}
  using (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int))
  with check (project_id = (select nullif(current_setting('forkpoint.project', true), '')::int));
"""

# One function for each question that crosses projects; nothing else does.
FUNCTIONS = (
    """
create function find_token(wanted text) returns setof token
  language sql stable security definer set search_path = public, pg_temp
  as 'select * from token where token_id = wanted'
""",
    """
create function project_ids() returns setof int
  language sql stable security definer set search_path = public, pg_temp
  as 'select project_id from project order by project_id'
""",
    """
create function claim_jobs(claimer text, lease interval, most int, kinds text[])
  returns setof job
  language sql volatile security definer set search_path = public, pg_temp
  as $$
    with due as materialized (
      select id
      from job
      where kind = any (kinds)
        and (state = 'queued' and run_at <= clock_timestamp()
             or state = 'leased' and lease_until < clock_timestamp())
      order by priority desc, run_at
      for update skip locked
      limit most)
    update job
    set state = 'leased', owner = claimer, attempt = attempt + 1, fence = fence + 1,
        lease_until = clock_timestamp() + lease
    from due
    where job.id = due.id
    returning job.*
  $$
""",
    """
create function due_jobs(most int) returns table (id bigint, attempt int)
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select id, attempt
    from job
    where state = 'queued' and run_at <= clock_timestamp()
       or state = 'leased' and lease_until < clock_timestamp()
    order by priority desc, run_at
    limit most
  $$
""",
    """
create function blob_is_named(wanted bytea) returns bool
  language sql stable security definer set search_path = public, pg_temp
  as 'select exists (select from pack where sha256 = wanted and s3_key is not null)'
""",
    """
revoke all on function find_token, project_ids, claim_jobs, due_jobs, blob_is_named from public
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
        'grant select, insert, update, delete on project, token, run, event, held_event, step, '
        'artifact, block, pack, blob, block_mark, job, diff_report to %I', name);
      execute format('grant usage on all sequences in schema public to %I', name);
      execute format(
        'grant execute on function find_token, project_ids, claim_jobs, due_jobs, blob_is_named '
        'to %I', name);
    end if;
  end loop;
end
$$;
"""


def upgrade() -> None:
    _run(PLAIN_TABLES)
    for table, definition in PARTITIONED.items():
        op.execute(definition)
        for number in range(PARTITIONS):
            storage = f" with ({STORAGE[table]})" if table in STORAGE else ""
            op.execute(
                f"create table {table}_{number:02} partition of {table} "
                f"for values with (modulus {PARTITIONS}, remainder {number}){storage}"
            )
            if table == "block":
                op.execute(f"alter table block_{number:02} alter column body set storage external")
    for table in TENANT_TABLES:
        _run(POLICY.format(table=table))
    for table in OWNER_TABLES:
        op.execute(f"create policy owner on {table} to current_user using (true) with check (true)")
    op.execute("insert into project (project_id, name) values (1, 'default')")
    for function in FUNCTIONS:
        op.execute(function)
    op.execute(GRANTS)


def _run(statements: str) -> None:
    for statement in filter(str.strip, statements.split(";\n")):
        op.execute(statement)
