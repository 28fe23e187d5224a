"""What a report tells the person who reads it."""

from __future__ import annotations

import msgspec
import pytest
from forkpoint.events.kinds import Kind
from forkpoint.redact.tokens import TokenKey
from forkpoint.replay.interception import Diverged
from forkpoint.replay.recording import Recording
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


def caused(output: object, recorded: object, asked: object) -> object:
    """The cause of a changed prompt after a tool that gave this output."""
    tape = Tape()
    tape.tool("plan", "p", "nothing of interest")
    tape.tool("search", "q", output)
    tape.call(Kind.MODEL, "chat", {"messages": recorded}, "ok")
    player = Player(tape.recording())
    player.tool("plan", "p")
    player.tool("search", "q")
    with pytest.raises(Diverged):
        player.served(Kind.MODEL, "chat", {"messages": asked})
    report = player.finish()
    assert report["cause"] is None or "r#1" in text(report)
    return report["cause"]


def test_the_cause_is_the_step_whose_output_held_the_text_that_changed():
    cause = caused({"hits": ["seat map of row 12"]}, ["row 12"], ["row 21"])

    assert cause == {"key": "r#1", "how": "content", "pointer": "/messages/0"}
    assert caused({"hits": []}, ["row 12"], ["row 21"]) is None


def test_a_token_that_was_cut_is_told_from_a_text_that_changed():
    token = TokenKey(b"k" * 32).token("ann@example.com")

    cause = caused({"mail": token}, [f"to {token}"], [f"to {token[:9]}"])

    assert cause == {"key": "r#1", "how": "token_transformed", "pointer": "/messages/0"}


def test_another_version_of_the_code_is_a_soft_finding_with_both_versions():
    tape = Tape()
    tape.tool("search", "q", 1)
    events, get = tape.events, tape.store.get
    start = msgspec.structs.replace(tape.start(), code_version="a1b2")
    player = Player(Recording.load(start, tape.end(), events, get))
    player.tool("search", "q")

    result = player.session.finish(status="ok", output=tape.put("done"), code_version="c3d4")

    assert result.report["codeVersion"] == {"recorded": "a1b2", "now": "c3d4"}
    assert [found["code"] for found in result.report["soft"]] == ["code_version"]
    assert result.verdict == "identical"
