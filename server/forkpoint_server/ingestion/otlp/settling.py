"""Writes what a worker read out of staged spans: blocks, artifacts, steps, what the run is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import orjson
from forkpoint.content import Digest, digest_from_text
from forkpoint.events.kinds import Health, Kind
from forkpoint.redact.engine import Redactor

from forkpoint_server.artifacts import blocks
from forkpoint_server.artifacts.epochs import Epoch
from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.otlp.content import RunContent, StepContent
from forkpoint_server.ingestion.otlp.mapping.spans import CODEC

_KINDS = {kind: index for index, kind in enumerate(Kind)}
_BLOCKS_AT_A_TIME = 4_000
_BYTES_AT_A_TIME = 16 << 20


async def settle(
    driver: Driver,
    run_id: str,
    content: RunContent,
    *,
    project_id: int,
    epoch: Epoch,
    redactor: Redactor | None,
) -> None:
    """Store the content of a run under its lock; storing the same again changes nothing."""
    fresh = 0
    for some in _portions(content.blocks):
        fresh += await blocks.insert(driver, project_id, epoch=epoch, bodies=some)
    await _artifacts(driver, run_id, content.steps, project_id=project_id, gen=epoch.gen)
    await _steps(driver, run_id, content.steps)
    await _run(driver, run_id, content, redactor=redactor, fresh=fresh)


def _portions(bodies: Mapping[Digest, bytes]) -> Iterator[dict[Digest, bytes]]:
    some: dict[Digest, bytes] = {}
    weight = 0
    for digest in sorted(bodies):
        some[digest] = bodies[digest]
        weight += len(bodies[digest])
        if len(some) == _BLOCKS_AT_A_TIME or weight > _BYTES_AT_A_TIME:
            yield some
            some, weight = {}, 0
    if some:
        yield some


async def _artifacts(
    driver: Driver, run_id: str, steps: Sequence[StepContent], *, project_id: int, gen: int
) -> None:
    """A later reading of the same step replaces what an earlier one said."""
    rows = [(step.step_id, ref) for step in steps for ref in step.artifacts]
    await driver.execute(
        """
        insert into artifact
          (run_id, step_id, role, project_id, gen, root, size, state, reason, media_type)
        select $1, step_id, role, $2, $3, root, size, state, reason, media_type
        from unnest($4::uuid[], $5::text[], $6::bytea[], $7::bigint[], $8::text[], $9::text[],
          $10::text[]) as new (step_id, role, root, size, state, reason, media_type)
        on conflict (run_id, step_id, role) do update
        set gen = excluded.gen, root = excluded.root, size = excluded.size,
          state = excluded.state, reason = excluded.reason, media_type = excluded.media_type
        """,
        run_id,
        project_id,
        gen,
        [step_id for step_id, _ in rows],
        [ref.role for _, ref in rows],
        [None if ref.root is None else digest_from_text(ref.root) for _, ref in rows],
        [ref.size for _, ref in rows],
        [ref.state.value for _, ref in rows],
        [ref.reason for _, ref in rows],
        [ref.media_type for _, ref in rows],
    )


async def _steps(driver: Driver, run_id: str, steps: Sequence[StepContent]) -> None:
    await driver.execute(
        """
        update step
        set kind = new.kind, name = new.name, subtype = new.subtype, effect = new.effect,
          codec = $2, model = new.model,
          error_class = case when step.status = 'error' or new.error_class is not null
            then new.error_class end,
          status = case when new.error_class is not null and step.end_seq is not null
            then 'error' else step.status end,
          finish_reason = new.finish_reason, tokens_in = new.tokens_in,
          tokens_out = new.tokens_out, cost_micro_usd = new.cost_micro_usd,
          signature = new.signature, delta = new.delta,
          flags = step.flags | new.flags | (new.error_class is not null)::int,
          call_mark = new.call_mark, asks = new.asks::jsonb
        from unnest($3::uuid[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::text[],
          $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bytea[],
          $15::bytea[], $16::int[], $17::text[], $18::text[])
          as new (step_id, kind, name, subtype, effect, model, error_class, finish_reason,
            tokens_in, tokens_out, cost_micro_usd, signature, delta, flags, call_mark, asks)
        where step.run_id = $1
          and step.step_id = new.step_id
        """,
        run_id,
        CODEC,
        [step.step_id for step in steps],
        [_KINDS[step.kind] for step in steps],
        [step.name for step in steps],
        [step.subtype for step in steps],
        [step.effect for step in steps],
        [step.model for step in steps],
        [step.error_class for step in steps],
        [step.finish_reason for step in steps],
        [step.tokens_in for step in steps],
        [step.tokens_out for step in steps],
        [step.cost_micro_usd for step in steps],
        [step.signature for step in steps],
        [step.delta for step in steps],
        [step.flags for step in steps],
        [step.call_mark for step in steps],
        [orjson.dumps(step.asks).decode() if step.asks else None for step in steps],
    )


async def _run(
    driver: Driver, run_id: str, content: RunContent, *, redactor: Redactor | None, fresh: int
) -> None:
    facts = content.facts
    shown = {"service": content.service, "run": content.own_run}
    about = {name: value for name, value in shown.items() if value is not None}
    await driver.execute(
        """
        update run
        set ruleset_id = $2, redaction_key_id = $3, plain = plain and not $4,
          stored_bytes = stored_bytes + $5, name = coalesce($6, name),
          tags = case when cardinality($7::text[]) > 0 then $7 else tags end,
          otel = otel || $8::jsonb,
          health = case when $9 and not $10 = any (health)
            then array_append(health, $10) else health end
        where run_id = $1
        """,
        run_id,
        None if redactor is None else redactor.ruleset_id,
        None if redactor is None else redactor.key_id,
        content.recognised,
        fresh,
        None if facts is None else _masked(facts.name, redactor),
        [] if facts is None else [_masked(tag, redactor) for tag in facts.tags],
        orjson.dumps(about).decode(),
        content.broken > 0,
        Health.ARTIFACT_FAILED.value,
    )


def _masked(text: str | None, redactor: Redactor | None) -> str | None:
    if text is None or redactor is None:
        return None
    return str(redactor.redact(text))[:256]
