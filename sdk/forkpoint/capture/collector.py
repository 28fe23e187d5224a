"""The collector as the SDK sees it: GraphQL over HTTP, and what each answer means for a sender."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import msgspec
import orjson
import urllib3
from urllib3.exceptions import HTTPError

from forkpoint.errors import Rejected, TransportError, Unavailable

TIMEOUT_S = 10.0
PACKED_BYTES = 1024
"""Smaller requests fit one packet as they are."""
GZIP_LEVEL = 3
"""Level 6 takes twice the time for a quarter fewer bytes (measured on recorded talks)."""
START = "mutation Start($input: StartRunInput!) { startRun(input: $input) { created missing } }"
INGEST = (
    "mutation Ingest($input: IngestEventsInput!) { ingestEvents(input: $input) { accepted "
    "duplicates held rejected { index id code message field } missing } }"
)
FINISH = "mutation Finish($input: FinishRunInput!) { finishRun(input: $input) { missing } }"
_AWAY = frozenset({408, 425, 429, 500, 502, 503, 504})
_AWAY_CODES = frozenset({"OVERLOADED", "RATE_LIMITED", "INTERNAL", "UNAVAILABLE"})
_REFUSED_CODES = frozenset({"UNAUTHENTICATED", "FORBIDDEN"})


class NotAllowed(TransportError):
    """The token is missing, wrong or too weak: spool on, and send nothing until it is changed."""

    code = "not_allowed"


class TooLarge(TransportError):
    """The collector takes no request of this size: send it in parts."""

    code = "too_large"


class RejectedEvent(msgspec.Struct, frozen=True):
    """An event the collector will never take."""

    index: int
    code: str
    message: str
    id: str | None = None
    field: str | None = None


class Ingested(msgspec.Struct, frozen=True):
    """What became of a batch; with `missing`, nothing of it was stored."""

    accepted: int = 0
    duplicates: int = 0
    held: int = 0
    rejected: tuple[RejectedEvent, ...] = ()
    missing: tuple[str, ...] = ()


class Collector(Protocol):
    """Takes runs and events; raises `Unavailable`, `NotAllowed`, `TooLarge` and `Rejected`.

    Records and events are JSON bytes, blocks are bodies; `missing` names digests it needs first.
    """

    def start(self, record: bytes, blocks: Sequence[bytes]) -> Sequence[str]:
        """Open a run; digests that are missing, if any."""
        ...

    def ingest(self, events: Sequence[bytes], blocks: Sequence[bytes]) -> Ingested:
        """Store a batch."""
        ...

    def finish(self, record: bytes, blocks: Sequence[bytes]) -> Sequence[str]:
        """Close a run; digests that are missing, if any."""
        ...


class HttpCollector:
    """A `Collector` behind `POST /graphql`."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = TIMEOUT_S,
        packed: bool = False,
    ) -> None:
        """`packed`: requests go out compressed, which pays wherever there is a network between."""
        self._packed = packed
        self._url = f"{url.rstrip('/')}/graphql"
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(
            maxsize=2, retries=False, timeout=urllib3.Timeout(timeout_s)
        )

    def start(self, record: bytes, blocks: Sequence[bytes]) -> Sequence[str]:
        """Open a run."""
        answer = self._call(START, "startRun", {"record": orjson.Fragment(record)}, blocks)
        return cast("Sequence[str]", answer.get("missing") or ())

    def ingest(self, events: Sequence[bytes], blocks: Sequence[bytes]) -> Ingested:
        """Store a batch."""
        listed = [orjson.Fragment(event) for event in events]
        answer = self._call(INGEST, "ingestEvents", {"events": listed}, blocks)
        try:
            return msgspec.convert(answer, Ingested)
        except msgspec.ValidationError as error:
            raise Unavailable(f"the collector gave no sense: {error}") from None

    def finish(self, record: bytes, blocks: Sequence[bytes]) -> Sequence[str]:
        """Close a run."""
        answer = self._call(FINISH, "finishRun", {"record": orjson.Fragment(record)}, blocks)
        return cast("Sequence[str]", answer.get("missing") or ())

    def _call(
        self, query: str, field: str, values: Mapping[str, object], blocks: Sequence[bytes]
    ) -> Mapping[str, object]:
        given = {**values, "blocks": [body.decode() for body in blocks]}
        body = orjson.dumps({"query": query, "variables": {"input": given}})
        headers = self._headers
        if self._packed and len(body) > PACKED_BYTES:
            body = gzip.compress(body, compresslevel=GZIP_LEVEL, mtime=0)
            headers = {**headers, "Content-Encoding": "gzip"}
        try:
            response = self._pool.request("POST", self._url, body=body, headers=headers)
        except HTTPError as error:
            raise Unavailable(f"the collector cannot be reached: {type(error).__name__}") from error
        retry_after = _seconds(response.headers.get("Retry-After"))
        _check_status(response.status, retry_after)
        return _data(response.data, response.status, field, retry_after)


def _check_status(status: int, retry_after: float | None) -> None:
    if status in _AWAY:
        raise Unavailable(f"the collector answered {status}", retry_after_s=retry_after)
    if status in (401, 403):
        raise NotAllowed(f"the collector answered {status}; check FORKPOINT_TOKEN")
    if status == 413:
        raise TooLarge("the collector takes no request of this size")


def _data(body: bytes, status: int, field: str, retry_after: float | None) -> Mapping[str, object]:
    try:
        answer = cast("Mapping[str, object]", orjson.loads(body))
        errors = cast("Sequence[Mapping[str, object]]", answer.get("errors") or ())
        data = cast("Mapping[str, object] | None", answer.get("data")) or {}
    except (orjson.JSONDecodeError, AttributeError):
        raise Unavailable(f"the collector answered {status} without JSON") from None
    if errors:
        raise _error_of(errors[0], retry_after)
    found = data.get(field)
    if not isinstance(found, Mapping):
        raise Unavailable(f"the collector answered {status} without `{field}`")
    return cast("Mapping[str, object]", found)


def _error_of(error: Mapping[str, object], retry_after: float | None) -> TransportError:
    extensions = cast("Mapping[str, object]", error.get("extensions") or {})
    code = str(extensions.get("code", ""))
    message = f"{code or 'error'}: {error.get('message')}"
    if code in _REFUSED_CODES:
        return NotAllowed(message)
    if code in _AWAY_CODES:
        given = extensions.get("retryAfterS")
        wait = float(given) if isinstance(given, int | float) else retry_after
        return Unavailable(message, retry_after_s=wait)
    if code == "LIMIT_EXCEEDED":
        return TooLarge(message)
    return Rejected(message, code=code.lower() or "rejected")


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
