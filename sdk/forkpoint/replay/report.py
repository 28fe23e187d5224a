"""The verdict of a replay and its report, `forkpoint.divergence/1`, as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Verdict
from forkpoint.replay.cause import cause_of
from forkpoint.replay.codes import exit_code, verdict_of
from forkpoint.replay.decide import Decider
from forkpoint.replay.explain import missing
from forkpoint.replay.findings import Divergence
from forkpoint.replay.interception import ReplayResult
from forkpoint.replay.policy import Policy
from forkpoint.replay.recording import Recording
from forkpoint.replay.suggest import suggestion
from forkpoint.replay.surroundings import Surroundings, differences, judge

REPORT_FORMAT = "forkpoint.divergence/1"
DIVERGENCES_LISTED = 100
CANDIDATES_SHOWN = 3

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the new run ended."""

    status: str
    output: str | None
    """Root of its output."""
    stop: ReplayError | None
    stopped_at: str | None
    """Call key at which it was stopped."""
    fork: bool
    policy: Policy
    guard: str | None
    """Level of the guard that was up."""
    guard_gaps: tuple[str, ...] = ()
    """Ways past it that the program holds."""
    code_version: str | None = None
    environment: Surroundings | None = None
    """Where it ran."""


def conclude(recording: Recording, decider: Decider, ending: Ending) -> ReplayResult:
    """Verdict and report of a replay that is over."""
    findings = decider.findings
    versions = {recording.start.code_version, ending.code_version} - {None}
    if len(versions) > 1:
        findings.note("code_version", str(ending.code_version))
    moved = differences(recording, ending.environment)
    if ending.stop is None:
        free = decider.interventions > 0 or ending.fork
        judge(moved, findings, nondeterminism=ending.policy.nondeterminism, intervened=free)
        for divergence in _at_the_end(recording, decider, ending):
            findings.diverge(divergence)
    verdict = _verdict(recording, decider, ending)
    failed = _failed(verdict, recording, decider, ending)
    first = _first(findings.divergences, failed)
    report: Json = {
        "format": REPORT_FORMAT,
        "verdict": verdict,
        "exit": exit_code(verdict),
        "failedStep": failed,
        "message": _message(ending, first),
        "site": None if first is None else first.site,
        "parts": {}
        if first is None
        else {part: list(roots) for part, roots in first.parts.items()},
        "changes": [] if first is None else list(first.changes),
        "cause": None if first is None else cause_of(recording, first.place, first.changes),
        "suggest": None if first is None else suggestion(first.changes, first.site),
        "jumped": [] if first is None else list(first.jumped),
        "candidates": [] if first is None else _candidates(recording, decider, first),
        "matched": decider.matcher.count,
        "recorded": len(recording),
        "divergences": _listed(recording, findings.divergences),
        "soft": findings.soft(),
        "policy": _policy_said(ending.policy),
        "guard": ending.guard,
        "guardGaps": list(ending.guard_gaps),
        "codeVersion": {"recorded": recording.start.code_version, "now": ending.code_version},
        "environment": moved,
    }
    return ReplayResult(verdict=verdict, report=report)


def text(report: Mapping[str, object]) -> str:
    """A report for people: verdict, step, at most five changes."""
    lines = [f"{report['verdict'] or 'failed'}: {report['matched']} of {report['recorded']} steps"]
    failed = cast("Mapping[str, object] | None", report["failedStep"])
    if failed is not None:
        number = "" if failed["sequence"] is None else f" (#{failed['sequence']})"
        lines.append(f"{failed['reason']} at {failed['key']}{number}: {report['message']}")
    if report["site"]:
        lines.append(f"  called from {report['site']}")
    for change in cast("Sequence[Mapping[str, object]]", report["changes"]):
        lines.append(f"  {change['pointer'] or '/'}")
        lines += [f"    - {change['expected']}"] if "expected" in change else []
        lines += [f"    + {change['got']}"] if "got" in change else []
    cause = cast("Mapping[str, object] | None", report.get("cause"))
    if cause is not None:
        said = "came from" if cause["how"] == "content" else "was masked, and changed after, in"
        lines.append(f"  {cause['pointer'] or '/'} {said} the output of {cause['key']}")
    lines += [f"  try: {report['suggest']}"] if report["suggest"] else []
    for soft in cast("Sequence[Mapping[str, object]]", report["soft"]):
        lines.append(f"  note: {soft['code']} x {soft['count']}")
    return "\n".join(lines) + "\n"


def _at_the_end(recording: Recording, decider: Decider, ending: Ending) -> list[Divergence]:
    """What only the end shows: steps nobody asked for, another outcome."""
    free = decider.interventions > 0 or ending.fork
    found = [
        missing(recording, place)
        for place in decider.matcher.unused()
        if (decider.reader.is_awaited(place) or not free) and recording.ended[place] is not None
    ]
    end = recording.end
    if free or end is None or recording.prefix:
        return found
    if (end.status, recording.run_output()) != (ending.status, ending.output):
        message = "the run ended with another status or output than recorded"
        found.append(Divergence(reason="outcome_changed", key="", message=message))
    return found


def _verdict(recording: Recording, decider: Decider, ending: Ending) -> Verdict | None:
    findings = decider.findings.divergences
    if findings:
        return Verdict.DIVERGED
    if ending.stop is not None:
        return verdict_of(ending.stop.code)
    if decider.interventions or ending.fork:
        return Verdict.FORKED
    return Verdict.PARTIAL if recording.prefix else Verdict.IDENTICAL


def _failed(
    verdict: Verdict | None, recording: Recording, decider: Decider, ending: Ending
) -> Json | None:
    if verdict in {Verdict.IDENTICAL, Verdict.FORKED}:
        return None
    findings = decider.findings.divergences
    if findings:
        return _step(recording, findings[0])
    if ending.stop is not None:
        return _stopped_step(recording, ending.stop.code, ending.stopped_at)
    return _stopped_step(recording, "end_of_recording", None)


def _step(recording: Recording, found: Divergence) -> Json:
    place = found.place
    return {
        "key": found.key,
        "sequence": None if place is None else recording.seqs[place],
        "sourceKey": None if place is None else recording.started[place].key,
        "reason": found.reason,
    }


def _stopped_step(recording: Recording, code: str, key: str | None) -> Json:
    place = None if key is None else recording.by_key.get(key)
    return {
        "key": key,
        "sequence": None if place is None else recording.seqs[place],
        "sourceKey": None if place is None else key,
        "reason": code,
    }


def _first(found: Sequence[Divergence], failed: Json | None) -> Divergence | None:
    return found[0] if found and failed is not None else None


def _message(ending: Ending, first: Divergence | None) -> str | None:
    if first is not None:
        return first.message
    return None if ending.stop is None else ending.stop.message


def _listed(recording: Recording, found: Sequence[Divergence]) -> list[Json]:
    return [
        {**_step(recording, divergence), "message": divergence.message}
        for divergence in found[:DIVERGENCES_LISTED]
    ]


def _candidates(recording: Recording, decider: Decider, first: Divergence) -> list[Json]:
    """Unused steps of the same type, those that share most input parts first."""
    wanted = {part: roots[1] for part, roots in first.parts.items()}
    scored: list[tuple[float, str]] = []
    for place in decider.matcher.unused():
        step = recording.started[place]
        if place == first.place or (step.kind, step.name) != (first.kind, first.name):
            continue
        parts = recording.parts(place)
        equal = sum(parts.get(part) == root for part, root in wanted.items())
        scored.append((equal / max(1, len(wanted)), step.key))
    scored.sort(key=lambda candidate: -candidate[0])
    return [{"key": key, "score": round(score, 2)} for score, key in scored[:CANDIDATES_SHOWN]]


def _policy_said(policy: Policy) -> str:
    return f"default: {policy.default.mode or 'exact'}, {policy.on_divergence} on divergence"
