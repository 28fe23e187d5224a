"""Verified attribution: which root made the outcome, shown by replays (diff guide, section 6).

It decides what to replay next and what the samples prove; `Replays` runs them. No model judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import Protocol

SAMPLES = (5, 10, 20)
"""Sessions of one arm, raised step by step while budget lasts."""
ERROR = 0.05
VERIFIED, REFUTED, UNDETERMINED = "verified", "refuted", "undetermined"
Reverted = frozenset[int]
"""Numbers of the roots that are set back to A's value."""
NOTHING: Reverted = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One session: whether it came to A's outcome, and what it cost."""

    hit: bool
    live_calls: int = 0
    """Calls that were made and not served; with none the arm is deterministic."""
    tokens: int = 0
    cost_micro_usd: int = 0


class Replays(Protocol):
    """Runs one session at a time; raises `BudgetSpent` instead when there is no budget left, and
    `Pending` where it does not wait for one.
    """

    def baseline(self) -> bool:
        """Whether B replayed exact is identical to B."""
        ...

    def of_a(self) -> Sample:
        """A replayed, nothing changed."""
        ...

    def of_b(self, reverted: Reverted) -> Sample:
        """B replayed with these roots reverted."""
        ...


class BudgetSpent(Exception):
    """No session may begin any more."""


class Pending(Exception):
    """The next session is not over yet: nothing more can be decided now."""


@dataclass(slots=True)
class Arm:
    """Sessions of one kind."""

    hits: int = 0
    n: int = 0
    is_served: bool = True
    """Whether no session made a call of its own."""

    def add(self, sample: Sample) -> None:
        """Count one session."""
        self.n += 1
        self.hits += sample.hit
        self.is_served = self.is_served and not sample.live_calls

    def interval(self, z: float) -> tuple[float, float]:
        """Where the true share lies."""
        return wilson(self.hits, self.n, z)

    def to_json(self, z: float) -> dict[str, object]:
        """`{n, hits, interval}`; no interval where one session decides."""
        found: dict[str, object] = {"n": self.n, "hits": self.hits}
        if not self.is_served and self.n:
            found["interval"] = [round(end, 3) for end in self.interval(z)]
        return found


@dataclass(slots=True)
class Verification:
    """What the replays have shown."""

    stopped: str | None = None
    """baseline_unproven, not_in_roots or budget: why the words below are what they are."""
    pending: bool = False
    """Whether a session is awaited; the words so far are not the last ones."""
    words: dict[int, str] = field(default_factory=dict[int, str])
    joint: tuple[int, ...] = ()
    """The smallest set found that together makes the outcome, if no single root does."""
    keep: Arm = field(default_factory=Arm)
    noise: Arm = field(default_factory=Arm)
    arms: dict[int, Arm] = field(default_factory=dict[int, Arm])
    z: float = 0.0
    sessions: int = 0
    spent: dict[str, int] = field(
        default_factory=lambda: {"calls": 0, "tokens": 0, "costMicros": 0}
    )
    needed: int | None = None
    """Samples an arm that would decide, if the shares stay what they are."""


def verify(roots: Sequence[int], replays: Replays, *, most_samples: int = 20) -> Verification:
    """Ends first, then A/A and keep, then one root at a time, then sets of them.

    `roots` in the order in which they are to be tried.
    """
    return _Verifier(roots, replays, most_samples).run()


class _Verifier:
    def __init__(self, roots: Sequence[int], replays: Replays, most_samples: int) -> None:
        self.roots = list(roots)
        self.replays = replays
        self.sizes = [size for size in SAMPLES if size < most_samples] + [most_samples]
        self.found = Verification(z=z_of(len(roots)))
        self.known: dict[Reverted, bool] = {}

    def run(self) -> Verification:
        found = self.found
        found.words = dict.fromkeys(self.roots, UNDETERMINED)
        try:
            found.stopped = self._ends()
            if found.stopped is None:
                self._single()
                if VERIFIED not in found.words.values():
                    self._together()
        except BudgetSpent:
            found.stopped = "budget"
        except Pending:
            found.pending = True
        return found

    def _ends(self) -> str | None:
        """B comes to its own outcome, and to A's with all roots reverted; else nothing is shown."""
        self.found.sessions += 1
        if not self.replays.baseline():
            return "baseline_unproven"
        kept = self._b(NOTHING)
        self.found.keep.add(kept)
        everything = frozenset(self.roots)
        for _ in range(1 if not kept.live_calls else self.sizes[0]):
            sample = self._b(everything)
            if sample.hit:
                return None
            if not sample.live_calls:
                break
        return "not_in_roots"

    def _single(self) -> None:
        found = self.found
        self._fill(found.noise, self.replays.of_a, 1 if found.keep.is_served else self.sizes[0])
        for size in self.sizes:
            self._fill(found.keep, lambda: self.replays.of_b(NOTHING), size)
            for root in self.roots:
                if found.words[root] is not UNDETERMINED:
                    continue
                arm = found.arms.setdefault(root, Arm())
                self._fill(arm, lambda only=frozenset((root,)): self.replays.of_b(only), size)
                found.words[root] = word_of(arm, found.keep, found.z)
            if UNDETERMINED not in found.words.values():
                return
        found.needed = samples_needed(found.arms.values(), found.keep, found.z)

    def _together(self) -> None:
        """Delta debugging: the smallest set whose reversal gives A's outcome.

        A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input", 2002.
        """
        if len(self.roots) > 1:
            self.found.joint = tuple(ddmin(self.roots, self._gives_a))

    def _gives_a(self, some: Sequence[int]) -> bool:
        """Whether reverting these gives A's outcome more often than not."""
        key = frozenset(some)
        if key not in self.known:
            arm = Arm()
            self._fill(arm, lambda: self.replays.of_b(key), self.sizes[0])
            self.known[key] = 2 * arm.hits > arm.n
        return self.known[key]

    def _fill(self, arm: Arm, replay: Callable[[], Sample], size: int) -> None:
        """Sample an arm up to `size`; one session is enough where every call is served."""
        while arm.n < (1 if arm.n and arm.is_served else size):
            arm.add(self._count(replay()))

    def _b(self, reverted: Reverted) -> Sample:
        return self._count(self.replays.of_b(reverted))

    def _count(self, sample: Sample) -> Sample:
        self.found.sessions += 1
        self.found.spent["calls"] += sample.live_calls
        self.found.spent["tokens"] += sample.tokens
        self.found.spent["costMicros"] += sample.cost_micro_usd
        return sample


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


def word_of(revert: Arm, keep: Arm, z: float) -> str:
    """What two arms prove of a root."""
    if revert.is_served and keep.is_served:
        return VERIFIED if revert.hits and not keep.hits else REFUTED
    low, high = revert.interval(z)
    if low > keep.interval(z)[1]:
        return VERIFIED
    return REFUTED if high < 0.5 else UNDETERMINED


def samples_needed(arms: Iterable[Arm], keep: Arm, z: float) -> int | None:
    """Samples an arm for the clearest undecided root to be decided at the shares seen so far."""
    shares = [arm.hits / arm.n for arm in arms if arm.n]
    floor = keep.hits / keep.n if keep.n else 0.0
    best = max(shares, default=0.0)
    for n in (10, 20, 40, 80, 160, 320):
        low = wilson(round(best * n), n, z)[0]
        if low > wilson(round(floor * n), n, z)[1]:
            return n
    return None


def ddmin(items: Sequence[int], gives: Callable[[Sequence[int]], bool]) -> list[int]:
    """A subset for which `gives` holds and of which nothing can be left out; [] if none does."""
    if not gives(items):
        return []
    found, parts = list(items), 2
    while len(found) > 1:
        size = -(-len(found) // parts)
        chunks = [found[at : at + size] for at in range(0, len(found), size)]
        smaller = next(
            (chunk for chunk in chunks if len(chunk) < len(found) and gives(chunk)), None
        )
        if smaller is not None:
            found, parts = smaller, 2
            continue
        rests = ([each for each in found if each not in chunk] for chunk in chunks)
        rest = next((rest for rest in rests if rest and gives(rest)), None)
        if rest is not None:
            found, parts = rest, max(parts - 1, 2)
        elif parts >= len(found):
            break
        else:
            parts = min(len(found), parts * 2)
    return found
