"""When the doors of ingestion are shut: one measure over its limit is enough, and says which."""

from __future__ import annotations

import pytest
from forkpoint_server.ingestion.pressure import Measures, refusal_of
from forkpoint_server.settings import MIB, PressureLimits

GIB = 1024 * MIB
LIMITS = PressureLimits()


def shut_by(measures: Measures, *, in_flight: int = 1) -> str | None:
    refusal = refusal_of(measures, LIMITS, memory=1000 * MIB, in_flight=in_flight)
    return refusal.measure if refusal else None


@pytest.mark.parametrize(
    ("measures", "shut"),
    [
        (Measures(), None),
        (Measures(jobs=200_000), None),
        (Measures(jobs=200_001), "jobs"),
        (Measures(sealed=10 * GIB), None),
        (Measures(sealed=10 * GIB + 1), "sealed"),
        (Measures(disk_free=2 * GIB, disk_total=30 * GIB), None),
        (Measures(disk_free=2 * GIB - 1, disk_total=30 * GIB), "disk"),
        (Measures(disk_free=5 * GIB - 1, disk_total=100 * GIB), "disk"),
        (Measures(disk_free=20 * GIB, disk_total=10_000 * GIB), None),
        (Measures(rss=800 * MIB), None),
        (Measures(rss=800 * MIB + 1), "memory"),
    ],
)
def test_each_measure_shuts_the_doors_beyond_its_limit(measures: Measures, shut: str | None):
    assert shut_by(measures) == shut


def test_memory_that_no_body_holds_shuts_nobody_out():
    assert shut_by(Measures(rss=2000 * MIB), in_flight=0) is None
