"""Subscriptions look at once at first, and ten times a second in the long run."""

from __future__ import annotations

from forkpoint_server.live.pace import Pace


def test_the_first_looks_follow_each_other_at_once_then_ten_a_second():
    pace, now = Pace(), 1_000.0
    waited: list[float] = []
    for _ in range(30):
        delay = pace.delay(now)
        waited.append(round(delay, 6))
        now += delay

    assert waited[:6] == [0.0] * 6
    assert waited[6:] == [0.1] * 24


def test_a_rest_gives_the_burst_back():
    pace = Pace()
    for _ in range(10):
        pace.delay(5.0)

    delays = [round(pace.delay(60.0), 6) for _ in range(8)]

    assert delays == [0.0] * 6 + [0.1, 0.2]
