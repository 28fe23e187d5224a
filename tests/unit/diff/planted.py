"""Runs with planted differences: the truth about the pairs is known by construction."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from forkpoint.diff.columns import RunColumns, StepRow
from msgspec.structs import replace


class Values:
    """Roots for values, as the content tree gives them, by number: `load` is the way back."""

    def __init__(self) -> None:
        self.by_root: dict[str, object] = {}

    def root(self, value: object) -> str:
        name = f"root:{value!r}"
        self.by_root[name] = value
        return name

    def named(self, name: str, value: object) -> str:
        """A value under a short name, where writing it out would take long."""
        self.by_root[name] = value
        return name

    def load(self, root: str) -> object:
        return self.by_root[root]


def run(run_id: str, steps: Sequence[StepRow], **fields: object) -> RunColumns:
    numbered = [replace(step, seq=at) for at, step in enumerate(steps)]
    return RunColumns(
        run_id=run_id, head=len(steps) - 1, status="ok", sealed=True, steps=numbered, **fields
    )  # type: ignore[arg-type]


def call(
    values: Values,
    key: str,
    name: str = "search",
    *,
    given: object = None,
    answer: object = None,
    kind: str = "tool",
    **fields: object,
) -> StepRow:
    part = {"model": "messages", "retriever": "query"}.get(kind, "args")
    parts = {part: values.root(given)}
    return StepRow(
        seq=0,
        key=key,
        kind=kind,
        name=name,
        signature=f"{kind} {name} {parts}",
        parts=parts,
        output=values.root(answer),
        **fields,
    )  # type: ignore[arg-type]


def generated(count: int, names: int, *, sketches: bool = False) -> list[StepRow]:
    """Steps r#0 ... with distinct signatures and deltas; `site` keeps each one's true identity."""
    return [
        StepRow(
            seq=at,
            key=f"r#{at}",
            kind="tool",
            name=f"tool{at % names}",
            signature=f"s{at}",
            delta=f"d{at}",
            parts={"args": f"p{at}"},
            output=f"o{at}",
            sketch=sketch(range(4 * at, 4 * at + 4)) if sketches else None,
            end_ns=at,
        )
        for at in range(count)
    ]


def sketch(hashes: Iterable[int]) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in hashes)


def _other_name(steps: Sequence[StepRow], at: int, chance: random.Random) -> str:
    """A name unlike the neighbours', if there is one: equal ones could not be told apart."""
    near = {step.name for step in steps[max(0, at - 1) : at + 1]}
    names = sorted({step.name for step in steps[:50]})
    return chance.choice([name for name in names if name not in near] or names)


def edited(
    steps: Sequence[StepRow],
    seed: int,
    *,
    changed: float,
    cascade: bool = False,
    deltas: float = 0,
    similar: float = 0.1,
) -> list[tuple[int | None, StepRow]]:
    """(true index in A, step of B): 1 % inserted, 1 % deleted, `changed` of signatures altered.

    Each min-hash of a text agrees with the chance that the texts are `similar`.
    """
    chance = random.Random(seed)
    result: list[tuple[int | None, StepRow]] = []
    for at, step in enumerate(steps):
        if chance.random() < 0.01:
            continue
        if chance.random() < 0.01:
            other = _other_name(steps, at, chance)
            result.append(
                (None, replace(step, name=other, signature=f"new{at}", delta=f"n{at}", sketch=None))
            )
        altered = step
        if cascade or chance.random() < changed:
            altered = replace(altered, signature=f"x{at}", parts={"args": f"q{at}"})
        if chance.random() < deltas:
            altered = replace(altered, delta=f"xd{at}")
        if step.sketch:
            drawn = [4 * at + n + (0 if chance.random() < similar else 1 << 31) for n in range(4)]
            altered = replace(altered, sketch=sketch(drawn))
        result.append((at, altered))
    return [(truth, replace(step, key=f"r#{place}")) for place, (truth, step) in enumerate(result)]
