"""The diff report, format `forkpoint.diff/1` (diff guide, section 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from forkpoint.diff.align import align
from forkpoint.diff.alignment import Alignment
from forkpoint.diff.causes import Cause, attribute
from forkpoint.diff.classify import MOST_EXAMINED, Classifier, Load
from forkpoint.diff.columns import RunColumns
from forkpoint.diff.outcome import Outcome, outcome_of, outcome_sources
from forkpoint.diff.rows import CLASSES, PARTLY, QUIET, SAME, SUBS, UNKNOWN, Rows
from forkpoint.diff.table import column, place_of, places_of_kind
from forkpoint.errors import DiffError

MOST_DRAWN = 24
"""Steps of a path that are described beside their keys."""
FORMAT = "forkpoint.diff/1"
MOST_STEPS = 1_000_000
MOST_LISTED = 1_000
"""Roots, possible roots and missing sections that a report lists one by one."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs compared: all rows in B's order, and what they add up to."""

    a: RunColumns
    b: RunColumns
    alignment: Alignment
    rows: Rows
    outcome: Outcome
    causes: Sequence[Cause]
    """The roots in run order, each with the evidence that it led to the outcome."""
    examined: int = MOST_EXAMINED
    """Changed steps whose payloads were read at most; 0: none, the classes come from digests."""
    lost: Mapping[int, Sequence[str]] = field(default_factory=dict[int, Sequence[str]])
    """Input parts that could not be loaded, by row."""
    kept: Mapping[str, object] | None = None
    """The report, of a comparison that was computed before."""

    @property
    def first_divergence(self) -> int | None:
        """Index of the root with no root among its causes, None if nothing differs.

        Causes come before what they cause, so it is the first in run order.
        """
        return self.causes[0].row if self.causes else None

    @property
    def verdict(self) -> str:
        """`identical` if every row is `same` and the outcomes agree, `different` if not;
        `incomplete` if nothing known differs but something is not known.
        """
        if self.outcome.differs or any(name not in (SAME, UNKNOWN) for name in set(self.rows.name)):
            return "different"
        return "incomplete" if UNKNOWN in self.rows.name else "identical"


def compare_runs(
    a: RunColumns,
    b: RunColumns,
    load: Load,
    alignment: Alignment | None = None,
    *,
    examine: int = MOST_EXAMINED,
) -> Comparison:
    """Align (unless that is done) and class two runs; payloads of `examine` steps are read.

    Raises `DiffError` with code `not_comparable` when their codecs or redaction keys differ, since
    unequal digests then say nothing, and `too_large` beyond a million steps a side.
    """
    check_comparable(a, b)
    if alignment is None:
        alignment = align(a, b)
    classifier = Classifier(a, b, load, examine=examine)
    rows = classifier.classify(alignment)
    outcome = outcome_of(a, b)
    return Comparison(
        a=a,
        b=b,
        alignment=alignment,
        rows=rows,
        outcome=outcome,
        causes=attribute(rows, classifier.sources, outcome_sources(a, b, outcome, classifier)),
        examined=examine,
        lost=classifier.lost,
    )


def exit_status(report: Mapping[str, object]) -> int:
    """Of a command that compares: 0 equal, 1 different, 2 a served answer is not the recorded."""
    counts = report["counts"]
    if isinstance(counts, Mapping) and "integrity" in counts:
        return 2
    return 0 if report["verdict"] == "identical" else 1


def restored(
    a: RunColumns,
    b: RunColumns,
    rows: Rows,
    report: Mapping[str, object],
    *,
    is_draft: bool = False,
) -> Comparison:
    """A comparison from its rows and its report, as it was computed for these columns."""
    return Comparison(
        a=a,
        b=b,
        alignment=rows.alignment(len(a.steps), len(b.steps)),
        rows=rows,
        outcome=outcome_of(a, b),
        causes=attribute(rows, {}, {}),
        examined=0 if is_draft else MOST_EXAMINED,
        kept=report,
    )


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
    """The report as plain JSON values (`schema.json` in this folder describes them)."""
    if comparison.kept is not None:
        return dict(comparison.kept)
    a, b, rows = comparison.a, comparison.b, comparison.rows
    outcome, causes = comparison.outcome, comparison.causes
    roots = {cause.row for cause in causes}
    possible = (at for at in rows.partly() if at not in roots)
    totals = _totals(a, b)
    first = comparison.first_divergence
    return {
        "format": FORMAT,
        "a": {"run": a.run_id, "head": a.head},
        "b": {"run": b.run_id, "head": b.head},
        "verdict": comparison.verdict,
        "provisional": not (a.sealed and b.sealed),
        "outcome": {"by": outcome.by, "a": outcome.a, "b": outcome.b},
        "counts": dict(rows.counts()),
        "coarse": comparison.alignment.coarse,
        "ambiguous": comparison.alignment.ambiguous,
        "firstDivergence": None if first is None else _described(comparison, first),
        "attribution": _attribution(comparison),
        "roots": [_root(comparison, cause) for cause in causes[:MOST_LISTED]],
        "rootCount": len(causes),
        "possible": [_described(comparison, at) for at in islice(possible, MOST_LISTED)],
        "possibleCount": rows.count_partly() - sum(bool(rows.flags[at] & PARTLY) for at in roots),
        "totals": totals,
        "missing": _missing(comparison, prices=totals["costMicros"]),
        "pairs": {"count": len(rows)},
    }


def _attribution(comparison: Comparison) -> str:
    """The strongest word of any root; `none` for equal outcomes."""
    words = {cause.word for cause in comparison.causes}
    return next((word for word in ("supported", "possible") if word in words), "none")


def _root(comparison: Comparison, cause: Cause) -> dict[str, object]:
    found = _described(comparison, cause.row)
    found["row"] = cause.row
    found["word"] = cause.word
    found["tier"] = cause.tier
    found["couldBeSampling"] = cause.could_be_sampling
    found["path"] = [_key(comparison, at) for at in cause.path[:MOST_LISTED]]
    found["pathSteps"] = [_on_path(comparison, at) for at in cause.path[:MOST_DRAWN]]
    return found


def _on_path(comparison: Comparison, at: int) -> dict[str, object]:
    left, right = comparison.rows.a[at], comparison.rows.b[at]
    side, run, place = ("b", comparison.b, right) if right >= 0 else ("a", comparison.a, left)
    _, seq, kind, name = place_of(run.steps, place)
    return {"side": side, "seq": seq, "kind": kind, "name": name}


def _key(comparison: Comparison, at: int) -> str:
    left, right = comparison.rows.a[at], comparison.rows.b[at]
    run, place = (comparison.b, right) if right >= 0 else (comparison.a, left)
    return place_of(run.steps, place)[0]


def _described(comparison: Comparison, at: int) -> dict[str, object]:
    """One row, read from the columns: there may be thousands of them."""
    rows = comparison.rows
    place_a, place_b = rows.a[at], rows.b[at]
    key_a, seq_a, kind, name = place_of(comparison.a.steps, place_a) if place_a >= 0 else _NOWHERE
    key_b, seq_b = None, None
    if place_b >= 0:
        key_b, seq_b, kind, name = place_of(comparison.b.steps, place_b)
    flags = rows.flags[at]
    return {
        "a": key_a,
        "b": key_b,
        "seqA": seq_a,
        "seqB": seq_b,
        "kind": kind,
        "name": name,
        "class": CLASSES[rows.name[at]],
        "sub": SUBS[rows.sub[at]],
        "parts": list(rows.part_table[rows.part[at]]),
        "partly": bool(flags & PARTLY),
        "absorbed": bool(flags & QUIET),
    }


_NOWHERE = (None, None, None, None)


def _totals(a: RunColumns, b: RunColumns) -> dict[str, list[int | None]]:
    return {
        "steps": [len(a.steps), len(b.steps)],
        "tokens": [_tokens(a), _tokens(b)],
        "costMicros": [_cost(a), _cost(b)],
    }


def _tokens(run: RunColumns) -> int:
    models = places_of_kind(run.steps, "model")
    if not models:
        return 0
    return sum(
        number
        for field in ("tokens_in", "tokens_out")
        for number in map(column(run.steps, field).__getitem__, models)
        if isinstance(number, int)
    )


def _cost(run: RunColumns) -> int | None:
    """None if any model step has no known price: a sum with holes would read as a saving."""
    models = places_of_kind(run.steps, "model")
    if not models:
        return 0
    prices = list(map(column(run.steps, "cost_micro_usd").__getitem__, models))
    return None if None in prices else sum(price for price in prices if isinstance(price, int))


def _missing(comparison: Comparison, *, prices: Sequence[int | None]) -> list[dict[str, object]]:
    a, b = comparison.a, comparison.b
    found: list[dict[str, object]] = [
        {"section": "payload", "step": run.steps[at].key, "run": run.run_id, "reason": "not_clean"}
        for run in (a, b)
        for at in islice(_unreadable(run), MOST_LISTED)
    ]
    found = found[:MOST_LISTED]
    if None in prices:
        found.append({"section": "cost", "reason": "price_unknown", "retry": False})
    for run in (a, b):
        if not run.sealed:
            found.append(
                {"section": "rows", "run": run.run_id, "reason": "unsealed", "retry": True}
            )
    found += _lost(comparison)
    rows = comparison.rows
    changed = len(rows) - rows.name.count(SAME)
    if changed > comparison.examined:
        draft = not comparison.examined
        reason = "timeout" if draft else "too_large"
        found.append({"section": "explanation", "reason": reason, "retry": draft})
    return found


def _unreadable(run: RunColumns) -> Iterator[int]:
    flags = column(run.steps, "unreadable")
    return (at for at, flag in enumerate(flags) if flag) if True in flags else iter(())


def _lost(comparison: Comparison) -> list[dict[str, object]]:
    places = [(at, part) for at, parts in comparison.lost.items() for part in parts]
    return [
        {
            "section": f"part:{part}",
            "step": _key(comparison, at),
            "reason": "blob_missing",
            "retry": True,
        }
        for at, part in places[:MOST_LISTED]
    ]
