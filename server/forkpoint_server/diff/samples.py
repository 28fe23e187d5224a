"""What the replay sessions of a verification came to, and which are still to be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from forkpoint.content import Digest, digest_text
from forkpoint.diff.budget import Limits, Spent
from forkpoint.diff.counterfactual import Came
from forkpoint.diff.rates import Sample
from forkpoint.diff.verify import NOTHING, SAMPLES, BudgetSpent, NoExecutor, Pending, Roots

from forkpoint_server.db.engine import Driver
from forkpoint_server.diff.attributions import Attribution
from forkpoint_server.replay.words import CAUSE

BASELINE, OF_A, OF_B = "baseline", "a", "b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session of an arm, over or not; numbers are of its live calls."""

    arm: str
    sample: int
    session_id: str
    run_id: str
    """The run it makes."""
    state: str
    verdict: str | None
    reason: str | None
    message: str | None
    failed_key: str | None
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

    def came(self, *, met: bool | None) -> Came:
        """What it came to; `met`: whether that is as good as what is wanted, if that was asked."""
        status = self.run_status
        return Came(
            verdict=self.verdict,
            reason=self.reason,
            key=self.failed_key,
            ending=None if status is None else (status, self.output),
            met=met,
        )

    @property
    def has_failed(self) -> bool:
        """Whether it says nothing about the program: its runner was lost, somebody cancelled it."""
        return not self.is_open and self.verdict is None


def arm_of(side: str, roots: Roots = NOTHING) -> str:
    """The name of an arm: `b` with the roots that are set back, `a` with those it is given."""
    return "-".join([side, *map(str, sorted(roots))])


def roots_of(arm: str) -> tuple[int, ...]:
    """The roots that are changed in an arm."""
    return tuple(int(row) for row in arm.split("-")[1:])


def is_of_a(arm: str) -> bool:
    """Whether A is replayed in an arm."""
    return arm.split("-")[0] == OF_A


async def sessions_of(raw: Driver, of: Attribution) -> list[Ended]:
    """All sessions of a verification. Index: `replay_session_run_id_client_id_sample_key`."""
    prefix = f"{CAUSE}{of.attribution_id}:"
    rows = await raw.fetch(
        """
        select one.client_id, one.session_id::text, one.new_run_id::text as run_id, one.state,
          one.verdict, one.reason, one.message, one.failed_step ->> 'key' as failed_key,
          run.status as run_status, came.root as output, live.calls, live.tokens, live.cost
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


async def answers_again(
    raw: Driver, project_id: int, runs: Sequence[str], keys: Sequence[str]
) -> list[tuple[str, str, str, str]]:
    """Run, key, signature and answer of calls that replays really made. Index: `step_by_key`."""
    rows = await raw.fetch(
        """
        select step.run_id::text, step.key, step.signature, came.root
        from step
        join artifact as came on came.run_id = step.run_id and came.step_id = step.step_id
          and came.role in ('output', 'error') and came.root is not null
        where step.run_id = any ($1::uuid[]) and step.project_id = $2 and step.key = any ($3)
          and step.replay ->> 'mode' = 'live' and step.signature is not null
        """,
        list(runs),
        project_id,
        list(keys),
    )
    return [(row[0], row[1], digest_text(row[2]), digest_text(row[3])) for row in rows]


def _read(row: Mapping[str, Any]) -> Ended:
    fields = dict(row.items())
    root = cast("bytes | None", fields.pop("output"))
    output = None if root is None else digest_text(Digest(root))
    arm, sample = str(fields.pop("client_id")).split(":")[2:]
    return Ended(arm=arm, sample=int(sample), output=output, **fields)


@dataclass(slots=True, kw_only=True)
class Known:
    """Answers `verify` from the sessions that are over, and notes which it wants next."""

    samples: Mapping[str, Mapping[int, Sample | None]]
    """By arm and number; None for a session that runs."""
    proven: bool | None
    """Whether B replayed exact was identical; None if that is not known yet."""
    limits: Limits
    roots: int
    is_no_loop: bool = False
    """Whether nobody can replay B: it is no loop that a worker could go on with."""
    age_s: float = 0.0
    wanted: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    _taken: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def baseline(self) -> bool:
        """B replayed exact."""
        if self.is_no_loop:
            raise NoExecutor
        if self.proven is None:
            self._want(BASELINE, 0)
            raise Pending
        return self.proven

    def of_a(self, applied: Roots) -> Sample:
        """A with these roots given B's values."""
        return self._next(arm_of(OF_A, applied))

    def of_b(self, reverted: Roots) -> Sample:
        """B with these roots set back."""
        return self._next(arm_of(OF_B, reverted), ends=len(reverted) == self.roots)

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

    def spent(self) -> Spent:
        """What all sessions that are over took, also those that decided nothing."""
        over = [s for each in self.samples.values() for s in each.values() if s is not None]
        return Spent(
            sessions=len(over),
            calls=sum(one.live_calls for one in over),
            tokens=sum(one.tokens for one in over),
            cost_micro_usd=sum(one.cost_micro_usd for one in over),
            wall_s=self.age_s,
        )

    def _until(self, number: int, known: Mapping[int, Sample | None], *, ends: bool) -> int:
        """One session first: it may decide alone. After it, all up to the next size at once."""
        first = known.get(0)
        if number == 0 or ends or first is None or not first.live_calls:
            return number + 1
        return next((size for size in SAMPLES if size > number), number + 1)

    def _want(self, arm: str, number: int) -> None:
        begun = sum(len(each) for each in self.samples.values()) + len(self.wanted)
        if not self.limits.reached(replace(self.spent(), sessions=begun)):
            self.wanted.append((arm, number))
        elif not self.wanted:
            raise BudgetSpent


KEEP = arm_of(OF_B)
