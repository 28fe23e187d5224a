"""Data flow between the steps of a run: loads candidates and lets `provenance` judge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forkpoint.content import Value, decode
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.whole import of_steps, rows_of, whole_of
from forkpoint_server.errors import LimitExceeded
from forkpoint_server.query.provenance import Edge, Output, trace
from forkpoint_server.query.steps import StepRow, previous_same_scope

CANDIDATES = (200, 40, 8)
"""How many neighbours are looked at; fewer when their payload is too much."""
SPARSE = 4
"""Steps of a fork that are gone through for each output that is looked at, at most."""
BUDGET = 16 * 1024 * 1024
"""Bytes of blocks that one question may load."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A clean artifact of a step: the part of its input, or its output."""

    seq: int
    role: str
    root: bytes


@dataclass(frozen=True, slots=True)
class Flows:
    """Answers about one project in one transaction; only clean payload is looked at."""

    connection: AsyncConnection
    project_id: int
    blobs: BlobStore

    async def sources(self, step: StepRow) -> list[Edge]:
        """Earlier outputs that appear in what is new in this step's input."""
        inputs = await self._inputs(step.run_id, [step.seq])
        before = await self._before(step)
        for most in CANDIDATES:
            outputs = await self._outputs_before(step, most=most)
            try:
                values = await self._values([*inputs, *before, *outputs])
            except LimitExceeded:
                continue
            return trace(
                [Output(seq=part.seq, value=values[part.root]) for part in outputs],
                _named(inputs, values),
                before=_named(before, values),
            )
        return []

    async def used_by(self, step: StepRow) -> list[Edge]:
        """Later steps in whose input this output appears anew; `seq` of an edge is theirs."""
        output = await self._output(step)
        if output is None or step.end_seq is None:
            return []
        for most in CANDIDATES:
            inputs = await self._inputs_after(step, most=most)
            try:
                values = await self._values([output, *inputs])
            except LimitExceeded:
                continue
            return _uses(Output(seq=step.seq, value=values[output.root]), inputs, values)
        return []

    async def _before(self, step: StepRow) -> list[StoredPart]:
        previous = await previous_same_scope(self.connection, self.project_id, step)
        return await self._inputs(step.run_id, [previous.seq]) if previous else []

    async def _inputs(self, run_id: str, seqs: Sequence[int]) -> list[StoredPart]:
        return await self._parts(
            run_id,
            "a.role like 'input.%' and s.seq = any(cast(:seqs as bigint[])) order by s.seq, a.role",
            {"seqs": list(seqs)},
            near="seq = any(cast(:seqs as bigint[]))",
        )

    async def _inputs_after(self, step: StepRow, *, most: int) -> list[StoredPart]:
        return await self._parts(
            step.run_id,
            """a.role like 'input.%' and s.seq in (
                select seq
                from {steps} as step
                where run_id = s.run_id and seq > :end_seq
                order by seq
                limit :most
            ) order by s.seq, a.role""",
            {"end_seq": step.end_seq, "most": most},
            near="seq > :end_seq",
            tail="order by seq limit :most",
        )

    async def _outputs_before(self, step: StepRow, *, most: int) -> list[StoredPart]:
        return await self._parts(
            step.run_id,
            "a.role = 'output' and s.end_seq < :seq order by s.seq desc limit :most",
            {"seq": step.seq, "most": most},
            near="end_seq < :seq",
            tail=f"order by seq desc limit {SPARSE * most}",
        )

    async def _output(self, step: StepRow) -> StoredPart | None:
        found = await self._parts(
            step.run_id,
            "a.role = 'output' and s.seq = :seq",
            {"seq": step.seq},
            near="seq = :seq",
        )
        return found[0] if found else None

    async def _parts(
        self,
        run_id: str,
        condition: str,
        values: Mapping[str, object],
        *,
        near: str,
        tail: str = "",
    ) -> list[StoredPart]:
        whole = await whole_of(self.connection, self.project_id, run_id)
        steps = rows_of("step", [whole], where=near, tail=tail)
        artifacts = rows_of("artifact", [whole], where=of_steps(steps))
        rows = await self.connection.execute(
            text(f"""
                select s.seq, a.role, a.root
                from {steps} s
                join {artifacts} a
                    on a.run_id = s.run_id and a.step_id = s.step_id
                where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id
                    and a.state = 'clean' and a.root is not null
                    and {condition.format(steps=steps)}
            """),
            {**values, "run_id": run_id, "project_id": self.project_id},
        )
        return [StoredPart(row[0], row[1], bytes(row[2])) for row in rows]

    async def _values(self, parts: Sequence[StoredPart]) -> dict[bytes, Value]:
        roots = {part.root for part in parts}
        blocks = await load_closure(
            self.connection, self.project_id, roots, blobs=self.blobs, budget=BUDGET
        )
        return {root: decode(root, lambda wanted: {d: blocks[d] for d in wanted}) for root in roots}


def _named(parts: Sequence[StoredPart], values: Mapping[bytes, Value]) -> dict[str, object]:
    return {part.role.removeprefix("input."): values[part.root] for part in parts}


def _uses(
    output: Output, inputs: Sequence[StoredPart], values: Mapping[bytes, Value]
) -> list[Edge]:
    """An edge for each later step; what an earlier one had already is not new in it."""
    by_step: dict[int, list[StoredPart]] = {}
    for part in inputs:
        by_step.setdefault(part.seq, []).append(part)
    edges: list[Edge] = []
    before: dict[str, object] = {}
    for seq, parts in by_step.items():
        named = _named(parts, values)
        for edge in trace([output], named, before=before):
            edges.append(Edge(seq=seq, part=edge.part, pointer=edge.pointer, how=edge.how))
        before = {**before, **named}
    return edges
