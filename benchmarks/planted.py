"""Pairs of runs with planted causes: how often the report names exactly them.

A program of one to three strands holds a conversation in each: sections of a question, a lookup by
code, a model that asks for tools, their results, a summary. Prompts repeat the whole history, so
one change alters every later prompt of its strand, and often what the model asks for. B differs in
one to three places: a tool answers otherwise, a model samples otherwise, a question or a parameter
is edited, code makes a call more or one less, or makes two independent calls in another order
(which is no cause). A cause that nothing could tell from an echo is not planted: a model that
samples otherwise, or a call of the code, behind another change in the same conversation.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.report import Comparison, compare_runs

TUNED = range(400)
"""Seeds that the rules of the engine were tuned on."""
HELD_OUT = range(1_000_000, 1_000_400)
"""Seeds that nobody looks at while rules change: look at the share, mend the engine by others."""
_WORDS = (
    "amber basin cedar delta ember fjord grove haven inlet jetty knoll ledge marsh north orchard"
)
WORDS = tuple(_WORDS.split())
FIRST_ONLY = ("sampling", "inserted", "removed")
KINDS = ("external", "prompt", "params", *FIRST_ONLY)
Change = tuple[int, int, str]
"""(strand, section, kind)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A pair of runs and the keys of the steps where they were made to differ, in order."""

    a: RunColumns
    b: RunColumns
    values: Mapping[str, object]
    causes: Sequence[str]

    def compare(self) -> Comparison:
        """The comparison that is judged."""
        return compare_runs(self.a, self.b, self.values.__getitem__)


def figures() -> dict[str, float]:
    """Shares of pairs in percent, of the seeds used for tuning and of those held out."""
    found: dict[str, float] = {}
    for name, seeds in (("tuned", TUNED), ("held_out", HELD_OUT)):
        judged = [judge(plant(seed)) for seed in seeds]
        first, exact = (sum(each) / len(judged) for each in zip(*judged, strict=True))
        found[f"diff_planted_{name}_pairs"] = len(judged)
        found[f"diff_planted_{name}_first_right_percent"] = 100 * first
        found[f"diff_planted_{name}_roots_exact_percent"] = 100 * exact
    return found


def judge(pair: Planted) -> tuple[bool, bool]:
    """Whether the first divergence is the first cause, and the root set the set of causes."""
    comparison = pair.compare()
    keys = [_key(comparison, cause.row) for cause in comparison.causes]
    return keys[:1] == list(pair.causes[:1]), sorted(keys) == sorted(pair.causes)


def _key(comparison: Comparison, at: int) -> str:
    row = comparison.rows[at]
    if row.b is None:
        return "a:" + comparison.a.steps[row.a or 0].key
    return comparison.b.steps[row.b].key


def plant(seed: int) -> Planted:
    """The pair of this number."""
    chance = random.Random(seed)
    strands = chance.choice([1, 1, 2, 3])
    sections = [chance.randrange(2, 6) for _ in range(strands)]
    changes = _changes(chance, sections)
    swapped = {
        (strand, section)
        for strand in range(strands)
        for section in range(sections[strand])
        if chance.random() < 0.1 and not any(c[:2] == (strand, section) for c in changes)
    }
    a, b = _Program(seed, sections), _Program(seed, sections, changes, swapped)
    ours, theirs = a.columns("a"), b.columns("b")
    gone = {f"a:{a.lookups[c[:2]]}": f"removed {c[:2]}" for c in changes if c[2] == "removed"}
    order = {cause: at for at, cause in enumerate(b.order)}
    return Planted(
        a=ours,
        b=theirs,
        values={**a.values, **b.values},
        causes=sorted([*b.causes, *gone], key=lambda cause: order[gone.get(cause, cause)]),
    )


def _changes(chance: random.Random, sections: Sequence[int]) -> list[Change]:
    places = [(strand, at) for strand, count in enumerate(sections) for at in range(count)]
    chosen = sorted(chance.sample(places, min(len(places), chance.randrange(1, 4))))
    changes: list[Change] = []
    for strand, section in chosen:
        first = all(other != strand for other, _, _ in changes)
        changes.append((strand, section, chance.choice(KINDS if first else KINDS[:3])))
    return changes


@dataclass
class _Program:
    """Runs the program once; `changes` make it B."""

    seed: int
    sections: Sequence[int]
    changes: Sequence[Change] = ()
    swapped: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    values: dict[str, object] = field(default_factory=dict[str, object])
    steps: list[StepRow] = field(default_factory=list[StepRow])
    causes: list[str] = field(default_factory=list[str])
    order: list[str] = field(default_factory=list[str])
    lookups: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])

    def columns(self, run_id: str) -> RunColumns:
        answers: list[str] = []
        for strand, count in enumerate(self.sections):
            name = "r" if strand == 0 else f"r/0.work.{strand}"
            chat: list[object] = [{"role": "system", "content": self._text("system", strand)}]
            for section in range(count):
                answers.append(self._section(name, strand, section, chat))
        output = self._root(" ".join(answers))
        return RunColumns(
            run_id=run_id,
            head=len(self.steps) - 1,
            status="ok",
            sealed=True,
            output=output,
            steps=self.steps,
        )

    def _section(self, name: str, strand: int, section: int, chat: list[object]) -> str:
        kind = next((c[2] for c in self.changes if c[:2] == (strand, section)), None)
        place = (strand, section)
        if kind == "inserted":
            extra = self._text("extra", *place)
            key = self._step(
                name, "tool", "audit", {"args": {"of": self._text("of", *place)}}, extra
            )
            self.causes.append(key)
            chat.append({"role": "user", "content": f"Note: {extra}"})
        asked = self._text("edited" if kind == "prompt" else "question", *place)
        own: list[object] = [{"role": "user", "content": asked}]
        own += self._looked_up(name, place, kind)
        chat += own
        params = {"temperature": 1 if kind == "params" else 0, "top_p": 1}
        calls = self._calls(own, place, kind)
        said = {"role": "assistant", "content": self._said(own, kind), "tool_calls": calls}
        key = self._model(name, chat, params, said, own)
        if kind in ("prompt", "params", "sampling"):
            self.causes.append(key)
        chat.append(said)
        own.append(said)
        for at, call in enumerate(calls):
            answer = self._called(name, place, call, external=kind == "external" and at == 0)
            chat.append(answer)
            own.append(answer)
        last = {"role": "assistant", "content": self._text("summary", json.dumps(own))}
        self._model(name, chat, {"temperature": 0, "top_p": 1}, last, own)
        chat.append(last)
        return str(last["content"])

    def _called(
        self, name: str, place: tuple[int, int], call: Mapping[str, object], *, external: bool
    ) -> dict[str, object]:
        result = self._text("other" if external else "result", *place, json.dumps(call))
        key = self._step(name, "tool", str(call["name"]), {"args": call["args"]}, result)
        if external:
            self.causes.append(key)
        return {"role": "tool", "id": call["id"], "content": result}

    def _looked_up(
        self, name: str, place: tuple[int, int], kind: str | None
    ) -> Iterator[dict[str, object]]:
        """Two calls that the code makes by itself; one of them in every second section only."""
        topics = ["stock", "price"] if self._number("topics", *place) % 2 else ["stock"]
        if place in self.swapped:
            topics = topics[::-1]
        found: dict[str, str] = {}
        for topic in topics:
            if kind == "removed" and topic == "stock":
                self.order.append(f"removed {place}")
                continue
            query = {"query": self._text("query", topic, *place)}
            found[topic] = self._text("found", topic, *place)
            key = self._step(name, "tool", f"lookup_{topic}", {"args": query}, found[topic])
            if topic == "stock":
                self.lookups[place] = key
        for topic in sorted(found):
            yield {"role": "user", "content": f"{topic}: {found[topic]}"}

    def _calls(
        self, own: Sequence[object], place: tuple[int, int], kind: str | None
    ) -> list[dict[str, object]]:
        """What the model asks for: it depends on this section only."""
        given = (json.dumps(own), kind if kind in ("sampling", "params") else "")
        count = 1 + self._number("count", *given) % 2
        return [
            {
                "id": f"call_{self._number('id', at, *given):x}",
                "name": f"tool_{(place[1] + self._number('tool', at, *given) // 7 % 2) % 5}",
                "args": {"topic": self._text("topic", at, *given), "limit": at + 3},
            }
            for at in range(count)
        ]

    def _said(self, own: Sequence[object], kind: str | None) -> str:
        return self._text("said", json.dumps(own), kind if kind in ("sampling", "params") else "")

    def _model(
        self,
        name: str,
        chat: Sequence[object],
        params: Mapping[str, object],
        said: object,
        own: Sequence[object],
    ) -> str:
        given = {"messages": list(chat), "params": params}
        return self._step(name, "model", "chat", given, said, list(own))

    def _step(
        self,
        strand: str,
        kind: str,
        name: str,
        parts: Mapping[str, object],
        answer: object,
        new: object = None,
    ) -> str:
        roots = {part: self._root(value) for part, value in parts.items()}
        key = f"{strand}#{sum(step.key.rpartition('#')[0] == strand for step in self.steps)}"
        self.steps.append(
            StepRow(
                seq=len(self.steps),
                key=key,
                kind=kind,
                name=name,
                signature=f"{kind} {name} {roots}",
                delta=None if new is None else f"{kind} {name} {self._root(new)}",
                parts=roots,
                output=self._root(answer),
            )
        )
        self.order.append(key)
        return key

    def _root(self, value: object) -> str:
        root = hashlib.sha256(json.dumps(value).encode()).hexdigest()[:43]
        self.values[root] = json.loads(json.dumps(value))
        return root

    def _number(self, *given: object) -> int:
        text = json.dumps([self.seed, *given])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")

    def _text(self, *given: object) -> str:
        chance = random.Random(self._number(*given))
        return " ".join(chance.choices(WORDS, k=chance.randrange(4, 14)))
