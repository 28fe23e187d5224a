"""What a replay would do, said before it does anything: steps by side of the cut, mode and ladder.

A plan is made from the columns of a recording alone; no payload is read and nothing is promised
about what live calls will answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from forkpoint.events.kinds import Effect, Kind, Mode
from forkpoint.replay.cut import Cut, find_cut, past
from forkpoint.replay.edits import EditPlan
from forkpoint.replay.effects import MUTATING, refusal
from forkpoint.replay.index import build
from forkpoint.replay.policy import Budgets
from forkpoint.replay.recording import Recording
from forkpoint.replay.rules import CallFacts, Rules, Treatment
from forkpoint.replay.spec import ReplaySpec

Where = Literal["past", "cut", "suffix"]
NAMES_SHOWN = 5
_DECLARING = frozenset({Kind.TOOL, Kind.CUSTOM})


class PlanCut(msgspec.Struct, frozen=True, kw_only=True):
    """The cut as asked and as used; they differ where a provider would refuse the asked one."""

    asked_key: str
    asked_sequence: int
    used_key: str
    used_sequence: int
    side: Literal["before", "after"]
    snapped: bool


class PlanGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Recorded steps that are answered alike."""

    where: Where
    kind: Kind
    mode: Mode
    ladder: tuple[str, ...]
    """What is tried in order when the mode has no answer."""
    rule: int | None
    edited: bool
    steps: int
    names: tuple[str, ...]
    """The most frequent step names, at most five."""


class PlanEffect(msgspec.Struct, frozen=True, kw_only=True):
    """A tool after the cut that changes the world, and how its calls are answered."""

    name: str
    effect: Effect
    mode: Mode
    steps: int
    allowed: bool
    """Whether a live call of it may happen."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Live calls that the recording lets expect; tokens and money as recorded for these steps."""

    calls: int = 0
    tokens: int = 0
    cost_micro_usd: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay would do."""

    kind: Literal["replay", "fork"]
    cut: PlanCut | None
    steps: int
    groups: tuple[PlanGroup, ...]
    effects: tuple[PlanEffect, ...]
    hosts: tuple[str, ...]
    """Hosts that may be contacted; empty when nothing can go live."""
    budgets: Budgets
    estimate: Estimate
    notes: tuple[str, ...]
    """Soft codes known already: `cut_snapped`, `baseline_unproven`."""


def make_plan(recording: Recording, spec: ReplaySpec, *, growing: bool = False) -> Plan:
    """The plan of a replay. Raises `ReplayError` `cut_invalid`, `edit_invalid`, `edit_conflict`.

    `growing`: its executor may make steps that were not recorded, and edits may answer them.
    """
    cut = spec_cut(recording, spec)
    sorted_steps = _sorted_steps(recording, spec, cut, growing=growing)
    live = any(_may_go_live(step.treatment) for step in sorted_steps if step.where != "past")
    return Plan(
        kind=spec.kind,
        cut=None if cut is None else _cut_said(recording, cut),
        steps=len(recording),
        groups=_groups(recording, sorted_steps),
        effects=_effects(recording, spec, sorted_steps),
        hosts=spec.policy.allow_live.hosts if live else (),
        budgets=spec.policy.budgets,
        estimate=_estimate(recording, sorted_steps),
        notes=_notes(spec, cut),
    )


def spec_cut(recording: Recording, spec: ReplaySpec) -> Cut | None:
    """The cut asked for, else before the first edited step."""
    asked = spec.cut
    if asked is not None:
        at = asked.sequence if asked.key is None else asked.key
        return find_cut(recording, "" if at is None else at, asked.side)
    keys = [edit.key for edit in spec.edits if edit.key is not None]
    known = [key for key in keys if key in recording.by_key] or keys
    cuts = [find_cut(recording, key, "before") for key in known]
    return min(cuts, key=lambda cut: cut.place, default=None)


class _Sorted(NamedTuple):
    """A recorded step with what decides its answer."""

    where: Where
    treatment: Treatment
    edited: bool


class _Alike(NamedTuple):
    """What steps of one group have in common."""

    where: Where
    kind: Kind
    mode: Mode
    ladder: tuple[str, ...]
    rule: int | None
    edited: bool


def _sorted_steps(
    recording: Recording, spec: ReplaySpec, cut: Cut | None, *, growing: bool
) -> list[_Sorted]:
    edits = EditPlan(spec.edits, recording, cut, growing=growing)
    rules = Rules(spec.policy)
    before = None if cut is None else past(recording, build(recording), cut)
    found: list[_Sorted] = []
    for place in range(len(recording)):
        where: Where = "past" if cut is None and spec.kind == "fork" else "suffix"
        if cut is not None and before is not None:
            where = "cut" if place == cut.place else "past" if before[place] else "suffix"
        treatment = rules.resolve(_facts(recording, place, spec, where))
        if place in edits.answers:
            treatment = replace(treatment, mode=Mode.SIMULATED, on_miss=("halt",))
        elif where == "past" and treatment.mode is not Mode.EXACT:
            treatment = replace(treatment, mode=Mode.EXACT, rule=None, on_miss=("halt",))
        found.append(_Sorted(where, treatment, place in edits.places))
    return found


def _facts(recording: Recording, place: int, spec: ReplaySpec, where: Where) -> CallFacts:
    step = recording.started[place]
    kind, name = recording.types[place]
    return CallFacts(
        kind=kind,
        name=name,
        site=step.site,
        strand=step.strand,
        key=step.key,
        effect=step.effect,
        after_cut=spec.kind == "fork" and where != "past",
    )


def _groups(recording: Recording, steps: Sequence[_Sorted]) -> tuple[PlanGroup, ...]:
    names: defaultdict[_Alike, Counter[str]] = defaultdict(Counter)
    for (kind, name), step in zip(recording.types, steps, strict=True):
        treatment = step.treatment
        alike = _Alike(
            step.where, kind, treatment.mode, treatment.on_miss, treatment.rule, step.edited
        )
        names[alike][name] += 1
    return tuple(
        PlanGroup(
            **alike._asdict(),
            steps=counted.total(),
            names=tuple(name for name, _ in counted.most_common(NAMES_SHOWN)),
        )
        for alike, counted in sorted(names.items(), key=_order)
    )


def _order(item: tuple[_Alike, object]) -> tuple[int, str, str]:
    alike = item[0]
    return ("past", "cut", "suffix").index(alike.where), alike.kind.value, alike.mode.value


def _effects(
    recording: Recording, spec: ReplaySpec, steps: Sequence[_Sorted]
) -> tuple[PlanEffect, ...]:
    found = Counter[tuple[str, Effect, Mode]]()
    for (kind, name), step in zip(recording.types, steps, strict=True):
        effect = step.treatment.effect
        if kind in _DECLARING and step.where != "past" and effect in MUTATING:
            found[name, effect, step.treatment.mode] += 1
    return tuple(
        PlanEffect(
            name=name,
            effect=effect,
            mode=mode,
            steps=count,
            allowed=refusal(effect, name, spec.policy, spec.grants) is None,
        )
        for (name, effect, mode), count in sorted(found.items())
    )


def _estimate(recording: Recording, steps: Sequence[_Sorted]) -> Estimate:
    calls = tokens = cost = 0
    for ended, step in zip(recording.ended, steps, strict=True):
        if step.where == "past" or step.treatment.mode is not Mode.LIVE:
            continue
        calls += 1
        if ended is not None:
            tokens += (ended.tokens_in or 0) + (ended.tokens_out or 0)
            cost += ended.cost_micro_usd or 0
    return Estimate(calls=calls, tokens=tokens, cost_micro_usd=cost)


def _may_go_live(treatment: Treatment) -> bool:
    return treatment.mode is Mode.LIVE or "live" in treatment.on_miss


def _cut_said(recording: Recording, cut: Cut) -> PlanCut:
    return PlanCut(
        asked_key=cut.asked,
        asked_sequence=recording.seqs[recording.by_key[cut.asked]],
        used_key=cut.used,
        used_sequence=recording.seqs[cut.place],
        side=cut.side,
        snapped=cut.snapped,
    )


def _notes(spec: ReplaySpec, cut: Cut | None) -> tuple[str, ...]:
    notes: list[str] = []
    if cut is not None and cut.snapped:
        notes.append("cut_snapped")
    if spec.kind == "fork" and not spec.baseline:
        notes.append("baseline_unproven")
    return tuple(notes)
