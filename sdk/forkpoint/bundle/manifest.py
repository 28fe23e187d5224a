"""The manifest of a bundle: what it is, what it holds, and the digest of every member."""

from __future__ import annotations

import hashlib
import re
from typing import cast

import msgspec
import orjson

from forkpoint.bundle.archive import refused
from forkpoint.errors import EventError
from forkpoint.events.model import RunEnd, RunStart
from forkpoint.events.wire import read_run_end, read_run_start

BUNDLE_FORMAT = "forkpoint.bundle/1"
MANIFEST = "manifest.json"
EVENTS = "events.ndjson"
BLOCK_INDEX = "blocks.idx"
BLOCK_PACK = "blocks.pack"
POLICY = "policy.json"
RULES = "rules.json"
EXPECT = "expect.json"
FILES = "files/"
ORDER = (MANIFEST, EVENTS, BLOCK_INDEX, BLOCK_PACK, POLICY, RULES, EXPECT)
"""Members of a bundle in their order; files follow by name."""
REQUIRED = frozenset({MANIFEST, EVENTS, BLOCK_INDEX, BLOCK_PACK})
DEPTH_LIMIT = 64
LINE_LIMIT = 1 << 20
"""Bytes of one event."""
JSON_LIMIT = 16 << 20
"""Bytes of every other JSON text."""
VALUES_LIMIT = 400_000
"""Values in it: a text of `{},{},...` takes twenty times its size once it is parsed."""
_FILE_NAME = re.compile(r"files/[A-Za-z0-9_][A-Za-z0-9_.\- ]{0,199}\Z")


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much there is."""

    events: int
    blocks: int
    block_bytes: int
    withheld: int
    """Artifacts whose payload is not in the run."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first member. `id` is the SHA-256 of the manifest without it, so of everything."""

    format: str
    content_format: str
    signature_codec: str
    ruleset_id: str | None
    redaction_key_id: str | None
    environment: dict[str, str]
    counts: Counts
    members: dict[str, str]
    """SHA-256 in hex of every other member."""
    run: dict[str, object]
    """`start` and `end` records of the run; `end` is null for a run cut short."""
    id: str = ""


def sealed(manifest: Manifest) -> Manifest:
    """The manifest with its id."""
    return msgspec.structs.replace(manifest, id=bundle_id(manifest))


def bundle_id(manifest: Manifest) -> str:
    """64 hex digits that change with any byte of the bundle."""
    return hashlib.sha256(encode(msgspec.structs.replace(manifest, id=""))).hexdigest()


def encode(value: object) -> bytes:
    """JSON as bundles write it: sorted keys, no white space."""
    return orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_SORT_KEYS)


def read_manifest(view: memoryview) -> Manifest:
    """The manifest of a bundle, its id proved."""
    try:
        manifest = msgspec.convert(read_json(view, MANIFEST), Manifest)
    except msgspec.ValidationError as error:
        raise refused(f"its manifest does not fit {BUNDLE_FORMAT}: {error}") from None
    if manifest.format != BUNDLE_FORMAT:
        raise refused(f"its format is not {BUNDLE_FORMAT}")
    if bundle_id(manifest) != manifest.id or encode(manifest) != bytes(view):
        raise refused("its manifest was changed")
    return manifest


def run_records(manifest: Manifest) -> tuple[RunStart, RunEnd | None]:
    """The records that open and close the run."""
    end = manifest.run.get("end")
    try:
        start = read_run_start(manifest.run.get("start"))
        return start, None if end is None else read_run_end(end)
    except EventError as error:
        raise refused(f"its run record is damaged: {error.message}") from None


def read_json(view: memoryview, name: str) -> object:
    """Parsed JSON of a member, within the limits of size and depth."""
    if len(view) > JSON_LIMIT:
        raise refused(f"`{name}` is larger than {JSON_LIMIT} bytes")
    text = bytes(view)
    if sum(map(text.count, (b",", b"[", b"{"))) > VALUES_LIMIT:
        raise refused(f"`{name}` holds more than {VALUES_LIMIT} values")
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise refused(f"`{name}` is not JSON") from None
    check_depth(value, name)
    return value


def check_depth(value: object, name: str) -> None:
    """Refuse values nested deeper than any of ours."""
    level: list[object] = [value]
    for _ in range(DEPTH_LIMIT + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(cast("dict[str, object]", item).values())
            elif isinstance(item, list):
                below.extend(cast("list[object]", item))
        if not below:
            return
        level = below
    raise refused(f"`{name}` is nested deeper than {DEPTH_LIMIT}")


def check_name(name: str) -> None:
    """Refuse members no bundle has: unknown ones, paths that climb, hidden files."""
    if name not in ORDER and (not _FILE_NAME.match(name) or ".." in name):
        raise refused(f"`{name[:80]}` is no member of a bundle")
