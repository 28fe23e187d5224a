"""Two recordings of one program: what is volatile, and what is the program's own."""

from __future__ import annotations

import pytest
from forkpoint.events.kinds import Kind
from forkpoint_cli.recordings import Recorded
from forkpoint_cli.sources import Opened
from forkpoint_cli.volatile import compare, form_of
from unit.replay.tapes import Tape


def opened(prompt: str, *, city: str = "Oslo", more: int = 0) -> Opened:
    made = Tape()
    made.call(Kind.MODEL, "chat", {"messages": [{"role": "system", "content": prompt}]}, "hi")
    for _ in range(1 + more):
        made.tool("search", {"city": city}, {"hits": 3})
    recorded = Recorded(
        start=made.start(), end=made.end(), events=made.events, blocks=made.store.blocks
    )
    return Opened(recorded=recorded)


@pytest.mark.parametrize(
    ("before", "after", "name", "form"),
    [
        ("it is 2026-11-28T10:00:01Z now", "it is 2026-11-28T10:00:09Z now", "content", "time"),
        ("at 10:00:01", "at 10:03:09", "content", "time"),
        (1_790_000_000.25, 1_790_000_001.5, "t", "time"),
        (1_790_000_000_123, 1_790_000_000_456, "t", "time"),
        (
            "id 018f3c5e-7b1a-7c2d-9e3f-0123456789ab",
            "id 018f3c5e-7b1a-7c2d-9e3f-ba9876543210",
            "content",
            "uuid",
        ),
        ("<Tool at 0x7f3a9c0012b0>", "<Tool at 0x7f11220012b0>", "content", "address"),
        ("see 127.0.0.1:4611", "see 127.0.0.1:39211", "content", "address"),
        ("in /tmp/a1/work.txt", "in /tmp/b2/work.txt", "content", "path"),
        (4211, 977, "pid", "pid"),
        (4211, 977, "amount", None),
        ("pay 5", "pay 50", "content", None),
        ("2026-11-28 pay 5", "2026-11-29 pay 50", "content", None),
        (True, False, "pid", None),
        ("a", 1, "pid", None),
    ],
)
def test_the_form_of_a_difference(before: object, after: object, name: str, form: str | None):
    assert form_of(before, after, name=name) == form


def test_volatile_places_are_proposed_and_the_programs_own_are_not():
    found = compare(
        opened("Today is 2026-11-27."), opened("Today is 2026-11-28.", city="Bergen", more=1)
    )

    assert found.proposal() == [{"part": "messages", "pointer": "/0/content", "as": "time"}]
    assert [one.pointer for one in found.places if one.form is None] == ["/q/city"]
    assert (found.paired, found.unpaired) == (2, ("r#2",))


def test_equal_runs_have_nothing_volatile():
    found = compare(opened("Hello"), opened("Hello"))

    assert (found.places, found.unpaired, found.proposal()) == ((), (), [])
