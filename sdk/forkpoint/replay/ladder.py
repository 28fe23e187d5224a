"""What a policy's ladder has for a call that no code makes: recorded, simulated, or a model asked.

Shared by the executors of workers. Tools are never run here: `live` is for models.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from forkpoint.content.blocks import Digest, Value
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Effect, Kind, Mode
from forkpoint.events.model import SourceRef
from forkpoint.redact.tokens import find_tokens
from forkpoint.replay.answers import Answers, read
from forkpoint.replay.effects import refusal
from forkpoint.replay.elsewhere import seek_of
from forkpoint.replay.fresh import Ask, Executed, Found, Page, Reply, Seek, signed
from forkpoint.replay.index import Index
from forkpoint.replay.interception import Outcome
from forkpoint.replay.recording import Recording
from forkpoint.replay.rules import CallFacts, Rules, Treatment
from forkpoint.replay.simulate import MODEL, error_value, payload
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.spend import Charges, Purse

Executing = Generator[Ask | Seek, Reply | Found | None, Executed]
"""An executor at work: it names models to ask and answers to look for, and is told what came."""
How = Literal["recorded", "stale", "given"]


class Given(NamedTuple):
    """An answer, and where it is from. `outcome` is None where the recorded one stands."""

    how: How
    mode: Mode
    outcome: Outcome | None = None
    source: int | None = None
    """The recorded step it is from, where that is not the one at its place."""
    taint: str | None = None
    edit: int | None = None
    rule: int | None = None
    reply: Reply | None = None
    borrowed: SourceRef | None = None
    """The step of another recording it is from."""


Climb = Generator[Ask | Seek, Reply | Found | None, Given | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call that wants an answer. `roots`: its input parts, None where one was withheld."""

    kind: Kind
    name: str
    key: str
    strand: str
    roots: Mapping[str, str | None]
    place: int | None
    """The recorded step at its place, if that is of the same type."""
    site: str | None = None
    effect: Effect | None = None
    codec: str | None = None

    @property
    def signature(self) -> str | None:
        """What it asks, as one digest; None if a part is not there to be signed."""
        whole = {part: root for part, root in self.roots.items() if root is not None}
        return signed(self.kind, self.name, whole) if len(whole) == len(self.roots) else None


class Ladder:
    """Answers of one replay; each recorded answer is given once, unless its rule says `any`."""

    def __init__(
        self,
        recording: Recording,
        index: Index,
        spec: ReplaySpec,
        page: Page,
        *,
        now: Callable[[], int],
    ) -> None:
        self.used = bytearray(len(recording))
        self.answers = Answers(recording)
        self.purse = Purse(spec.policy.budgets, now)
        self._recording, self._index, self._spec, self._page = recording, index, spec, page
        self._rules = Rules(spec.policy)
        self._charges = Charges(recording)
        self._now = now
        self._purses: dict[int, Purse] = {}

    def treatment(self, wanted: Wanted) -> Treatment:
        """What the policy says of a call after the cut."""
        return self._rules.resolve(
            CallFacts(
                kind=wanted.kind,
                name=wanted.name,
                site=wanted.site,
                strand=wanted.strand,
                key=wanted.key,
                effect=wanted.effect,
                after_cut=True,
            )
        )

    def climb(self, wanted: Wanted, treatment: Treatment) -> Climb:
        """The answer of the mode, else of its ladder; None where `halt` or its end is reached.

        Raises `ReplayError` where a live call is demanded that may not be made.
        """
        for number, rung in enumerate((treatment.mode.value, *treatment.on_miss)):
            if rung == "halt":
                return None
            given = yield from self._rung(rung, wanted, treatment, demanded=number == 0)
            if given is not None:
                return given._replace(rule=treatment.rule)
        return None

    def get(self, wanted: Collection[Digest]) -> Mapping[Digest, bytes]:
        """Blocks of the recording and of what was made since."""
        return {**self._recording.get(wanted), **self._page.blocks.get(wanted)}

    def values(self, roots: Mapping[str, str | None]) -> dict[str, Value]:
        """Input parts decoded, for who answers."""
        return {part: read(root, self.get) for part, root in roots.items() if root is not None}

    def _rung(self, rung: str, wanted: Wanted, treatment: Treatment, *, demanded: bool) -> Climb:
        if rung in ("exact", "cached"):
            own = self._own(wanted, treatment)
            return own or (yield from self._from_elsewhere(wanted, treatment))
        if rung == "simulated" and treatment.simulate is not None:
            return self._simulated(wanted, treatment)
        if rung == "error_result":
            error = error_value(
                "LookupError", f"no recorded answer for {wanted.kind} {wanted.name}"
            )
            outcome = Outcome(error=error, status="error")
            return Given("given", Mode.SIMULATED, outcome, taint="simulated")
        if rung == "live" and wanted.kind is Kind.MODEL:
            return (yield from self._live(wanted, treatment, demanded=demanded))
        return None

    def _own(self, wanted: Wanted, treatment: Treatment) -> Given | None:
        """The answer of a recorded call with exactly this input, the one at its place first."""
        signature = wanted.signature
        if signature is None:
            return None
        equal = self._index.anywhere.get(((wanted.kind, wanted.name), signature), ())
        for other in sorted(equal, key=lambda place: place != wanted.place):
            ended = self._recording.ended[other]
            free = treatment.reuse == "any" or not self.used[other]
            if ended is None or not free:
                continue
            if ended.status == "ok" or treatment.allow_errors or other == wanted.place:
                self.used[other] = 1
                outcome = None if other == wanted.place else self.answers.recorded(other)
                return Given("recorded", Mode.CACHED, outcome, source=other)
        return None

    def _from_elsewhere(self, wanted: Wanted, treatment: Treatment) -> Climb:
        """An answer of another run."""
        wants = seek_of(
            self._recording,
            treatment,
            wanted.kind,
            wanted.name,
            wanted.signature,
            compared=self._spec.compared is not None,
        )
        if wants is None:
            return None
        found = yield wants
        if not isinstance(found, Found):
            return None
        return Given("recorded", Mode.CACHED, found.outcome, borrowed=found.source)

    def _simulated(self, wanted: Wanted, treatment: Treatment) -> Given | None:
        if treatment.simulate is None:
            return None
        made = payload(treatment.simulate, self.values(wanted.roots), codec=wanted.codec)
        if made.resolver is not None:
            what = "models" if made.resolver.startswith(MODEL) else "functions of a host"
            raise ReplayError(
                f"{what} give no simulated answers on a worker",
                code="simulator_failed",
                key=wanted.key,
            )
        status = "ok" if made.error is None else "error"
        outcome = Outcome(output=made.output, error=made.error, status=status)
        return Given("given", Mode.SIMULATED, outcome, taint="simulated")

    def _live(self, wanted: Wanted, treatment: Treatment, *, demanded: bool) -> Climb:
        purses = self._purses_of(treatment)
        refused = next((code for purse in purses if (code := purse.exhausted(Kind.MODEL))), None)
        refused = refused or refusal(
            treatment.effect, wanted.name, self._spec.policy, self._spec.grants
        )
        if refused is not None:
            if not demanded:
                return None
            raise ReplayError(
                "the policy does not allow this live call", code=refused, key=wanted.key
            )
        for purse in purses:
            purse.begin()
        values = self.values(wanted.roots)
        reply = yield Ask(
            key=wanted.key, codec=wanted.codec, parts=values, signature=wanted.signature
        )
        if not isinstance(reply, Reply):
            raise ReplayError("no answer was given", code="provider_error", key=wanted.key)
        tokens, cost = self._charges.of(reply)
        for purse in purses:
            purse.spend(tokens=tokens, cost_micro_usd=cost)
        taint = "redacted_input" if masked(values) else "live"
        return Given("given", Mode.LIVE, reply.outcome, taint=taint, reply=reply)

    def _purses_of(self, treatment: Treatment) -> list[Purse]:
        """The budgets a live call is charged to: those of its rule, and those of the policy."""
        rule, budgets = treatment.rule, treatment.budgets
        if rule is None or budgets is None:
            return [self.purse]
        if rule not in self._purses:
            self._purses[rule] = Purse(budgets, self._now)
        return [self._purses[rule], self.purse]


def masked(value: object) -> bool:
    """Whether a value holds redaction tokens: it came out of a recording."""
    if isinstance(value, str):
        return next(find_tokens(value), None) is not None
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return any(masked(key) or masked(one) for key, one in members.items())
    if isinstance(value, list):
        return any(masked(one) for one in cast("list[object]", value))
    return False
