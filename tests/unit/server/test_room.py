"""Bodies in flight are bounded for the process and for each sender, and their room comes back."""

from __future__ import annotations

import pytest
from forkpoint_server.errors import Overloaded
from forkpoint_server.security.room import Room


def test_what_is_in_flight_is_bounded_over_all_senders():
    room = Room(100)

    with room.entered("a") as a, room.entered("b") as b:
        a(60)
        with pytest.raises(Overloaded):
            b(41)
        b(40)

    assert room.total == 0


def test_one_sender_never_gets_all_of_it():
    room = Room(100)

    with room.entered("a") as first, room.entered("a") as second, room.entered("b") as other:
        first(70)
        with pytest.raises(Overloaded):
            second(6)
        other(25)


def test_the_room_of_a_request_that_failed_is_free_again():
    room = Room(100)

    with pytest.raises(ValueError, match="cut"), room.entered("a") as grow:
        grow(75)
        raise ValueError("cut")

    with room.entered("a") as grow:
        grow(75)
