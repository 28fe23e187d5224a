"""What a replay's report means for a test: prompts that drifted, or anything else that broke.

A prompt drifted when a model was asked something else than recorded: the code may be right, but no
recorded answer tells. Everything else (another tool argument, a call more or less, a breach) is a
change of behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint.events.kinds import Kind
from forkpoint.replay.recording import Recording

Report = Mapping[str, object]
_UNANSWERED = frozenset({"input_changed", "no_answer", "live_refused"}) | frozenset(
    f"budget_{what}" for what in ("calls", "tokens", "cost_usd", "wall_s")
)
"""What a policy says to a question that was not recorded, depending on what it would allow."""
FINE = frozenset({"identical", "forked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """A report taken apart. Each entry has `key`, `sequence`, `sourceKey`, `reason`."""

    drifted: tuple[Report, ...]
    broken: tuple[Report, ...]


def sort_report(report: Report, recording: Recording) -> Sorted:
    """Which divergences of a replay are drifted prompts and which are not."""
    if report.get("verdict") in FINE:
        return Sorted(drifted=(), broken=())
    listed = list(cast("Sequence[Report]", report.get("divergences") or ()))
    failed = cast("Report | None", report.get("failedStep"))
    if failed is not None and (not listed or _halts(report)):
        listed = [failed]
    drifted = [one for one in listed if _is_drift(one, recording)]
    broken = [one for one in listed if not _is_drift(one, recording)]
    if not listed:
        broken = [{"key": None, "reason": str(report.get("verdict") or "failed")}]
    return Sorted(drifted=tuple(drifted), broken=tuple(broken))


def explained(report: Report, steps: Sequence[Report]) -> str:
    """The steps and, for the first, what changed there, one line each."""
    lines: list[str] = []
    for step in steps:
        number = step.get("sequence")
        place = f"#{number} " if number is not None else ""
        lines.append(f"{step.get('reason')} at {place}{step.get('key')}")
    failed = cast("Report | None", report.get("failedStep")) or {}
    if steps and failed.get("key") == steps[0].get("key"):
        lines += [f"  {report['message']}"] if report.get("message") else []
        for change in cast("Sequence[Report]", report.get("changes") or ()):
            lines.append(f"  {change.get('pointer') or '/'}")
            lines += [f"  - {change['expected']}"] if "expected" in change else []
            lines += [f"  + {change['got']}"] if "got" in change else []
    return "\n".join(lines)


def _halts(report: Report) -> bool:
    """After a halt only the first divergence is the program's own doing."""
    return "halt" in str(report.get("policy"))


def _is_drift(step: Report, recording: Recording) -> bool:
    place = recording.by_key.get(str(step.get("sourceKey")))
    if step.get("reason") not in _UNANSWERED or place is None:
        return False
    return recording.types[place][0] is Kind.MODEL
