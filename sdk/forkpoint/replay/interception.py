"""The seam between the recorder and a replay: what a replay is asked, and what it may answer.

The recorder asks an installed `Interceptor` before each call and obeys. The calls of one run come
from many threads: implementations are thread-safe and never wait; the recorder waits (`arrive`).
`Interceptor.finish` is called once, after the last call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

from forkpoint.content.store import MemoryBlocks
from forkpoint.events.kinds import Effect, Kind, Verdict
from forkpoint.events.model import ArtifactRef, Origin, ReplayInfo, StepAttempt, StepEnded


class Diverged(BaseException):
    """A replayed run asks for something its recording does not hold, and the policy says halt.

    A BaseException, because agents write `except Exception`; `reason`: a code of the replay guide.
    """

    def __init__(self, message: str, *, key: str, reason: str) -> None:
        super().__init__(message)
        self.key = key
        self.reason = reason


class Breach(BaseException):
    """A replayed run reached for the outside world; catching this does not untaint the run."""

    def __init__(self, message: str, *, guard: str) -> None:
        super().__init__(message)
        self.guard = guard


def never() -> bool:
    """The answer of a call that cannot be masked."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A call that is about to happen, redacted: all an interceptor may know of it."""

    kind: Kind
    name: str
    scope: str
    """The strand, or the key of the step, that counts this call."""
    key: str
    """`scope#n`: its place in this run, not necessarily that of the recorded step."""
    strand: str
    site: str | None
    effect: Effect | None
    codec: str | None
    """Projection that made the parts; None for decorators."""
    parts: Mapping[str, str]
    """Part name -> root (43 characters)."""
    signature: str | None
    """None when a part could not be signed: such a call is matched by position only."""
    delta: str | None
    value: Callable[[str], object]
    """The redacted value of a part, decoded when asked for; KeyError for a part it has not."""
    intent: tuple[str, ...] = ()
    """Arguments a tool declares as its intent: two calls equal in them do the same thing."""
    masked: Callable[[], bool] = never
    """Whether the real arguments hold redaction tokens: they came out of a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A recorded answer as it stands in its recording: its references, and all their blocks."""

    artifacts: tuple[ArtifactRef, ...]
    blocks: Mapping[bytes, bytes]
    ruleset_id: str
    redaction_key_id: str
    """Rules and key it was masked by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a recorded call ended, ready to be handed over again.

    `output` has its shape restored (key order, `1.0`); `error` is the `error` artifact's value;
    `chunks` that of the `chunks` artifact, of streams only.
    """

    output: object = None
    error: Mapping[str, object] | None = None
    chunks: object | None = None
    status: Literal["ok", "error", "cancelled"] = "ok"
    ended: StepEnded | None = None
    """Recorded numbers (tokens, finish reason, attempts, ...) to repeat in the replayed event."""
    kept: Kept | None = None
    """Where the answer is just the recorded one: a recorder with the same rules and key may refer
    to it instead of masking and encoding it again."""
    attempts: tuple[StepAttempt, ...] = ()
    """Tries of the client library to go through one by one; empty where none shall be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The call gets this outcome and its body does not run."""

    outcome: Outcome
    replay: ReplayInfo
    delay_s: float = 0
    """How long the answer takes longer than it would."""
    environ: Mapping[str, str | None] | None = None
    """Environment variables to set from now on, None to unset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The real call runs (policy said live, or its boundary is transparent)."""

    replay: ReplayInfo
    instead: Callable[..., object] | None = None
    """What runs in the place of its body."""
    environ: Mapping[str, str | None] | None = None
    """As of a served call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What a replay came to. `report` is `forkpoint.divergence/1`, the artifact `replay_report`."""

    verdict: Verdict | None
    report: Mapping[str, object]


class Interceptor(Protocol):
    """Answers the calls of one run from a recording."""

    @property
    def origin(self) -> Origin:
        """Where the new run comes from, for its `RunStart`."""
        ...

    @property
    def blocks(self) -> MemoryBlocks:
        """Blocks of the edits and the policy that `origin` names."""
        ...

    @property
    def run_id(self) -> str | None:
        """Id the new run must have (given by whoever asked for the session); None for any."""
        ...

    @property
    def stall_s(self) -> float:
        """How long nothing may move before a waiting answer goes out of turn."""
        ...

    @property
    def max_wait_s(self) -> float:
        """How long an answer waits at most, while anything else moves."""
        ...

    @property
    def moves(self) -> int:
        """Grows whenever a call begins, ends or is released."""
        ...

    def new_input(self, call: CallView) -> Mapping[str, object]:
        """Input parts an edit changes: the recorder puts them in place and signs the call again."""
        ...

    def begin(self, call: CallView) -> Served | Live:
        """Decide a call before it acts. Never waits; raises `Diverged`."""
        ...

    def arrive(self, call: CallView, wake: Callable[[], None]) -> bool:
        """Whether a served answer may be handed over now; if not, `wake` says when to ask again."""
        ...

    def release(self, at: str) -> None:
        """Nothing moved for too long: let the first that waits go before its turn."""
        ...

    def arrive_settled(self, strand: str, wake: Callable[[], None]) -> bool:
        """As `arrive`, for a task or future about to tell those who wait for its result."""
        ...

    def settled(self, strand: str) -> None:
        """Who waits for a strand has been told."""
        ...

    def arrive_open(self, call: CallView, wake: Callable[[], None]) -> bool:
        """As `arrive`, for the first chunk of a served stream."""
        ...

    def opened(self, call: CallView) -> None:
        """A served stream has handed over its first chunk."""
        ...

    @property
    def pace(self) -> float:
        """What a sleep of user code is multiplied by."""
        ...

    def draw(self, scope: str, source: str, make: Callable[[Random], object]) -> object | None:
        """The value user code draws now, made if none was recorded; None: it is not replayed."""
        ...

    def arrive_asleep(self, scope: str, number: int, wake: Callable[[], None]) -> bool:
        """As `arrive`, for the n-th sleep of user code in a scope."""
        ...

    def awake(self, scope: str, number: int) -> None:
        """That sleep is over."""
        ...

    def end(self, call: CallView, *, output: str | None, status: str) -> None:
        """A live or served call is over: root of its output if it has one, and its status."""
        ...

    def delegate(self, strand: str) -> None:
        """A strand runs in another process."""
        ...

    def join(self, strand: str, tell: Callable[[Mapping[str, object]], None]) -> None:
        """This process runs one strand of a replay that another began, and tells it all."""
        ...

    def absorb(self, told: Iterable[Mapping[str, object]]) -> None:
        """What the processes told that joined this replay."""
        ...

    def spend(self, call: CallView, *, tokens: int, cost_micro_usd: int) -> None:
        """What a live call reported to have used, for the budgets."""
        ...

    def finish(
        self,
        *,
        status: str,
        output: str | None,
        code_version: str | None = None,
        environment: Mapping[str, object] | None = None,
    ) -> ReplayResult:
        """The run is over: its status, the root of its output, of which code it was, and where."""
        ...
