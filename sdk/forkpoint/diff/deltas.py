"""What differs within one pair of steps, computed when it is opened (diff guide, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard, cast

from forkpoint.content import ContentError, Get, digest_from_text
from forkpoint.diff.classify import Load
from forkpoint.diff.columns import StepRow
from forkpoint.diff.echoes import differing_parts
from forkpoint.diff.messages import MessageRow, compare_messages, compare_trees
from forkpoint.diff.pointers import changes
from forkpoint.diff.retrieval import compare_documents
from forkpoint.diff.text import hunks, ratio
from forkpoint.errors import UsageError

Delta = dict[str, object]
NOTABLE_SHARE = 0.2
NOTABLE_NS = 50_000_000
_MESSAGE_PARTS = ("messages", "system")
GONE = "blob_missing"
_REASONS = {"too_large": "too_large"}


class Unread(KeyError):
    """A payload that `load` or `get` cannot give; `reason` is a word of `missing`."""

    def __init__(self, root: str, reason: str = GONE) -> None:
        super().__init__(root)
        self.reason = reason


def step_delta(a: StepRow, b: StepRow, load: Load, get: Get | None = None) -> Delta:
    """All deltas of a pair that are not empty: `prompt`, `parts`, `tools`, `retrieval`, `output`,
    `status`, `model`, `latency`, `tokens`, `cost`, and `missing` for what could not be read.

    With `get`, messages are compared as stored trees: blocks of what is equal are not read.
    """
    delta: Delta = {}
    missing: list[dict[str, str]] = []
    for part in differing_parts(a, b):
        roots = a.parts.get(part), b.parts.get(part)
        try:
            if part in _MESSAGE_PARTS:
                prompt = cast("Delta", delta.setdefault("prompt", {}))
                prompt[part] = _messages(roots, load, get)
            else:
                _part_delta(delta, part, roots, load)
        except KeyError as error:
            missing.append({"section": f"part:{part}", "reason": _reason(error)})
    if not delta.get("prompt", True):
        del delta["prompt"]
    output = _output(a, b, load, missing)
    if output is not None:
        delta["output"] = output
    _numbers(delta, a, b)
    if a.unreadable or b.unreadable:
        missing.append({"section": "payload", "reason": "not_clean"})
    if missing:
        delta["missing"] = missing
    return delta


def _part_delta(
    delta: Delta,
    part: str,
    roots: tuple[str | None, str | None],
    load: Load,
) -> None:
    before = None if roots[0] is None else load(roots[0])
    after = None if roots[1] is None else load(roots[1])
    if part == "tools":
        delta["tools"] = _tools(_listed(before), _listed(after))
    else:
        parts = cast("Delta", delta.setdefault("parts", {}))
        parts[part] = changes(before, after)


def _messages(
    roots: tuple[str | None, str | None], load: Load, get: Get | None
) -> list[MessageRow]:
    one, two = roots
    if get is not None and one is not None and two is not None:
        try:
            return compare_trees(digest_from_text(one), digest_from_text(two), get)
        except UsageError:  # a text in the place of a list
            pass
        except ContentError as error:
            raise Unread(one, _REASONS.get(error.code, GONE)) from error
    before, after = None if one is None else load(one), None if two is None else load(two)
    return compare_messages(_listed(before), _listed(after))


def _reason(error: KeyError) -> str:
    return error.reason if isinstance(error, Unread) else GONE


def _tools(before: list[object], after: list[object]) -> Delta:
    left, right = _by_name(before), _by_name(after)
    return {
        "added": sorted(right.keys() - left.keys()),
        "removed": sorted(left.keys() - right.keys()),
        "changed": [
            {"name": name, "changes": found}
            for name in left
            if name in right and (found := changes(left[name], right[name]))
        ],
    }


def _by_name(tools: list[object]) -> dict[str, object]:
    named: dict[str, object] = {}
    for index, tool in enumerate(tools):
        fields = _object(tool)
        inner = _object(fields.get("function")) or fields
        named[str(inner.get("name", f"#{index}"))] = tool
    return named


def _object(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value)
    return dict[str, object]()


def _output(
    a: StepRow, b: StepRow, load: Load, missing: list[dict[str, str]]
) -> dict[str, object] | None:
    if a.answer == b.answer:
        return None
    try:
        before = None if a.answer is None else load(a.answer)
        after = None if b.answer is None else load(b.answer)
    except KeyError as error:
        missing.append({"section": "output", "reason": _reason(error)})
        return None
    if a.error is not None or b.error is not None:
        return {"kind": "error", "a": before, "b": after, "changes": changes(before, after)}
    return _answers(a.kind, before, after)


def _answers(kind: str, before: object, after: object) -> dict[str, object]:
    if isinstance(before, str) and isinstance(after, str):
        words = hunks(before, after)
        return {"kind": "text", "words": words, "ratio": round(ratio(words), 3)}
    if kind == "retriever" and _is_list(before) and _is_list(after):
        return {"kind": "retrieval", **compare_documents(before, after)}
    return {"kind": "json", "changes": [_worded(change) for change in changes(before, after)]}


def _worded(change: dict[str, object]) -> dict[str, object]:
    before, after = change.get("a"), change.get("b")
    if isinstance(before, str) and isinstance(after, str):
        return {**change, "words": hunks(before, after)}
    return change


def _numbers(delta: Delta, a: StepRow, b: StepRow) -> None:
    if a.status != b.status:
        delta["status"] = {"a": a.status, "b": b.status}
    if a.model != b.model:
        delta["model"] = {"a": a.model, "b": b.model}
    latency = _latency(a, b)
    if latency is not None:
        delta["latency"] = latency
    tokens = [(a.tokens_in, b.tokens_in), (a.tokens_out, b.tokens_out)]
    if any(before != after for before, after in tokens):
        delta["tokens"] = {"in": list(tokens[0]), "out": list(tokens[1])}
    if a.cost_micro_usd != b.cost_micro_usd:
        delta["cost"] = {"a": a.cost_micro_usd, "b": b.cost_micro_usd}


def _latency(a: StepRow, b: StepRow) -> Delta | None:
    """Both durations in ns; None if either was served from a recording or has not ended."""
    if a.end_ns is None or b.end_ns is None or "exact" in (a.mode, b.mode):
        return None
    before, after = a.end_ns - a.start_ns, b.end_ns - b.start_ns
    apart = abs(after - before)
    if apart <= NOTABLE_NS or apart <= NOTABLE_SHARE * max(before, after):
        return None
    return {"a": before, "b": after}


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _listed(value: object) -> list[object]:
    """A list as it is, nothing as an empty list, anything else as the only item."""
    if _is_list(value):
        return value
    return [] if value is None else [value]
