"""How often replays came to an outcome, and what two such rates prove (diff guide, section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

ERROR = 0.05
VERIFIED, REFUTED, UNDETERMINED = "verified", "refuted", "undetermined"
_SIZES = (5, 10, 20, 40, 80, 160, 320)


class Stop(NamedTuple):
    """Why a session came to no end of its own, and at which call; None: at none."""

    code: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One session: whether it came to the outcome that is asked for, and what it cost."""

    hit: bool
    stop: Stop | None = None
    """Set where it came to no end of its own: it shows nothing of the outcome and is no hit."""
    live_calls: int = 0
    """Calls that were made and not served; with none the arm is deterministic."""
    tokens: int = 0
    cost_micro_usd: int = 0
    again: Mapping[int, bool] = field(default_factory=dict[int, bool], hash=False)
    """Of A: roots whose call it really made, asking what A asked -> whether B's answer came."""


@dataclass(slots=True)
class Arm:
    """Sessions of one kind."""

    hits: int = 0
    n: int = 0
    stops: dict[Stop, int] = field(default_factory=dict[Stop, int])
    """Sessions without an end of their own."""
    is_served: bool = True
    """Whether no session made a call of its own."""

    def add(self, sample: Sample) -> None:
        """Count one session."""
        self.n += 1
        self.hits += sample.hit
        if sample.stop is not None:
            self.stops[sample.stop] = self.stops.get(sample.stop, 0) + 1
        self.is_served = self.is_served and not sample.live_calls

    @property
    def stopped(self) -> int:
        """Sessions that show nothing: they might have come to the outcome, or not."""
        return sum(self.stops.values())

    @property
    def ended(self) -> int:
        """Sessions that came to an end of their own."""
        return self.n - self.stopped

    def low(self, z: float, n: int = 0) -> float:
        """The least share there may be. One served session stands for `n` of them."""
        times = self._times(n)
        return wilson(self.hits * times, self.n * times, z)[0]

    def high(self, z: float, n: int = 0) -> float:
        """The greatest share there may be: what stopped might have come to it."""
        times = self._times(n)
        return wilson((self.hits + self.stopped) * times, self.n * times, z)[1]

    def to_json(self, z: float) -> dict[str, object]:
        """`{n, hits, stopped, interval}`; no interval where one session decides."""
        found: dict[str, object] = {"n": self.n, "hits": self.hits}
        if self.stops:
            found["stopped"] = self.stopped
        if not self.is_served and self.n:
            found["interval"] = [round(end, 3) for end in (self.low(z), self.high(z))]
        return found

    def _times(self, n: int) -> int:
        return max(1, n // self.n) if self.is_served and self.n else 1


def stands_out(arm: Arm, keep: Arm, z: float, n: int = 0) -> bool:
    """Whether the share of an arm is surely above that of B as it is."""
    if arm.is_served and keep.is_served:
        return bool(arm.hits) and not keep.hits and not keep.stopped
    n = max(arm.n, keep.n, n)
    return arm.low(z, n) > keep.high(z, n)


def word_of(revert: Arm, keep: Arm, noise: Arm, z: float) -> str:
    """What the arms prove of a root. A, replayed as it was, has to stand out from B as well:
    where it does not, its outcome was chance and no root is the cause. Where A cannot be replayed
    (it was made by other code), nothing is known of that, and B alone is the floor.
    """
    n = max(revert.n, keep.n, noise.n)
    is_chance = noise.stopped < noise.n and not stands_out(noise, keep, z, n)
    if stands_out(revert, keep, z, n) and not is_chance:
        return VERIFIED
    if revert.is_served:
        return UNDETERMINED if revert.hits or revert.stopped else REFUTED
    return REFUTED if revert.high(z) < 0.5 else UNDETERMINED


def z_of(tested: int) -> float:
    """The quantile for this many roots tested at once (Bonferroni)."""
    return NormalDist().inv_cdf(1 - ERROR / (2 * max(1, tested)))


def wilson(hits: int, n: int, z: float) -> tuple[float, float]:
    """E. B. Wilson's interval of a share, "Probable inference", JASA 22 (1927)."""
    if not n:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def samples_needed(arms: Iterable[Arm], keep: Arm, z: float) -> int | None:
    """Samples an arm for the clearest undecided root to be decided at the shares seen so far; what
    was not sampled is taken to be as clear as can be. None if 320 would not do.
    """
    best = max((arm.hits / arm.ended for arm in arms if arm.ended), default=1.0)
    floor = keep.hits / keep.ended if keep.ended else 0.0
    for n in _SIZES:
        if wilson(round(best * n), n, z)[0] > wilson(round(floor * n), n, z)[1]:
            return n
    return None
