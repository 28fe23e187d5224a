"""Pairs made of recorded runs: a conversation as a model led it, and the same with planted changes.

Nothing of it is generated as in `planted.py`: prompts, calls, tool results and their structure are
those of the AgentDojo runs in `examples/agentdojo`. B is the recording with one to three changes
of a few words: a tool answers otherwise, a model samples otherwise, the question or the model of a
call is another. What repeats a changed text repeats the new one, and in every second case the next
model says some of it too, as models do. No rule of the engine was tuned on these pairs.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import cast

import msgspec
from forkpoint.content import decode, digest_from_text
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.recorded import columns_of
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.tape import Importer

from benchmarks.planted import Planted, judge

RUNS = Path(__file__).parents[1] / "examples/agentdojo/runs"
SEEDS = range(400)
LEAST = 24
"""Characters of a text that is changed: a shorter one may stand elsewhere by chance."""
DRAWN = ("id", "tool_call_id")
"""Names that a provider draws: another one is no cause."""
FEWEST = 4
"""Steps of a run that is used."""


def figures() -> dict[str, float]:
    """Shares of pairs in percent."""
    judged = [judge(mutated(seed)) for seed in SEEDS]
    first, exact = (sum(each) / len(judged) for each in zip(*judged, strict=True))
    return {
        "diff_recorded_pairs": len(judged),
        "diff_recorded_first_right_percent": 100 * first,
        "diff_recorded_roots_exact_percent": 100 * exact,
    }


@dataclass
class _Step:
    row: StepRow
    parts: dict[str, object]
    output: object


@dataclass
class _Run:
    steps: list[_Step]
    output: object
    values: dict[str, object] = field(default_factory=dict[str, object])

    def columns(self, run_id: str) -> RunColumns:
        """The run with new roots; what they stand for is kept in `values`."""
        rows: list[StepRow] = []
        for step in self.steps:
            parts = {name: self._root(value) for name, value in step.parts.items()}
            signature = self._root([step.row.kind, step.row.name, parts])
            given = {"parts": parts, "signature": signature, "delta": None}
            output = None if step.output is None else self._root(step.output)
            rows.append(msgspec.structs.replace(step.row, output=output, **given))
        head = len(rows) - 1
        end = None if self.output is None else self._root(self.output)
        return RunColumns(
            run_id=run_id, head=head, status="ok", sealed=True, output=end, steps=rows
        )

    def _root(self, value: object) -> str:
        root = hashlib.sha256(json.dumps(value).encode()).hexdigest()[:43]
        self.values[root] = value
        return root


@lru_cache(maxsize=1)
def _recorded() -> list[str]:
    """Recordings without an attack that have enough steps."""
    with (RUNS / "manifest.csv").open(newline="") as file:
        paths = sorted({row["clean_pair"] for row in csv.DictReader(file)} - {""})
    return [path for path in paths if len(_read(path).steps) >= FEWEST]


def _read(path: str) -> _Run:
    return msgspec.json.decode(_read_once(path), type=_Run)


@lru_cache(maxsize=128)
def _read_once(path: str) -> bytes:
    importer = Importer(name="measured", redact=lambda value: value)
    found = import_log((RUNS / path.removeprefix("agentdojo/")).read_bytes(), importer)

    def load(root: str | None) -> object:
        if root is None:
            return None
        return decode(
            digest_from_text(root), lambda some: {each: found.blocks[each] for each in some}
        )

    columns = columns_of(found.start, found.end, found.events)
    steps = [
        _Step(row, {name: load(root) for name, root in row.parts.items()}, load(row.output))
        for row in columns.steps
    ]
    return msgspec.json.encode(_Run(steps, load(columns.output)))


def mutated(seed: int) -> Planted:
    """The pair of this number."""
    chance = random.Random(seed)
    path = chance.choice(_recorded())
    ours, theirs = _read(path), _read(path)
    causes = _mutate(theirs, chance, wanted=chance.choice([1, 1, 2, 3]))
    a, b = ours.columns("a"), theirs.columns("b")
    return Planted(a=a, b=b, values={**ours.values, **theirs.values}, causes=causes)


def _mutate(run: _Run, chance: random.Random, *, wanted: int) -> list[str]:
    """Change up to so many places, in order, and say which; at least one."""
    before = [msgspec.json.encode(step.parts) for step in run.steps]
    places = [at for at, step in enumerate(run.steps) if step.row.kind in ("model", "tool")]
    chosen = sorted(chance.sample(places, len(places)), key=lambda at: chance.random())[:wanted]
    causes: list[str] = []
    for at in sorted(chosen) or places[:1]:
        step = run.steps[at]
        touched = msgspec.json.encode(step.parts) != before[at]
        if step.row.kind == "tool":
            made = not touched and _answer(run, at, chance)
        elif touched:  # what it says otherwise behind a change could be an echo
            made = _other_model(step)
        else:
            made = chance.choice([_answer, _ask])(run, at, chance)
        if made:
            causes.append(step.row.key)
    if not causes:
        first = next(at for at in places if run.steps[at].row.kind == "model")
        _other_model(run.steps[first])
        causes.append(run.steps[first].row.key)
    return causes


def _other_model(step: _Step) -> bool:
    # another one each time: the same change again would be one cause that goes on
    step.parts["model"] = {"api": "chat", "id": f"instead-in-{step.row.key}", "provider": "openai"}
    return True


def _ask(run: _Run, at: int, chance: random.Random) -> bool:
    """Another question from this call on."""
    messages = cast("list[dict[str, object]]", run.steps[at].parts.get("messages", []))
    asked = [m for m in messages if m["role"] == "user" and isinstance(m["content"], str)]
    if not asked or messages[-1] is not asked[-1]:
        return _answer(run, at, chance)
    text = str(asked[-1]["content"])
    return _exchange(run, at, text, _edited(text, chance))


def _answer(run: _Run, at: int, chance: random.Random) -> bool:
    """Another answer of this call; in every second case the next model repeats some of it."""
    texts = [text for text in _texts(run.steps[at].output) if len(text) >= LEAST]
    if not texts:
        return run.steps[at].row.kind == "model" and _other_model(run.steps[at])
    text = max(texts, key=len)
    other = _edited(text, chance)
    run.steps[at].output = _replaced(run.steps[at].output, text, other)
    _exchange(run, at + 1, text, other)
    following = next((s for s in run.steps[at + 1 :] if s.row.kind == "model"), None)
    if following is not None and chance.random() < 0.5:
        said = [text for text in _texts(following.output) if len(text) >= LEAST]
        if said:
            longer = f"{said[0]} ({_news(text, other)})"
            place = run.steps.index(following)
            following.output = _replaced(following.output, said[0], longer)
            _exchange(run, place + 1, said[0], longer)
    return True


def _edited(text: str, chance: random.Random) -> str:
    """The text with some words exchanged for words of another recording."""
    words, at = text.split(" "), 0
    other = [w for t in _texts(_read(chance.choice(_recorded())).output) for w in t.split()]
    count = min(len(words), chance.randrange(3, 8))
    at = chance.randrange(len(words) - count + 1)
    words[at : at + count] = chance.choices(other or ["nothing"], k=count)
    found = " ".join(words)
    return found if found != text else f"{text} {' '.join(words[:2])}"


def _news(before: str, after: str) -> str:
    """The words in which two texts differ, as the second has them."""
    old, new = before.split(" "), after.split(" ")
    start = next(
        (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0
    )
    return " ".join(new[start : start + 8])


def _exchange(run: _Run, begin: int, text: str, other: str) -> bool:
    """Put a text in the place of another in all that later calls are given, and in the outcome."""
    for step in run.steps[begin:]:
        if step.row.kind == "model":
            step.parts = cast("dict[str, object]", _replaced(step.parts, text, other))
    run.output = _replaced(run.output, text, other)
    return True


def _replaced(value: object, text: str, other: str) -> object:
    if isinstance(value, str):
        return value.replace(text, other)
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {key: _replaced(item, text, other) for key, item in fields.items()}
    if isinstance(value, list):
        return [_replaced(item, text, other) for item in cast("list[object]", value)]
    return value


def _texts(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return [text for key, item in items if key not in DRAWN for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in cast("list[object]", value) for text in _texts(item)]
    return []
