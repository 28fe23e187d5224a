"""Reading a bundle: everything is verified before anything is handed out."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import cast

from forkpoint.bundle.archive import Member, read_directory, refused
from forkpoint.bundle.lines import Numbered, read_events
from forkpoint.bundle.manifest import (
    BLOCK_INDEX,
    BLOCK_PACK,
    EVENTS,
    EXPECT,
    FILES,
    MANIFEST,
    ORDER,
    POLICY,
    REQUIRED,
    RULES,
    Manifest,
    check_name,
    read_json,
    read_manifest,
    run_records,
)
from forkpoint.bundle.pack import Pack
from forkpoint.content.blocks import Digest, children, digest_from_text
from forkpoint.errors import BundleError
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import Note, RunEnd, RunStart, StepEnded, StepStarted


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
    files: Mapping[str, memoryview]
    """Attached files, not yet in memory."""
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
    events = tuple(read_events(views[EVENTS]))
    _check_counts(manifest, events, pack)
    _check_blocks(_roots(start, end, events), pack)
    return Bundle(
        start=start,
        end=end,
        events=events,
        manifest=manifest,
        blocks=pack,
        policy=_object(views, POLICY),
        rules=_object(views, RULES),
        expect=_object(views, EXPECT),
        files={name[len(FILES) :]: view for name, view in views.items() if name.startswith(FILES)},
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
    manifest = read_manifest(views[MANIFEST])
    if manifest.members.keys() != members.keys() - {MANIFEST}:
        raise refused("its manifest lists other members")
    return manifest


def _rank(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _check_sums(manifest: Manifest, views: Mapping[str, memoryview]) -> None:
    for name, expected in manifest.members.items():
        if hashlib.sha256(views[name]).hexdigest() != expected:
            raise refused(f"`{name}` is not what its digest says")


def _check_counts(manifest: Manifest, events: tuple[Numbered, ...], pack: Pack) -> None:
    if (manifest.counts.events, manifest.counts.blocks) != (len(events), len(pack)):
        raise refused("its counts are wrong")


def _check_blocks(roots: set[Digest], pack: Pack) -> None:
    """Every block is what its digest says, all that are needed are there, and no others.

    Digests allow no cycles: if each block is a root or stands in another, each is below a root.
    """
    here: set[Digest] = set()
    needed = set(roots)
    for digest, body in pack.checked():
        here.add(digest)
        below = children(body)
        if below:
            needed.update(below)
    if needed - here:
        raise refused("a block is missing")
    if here - needed:
        raise refused("it holds blocks nothing refers to")


def _roots(start: RunStart, end: RunEnd | None, events: Iterable[Numbered]) -> set[Digest]:
    roots: set[str] = set()
    listed = [start.artifacts, () if end is None else end.artifacts]
    listed += [
        event.artifacts for _, event in events if isinstance(event, StepStarted | StepEnded | Note)
    ]
    for ref in (ref for refs in listed for ref in refs):
        if ref.state is ArtifactState.CLEAN:
            if ref.root is not None:
                roots.add(ref.root)
        elif ref.state not in (ArtifactState.WITHHELD, ArtifactState.FAILED):
            raise refused(f"artifact `{ref.role}` is {ref.state}")
    return set(map(digest_from_text, roots))


def _object(views: Mapping[str, memoryview], name: str) -> Mapping[str, object] | None:
    if name not in views:
        return None
    value = read_json(views[name], name)
    if not isinstance(value, dict):
        raise refused(f"`{name}` is no object")
    return cast("Mapping[str, object]", value)
