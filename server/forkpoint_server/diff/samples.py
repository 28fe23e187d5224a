"""What the replay sessions of a verification came to, and which are still to be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from forkpoint.content import Digest, digest_text
from forkpoint.diff.verify import NOTHING, SAMPLES, BudgetSpent, Pending, Reverted, Sample

from forkpoint_server.db.engine import Driver
from forkpoint_server.diff.attributions import Attribution
from forkpoint_server.replay.words import CAUSE

BASELINE, OF_A = "baseline", "a"
RAN = ("identical", "forked")
"""Verdicts of a replay that ran to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session of an arm, over or not; numbers are of its live calls."""

    arm: str
    sample: int
    session_id: str
    state: str
    verdict: str | None
    reason: str | None
    message: str | None
    run_status: str | None
    output: str | None
    """Digest of what its run came to."""
    calls: int
    tokens: int
    cost: int

    @property
    def is_open(self) -> bool:
        """Whether it is waited for."""
        return self.state in ("queued", "preparing", "running")

    @property
    def has_failed(self) -> bool:
        """Whether it says nothing about the program: its runner was lost, somebody cancelled it."""
        return not self.is_open and self.verdict is None


def arm_of(reverted: Reverted) -> str:
    """The name of B's arm with these roots set back; `b` is the arm that keeps B as it is."""
    return "-".join(["b", *map(str, sorted(reverted))])


def reverted_of(arm: str) -> tuple[int, ...]:
    """The roots that are set back in an arm."""
    return tuple(int(row) for row in arm.split("-")[1:])


async def sessions_of(raw: Driver, of: Attribution) -> list[Ended]:
    """All sessions of a verification. Index: `replay_session_run_id_client_id_sample_key`."""
    prefix = f"{CAUSE}{of.attribution_id}:"
    rows = await raw.fetch(
        """
        select one.client_id, one.session_id::text, one.state, one.verdict, one.reason,
          one.message, run.status as run_status, came.root as output,
          live.calls, live.tokens, live.cost
        from replay_session as one
        left join run on run.run_id = one.new_run_id
        left join artifact as came on came.run_id = one.new_run_id and came.role = 'output'
          and came.step_id = '00000000-0000-0000-0000-000000000000'
        cross join lateral (
          select count(*) as calls, coalesce(sum(cost_micro_usd), 0)::bigint as cost,
            coalesce(sum(coalesce(tokens_in, 0) + coalesce(tokens_out, 0)), 0)::bigint as tokens
          from step
          where step.run_id = one.new_run_id and replay ->> 'mode' = 'live') as live
        where one.run_id = any ($1::uuid[]) and one.project_id = $2
          and starts_with(one.client_id, $3)
        """,
        [of.a, of.b],
        of.project_id,
        prefix,
    )
    return [_read(row) for row in rows]


def _read(row: Mapping[str, Any]) -> Ended:
    fields = dict(row.items())
    root = cast("bytes | None", fields.pop("output"))
    output = None if root is None else digest_text(Digest(root))
    arm, sample = str(fields.pop("client_id")).split(":")[2:]
    return Ended(arm=arm, sample=int(sample), output=output, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What all sessions together may take."""

    sessions: int
    calls: int | None = None
    tokens: int | None = None
    cost_micro_usd: int | None = None


@dataclass(slots=True, kw_only=True)
class Known:
    """Answers `verify` from the sessions that are over, and notes which it wants next."""

    samples: Mapping[str, Mapping[int, Sample | None]]
    """By arm and number; None for a session that runs."""
    proven: bool | None
    """Whether B replayed exact was identical; None if that is not known yet."""
    limits: Limits
    roots: int
    wanted: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    _taken: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def baseline(self) -> bool:
        """B replayed exact."""
        if self.proven is None:
            self._want(BASELINE, 0)
            raise Pending
        return self.proven

    def of_a(self) -> Sample:
        """A replayed, nothing changed."""
        return self._next(OF_A)

    def of_b(self, reverted: Reverted) -> Sample:
        """B with these roots set back."""
        return self._next(arm_of(reverted), ends=len(reverted) == self.roots)

    def _next(self, arm: str, *, ends: bool = False) -> Sample:
        number = self._taken[arm]
        known = self.samples.get(arm, {})
        sample = known.get(number)
        if sample is not None:
            self._taken[arm] += 1
            return sample
        if number not in known:
            last = self._until(number, known, ends=ends)
            for one in range(number, last):
                if one not in known:
                    self._want(arm, one)
        raise Pending

    def used(self) -> dict[str, object]:
        """What all sessions that are over took, also those that decided nothing."""
        over = [s for each in self.samples.values() for s in each.values() if s is not None]
        spent = {
            "calls": sum(one.live_calls for one in over),
            "tokens": sum(one.tokens for one in over),
            "costMicros": sum(one.cost_micro_usd for one in over),
        }
        return {"sessions": len(over), "spent": spent}

    def _until(self, number: int, known: Mapping[int, Sample | None], *, ends: bool) -> int:
        """One session first: it may decide alone. After it, all up to the next size at once."""
        first = known.get(0)
        if number == 0 or ends or first is None or not first.live_calls:
            return number + 1
        return next((size for size in SAMPLES if size > number), number + 1)

    def _want(self, arm: str, number: int) -> None:
        made = sum(len(each) for each in self.samples.values()) + len(self.wanted)
        spent, limits = cast("dict[str, int]", self.used()["spent"]), self.limits
        over = [
            made >= limits.sessions,
            _reached(limits.calls, spent["calls"]),
            _reached(limits.tokens, spent["tokens"]),
            _reached(limits.cost_micro_usd, spent["costMicros"]),
        ]
        if not any(over):
            self.wanted.append((arm, number))
        elif not self.wanted:
            raise BudgetSpent


def _reached(limit: int | None, used: int) -> bool:
    """A limit of nothing is no reason not to begin: nothing live will happen then."""
    return bool(limit) and used >= (limit or 0)


KEEP = arm_of(NOTHING)
