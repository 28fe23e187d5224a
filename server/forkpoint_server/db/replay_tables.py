"""The tables of replay sessions and runners; see `tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from forkpoint_server.db.metadata import metadata, uuid_column

replay_session = Table(
    "replay_session",
    metadata,
    # The recording; the run that is made is `new_run_id`.
    uuid_column("run_id", key=True),
    uuid_column("session_id", key=True),
    Column("project_id", Integer, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("sample", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("executor", Text, nullable=False),
    # queued | preparing | running | finished | stopped | failed | cancelled
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message", Text),
    # Cut, edits, policy, grants: payload.
    Column("spec", JSONB, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("failed_step", JSONB),
    Column("verdict", Text),
    Column("report", JSONB),
    uuid_column("resumes", null=True),
    uuid_column("new_run_id"),
    Column("runner", Text),
    Column("entrypoint", Text),
    # The connection of the runner that has the job.
    uuid_column("owner", null=True),
    Column("fence", BigInteger, nullable=False),
    Column("deliveries", Integer, nullable=False),
    # Whether `startRun` came under this fence.
    Column("claimed", Boolean, nullable=False),
    Column("lease_until", DateTime(timezone=True)),
    # Number of the last progress.
    Column("head", Integer, nullable=False),
    Column("at_key", Text),
    Column("matched", Integer, nullable=False),
    Column("total", Integer),
    Column("spend", JSONB, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("started_ns", BigInteger),
    Column("ended_ns", BigInteger),
    # Of a recording made of a trace: spans may still come.
    Column("run_revision", Integer),
)

replay_progress = Table(
    "replay_progress",
    metadata,
    uuid_column("run_id", key=True),
    uuid_column("session_id", key=True),
    Column("n", Integer, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("at_key", Text),
    Column("matched", Integer, nullable=False),
    Column("total", Integer),
    Column("spend", JSONB, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
)

replay_call = Table(
    "replay_call",
    metadata,
    uuid_column("run_id", key=True),
    uuid_column("session_id", key=True),
    # Of a live call: its row is written before it, its answer after.
    Column("key", Text, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("answer", JSONB),
)

baseline = Table(
    "baseline",
    metadata,
    uuid_column("run_id", key=True),
    # What replayed it without edits and found it identical.
    Column("code", Text, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("proven_ns", BigInteger, nullable=False),
)

run_share = Table(
    "run_share",
    metadata,
    uuid_column("run_id", key=True),
    # Its events from here until before `until_seq`, and the steps that ended there, are rows of
    # `source_run_id`; of itself once the run it shared with was deleted.
    Column("from_seq", BigInteger, primary_key=True),
    Column("until_seq", BigInteger, nullable=False),
    Column("project_id", Integer, nullable=False),
    uuid_column("source_run_id"),
    # What is added to the times of those rows.
    Column("moved_ns", BigInteger, nullable=False),
    # Ids of steps that were open at `until_seq`: the run has its own rows of them.
    Column("own_steps", ARRAY(Text), nullable=False),
    Column("executor", Text, nullable=False),
)

runner = Table(
    "runner",
    metadata,
    Column("project_id", Integer, primary_key=True),
    uuid_column("runner_id", key=True),
    Column("name", Text, nullable=False),
    Column("entrypoints", ARRAY(Text), nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("connected_ns", BigInteger, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)

attribution = Table(
    "attribution",
    metadata,
    Column("project_id", Integer, primary_key=True),
    uuid_column("attribution_id", key=True),
    # The runs that are compared, and how far they were.
    uuid_column("a"),
    uuid_column("b"),
    Column("head_a", BigInteger, nullable=False),
    Column("head_b", BigInteger, nullable=False),
    # running | finished | failed | cancelled
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message", Text),
    # Roots with their edits, policy, budget, who executes: payload.
    Column("spec", JSONB, nullable=False),
    # forkpoint.verification/1
    Column("report", JSONB, nullable=False),
    # What it waits for now.
    Column("awaits", JSONB, nullable=False),
    Column("head", Integer, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
)
