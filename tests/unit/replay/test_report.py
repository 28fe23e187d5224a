"""What a report tells the person who reads it."""

from __future__ import annotations

import pytest
from forkpoint.events.kinds import Kind
from forkpoint.replay.interception import Diverged
from forkpoint.replay.report import text
from unit.replay.tapes import Player, Tape


def report_of(recorded: object, asked: object) -> dict[str, object]:
    tape = Tape()
    tape.call(Kind.MODEL, "chat", {"messages": recorded}, "ok")
    player = Player(tape.recording())
    with pytest.raises(Diverged):
        player.served(Kind.MODEL, "chat", {"messages": asked})
    return dict(player.finish())


def test_at_most_five_changes_are_shown_and_long_texts_are_cut_around_the_difference():
    before = {str(number): "same " * 100 + "old" for number in range(9)}
    after = {str(number): "same " * 100 + "new" for number in range(9)}

    changes = report_of(before, after)["changes"]

    assert len(changes) == 5
    assert all(len(str(change["expected"])) <= 120 for change in changes)
    assert (changes[0]["expected"][-3:], changes[0]["got"][-3:]) == ("old", "new")


def test_a_side_that_is_missing_is_left_out():
    changes = report_of([1, 2], [1])["changes"]

    assert changes == [{"pointer": "/messages/1", "expected": 2}]


def test_true_is_not_one_and_one_is_one_point_zero():
    assert report_of([1, 1], [1.0, True])["changes"] == [
        {"pointer": "/messages/1", "expected": 1, "got": True}
    ]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (
            "id 123e4567-e89b-12d3-a456-426614174000",
            "id 9b2d9f0e-0000-4000-8000-000000000000",
            "an identifier",
        ),
        ("at 2026-01-02T03:04", "at 2026-05-06T07:08", "a time"),
        ("<object at 0x7f00deadbeef>", "<object at 0x7f11cafebabe>", "a memory address"),
        ("hello", "goodbye", None),
        ("id 123e4567-e89b-12d3-a456-426614174000", "no id", None),
    ],
)
def test_values_drawn_anew_get_advice(before: str, after: str, what: str | None):
    advice = report_of([before], [after])["suggest"]

    assert (advice is None) if what is None else (what in str(advice))


def test_the_text_says_where_and_what():
    lines = text(report_of(["hi"], ["ho"])).splitlines()

    assert lines[0] == "diverged: 0 of 1 steps"
    assert lines[1].startswith("input_changed at r#0 (#0): model chat at r#0 asks something else")
    assert lines[-3:] == ["  /messages/0", "    - hi", "    + ho"]


def test_candidates_are_unused_steps_of_the_same_name():
    tape = Tape()
    tape.call(Kind.MODEL, "chat", {"messages": [1], "model": "a"}, "one")
    tape.call(Kind.MODEL, "chat", {"messages": [2], "model": "b"}, "two")
    player = Player(tape.recording())
    with pytest.raises(Diverged):
        player.served(Kind.MODEL, "chat", {"messages": [3], "model": "b"})

    assert player.finish()["candidates"] == [{"key": "r#1", "score": 0.5}]
