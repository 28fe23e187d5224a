"""Numbers are printed as people read them."""

from __future__ import annotations

import pytest
from forkpoint_cli.figures import count, duration, money, size


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (None, "-"),
        (840_000, "840 µs"),
        (12_000_000, "12 ms"),
        (3_400_000_000, "3.4 s"),
        (125_000_000_000, "2 m 05 s"),
        (4_020_000_000_000, "1 h 07 m"),
    ],
)
def test_durations_have_the_unit_that_fits(ns: int | None, words: str):
    assert duration(ns) == words


def test_counts_sizes_and_money_are_short():
    assert [count(None), count(812), count(12_345), count(4_100_000)] == [
        "-",
        "812",
        "12.3k",
        "4.1M",
    ]
    assert [size(612), size(4_200), size(1_100_000)] == ["612 B", "4.2 kB", "1.1 MB"]
    assert [money(None), money(41_200)] == ["-", "$0.0412"]
