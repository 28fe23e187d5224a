"""Rewriting a bundle with the run its test made now, and what a reviewer is shown of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import orjson

from forkpoint.bundle import write_bundle
from forkpoint.events.model import ArtifactRef, StepEnded, StepStarted
from forkpoint.replay.changes import changes_between
from forkpoint.testing.expectations import found_at, written
from forkpoint.testing.made import Made, ends_of, value_of
from forkpoint.testing.regression import Findings, Regression

ALLOWED_TAINT = frozenset({"live"})
"""A live answer was really given to the very input it is recorded with; others never were."""

_COMPARED = ("input.", "output", "error")


class NotUpdated(Exception):
    """The run that was made now can be no recording; the message says why."""


def is_needed(found: Findings) -> bool:
    """Whether the run of now differs from the bundle."""
    return found.report.get("verdict") != "identical" or bool(found.unmet)


def update(regression: Regression, found: Findings) -> str:
    """Rewrite the bundle with the run of now; a diff of both. Raises `NotUpdated`.

    Expectations keep their pointers and take the values of now.
    """
    _check(found)
    before = _recorded(regression)
    after = found.made.plain()
    outcome = found.made.outcome()
    expected = {pointer: found_at(outcome, pointer) for pointer in regression.expected}
    shown = "\n".join(_lines(regression, before, after, expected))
    bundle = regression.bundle
    policy, rules, had = bundle.policy, bundle.rules, bundle.expect is not None
    files = {name: bytes(view) for name, view in bundle.files.items()}
    regression.close()
    write_bundle(
        regression.path,
        after.start,
        after.end,
        after.events,
        after.blocks,
        policy=policy,
        rules=rules,
        expect=written(expected) if had else None,
        files=files,
    )
    return shown


def _check(found: Findings) -> None:
    if not found.reached:
        raise NotUpdated(
            "no recorded answer fits, so the run did not reach its end; to ask the model again:"
            " --forkpoint-update --forkpoint-live with a policy that has allow_live and budgets"
        )
    breaches = [one for one in found.sorted.broken if "guard" in str(one.get("reason"))]
    if breaches:
        raise NotUpdated(f"the program reached out: {breaches[0].get('reason')}")
    taints = found.made.taints() - ALLOWED_TAINT
    if taints:
        raise NotUpdated(f"some answers did not happen: {', '.join(sorted(taints))}")


def _recorded(regression: Regression) -> Made:
    bundle = regression.bundle
    return Made(start=bundle.start, end=bundle.end, events=bundle.events, blocks=bundle.blocks)


def _lines(
    regression: Regression, before: Made, after: Made, expected: dict[str, object]
) -> list[str]:
    name = regression.path.name
    lines = [f"--- {name} as recorded", f"+++ {name} as of now"]
    old, new = _sides(before), _sides(after)
    for key, side in old.items():
        if key not in new:
            lines.append(f"- {_title(side.step)}")
        else:
            lines += _step_lines(side, new[key])
    lines += [f"+ {_title(side.step)}" for key, side in new.items() if key not in old]
    for pointer, value in expected.items():
        if regression.expected[pointer] != value:
            lines.append(f"@ expect {pointer}")
            lines += [f"- {_text(regression.expected[pointer])}", f"+ {_text(value)}"]
    return lines


def _step_lines(old: _Side, new: _Side) -> list[str]:
    """What changed of one step, at most five places."""
    before, after = old.refs(), new.refs()
    changed = {role for role in before.keys() | after.keys() if before.get(role) != after.get(role)}
    sides = [side.values(changed) for side in (old, new)]
    lines: list[str] = []
    for change in changes_between(sides[0], sides[1]):
        lines.append(f"@ {_title(new.step)} {change['pointer']}")
        lines += [f"- {_text(change['expected'])}"] if "expected" in change else []
        lines += [f"+ {_text(change['got'])}"] if "got" in change else []
    return lines


@dataclass(frozen=True, slots=True)
class _Side:
    """A step as one of the two runs has it."""

    made: Made
    step: StepStarted
    ended: StepEnded | None

    def refs(self) -> dict[str, ArtifactRef]:
        """Input parts, output and error by role, as digests: equal ones are not read."""
        refs = (*self.step.artifacts, *(() if self.ended is None else self.ended.artifacts))
        return {ref.role: ref for ref in refs if ref.role.startswith(_COMPARED)}

    def values(self, roles: Collection[str]) -> dict[str, object]:
        refs = self.refs()
        found = {
            role: value_of([refs[role]], role, self.made.get) for role in refs if role in roles
        }
        return {"status": None if self.ended is None else self.ended.status, **found}


def _sides(made: Made) -> dict[str, _Side]:
    """Steps by call key."""
    ends = ends_of(made)
    return {step.key: _Side(made, step, ends.get(step.step_id)) for step in made.steps()}


def _title(step: StepStarted) -> str:
    return f"{step.key} {step.kind.value} {step.name}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
