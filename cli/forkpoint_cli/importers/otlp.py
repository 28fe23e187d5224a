"""Files of OpenTelemetry exports, and their way to the service's own OTLP door.

JSON lines, one export request a line (the collector's file exporter), or protobuf: requests behind
a length, either a varint (the delimited form of protobuf) or four bytes, highest first (the
collector).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from forkpoint_cli.client import TIMEOUT_S
from forkpoint_cli.errors import CliError, Refused, ServerAway
from forkpoint_cli.settings import Settings

TRIES = 5
"""Attempts at one request while the service says that it is busy."""
_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_PATHS = {"resourceSpans": "/v1/traces", "resourceLogs": "/v1/logs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One export request of a file."""

    place: str
    body: bytes
    content_type: str
    paths: tuple[str, ...]
    """Doors to try; protobuf does not say which signal it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What an import came to."""

    requests: int = 0
    rejected: int = 0
    """Spans and records that the service refused alone."""


def read_requests(path: Path) -> Iterator[Request]:
    """The export requests of a file. Raises `CliError` for a file of no known form."""
    body = path.read_bytes()
    if body.lstrip()[:1] == b"{":
        yield from _json_lines(path, body)
        return
    pieces = _after_words(body) or _after_varints(body)
    if pieces is None:
        raise CliError(f"{path} holds neither JSON lines nor length-delimited protobuf")
    for number, piece in enumerate(pieces, start=1):
        yield Request(
            place=f"{path}, message {number}",
            body=piece,
            content_type=_PROTOBUF,
            paths=("/v1/traces", "/v1/logs"),
        )


def send_files(settings: Settings, files: Sequence[Path], *, advance: Callable[[], None]) -> Sent:
    """Post every request of every file; `advance` is called as each file is done."""
    return asyncio.run(_send(settings, files, advance))


async def _send(settings: Settings, files: Sequence[Path], advance: Callable[[], None]) -> Sent:
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    requests = rejected = 0
    try:
        async with aiohttp.ClientSession(settings.url, headers=headers, timeout=timeout) as session:
            for path in files:
                for request in read_requests(path):
                    rejected += await _post(session, request)
                    requests += 1
                advance()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise ServerAway(
            f"nothing answers at {settings.url}: {type(error).__name__}",
            hint="start one with: forkpoint up",
        ) from None
    return Sent(requests=requests, rejected=rejected)


async def _post(session: aiohttp.ClientSession, request: Request) -> int:
    """Send one request; the number of items that were refused alone."""
    status, answer = 0, b""
    for path in request.paths:
        for _ in range(TRIES):
            headers = {"content-type": request.content_type}
            async with session.post(path, data=request.body, headers=headers) as response:
                status, answer = response.status, await response.read()
                wait = float(response.headers.get("retry-after", "1"))
            if status != 503:
                break
            await asyncio.sleep(wait)
        if status == 200:
            return _rejected(answer) if request.content_type == _JSON else 0
    raise Refused(f"{request.place}: the service answered {status}", code="refused")


def _rejected(answer: bytes) -> int:
    partial = orjson.loads(answer or b"{}").get("partialSuccess", {})
    return sum(int(value) for name, value in partial.items() if name.startswith("rejected"))


def _json_lines(path: Path, body: bytes) -> Iterator[Request]:
    lines = [body] if _is_json(body) else body.splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise CliError(f"{place} is not JSON") from None
        door = next((door for key, door in _PATHS.items() if key in value), None)
        if door is None:
            raise CliError(f"{place} has neither resourceSpans nor resourceLogs")
        yield Request(place=place, body=line, content_type=_JSON, paths=(door,))


def _is_json(body: bytes) -> bool:
    """Whether the whole file is one document, perhaps over several lines."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def _after_words(body: bytes) -> list[bytes] | None:
    """Messages behind four bytes of length; None if the lengths do not end where the file ends."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        found.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    return found if at == len(body) and found else None


def _after_varints(body: bytes) -> list[bytes] | None:
    """Messages behind a varint; None if the lengths do not end where the file ends."""
    found: list[bytes] = []
    at = 0
    while at < len(body):
        size = shift = 0
        while at < len(body) and shift < 35:
            byte = body[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(body[at : at + size])
        at += size
    return found if at == len(body) and found else None
