"""Reading a bundle: everything is verified before anything is handed out."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import cast

import orjson

from forkpoint.bundle.archive import Member, read_directory, refused
from forkpoint.bundle.manifest import (
    BLOCK_INDEX,
    BLOCK_PACK,
    EVENTS,
    EXPECT,
    FILES,
    LINE_LIMIT,
    MANIFEST,
    ORDER,
    POLICY,
    REQUIRED,
    RULES,
    Manifest,
    check_name,
    encode,
    read_json,
    read_manifest,
    run_records,
)
from forkpoint.bundle.pack import Pack
from forkpoint.content.blocks import Digest, children, digest_from_text
from forkpoint.content.check import check_body
from forkpoint.errors import BundleError, ContentError, EventError
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import Event, Note, RunEnd, RunStart, StepEnded, StepStarted
from forkpoint.events.wire import read_event

Numbered = tuple[int, Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A verified bundle. It reads from the file while it is open; close it, or use `with`."""

    start: RunStart
    end: RunEnd | None
    events: tuple[Numbered, ...]
    manifest: Manifest
    blocks: Pack
    policy: Mapping[str, object] | None
    rules: Mapping[str, object] | None
    expect: Mapping[str, object] | None
    files: Mapping[str, bytes]
    _map: _Mapped = field(repr=False)

    def get(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        """Block bodies by digest, as `content.decode` asks for them."""
        return self.blocks.get_many(digests)

    def close(self) -> None:
        """Let go of the file; blocks cannot be read any more."""
        self._map.close()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_bundle(path: Path) -> Bundle:
    """Verify a bundle and open it. Raises `BundleError` `integrity_failed` for anything else than
    the exact bytes `write_bundle` writes, `not_a_file` if there is nothing to read."""
    mapped = _Mapped(path)
    try:
        return _opened(mapped)
    except BaseException:
        mapped.close()
        raise


class _Mapped:
    """A file in the address space, and the views into it that must go before it."""

    def __init__(self, path: Path) -> None:
        self._views: list[memoryview] = []
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise BundleError(f"cannot read bundle {path}: {error}", code="not_a_file") from None
        self.data = self.part(0, len(self._map))

    def part(self, start: int, end: int) -> memoryview:
        view = memoryview(self._map)[start:end]
        self._views.append(view)
        return view

    def close(self) -> None:
        for view in self._views:
            view.release()
        self._map.close()


def _opened(mapped: _Mapped) -> Bundle:
    members = {member.name: member for member in read_directory(mapped.data)}
    views = {name: mapped.part(at.start, at.start + at.size) for name, at in members.items()}
    manifest = _checked_manifest(members, views)
    start, end = run_records(manifest)
    _check_sums(manifest, views)
    pack = Pack(views[BLOCK_INDEX], views[BLOCK_PACK])
    pack.check()
    events = tuple(_events(views[EVENTS]))
    _check_counts(manifest, events, pack)
    _check_closure(start, end, events, pack)
    return Bundle(
        start=start,
        end=end,
        events=events,
        manifest=manifest,
        blocks=pack,
        policy=_object(views, POLICY),
        rules=_object(views, RULES),
        expect=_object(views, EXPECT),
        files={name[len(FILES) :]: bytes(views[name]) for name in views if name.startswith(FILES)},
        _map=mapped,
    )


def _checked_manifest(members: Mapping[str, Member], views: Mapping[str, memoryview]) -> Manifest:
    for name in members:
        check_name(name)
    if not members.keys() >= REQUIRED:
        raise refused("a member is missing")
    ranked = sorted(members, key=lambda name: (name not in ORDER, _rank(name), name))
    if list(members) != ranked:
        raise refused("its members are not in order")
    manifest = read_manifest(bytes(views[MANIFEST]))
    if manifest.members.keys() != members.keys() - {MANIFEST}:
        raise refused("its manifest lists other members")
    return manifest


def _rank(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _check_sums(manifest: Manifest, views: Mapping[str, memoryview]) -> None:
    for name, expected in manifest.members.items():
        if hashlib.sha256(views[name]).hexdigest() != expected:
            raise refused(f"`{name}` is not what its digest says")


def _events(view: memoryview) -> Iterator[Numbered]:
    before = -1
    for line in _lines(view):
        try:
            fields: object = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise refused("an event is not JSON") from None
        seq, event = _numbered(fields)
        if seq <= before:
            raise refused("its events are not in order")
        if encode({"seq": seq, "event": event}) != line:
            raise refused(f"event {seq} is not written as a bundle's")
        before = seq
        yield seq, event


def _lines(view: memoryview) -> Iterator[bytes]:
    start, size = 0, len(view)
    while start < size:
        chunk = bytes(view[start : start + LINE_LIMIT])
        end = chunk.rfind(b"\n")
        if end < 0:
            raise refused(f"an event is longer than {LINE_LIMIT} bytes, or the last is cut off")
        yield from chunk[:end].split(b"\n")
        start += end + 1


def _numbered(fields: object) -> Numbered:
    if not isinstance(fields, dict):
        raise refused("an event is no object")
    members = cast("dict[str, object]", fields)
    seq = members.get("seq")
    if type(seq) is not int or members.keys() != {"seq", "event"}:
        raise refused("an event has no number")
    try:
        return seq, read_event(members["event"])
    except EventError as error:
        raise refused(f"event {seq}: {error.message}") from None


def _check_counts(manifest: Manifest, events: tuple[Numbered, ...], pack: Pack) -> None:
    if (manifest.counts.events, manifest.counts.blocks) != (len(events), len(pack)):
        raise refused("its counts are wrong")


def _check_closure(
    start: RunStart, end: RunEnd | None, events: Iterable[Numbered], pack: Pack
) -> None:
    """Every block that is needed is there, and well formed; no other is."""
    needed = _roots(start, end, events)
    waiting = list(needed)
    while waiting:
        digest = waiting.pop()
        body = pack.get_many([digest]).get(digest)
        if body is None:
            raise refused("a block is missing")
        try:
            check_body(body)
        except ContentError as error:
            raise refused(error.message) from None
        below = [child for child in children(body) if child not in needed]
        needed.update(below)
        waiting.extend(below)
    if len(needed) != len(pack):
        raise refused("it holds blocks nothing refers to")


def _roots(start: RunStart, end: RunEnd | None, events: Iterable[Numbered]) -> set[Digest]:
    roots: set[Digest] = set()
    listed = [start.artifacts, () if end is None else end.artifacts]
    listed += [
        event.artifacts for _, event in events if isinstance(event, StepStarted | StepEnded | Note)
    ]
    for ref in (ref for refs in listed for ref in refs):
        if ref.state not in {ArtifactState.CLEAN, ArtifactState.WITHHELD, ArtifactState.FAILED}:
            raise refused(f"artifact `{ref.role}` is {ref.state}")
        if ref.state is ArtifactState.CLEAN and ref.root is not None:
            roots.add(digest_from_text(ref.root))
    return roots


def _object(views: Mapping[str, memoryview], name: str) -> Mapping[str, object] | None:
    if name not in views:
        return None
    value = read_json(bytes(views[name]), name)
    if not isinstance(value, dict):
        raise refused(f"`{name}` is no object")
    return cast("Mapping[str, object]", value)
