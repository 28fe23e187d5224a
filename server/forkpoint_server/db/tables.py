"""The tables as SQLAlchemy Core sees them; the migrations make them, a test compares the two.

Times are int64 nanoseconds of the Unix epoch, but for the clocks of `job`, where only the
database's own clock counts. Digests are 32 bytes. Everything of a run carries `run_id` in its
primary key and in every unique constraint, so the schema can be distributed by it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from forkpoint_server.db.metadata import metadata, uuid_column
from forkpoint_server.db.replay_tables import (
    baseline,
    replay_call,
    replay_progress,
    replay_session,
    runner,
)

__all__ = ["baseline", "metadata", "replay_call", "replay_progress", "replay_session", "runner"]

RUN_ITSELF = "00000000-0000-0000-0000-000000000000"
"""`artifact.step_id` of artifacts that hang on the run and on no step."""

project = Table(
    "project",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("gen", Integer, nullable=False),
    Column("sweep", Boolean, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger),
    Column("last_used_ns", BigInteger),
    Column("revoked_ns", BigInteger),
)

run = Table(
    "run",
    metadata,
    uuid_column("run_id", key=True),
    Column("project_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("health", ARRAY(Text), nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
    Column("received_ns", BigInteger, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("step_count", Integer, nullable=False),
    Column("error_count", Integer, nullable=False),
    Column("gap_count", Integer, nullable=False),
    Column("tokens_in", BigInteger),
    Column("tokens_out", BigInteger),
    Column("cost_micro_usd", BigInteger),
    Column("ordering", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("code_version", Text),
    Column("sdk", Text),
    Column("ruleset_id", Text),
    Column("redaction_key_id", Text),
    Column("content_format", Text, nullable=False),
    Column("signature_codec", Text, nullable=False),
    Column("error_class", Text),
    Column("verdict", Text),
    uuid_column("parent_run_id", null=True),
    Column("session_id", Text),
    Column("origin_kind", Text),
    Column("cut_key", Text),
    Column("cut_side", Text),
    Column("edits_root", LargeBinary),
    Column("policy_root", LargeBinary),
    Column("opening_seq", BigInteger),
    # What opening_seq is: 0 the last step, 1 the first error, 2 the first divergence.
    Column("opening_rank", SmallInteger, nullable=False),
    # {"0": next expected sequence_no of writer 0, ...}
    Column("writers", JSONB, nullable=False),
    # RunEnd.events: how many events each writer says it sent.
    Column("events_expected", JSONB),
    # [[depth, strand, open step id or null], ...]: who holds which lane of the timeline.
    Column("lanes", JSONB, nullable=False),
    # Bytes of event bodies and of blocks that this run was the first to bring.
    Column("stored_bytes", BigInteger, nullable=False),
    # The RunStart and RunEnd as received, for recordings and bundles.
    Column("start_record", LargeBinary, nullable=False),
    Column("end_record", LargeBinary),
    # No event can be added any more.
    Column("finished", Boolean, nullable=False),
    # events (our own senders) | otlp (derived from a trace; a late span opens it again)
    Column("intake", Text, nullable=False),
    # A trace in which nothing is of an agent.
    Column("plain", Boolean, nullable=False),
    # The run of our own sender that this trace shows once more.
    uuid_column("mirror_of", null=True),
    # {"traceId", "spanId"?}: the trace it came from, or the span it was started in.
    Column("otel", JSONB),
    # Of derived runs: {"can": [...], "reasons": {code: count}, "hints": {code: text}}.
    Column("capabilities", JSONB),
)

event = Table(
    "event",
    metadata,
    uuid_column("run_id", key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("event_id", LargeBinary, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("writer", Integer, nullable=False),
    Column("sequence_no", BigInteger, nullable=False),
    uuid_column("step_id", null=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

held_event = Table(
    "held_event",
    metadata,
    uuid_column("run_id", key=True),
    Column("writer", Integer, primary_key=True),
    Column("sequence_no", BigInteger, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("event_id", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
)

step = Table(
    "step",
    metadata,
    uuid_column("run_id", key=True),
    uuid_column("step_id", key=True),
    Column("project_id", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("end_seq", BigInteger),
    uuid_column("parent_id", null=True),
    Column("parent_seq", BigInteger),
    # Index in the order of `Kind`.
    Column("kind", SmallInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("strand", Text, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("site", Text),
    Column("subtype", Text),
    Column("effect", Text),
    Column("codec", Text),
    Column("model", Text),
    Column("error_class", Text),
    Column("finish_reason", Text),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),
    Column("tokens_in", BigInteger),
    Column("tokens_out", BigInteger),
    Column("cost_micro_usd", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("chunks", Integer),
    Column("signature", LargeBinary),
    Column("delta", LargeBinary),
    Column("contended", Boolean, nullable=False),
    # Bits of `ingestion.flags.StepFlag`.
    Column("flags", Integer, nullable=False),
    Column("replay", JSONB),
    # Of derived runs: a digest of the id of its call; [[mark, tool name], ...]; the model step.
    Column("call_mark", Text),
    Column("asks", JSONB),
    uuid_column("asked_by", null=True),
    Column("sketch", LargeBinary),
)

artifact = Table(
    "artifact",
    metadata,
    uuid_column("run_id", key=True),
    uuid_column("step_id", key=True),
    Column("role", Text, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("gen", Integer, nullable=False),
    Column("root", LargeBinary),
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("media_type", Text),
)

block = Table(
    "block",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("gen", Integer, nullable=False),
    # Bytes of the body before compression.
    Column("size", Integer, nullable=False),
    # `artifacts.blocks.Codec`: 0 plain, 1 zstd, 2 packed.
    Column("codec", SmallInteger, nullable=False),
    Column("body", LargeBinary),
    Column("pack_id", BigInteger),
    # Where the body begins in the unpacked pack.
    Column("off", Integer),
)

pack = Table(
    "pack",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("pack_id", BigInteger, primary_key=True),
    # Of the stored, compressed bytes; the key of the blob.
    Column("sha256", LargeBinary, nullable=False),
    # Bytes of the joined bodies before compression.
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary),
    Column("s3_key", Text),
)

blob = Table(
    "blob",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    # live | deleting
    Column("state", Text, nullable=False),
    # When a row was last seen to name it, or it was put.
    Column("named_ns", BigInteger, nullable=False),
)

block_mark = Table(
    "block_mark",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
)

job = Table(
    "job",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("project_id", Integer, nullable=False),
    uuid_column("run_id", null=True),
    Column("kind", Text, nullable=False),
    Column("dedupe_key", Text, nullable=False),
    Column("args", JSONB, nullable=False),
    # queued | leased | done | failed | quarantined
    Column("state", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run_at", DateTime(timezone=True), nullable=False),
    Column("lease_until", DateTime(timezone=True)),
    Column("owner", Text),
    Column("fence", BigInteger, nullable=False),
    Column("error_class", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

staged_body = Table(
    "staged_body",
    metadata,
    uuid_column("run_id", key=True),
    Column("stage_id", BigInteger, primary_key=True),
    Column("project_id", Integer, nullable=False),
    # traces | logs
    Column("signal", Text, nullable=False),
    Column("items", Integer, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("mapped", Boolean, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
)

derived_event = Table(
    "derived_event",
    metadata,
    uuid_column("run_id", key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

sealing_key = Table(
    "sealing_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("public", LargeBinary, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

diff_report = Table(
    "diff_report",
    metadata,
    Column("project_id", Integer, primary_key=True),
    uuid_column("a", key=True),
    uuid_column("b", key=True),
    # Digest of the options in their canonical form.
    Column("options", Text, primary_key=True),
    Column("head_a", BigInteger, nullable=False),
    Column("head_b", BigInteger, nullable=False),
    Column("report", LargeBinary, nullable=False),
    Column("pairs", LargeBinary, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

usage_day = Table(
    "usage_day",
    metadata,
    Column("project_id", Integer, primary_key=True),
    # Days of UTC since 1970.
    Column("day", Integer, primary_key=True),
    # Of request bodies, unpacked, of senders with a token.
    Column("bytes", BigInteger, nullable=False),
)
