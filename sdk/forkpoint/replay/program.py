"""The call that the program of a loop would make next, made out of what it was told so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from forkpoint.content.blocks import Value
from forkpoint.events.kinds import Kind
from forkpoint.events.model import ArtifactRef
from forkpoint.replay.answers import read
from forkpoint.replay.calls import ToolCall
from forkpoint.replay.dialogue import Dialogue
from forkpoint.replay.edits import EditPlan
from forkpoint.replay.fresh import Page, signed
from forkpoint.replay.identity import call_key
from forkpoint.replay.inputs import changed_parts
from forkpoint.replay.ladder import Wanted
from forkpoint.replay.loop import PART, Proof
from forkpoint.replay.recording import Get, Recording
from forkpoint.replay.turns import USER


class Due(NamedTuple):
    """The call the loop makes next."""

    wanted: Wanted
    number: int
    """Of a tool call in its reply; 0 for a model or user."""
    like: int | None
    """A recorded step of the same type, whose plain fields it takes over."""
    refs: tuple[ArtifactRef, ...]
    delta: str | None = None


class Program:
    """Stands for the code of one proved loop; `count` of its calls were made."""

    def __init__(
        self,
        recording: Recording,
        proof: Proof,
        talk: Dialogue,
        edits: EditPlan,
        page: Page,
        get: Get,
    ) -> None:
        self.count = 0
        self._recording, self._proof, self._talk = recording, proof, talk
        self._edits, self._page, self._get = edits, page, get
        self._scope = proof.turns.scope
        self._strand = recording.started[proof.turns.turns[0].model].strand

    @property
    def key(self) -> str:
        """The key of the next call."""
        return call_key(self._scope, self.count)

    def next(self) -> Due:
        """The next call, if the loop goes on."""
        turn = self._talk.open
        if turn is None or not turn.due:
            return self._model_due()
        if turn.calls:
            return self._tool_due(turn.calls[turn.due[0]], turn.due[0])
        return self._user_due()

    def model_of(self, due: Due) -> str | None:
        """The model that a request names."""
        if due.wanted.kind is not Kind.MODEL or due.like is None:
            return None
        root = due.wanted.roots.get("model")
        if root == self._recording.parts(due.like).get("model") or root is None:
            return self._recording.started[due.like].model
        value = read(root, self._get)
        if isinstance(value, dict):
            fields = cast("dict[str, object]", value)
            value = fields.get("id", fields.get("model"))
        return value if isinstance(value, str) else None

    def _model_due(self) -> Due:
        first = self._proof.turns.turns[0].model
        name = self._recording.types[first][1]
        like = self._paired(Kind.MODEL, name)
        like = first if like is None else like
        step = self._recording.started[like]
        request = self._talk.request()
        roots = {**self._recording.parts(like), PART: request.root}
        sizes = {ref.role[6:]: ref.size for ref in step.artifacts} | {PART: request.size}
        edits = self._edits.of_input(self._paired(Kind.MODEL, name), Kind.MODEL, after_cut=True)
        if edits:
            changed = changed_parts(edits, self._part(roots), roots)
            for part, value in changed.items():
                ref = self._page.store(f"input.{part}", value)
                roots[part], sizes[part] = ref.root, ref.size
        whole = {part: root for part, root in roots.items() if root is not None}
        delta = signed(Kind.MODEL, step.name, whole | {PART: request.new}) if step.delta else None
        refs = tuple(_ref(part, root, sizes.get(part, 0)) for part, root in roots.items())
        return self._due(Kind.MODEL, step.name, like, roots, refs, delta=delta)

    def _tool_due(self, call: ToolCall, number: int) -> Due:
        like = self._like(Kind.TOOL, call.name)
        args = self._page.store("input.args", cast("Value", call.args))
        refs = [args]
        if like is not None:
            old = self._recording.started[like].artifacts
            refs += [r for r in old if r.role.startswith("input.") and r.role != args.role]
        roots = {ref.role[6:]: ref.root for ref in refs}
        return self._due(Kind.TOOL, call.name, like, roots, tuple(refs), number=number)

    def _user_due(self) -> Due:
        like = next(n for n, step in enumerate(self._recording.started) if step.subtype == USER)
        kind, name = self._recording.types[like]
        replies = [turn.output for turn in self._proof.turns.turns if not turn.calls]
        refs: list[ArtifactRef] = []
        for part, root in self._recording.parts(like).items():
            value = None if root is None else self._talk.derived(root, replies)
            refs.append(self._page.store(f"input.{part}", value))
        roots = {ref.role[6:]: ref.root for ref in refs}
        return self._due(kind, name, like, roots, tuple(refs))

    def _due(
        self,
        kind: Kind,
        name: str,
        like: int | None,
        roots: Mapping[str, str | None],
        refs: tuple[ArtifactRef, ...],
        *,
        number: int = 0,
        delta: str | None = None,
    ) -> Due:
        step = self._recording.started[like] if like is not None else None
        wanted = Wanted(
            kind=kind,
            name=name,
            key=self.key,
            strand=self._strand,
            roots=roots,
            place=self._paired(kind, name),
            site=step.site if step else None,
            effect=step.effect if step else None,
            codec=step.codec if step else None,
        )
        return Due(wanted, number, like, refs, delta)

    def _paired(self, kind: Kind, name: str) -> int | None:
        """The recorded step with the key of the next call, if it is of this type."""
        place = self._recording.by_key.get(self.key)
        return place if place is not None and self._recording.types[place] == (kind, name) else None

    def _like(self, kind: Kind, name: str) -> int | None:
        paired = self._paired(kind, name)
        if paired is not None:
            return paired
        types = self._recording.types
        return next((place for place, each in enumerate(types) if each == (kind, name)), None)

    def _part(self, roots: Mapping[str, str | None]) -> Callable[[str], object]:
        return lambda part: read(str(roots[part]), self._get)


def _ref(part: str, root: str | None, size: int) -> ArtifactRef:
    return ArtifactRef(role=f"input.{part}", root=root, size=size)
