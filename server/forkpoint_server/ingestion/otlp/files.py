"""Files inside messages: `data:` URLs and long base64 become artifacts of their own. Pure.

A URL that points elsewhere stays text: nothing is ever fetched.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from forkpoint_server.ingestion.otlp.mapping.memo import Memo

SMALLEST = 4_096
"""Characters of base64 that stay where they are."""
_DATA_URL = re.compile(r"data:([\w.+/-]{0,100})(?:;[\w=.+-]{1,100})*;base64,", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{64,}={0,2}\Z")


@dataclass(frozen=True, slots=True)
class File:
    """Bytes that stood inside a value."""

    name: str
    media_type: str | None
    body: bytes


def take_files(
    value: object, *, memo: Memo | None = None, first: int = 0
) -> tuple[object, list[File]]:
    """The value with `{"$file": name}` where files stood, and the files; unchanged if none did."""
    files: list[File] = []
    return _without(value, files, first, memo or Memo()), files


def _without(value: object, files: list[File], first: int, memo: Memo) -> object:
    if isinstance(value, str):
        return _text(value, files, first) if len(value) > SMALLEST else value
    if isinstance(value, dict):
        if memo.is_plain(cast("object", value)):
            return cast("object", value)
        fields = cast("Mapping[str, object]", value)
        new = {key: _without(each, files, first, memo) for key, each in fields.items()}
        if any(new[key] is not fields[key] for key in fields):
            return new
        memo.found_plain(cast("object", value))
        return cast("object", value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        if all(map(memo.is_plain, items)):
            return cast("object", value)
        made = [_without(each, files, first, memo) for each in items]
        same = all(left is right for left, right in zip(made, items, strict=True))
        return cast("object", value) if same else made
    if isinstance(value, bytes) and len(value) > SMALLEST:
        return _file(value, None, files, first)
    return value


def _text(value: str, files: list[File], first: int) -> object:
    match = _DATA_URL.match(value, 0, 300)
    start = match.end() if match else 0
    if match is None and _BASE64.match(value) is None:
        return value
    try:
        body = b64decode(value[start:], validate=True)
    except (Error, ValueError):
        return value
    return _file(body, match[1] or None if match else None, files, first)


def _file(body: bytes, media_type: str | None, files: list[File], first: int) -> object:
    name = f"media-{first + len(files)}"
    files.append(File(name, media_type, body))
    return {"$file": name}
