"""The turns of a scope: a model's reply, and the steps that answered it before the next request."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind
from forkpoint.replay.answers import Answers, read
from forkpoint.replay.calls import ToolCall
from forkpoint.replay.families import Family, calls_of, family_of
from forkpoint.replay.identity import number_of
from forkpoint.replay.recording import Recording

Cause = Literal["history_rewritten", "args_changed", "result_changed", "other_step", "one_turn"]
USER = "user"
"""Subtype of a step in which a person, or a program for one, answers a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One reply of the model with the steps that answered it, in call order."""

    model: int
    """Place of the model step."""
    output: object
    calls: tuple[ToolCall, ...]
    answers: tuple[int | None, ...]
    """Places of the tool steps, one for each call; of the user's step when there are no calls.
    None: the run ended before that call was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """The turns of one scope, of one provider family."""

    scope: str
    family: Family
    turns: tuple[Turn, ...]


def not_standard(cause: Cause, key: str, why: str) -> ReplayError:
    """The error of a scope that is no tool-calling loop, at the first key that shows it."""
    return ReplayError(f"{cause} at {key}: {why}", code="loop_not_standard", key=key, cause=cause)


def loop_scope(recording: Recording, place: int | None) -> str:
    """The scope of a step; without one the scope with the most model steps."""
    if place is not None:
        return recording.scopes[place]
    counted = Counter(
        scope
        for scope, (kind, _) in zip(recording.scopes, recording.types, strict=True)
        if kind is Kind.MODEL
    )
    if not counted:
        raise not_standard("one_turn", "r#0", "no model was asked")
    return counted.most_common(1)[0][0]


def turns_of(recording: Recording, scope: str) -> Turns:
    """Take a scope apart; `ReplayError` `loop_not_standard` where it is no tool-calling loop."""
    places = sorted(
        (place for place, within in enumerate(recording.scopes) if within == scope),
        key=lambda place: number_of(recording.started[place].key),
    )
    models = [place for place in places if recording.types[place][0] is Kind.MODEL]
    if len(models) < 2:
        key = recording.started[places[0]].key if places else scope
        raise not_standard("one_turn", key, "a loop has at least two model steps in its scope")
    if places[0] != models[0]:
        raise not_standard("other_step", recording.started[places[0]].key, "before the first reply")
    family = _family(recording, models[0])
    at = {place: number for number, place in enumerate(places)}
    bounds = [at[place] for place in models] + [len(places)]
    turns = [
        _turn(
            recording,
            family,
            model,
            places[bounds[n] + 1 : bounds[n + 1]],
            last=n + 1 == len(models),
        )
        for n, model in enumerate(models)
    ]
    return Turns(scope=scope, family=family, turns=tuple(turns))


def _family(recording: Recording, model: int) -> Family:
    found = family_of(Answers(recording).recorded(model).output)
    if found is None:
        key = recording.started[model].key
        raise not_standard("other_step", key, "its reply is of no known provider")
    return found


def _turn(
    recording: Recording, family: Family, model: int, after: list[int], *, last: bool
) -> Turn:
    key = recording.started[model].key
    output = Answers(recording).recorded(model).output
    if output is None and not last:
        raise not_standard("other_step", key, "it has no reply, yet the loop went on")
    calls = calls_of(family, output) if family_of(output) == family else []
    if not calls:
        return Turn(model=model, output=output, calls=(), answers=_user(recording, after))
    answers = [_answer(recording, call, after, key, last=last) for call in calls]
    if after:
        raise not_standard("other_step", recording.started[after[0]].key, "no call asked for it")
    return Turn(model=model, output=output, calls=tuple(calls), answers=tuple(answers))


def _user(recording: Recording, after: list[int]) -> tuple[int, ...]:
    for place in after:
        if recording.started[place].subtype != USER:
            raise not_standard("other_step", recording.started[place].key, "no call asked for it")
    if len(after) > 1:
        raise not_standard("other_step", recording.started[after[1]].key, "a second answer")
    return tuple(after)


def _answer(
    recording: Recording, call: ToolCall, after: list[int], key: str, *, last: bool
) -> int | None:
    """Take the step that answered a call out of those after the reply."""
    named: int | None = None
    for place in after:
        if recording.types[place] != (Kind.TOOL, call.name):
            continue
        named = place if named is None else named
        root = recording.parts(place).get("args")
        if root is not None and read(root, recording.get) == call.args:
            after.remove(place)
            return place
    if named is not None:
        raise not_standard(
            "args_changed", recording.started[named].key, "its arguments are not those asked for"
        )
    if last:
        return None
    raise not_standard("other_step", key, f"its call of {call.name} was answered by no step")
