"""Counterfactual replays of a host program: B with roots set back to A's values, A as it was."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint.content import Value, decode, digest_from_text
from forkpoint.diff.classify import Load
from forkpoint.diff.columns import RunColumns
from forkpoint.diff.counterfactual import (
    Edit,
    Expectations,
    Root,
    ended_as_a,
    meets,
    roots_of,
    starts_of,
)
from forkpoint.diff.recorded import columns_of
from forkpoint.diff.report import Comparison, compare_runs
from forkpoint.diff.verify import NOTHING, BudgetSpent, Reverted, Sample
from forkpoint.replay.policy import POLICY_FORMAT

from forkpoint_cli.errors import CliError
from forkpoint_cli.recordings import Recorded, download
from forkpoint_cli.replaying import Asked, replay_command
from forkpoint_cli.session import Session
from forkpoint_cli.sources import Opened

SERVED: Mapping[str, object] = {"policy": POLICY_FORMAT, "default": {"mode": "cached"}}
"""Without a policy nothing is called: what asks something new stops its replay."""
IDENTICAL = "identical"


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
    """Each session is one run of the command; at most `most` of them."""

    session: Session
    compared: Compared
    roots: Mapping[int, Root]
    command: Sequence[str]
    policy: Mapping[str, object]
    expect: Expectations | None
    grants: Sequence[str]
    most: int
    made: int = 0

    def baseline(self) -> bool:
        """B replayed exact."""
        return (
            self._report(self.compared.b, Asked(stdout=subprocess.DEVNULL))["verdict"] == IDENTICAL
        )

    def of_a(self) -> Sample:
        """A from the first difference on, under the policy."""
        return self._sample(self.compared.a, self.compared.starts()[0], NOTHING)

    def of_b(self, reverted: Reverted) -> Sample:
        """B from the first difference on, with some roots set back."""
        return self._sample(self.compared.b, self.compared.starts()[1], reverted)

    def _sample(self, opened: Opened, at: str, reverted: Reverted) -> Sample:
        edits = [_placed(edit) for root in sorted(reverted) for edit in self.roots[root].edits]
        asked = Asked(
            policy=self.policy,
            at=at,
            edits=edits,
            grants=self.grants,
            stdout=subprocess.DEVNULL,
        )
        recorded = self._recorded(opened, asked)
        run = columns_of(recorded.start, recorded.end, [event for _, event in recorded.events])
        live = [step for step in run.steps if step.mode in ("live", "simulated")]
        called = [step for step in live if step.mode == "live"]
        return Sample(
            hit=self._is_as_a(run, recorded),
            live_calls=len(called),
            tokens=sum((step.tokens_in or 0) + (step.tokens_out or 0) for step in called),
            cost_micro_usd=sum(step.cost_micro_usd or 0 for step in called),
        )

    def _recorded(self, opened: Opened, asked: Asked) -> Recorded:
        report = self._report(opened, asked)
        return download(self.session.service, str(report["run"]))

    def _report(self, opened: Opened, asked: Asked) -> Mapping[str, object]:
        if self.made >= self.most:
            raise BudgetSpent
        self.made += 1
        done = replay_command(self.session, opened, asked, self.command)
        if not done.uploaded:
            raise CliError("the service did not take the run of a replay")
        return {**done.report, "run": done.run}

    def _is_as_a(self, run: RunColumns, recorded: Recorded) -> bool:
        a, b = self.compared.comparison.a, self.compared.comparison.b
        if self.expect is None:
            return ended_as_a(*((each.status, each.output) for each in (a, b, run)))
        load = _loader(recorded, self.compared.a.recorded)
        return _meets(run, load, self.expect) == _meets(a, load, self.expect)


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


def _loader(a: Recorded, b: Recorded) -> Load:
    blocks = {**a.blocks, **b.blocks}

    def load(root: str) -> Value:
        return decode(digest_from_text(root), lambda some: {each: blocks[each] for each in some})

    return cast("Load", load)
