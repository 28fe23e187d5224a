"""Recordings whose inputs hold masked values."""

from __future__ import annotations

import pytest
from forkpoint.events.kinds import Kind, Match, Verdict
from forkpoint.redact.tokens import TokenKey
from forkpoint.replay.interception import Diverged
from unit.replay.tapes import Player, Tape

OLD, NEW = TokenKey(b"a" * 32), TokenKey(b"b" * 32)
SHAPES = {"allow_shape_match": True}


def mail(key: TokenKey, *people: str) -> dict[str, object]:
    return {"args": {"to": [key.token(person) for person in people], "text": "hi"}}


def tape(*people: str) -> Tape:
    made = Tape()
    made.call(Kind.TOOL, "mail", mail(OLD, *people), "sent")
    return made


def test_another_key_cannot_be_compared():
    player = Player(tape("a@b.org").recording(), redaction_key_id="key-two")

    with pytest.raises(Diverged) as raised:
        player.served(Kind.TOOL, "mail", mail(NEW, "a@b.org"))
    report = player.finish()

    assert raised.value.reason == "redaction_key"
    assert (report["verdict"], report["exit"]) == (Verdict.INCOMPARABLE, 125)


def test_shapes_are_accepted_where_the_policy_says_so():
    player = Player(tape("a@b.org").recording(), policy=SHAPES, redaction_key_id="key-two")

    assert player.served(Kind.TOOL, "mail", mail(NEW, "a@b.org")).output == "sent"
    assert player.infos[-1].match is Match.SHAPE
    assert player.finish()["verdict"] == Verdict.IDENTICAL


@pytest.mark.parametrize(
    "people", [("c@d.org",), ("a@b.org", "a@b.org"), ("a@b.org", "c@d.org", "x")]
)
def test_shapes_still_tell_who_is_the_same_as_whom(people: tuple[str, ...]):
    recorded = tape("a@b.org", "c@d.org").recording()
    player = Player(recorded, policy=SHAPES, redaction_key_id="key-two")

    with pytest.raises(Diverged) as raised:
        player.served(Kind.TOOL, "mail", mail(NEW, *people))

    assert raised.value.reason == "input_changed"


def test_under_one_key_another_person_is_a_changed_input():
    player = Player(tape("a@b.org").recording(), policy=SHAPES, redaction_key_id="key-one")

    with pytest.raises(Diverged) as raised:
        player.served(Kind.TOOL, "mail", mail(OLD, "c@d.org"))

    assert raised.value.reason == "input_changed"
