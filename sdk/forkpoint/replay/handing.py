"""What a decision means for the recorder: the outcome to hand over, or what runs."""

from __future__ import annotations

from forkpoint.content.errors import ContentError
from forkpoint.errors import ReplayError
from forkpoint.events.model import ReplayInfo
from forkpoint.replay.answers import Answers
from forkpoint.replay.decide import Answer
from forkpoint.replay.interception import CallView, Live, Outcome, Served
from forkpoint.replay.resolvers import FindResolver, Question, found, resolved


def handed(
    answers: Answers,
    answer: Answer,
    call: CallView,
    *,
    replay: ReplayInfo,
    find: FindResolver,
) -> Served | Live:
    """Read what is to be served. Raises `ReplayError` (`integrity_failed`, `simulator_failed`)."""
    try:
        if answer.action != "live":
            outcome = _outcome(answers, answer, call, find)
            return Served(outcome=outcome, replay=replay, delay_s=answer.delay_s)
        if answer.resolver is None:
            return Live(replay=replay)
        return Live(replay=replay, instead=found(find, answer.resolver))
    except ContentError as error:
        raise ReplayError(error.message, code="integrity_failed") from None


def _outcome(answers: Answers, answer: Answer, call: CallView, find: FindResolver) -> Outcome:
    place = answer.place
    if answer.outcome is not None:
        return answer.outcome
    if answer.resolver is not None:
        return resolved(found(find, answer.resolver), _question(answers, call, place))
    if place is None:
        return Outcome()
    if answer.change is not None:
        return answers.edited(place, answer.change)
    return answers.recorded(place)


def _question(answers: Answers, call: CallView, place: int | None) -> Question:
    return Question(
        kind=call.kind,
        name=call.name,
        key=call.key,
        inputs={part: call.value(part) for part in call.parts},
        recorded=None if place is None else answers.recorded(place).output,
    )
