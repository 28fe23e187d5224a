"""When a program that ended is started again."""

from __future__ import annotations

from forkpoint_server.embedded.restarts import restart_delay


def test_the_delay_doubles_with_each_end():
    ends = [0.0, 1.0, 2.0, 3.0]

    assert [restart_delay(ends[:n], now=3.0) for n in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 2.0]


def test_five_ends_in_a_minute_are_a_crash_loop():
    assert restart_delay([0.0, 10.0, 20.0, 30.0, 59.0], now=59.0) is None


def test_ends_that_lie_far_back_are_forgotten():
    assert restart_delay([0.0, 10.0, 20.0, 30.0, 100.0], now=100.0) == 0.25
