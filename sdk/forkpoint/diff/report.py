"""The diff report, format `forkpoint.diff/1` (diff guide, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forkpoint.diff.align import Alignment, align
from forkpoint.diff.classify import Classifier, Load, Row, counts
from forkpoint.diff.columns import RunColumns
from forkpoint.errors import DiffError

FORMAT = "forkpoint.diff/1"
MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs compared: all rows in B's order, and what they add up to."""

    a: RunColumns
    b: RunColumns
    alignment: Alignment
    rows: Sequence[Row]

    @property
    def first_divergence(self) -> int | None:
        """Index of the earliest root row, None if nothing differs."""
        return next((at for at, row in enumerate(self.rows) if row.is_root), None)

    @property
    def verdict(self) -> str:
        """`identical` if every row is `same` and the outcomes agree, else `different`."""
        same = all(row.name == "same" for row in self.rows)
        return "identical" if same and self.outcome["a"] == self.outcome["b"] else "different"

    @property
    def outcome(self) -> dict[str, str | None]:
        """What is compared as the outcome: status if it differs, else the run's output."""
        if self.a.status != self.b.status or None in (self.a.output, self.b.output):
            return {"by": "status", "a": self.a.status, "b": self.b.status}
        return {"by": "output", "a": self.a.output, "b": self.b.output}


def compare_runs(
    a: RunColumns, b: RunColumns, load: Load, alignment: Alignment | None = None
) -> Comparison:
    """Align (unless that is done) and class two runs.

    Raises `DiffError` with code `not_comparable` when their codecs or redaction keys differ, since
    unequal digests then say nothing, and `too_large` beyond a million steps a side.
    """
    check_comparable(a, b)
    if alignment is None:
        alignment = align(a, b)
    rows = Classifier(a, b, load).classify(alignment)
    return Comparison(a=a, b=b, alignment=alignment, rows=rows)


def check_comparable(a: RunColumns, b: RunColumns) -> None:
    """Raise `DiffError` unless equal digests mean equal payloads in both runs."""
    for name in ("content_format", "signature_codec", "redaction_key_id"):
        if getattr(a, name) != getattr(b, name):
            raise DiffError(
                f"runs {a.run_id} and {b.run_id} have another {name}: their digests cannot be "
                "compared; record both under one project key and version",
                field=name,
            )
    for side in (a, b):
        if len(side.steps) > MOST_STEPS:
            raise DiffError(
                f"run {side.run_id} has {len(side.steps)} steps, at most {MOST_STEPS} are compared",
                code="too_large",
            )


def to_report(comparison: Comparison) -> dict[str, object]:
    """The report as plain JSON values."""
    a, b = comparison.a, comparison.b
    first = comparison.first_divergence
    return {
        "format": FORMAT,
        "a": {"run": a.run_id, "head": a.head},
        "b": {"run": b.run_id, "head": b.head},
        "verdict": comparison.verdict,
        "provisional": not (a.sealed and b.sealed),
        "outcome": comparison.outcome,
        "counts": dict(counts(comparison.rows)),
        "coarse": comparison.alignment.coarse,
        "ambiguous": comparison.alignment.ambiguous,
        "firstDivergence": None
        if first is None
        else _described(comparison, comparison.rows[first]),
        "roots": [_described(comparison, row) for row in comparison.rows if row.is_root],
        "totals": _totals(a, b),
        "missing": _missing(a, b),
        "pairs": {"count": len(comparison.rows)},
    }


def _described(comparison: Comparison, row: Row) -> dict[str, object]:
    left = None if row.a is None else comparison.a.steps[row.a]
    right = None if row.b is None else comparison.b.steps[row.b]
    return {
        "a": left and left.key,
        "b": right and right.key,
        "seqA": left and left.seq,
        "seqB": right and right.seq,
        "name": (left or right).name if left or right else None,  # type: ignore[union-attr]
        "class": row.name,
        "sub": row.sub,
        "parts": list(row.parts),
        "partly": row.partly,
    }


def _totals(a: RunColumns, b: RunColumns) -> dict[str, list[int | None]]:
    return {
        "steps": [len(a.steps), len(b.steps)],
        "tokens": [_tokens(a), _tokens(b)],
        "costMicros": [_cost(a), _cost(b)],
    }


def _tokens(run: RunColumns) -> int:
    return sum((step.tokens_in or 0) + (step.tokens_out or 0) for step in run.steps)


def _cost(run: RunColumns) -> int | None:
    """None if any model step has no known price: a sum with holes would read as a saving."""
    prices = [step.cost_micro_usd for step in run.steps if step.kind == "model"]
    return None if None in prices else sum(price or 0 for price in prices)


def _missing(a: RunColumns, b: RunColumns) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {"section": "payload", "step": step.key, "run": run.run_id, "reason": "not_clean"}
        for run in (a, b)
        for step in run.steps
        if step.unreadable
    ]
    if _cost(a) is None or _cost(b) is None:
        found.append({"section": "cost", "reason": "price_unknown", "retry": False})
    return found
