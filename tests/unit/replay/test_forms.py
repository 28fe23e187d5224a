"""Places of an input that a policy compares by their form."""

from __future__ import annotations

import pytest
from forkpoint.events.kinds import Kind, Match, Verdict
from forkpoint.replay.interception import Diverged
from unit.replay.tapes import Player, Tape

OLD, NEW = "0b0b7a52-6f3c-4a53-9d6e-6f1f0a1c2d3e", "7e57d004-2b97-4e7a-b45f-5387367791cd"


def replayed(before: object, after: object, *normalise: dict[str, object]) -> Match | str:
    """How a call with these arguments is matched, or the reason why it is not."""
    tape = Tape()
    tape.call(Kind.TOOL, "send", {"args": before}, "sent")
    player = Player(tape.recording(), policy={"normalise": list(normalise)})
    try:
        player.served(Kind.TOOL, "send", {"args": after})
    except Diverged as stop:
        return stop.reason
    assert player.finish()["verdict"] == Verdict.IDENTICAL
    return player.infos[-1].match  # type: ignore[attr-defined]


def at(pointer: str, form: str) -> dict[str, object]:
    return {"part": "args", "pointer": pointer, "as": form}


@pytest.mark.parametrize(
    ("before", "after", "form"),
    [
        (OLD, NEW, "uuid"),
        (f"id {OLD}, please", f"id {NEW}, please", "uuid"),
        ("2026-11-28T10:00:00Z", "2027-01-02T03:04:05.678+01:00", "time"),
        (1764324000, 1795860000, "time"),
        (1764324000.25, 1795860000.5, "time"),
        ("in /tmp/abc/x.txt now", "in /var/folders/zz/x.txt now", "path"),
        (4711, 99, "pid"),
        ("<Agent at 0x7f1200aa>", "<Agent at 0x55d0ffee>", "address"),
    ],
)
def test_a_place_is_compared_by_its_form(before: object, after: object, form: str):
    assert replayed({"id": before}, {"id": after}, at("/id", form)) is Match.SHAPE
    assert replayed({"id": before}, {"id": after}) == "input_changed"
    assert replayed({"id": before}, {"id": before}, at("/id", form)) is Match.EXACT


def test_any_item_may_be_named():
    before, after = [{"id": OLD}, {"id": OLD}], [{"id": NEW}, {"id": OLD}]

    assert replayed({"all": before}, {"all": after}, at("/all/*/id", "uuid")) is Match.SHAPE
    assert replayed({"all": before}, {"all": after}, at("/all/1/id", "uuid")) == "input_changed"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"id": OLD, "to": "ann"}, {"id": NEW, "to": "bob"}),
        ({"id": OLD}, {"id": "none at all"}),
        ({"id": f"a {OLD}"}, {"id": f"b {NEW}"}),
        ({"id": OLD}, {"id": NEW, "more": 1}),
        ({"id": True}, {"id": False}),
    ],
)
def test_everything_else_still_has_to_be_equal(before: object, after: object):
    assert replayed(before, after, at("/id", "uuid")) == "input_changed"
