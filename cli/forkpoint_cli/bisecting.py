"""Counterfactual replays of a host program: B with roots set back to A's values, A as it was."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from forkpoint.content import Value, decode, digest_from_text
from forkpoint.diff.budget import Limits, Spent
from forkpoint.diff.classify import Load
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.counterfactual import (
    Came,
    Edit,
    Ending,
    Expectations,
    Root,
    meets,
    roots_of,
    same_answer,
    starts_of,
)
from forkpoint.diff.rates import Sample
from forkpoint.diff.recorded import columns_of
from forkpoint.diff.report import Comparison, compare_runs
from forkpoint.diff.verify import BudgetSpent, Roots
from forkpoint.replay.policy import POLICY_FORMAT

from forkpoint_cli.errors import CliError
from forkpoint_cli.recordings import Recorded, download
from forkpoint_cli.replaying import Asked, replay_command
from forkpoint_cli.session import Session
from forkpoint_cli.sources import Opened

SERVED: Mapping[str, object] = {"policy": POLICY_FORMAT, "default": {"mode": "cached"}}
"""Without a policy nothing is called: what asks something new stops its replay."""
IDENTICAL = "identical"
NO_REPLAYS = Spent(sessions=0)
Fields = Mapping[str, object]


class Compared:
    """Two recordings, compared here."""

    def __init__(self, a: Opened, b: Opened) -> None:
        self.a, self.b = a, b
        self.comparison = _compare(a.recorded, b.recorded)
        self.load = _loader(a.recorded, b.recorded)

    def roots(self) -> list[Root]:
        """All roots, in the order in which they are tried."""
        return roots_of(self.comparison, self.load)

    def starts(self) -> tuple[str, str]:
        """Call keys in A and in B: where the forks begin."""
        return starts_of(self.comparison)


@dataclass(slots=True)
class HostReplays:
    """Each session is one run of the command, within what the ones before have left."""

    session: Session
    compared: Compared
    roots: Mapping[int, Root]
    command: Sequence[str]
    policy: Mapping[str, object]
    expect: Expectations | None
    grants: Sequence[str]
    limits: Limits
    spent: Spent = NO_REPLAYS
    began: float = field(default_factory=time.monotonic)

    def baseline(self) -> bool:
        """B replayed exact."""
        asked = Asked(stdout=subprocess.DEVNULL)
        return self._report(self.compared.b, asked)["verdict"] == IDENTICAL

    def of_a(self, applied: Roots) -> Sample:
        """A from the first difference on, under the policy, with some roots given B's values."""
        edits = [edit for root in sorted(applied) for edit in self.roots[root].applies]
        a, b = self._ends()
        wanted, other = (b, a) if applied else (a, b)
        opened, at = self.compared.a, self.compared.starts()[0]
        return self._sample(opened, at, edits, wanted=wanted, other=other)

    def of_b(self, reverted: Roots) -> Sample:
        """B from the first difference on, with some roots set back."""
        edits = [edit for root in sorted(reverted) for edit in self.roots[root].edits]
        a, b = self._ends()
        opened, at = self.compared.b, self.compared.starts()[1]
        return self._sample(opened, at, edits, wanted=a, other=b)

    def _ends(self) -> tuple[RunColumns, RunColumns]:
        return self.compared.comparison.a, self.compared.comparison.b

    def _sample(
        self,
        opened: Opened,
        at: str,
        edits: Sequence[Edit],
        *,
        wanted: RunColumns,
        other: RunColumns,
    ) -> Sample:
        asked = Asked(
            policy=self.limits.left(self.spent).within(self.policy),
            at=at,
            edits=[_placed(edit) for edit in edits],
            grants=self.grants,
            stdout=subprocess.DEVNULL,
        )
        report = self._report(opened, asked)
        recorded = download(self.session.service, str(report["run"]))
        run = columns_of(recorded.start, recorded.end, [event for _, event in recorded.events])
        load = _loader(recorded, self.compared.a.recorded, self.compared.b.recorded)
        came = self._came(report, run, wanted, load)
        called = [step for step in run.steps if step.mode == "live"]
        sample = Sample(
            hit=came.is_as(_ending(wanted), _ending(other)),
            stop=came.stop,
            live_calls=len(called),
            tokens=sum((step.tokens_in or 0) + (step.tokens_out or 0) for step in called),
            cost_micro_usd=sum(step.cost_micro_usd or 0 for step in called),
            again=self._again(called, load) if opened is self.compared.a else {},
        )
        self._count(sample)
        return sample

    def _came(self, report: Fields, run: RunColumns, wanted: RunColumns, load: Load) -> Came:
        failed = cast("Fields", report.get("failedStep") or {})
        met = None
        if self.expect is not None:
            met = _meets(run, load, self.expect) == _meets(wanted, load, self.expect)
        return Came(
            verdict=cast("str | None", report["verdict"]),
            reason=cast("str | None", failed.get("reason")),
            key=cast("str | None", failed.get("key")),
            ending=_ending(run) if run.sealed else None,
            met=met,
        )

    def _again(self, called: Sequence[StepRow], load: Load) -> dict[int, bool]:
        """Roots whose call of A was really made again, and whether B's answer came."""
        found: dict[int, bool] = {}
        for row, root in self.roots.items():
            for step in called:
                call = root.call
                if call is None or (step.key, step.signature) != (call.key, call.signature):
                    continue
                if step.answer is not None:
                    one, two = (cast("Value", load(each)) for each in (step.answer, call.answer))
                    found[row] = same_answer(one, two)
        return found

    def _count(self, sample: Sample) -> None:
        self.spent = replace(
            self.spent,
            calls=self.spent.calls + sample.live_calls,
            tokens=self.spent.tokens + sample.tokens,
            cost_micro_usd=self.spent.cost_micro_usd + sample.cost_micro_usd,
        )

    def _report(self, opened: Opened, asked: Asked) -> Fields:
        self.spent = replace(self.spent, wall_s=time.monotonic() - self.began)
        if self.limits.reached(self.spent):
            raise BudgetSpent
        self.spent = replace(self.spent, sessions=self.spent.sessions + 1)
        done = replay_command(self.session, opened, asked, self.command)
        if not done.uploaded:
            raise CliError("the service did not take the run of a replay")
        self.spent = replace(self.spent, wall_s=time.monotonic() - self.began)
        return {**done.report, "run": done.run}


def _ending(run: RunColumns) -> Ending:
    return run.status, run.output


def _meets(run: RunColumns, load: Load, expect: Expectations) -> bool:
    return run.output is not None and meets(cast("Value", load(run.output)), expect)


def _placed(edit: Edit) -> tuple[str, Mapping[str, object]]:
    """An edit as the command line takes it: where, and what."""
    return str(edit["key"]), {"kind": edit["kind"], "value": edit["value"]}


def _compare(a: Recorded, b: Recorded) -> Comparison:
    left, right = (
        columns_of(side.start, side.end, [event for _, event in side.events]) for side in (a, b)
    )
    return compare_runs(left, right, _loader(a, b))


def _loader(*recorded: Recorded) -> Load:
    blocks = {digest: body for each in recorded for digest, body in each.blocks.items()}

    def load(root: str) -> Value:
        return decode(digest_from_text(root), lambda some: {each: blocks[each] for each in some})

    return cast("Load", load)
