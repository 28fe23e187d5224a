"""Served answers are referred to as they were recorded, unless that could show a secret."""

from __future__ import annotations

import forkpoint
import pytest
from forkpoint.events.kinds import Verdict
from forkpoint.redact.engine import Redactor
from forkpoint.redact.ruleset import Ruleset
from forkpoint.replay.recording import Recording
from forkpoint.settings import Redaction, Settings
from forkpoint.testing.memory import Recorded, recorded

SECRET = "correct-horse-battery"


@forkpoint.tool(effect="read")
def look_up(page: int) -> dict[str, object]:
    return {"z": "x" * 500, "a": [1.0, {"note": f"{SECRET} on {page}"}], "page": page}


@forkpoint.tool(effect="read")
def long_text(page: int) -> str:
    return f"{page}\n" + "line of text\n" * 2000 + SECRET + "\n" + "more of it\n" * 2000


@forkpoint.tool(effect="read")
def fail(page: int) -> None:
    raise ValueError(f"no page {page}")


def agent(look_up=look_up) -> list[object]:
    with forkpoint.run("agent"):
        found = [look_up(1), look_up(2), long_text(3)]
        with pytest.raises(ValueError, match="no page 4"):
            fail(4)
    return found


def tape(*secrets: str) -> Recorded:
    with recorded(secrets=secrets) as memory:
        agent()
    return memory


def answers(memory: Recorded) -> list[list[tuple[str, str | None, int]]]:
    """Role, root and size of every answer."""
    return [
        [(ref.role, ref.root, ref.size) for ref in memory.ended(key).artifacts]
        for key in list(memory.keys())
    ]


def replayed(recording: Recording, *secrets: str, settings: Settings | None = None) -> Recorded:
    with recorded(settings, secrets=secrets) as memory, forkpoint.replaying(recording) as replay:
        agent()
    assert replay.result is not None
    assert replay.result.verdict is Verdict.IDENTICAL
    return memory


def count_masking(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What goes through the redactor from now on."""
    seen: list[object] = []
    redact = Redactor.redact

    def counted(self: Redactor, value: object, *, key: str | None = None) -> object:
        seen.append(value)
        return redact(self, value, key=key)

    monkeypatch.setattr(Redactor, "redact", counted)
    return seen


def test_the_answers_of_a_replay_are_those_of_its_recording(monkeypatch: pytest.MonkeyPatch):
    first = tape()
    recording = first.recording()
    masked = count_masking(monkeypatch)

    second = replayed(recording)

    assert answers(second) == answers(first)
    assert not [value for value in masked if isinstance(value, dict) and "z" in value]


def test_a_replay_can_be_replayed_without_the_first_recording():
    second = replayed(tape().recording())

    third = replayed(second.recording())

    assert answers(third) == answers(second)


def test_a_secret_learnt_since_is_masked_in_what_is_served():
    recording = tape().recording()

    with recorded(secrets=[SECRET]) as memory, forkpoint.replaying(recording):
        found = agent()

    assert SECRET in str(found[0])
    assert SECRET.encode() not in memory.text()


def test_other_rules_mask_what_is_served_again():
    stricter = Settings(redaction=Redaction(secret_keys=("note",)))
    assert Ruleset(secret_keys=("note",)).ruleset_id != Ruleset().ruleset_id

    second = replayed(tape().recording(), settings=stricter)

    note = second.output("r#0")["a"][1]["note"]
    assert SECRET not in note
    assert note.startswith("rx1_")


def test_what_was_masked_when_recorded_stays_so():
    first = tape(SECRET)

    second = replayed(first.recording(), SECRET)

    assert answers(second) == answers(first)
    assert SECRET.encode() not in second.text()
