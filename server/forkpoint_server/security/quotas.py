"""Rates, counted in memory per process: refused tokens by address, events by token."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from forkpoint_server.errors import RateLimited

_KEYS_KEPT = 10_000


@dataclass(slots=True)
class _Bucket:
    level: float
    at_s: float


class Rate:
    """A token bucket for each key: `per_second` flow in, at most `burst` stand ready.

    Times come in as seconds of any steady clock. The keys used longest ago are forgotten first.
    """

    def __init__(self, *, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, amount: float, *, now_s: float) -> None:
        """Take `amount`, going into debt once; raises `RateLimited` while in debt."""
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now_s))
        self._buckets.move_to_end(key)
        refilled = bucket.level + (now_s - bucket.at_s) * self._per_second
        bucket.level, bucket.at_s = min(self._burst, refilled), now_s
        if bucket.level <= 0:
            wait = int(-bucket.level / self._per_second) + 1
            raise RateLimited("the quota of this token or address is used up", retry_after_s=wait)
        bucket.level -= amount
        while len(self._buckets) > _KEYS_KEPT:
            self._buckets.popitem(last=False)

    def is_in_debt(self, key: str, *, now_s: float) -> bool:
        """Whether `take` would refuse now."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return False
        return bucket.level + (now_s - bucket.at_s) * self._per_second <= 0
