"""The filter line of run lists, as the cockpit has it: `status:error tool:refund since:7d text`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from forkpoint_cli.errors import CliError

STATUSES = ("RUNNING", "OK", "ERROR", "CANCELLED", "INTERRUPTED")
NS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
KEYS = "status name tool model kind tag duration since until forkOf"
_TOKEN = re.compile(r'([A-Za-z]+):("[^"]*"|\S*)|"[^"]*"|\S+')
_SPAN = re.compile(r"(\d+)(ms|s|m|h|d)\Z")

Filter = dict[str, object]


def read_filter(line: str, *, now_ns: int) -> Filter:
    """The line as `RunFilter`; `now_ns` anchors `since:7d`. Raises `CliError`."""
    found: Filter = {}
    words: list[str] = []
    for match in _TOKEN.finditer(line):
        key, value = match[1], match[2]
        if key is None:
            words.append(match[0].strip('"'))
            continue
        reader = _READERS.get(key.lower())
        if reader is None:
            raise CliError(f"a filter has no {key}:", hint=f"there are: {KEYS}")
        name, read = reader(value.strip('"'), now_ns)
        found[name] = read
    return found | ({"text": " ".join(words)} if words else {})


def _status(value: str, _: int) -> tuple[str, object]:
    words = value.upper().split(",")
    if not set(words) <= set(STATUSES):
        raise CliError(f"a status is {', '.join(STATUSES).lower()}, not {value}")
    return "status", words


def _duration(value: str, _: int) -> tuple[str, object]:
    return "durationOverNs", str(_span(value.lstrip(">=")))


def _moment(field: str) -> Callable[[str, int], tuple[str, object]]:
    def read(value: str, now_ns: int) -> tuple[str, object]:
        if _SPAN.match(value):
            return field, str(now_ns - _span(value))
        try:
            day = datetime.fromisoformat(value)
        except ValueError:
            raise CliError(f"write {field}:7d or {field}:2026-03-01, not {value}") from None
        at = day if day.tzinfo else day.replace(tzinfo=UTC)
        return field, str(int(at.timestamp()) * NS["s"])

    return read


def _span(value: str) -> int:
    match = _SPAN.match(value)
    if match is None:
        raise CliError(f"write 10s, 5m, 12h or 7d, not {value}")
    return int(match[1]) * NS[match[2]]


def _text(field: str) -> Callable[[str, int], tuple[str, object]]:
    return lambda value, _: (field, value)


_READERS: dict[str, Callable[[str, int], tuple[str, object]]] = {
    "status": _status,
    "kind": lambda value, _: ("kind", value.upper()),
    "name": _text("name"),
    "tag": _text("tag"),
    "tool": _text("tool"),
    "model": _text("model"),
    "forkof": _text("forkOf"),
    "duration": _duration,
    "since": _moment("since"),
    "until": _moment("until"),
}
