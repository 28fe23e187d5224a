"""Hand-made recordings, and a stand-in for the recorder that plays calls against a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from forkpoint.content.blocks import digest_from_text, digest_text
from forkpoint.content.decode import decode
from forkpoint.content.encode import encode
from forkpoint.content.shape import shape
from forkpoint.content.signature import signature
from forkpoint.content.store import MemoryBlocks
from forkpoint.events.ids import step_id
from forkpoint.events.kinds import ArtifactState, Effect, Kind, RunStatus
from forkpoint.events.model import ArtifactRef, Event, RunEnd, RunStart, StepEnded, StepStarted
from forkpoint.replay.identity import call_key, is_key, shortened, strand_of
from forkpoint.replay.interception import CallView, Live, Outcome, Served
from forkpoint.replay.recording import Recording
from forkpoint.replay.session import Session
from forkpoint.replay.spec import read_spec

RUN = "01890000-0000-7000-8000-000000000001"
NEW_RUN = "01890000-0000-7000-8000-000000000002"
HOUR = 3_600_000_000_000


class Tape:
    """Records calls one after another, or overlapping with `open` and `close`."""

    def __init__(self) -> None:
        self.store = MemoryBlocks()
        self.events: list[tuple[int, Event]] = []
        self._counts: Counter[str] = Counter()
        self._ids: dict[str, str] = {}
        self._strands: dict[str, str] = {}

    def open(
        self,
        kind: Kind,
        name: str,
        inputs: Mapping[str, object],
        *,
        scope: str = "r",
        effect: Effect | None = None,
        contended: bool = False,
        codec: str | None = None,
    ) -> str:
        key = call_key(shortened(scope), self._counts[scope])
        self._counts[scope] += 1
        self._strands[key] = self._strands[scope] if is_key(scope) else scope
        self._ids[key] = step_id(RUN, 0, key)
        roots = {part: self.put(value) for part, value in inputs.items()}
        self._add(
            StepStarted(
                run_id=RUN,
                sequence_no=len(self.events),
                time_ns=len(self.events),
                step_id=self._ids[key],
                kind=kind,
                name=name,
                key=key,
                strand=self._strands[key],
                effect=effect,
                contended=contended,
                codec=codec,
                signature=sign(kind, name, roots),
                artifacts=tuple(
                    ArtifactRef(role=f"input.{part}", root=root) for part, root in roots.items()
                ),
            )
        )
        return key

    def close(
        self,
        key: str,
        output: object = None,
        *,
        error: Mapping[str, object] | None = None,
        withheld: bool = False,
    ) -> None:
        refs = [ArtifactRef(role="output", root=self.put(output))]
        form = shape(output)
        if form is not None:
            refs.append(ArtifactRef(role="shape", root=self.put(form)))
        if error is not None:
            refs = [ArtifactRef(role="error", root=self.put(error))]
        if withheld:
            refs = [ArtifactRef(role="output", state=ArtifactState.WITHHELD, reason="overload")]
        self._add(
            StepEnded(
                run_id=RUN,
                sequence_no=len(self.events),
                time_ns=len(self.events),
                step_id=self._ids[key],
                status="error" if error else "ok",
                error_class=str(error["class"]) if error else None,
                artifacts=tuple(refs),
            )
        )

    def call(
        self,
        kind: Kind,
        name: str,
        inputs: Mapping[str, object],
        output: object = None,
        *,
        scope: str = "r",
        effect: Effect | None = None,
        error: Mapping[str, object] | None = None,
        withheld: bool = False,
        codec: str | None = None,
    ) -> str:
        key = self.open(kind, name, inputs, scope=scope, effect=effect, codec=codec)
        self.close(key, output, error=error, withheld=withheld)
        return key

    def tool(self, name: str, query: object, output: object = None, *, scope: str = "r") -> str:
        return self.call(Kind.TOOL, name, {"args": {"q": query}}, output, scope=scope)

    def put(self, value: object) -> str:
        return digest_text(encode(value, self.store.put))

    def start(self) -> RunStart:
        return RunStart(run_id=RUN, name="tape", started_ns=0, redaction_key_id="key-one")

    def end(self, output: object = "done") -> RunEnd:
        return RunEnd(
            run_id=RUN,
            status=RunStatus.OK,
            ended_ns=HOUR,
            events={"0": len(self.events)},
            artifacts=(ArtifactRef(role="output", root=self.put(output)),),
        )

    def recording(self, *, prefix: bool = False) -> Recording:
        end = None if prefix else self.end()
        return Recording.load(self.start(), end, self.events, self.store.get)

    def _add(self, event: Event) -> None:
        self.events.append((len(self.events), event))


class Player:
    """Plays calls as the recorder would: counts them per scope, signs them, asks the session."""

    def __init__(
        self,
        recording: Recording,
        *,
        kind: str = "replay",
        policy: Mapping[str, object] | None = None,
        cut: Mapping[str, object] | None = None,
        edits: Sequence[Mapping[str, object]] = (),
        grants: Sequence[str] = (),
        now: int = HOUR,
        redaction_key_id: str | None = None,
    ) -> None:
        asked: dict[str, object] = {"session": "s1", "kind": kind, "run_id": NEW_RUN}
        asked |= {"cut": cut, "edits": list(edits), "grants": list(grants)}
        if policy is not None:
            asked["policy"] = {"policy": "forkpoint.policy/1", **policy}
        spec = read_spec(asked)
        self.session = Session(recording, spec, now=lambda: now, redaction_key_id=redaction_key_id)
        self.infos: list[object] = []
        self.seen: list[CallView] = []
        self._counts: Counter[str] = Counter()
        self._store = MemoryBlocks()

    def view(
        self,
        kind: Kind,
        name: str,
        inputs: Mapping[str, object],
        *,
        scope: str = "r",
        effect: Effect | None = None,
        intent: tuple[str, ...] = (),
    ) -> CallView:
        text = shortened(scope)
        key = call_key(text, self._counts[text])
        self._counts[text] += 1
        return view_of(
            self._store, kind, name, inputs, key=key, scope=text, effect=effect, intent=intent
        )

    def begin(
        self,
        kind: Kind,
        name: str,
        inputs: Mapping[str, object],
        *,
        scope: str = "r",
        effect: Effect | None = None,
    ) -> Served | Live:
        self.seen.append(self.view(kind, name, inputs, scope=scope, effect=effect))
        answer = self.session.begin(self.seen[-1])
        self.infos.append(answer.replay)
        return answer

    def tool(self, name: str, query: object, *, scope: str = "r") -> object:
        return self.served(Kind.TOOL, name, {"args": {"q": query}}, scope=scope).output

    def served(
        self, kind: Kind, name: str, inputs: Mapping[str, object], *, scope: str = "r"
    ) -> Outcome:
        answer = self.begin(kind, name, inputs, scope=scope)
        assert isinstance(answer, Served)
        return answer.outcome

    def finish(self, output: object = "done") -> Mapping[str, object]:
        root = digest_text(encode(output, self._store.put))
        return self.session.finish(status="ok", output=root).report


def view_of(
    store: MemoryBlocks,
    kind: Kind,
    name: str,
    inputs: Mapping[str, object],
    *,
    key: str,
    scope: str = "r",
    effect: Effect | None = None,
    intent: tuple[str, ...] = (),
) -> CallView:
    roots = {part: digest_text(encode(value, store.put)) for part, value in inputs.items()}

    def value(part: str) -> object:
        return decode(digest_from_text(roots[part]), store.get)

    return CallView(
        kind=kind,
        name=name,
        scope=scope,
        key=key,
        strand=strand_of(key),
        site="app:work",
        effect=effect,
        codec=None,
        parts=roots,
        signature=sign(kind, name, roots),
        delta=None,
        value=value,
        intent=intent,
    )


def sign(kind: Kind, name: str, roots: Mapping[str, str]) -> str:
    digests = {part: digest_from_text(root) for part, root in roots.items()}
    return digest_text(signature(kind, name, digests))
