"""Verified attribution: which root made the outcome, shown by replays (diff guide, section 6).

It decides what to replay next and what the samples prove; `Replays` runs them. No model judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from forkpoint.diff.rates import (
    UNDETERMINED,
    VERIFIED,
    Arm,
    Sample,
    samples_needed,
    word_of,
    z_of,
)

SAMPLES = (5, 10, 20)
"""Sessions of one arm, raised step by step while budget lasts."""
BASELINE_UNPROVEN, NOT_IN_ROOTS, BUDGET = "baseline_unproven", "not_in_roots", "budget"
UNANSWERED, NO_EXECUTOR = "unanswered", "no_executor"
Roots = frozenset[int]
"""Numbers of the roots that an arm sets to the other run's value."""
NOTHING: Roots = frozenset()


class Replays(Protocol):
    """Runs one session at a time; raises `BudgetSpent` instead when there is no budget left,
    `Pending` where it does not wait for one, and `NoExecutor` where nobody can replay this run.
    """

    def baseline(self) -> bool:
        """Whether B replayed exact is identical to B."""
        ...

    def of_a(self, applied: Roots) -> Sample:
        """A replayed with these roots set to B's values: a hit comes to A's outcome if there are
        none, else to B's.
        """
        ...

    def of_b(self, reverted: Roots) -> Sample:
        """B replayed with these roots reverted; a hit comes to A's outcome."""
        ...


class BudgetSpent(Exception):
    """No session may begin any more."""


class Pending(Exception):
    """The next session is not over yet: nothing more can be decided now."""


class NoExecutor(Exception):
    """Nothing can replay this run: it is no loop that a worker could go on with."""


@dataclass(slots=True)
class Verification:
    """What the replays have shown."""

    stopped: str | None = None
    """baseline_unproven, not_in_roots, unanswered, no_executor or budget: why the words below are
    what they are.
    """
    pending: bool = False
    """Whether a session is awaited; the words so far are not the last ones."""
    words: dict[int, str] = field(default_factory=dict[int, str])
    joint: tuple[int, ...] = ()
    """The smallest set found that together makes the outcome, if no single root does."""
    ends: Arm = field(default_factory=Arm)
    """B with all roots reverted."""
    keep: Arm = field(default_factory=Arm)
    noise: Arm = field(default_factory=Arm)
    arms: dict[int, Arm] = field(default_factory=dict[int, Arm])
    applied: dict[int, Arm] = field(default_factory=dict[int, Arm])
    """A with one root set to B's value; hits came to B's outcome."""
    again: dict[int, list[bool]] = field(default_factory=dict[int, list[bool]])
    """By root: whether B's answer came each time A's call was really made again."""
    z: float = 0.0
    sessions: int = 0
    spent: dict[str, int] = field(
        default_factory=lambda: {"calls": 0, "tokens": 0, "costMicros": 0}
    )
    needed: int | None = None
    """Samples an arm that would decide, if the shares stay what they are."""


def verify(
    roots: Sequence[int],
    replays: Replays,
    *,
    most_samples: int = 20,
    applies: Sequence[int] = (),
) -> Verification:
    """Ends first, then A/A and keep, then one root at a time, then sets of them.

    `roots` in the order in which they are to be tried; `applies`: those that A is given as well.
    """
    return _Verifier(roots, replays, most_samples, applies).run()


class _Verifier:
    def __init__(
        self, roots: Sequence[int], replays: Replays, most_samples: int, applies: Sequence[int]
    ) -> None:
        self.roots = list(roots)
        self.applies = applies
        self.replays = replays
        self.sizes = [size for size in SAMPLES if size < most_samples] + [most_samples]
        self.found = Verification(z=z_of(len(roots)))
        self.known: dict[Roots, Arm] = {}

    def run(self) -> Verification:
        found = self.found
        found.words = dict.fromkeys(self.roots, UNDETERMINED)
        try:
            found.stopped = self._ends()
            if found.stopped is None:
                self._single()
                if VERIFIED not in found.words.values():
                    self._together()
                self._apply()
        except BudgetSpent:
            found.stopped = BUDGET
            self._say_needed()
        except NoExecutor:
            found.stopped = NO_EXECUTOR
        except Pending:
            found.pending = True
        return found

    def _ends(self) -> str | None:
        """B comes to its own outcome, and to A's with all roots reverted; else nothing is shown."""
        found, everything = self.found, frozenset(self.roots)
        found.sessions += 1
        if not self.replays.baseline():
            return BASELINE_UNPROVEN
        found.keep.add(self._b(NOTHING))
        while found.ends.n < self.sizes[0]:
            sample = self._b(everything)
            found.ends.add(sample)
            if sample.hit:
                return None
            if not sample.live_calls:
                break
        return UNANSWERED if found.ends.stopped == found.ends.n else NOT_IN_ROOTS

    def _single(self) -> None:
        found = self.found
        for size in self.sizes:
            self._fill(found.noise, lambda: self._a(NOTHING), size)
            self._fill(found.keep, lambda: self._b(NOTHING), size)
            for root in self.roots:
                if found.words[root] is UNDETERMINED:
                    arm = found.arms.setdefault(root, Arm())
                    self._fill(arm, lambda only=frozenset((root,)): self._b(only), size)
                    found.words[root] = self._word(root, arm)
            if UNDETERMINED not in found.words.values():
                return
        if not self._is_served():
            self._say_needed()

    def _word(self, root: int, arm: Arm) -> str:
        """A root whose answer A draws as well is no change between the runs."""
        word = word_of(arm, self.found.keep, self.found.noise, self.found.z)
        return UNDETERMINED if word == VERIFIED and self._is_drawn(root) else word

    def _is_drawn(self, root: int) -> bool:
        return any(self.found.again.get(root, ()))

    def _together(self) -> None:
        """Delta debugging: the smallest set whose reversal gives A's outcome.

        A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input", 2002.
        """
        found = self.found
        if len(self.roots) < 2:
            return
        joint = frozenset(ddmin(self.roots, self._gives_a))
        for size in self.sizes if joint else ():
            arm = self._tried(joint, size)
            word = word_of(arm, found.keep, found.noise, found.z)
            if word == VERIFIED and not any(self._is_drawn(root) for root in joint):
                found.joint = tuple(root for root in self.roots if root in joint)
            if word != UNDETERMINED:
                return

    def _gives_a(self, some: Sequence[int]) -> bool:
        """Whether reverting these gives A's outcome more often than not."""
        arm = self._tried(frozenset(some), self.sizes[0])
        return 2 * arm.hits > arm.n

    def _tried(self, reverted: Roots, size: int) -> Arm:
        arm = self.known.setdefault(reverted, Arm())
        self._fill(arm, lambda: self._b(reverted), size)
        return arm

    def _apply(self) -> None:
        """A with each root set to B's value, as often as that root was reverted."""
        for root in self.applies:
            arm = self.found.applied.setdefault(root, Arm())
            size = max(self.sizes[0], self.found.arms[root].n)
            self._fill(arm, lambda only=frozenset((root,)): self._a(only), size)

    def _fill(self, arm: Arm, replay: Callable[[], Sample], size: int) -> None:
        """Sample an arm up to `size`; one session is enough where every call is served."""
        while arm.n < (1 if arm.n and arm.is_served else size):
            arm.add(replay())

    def _a(self, applied: Roots) -> Sample:
        sample = self._count(self.replays.of_a(applied))
        if not applied:
            for root, is_b in sample.again.items():
                self.found.again.setdefault(root, []).append(is_b)
        return sample

    def _b(self, reverted: Roots) -> Sample:
        return self._count(self.replays.of_b(reverted))

    def _count(self, sample: Sample) -> Sample:
        self.found.sessions += 1
        self.found.spent["calls"] += sample.live_calls
        self.found.spent["tokens"] += sample.tokens
        self.found.spent["costMicros"] += sample.cost_micro_usd
        return sample

    def _is_served(self) -> bool:
        found = self.found
        return found.keep.n > 0 and all(
            arm.is_served for arm in (found.keep, found.noise, *found.arms.values())
        )

    def _say_needed(self) -> None:
        found = self.found
        if self._is_served():
            found.needed = 1
            return
        open_arms = [arm for at, arm in found.arms.items() if found.words[at] == UNDETERMINED]
        found.needed = samples_needed(open_arms, found.keep, found.z)


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
