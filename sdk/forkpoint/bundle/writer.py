"""Writing a bundle: the same run makes the same bytes, on any machine."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryDirectory
from typing import IO

import msgspec

from forkpoint.bundle.archive import COPY_BYTES, Body, body_of, write_archive
from forkpoint.bundle.manifest import (
    BLOCK_INDEX,
    BLOCK_PACK,
    BUNDLE_FORMAT,
    EVENTS,
    EXPECT,
    FILES,
    LINE_LIMIT,
    MANIFEST,
    POLICY,
    RULES,
    Counts,
    Manifest,
    check_name,
    encode,
    sealed,
)
from forkpoint.bundle.pack import RECORD
from forkpoint.content.blocks import Digest, Get, digest_from_text, load
from forkpoint.content.tree import walk
from forkpoint.errors import BundleError
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import (
    ArtifactRef,
    Event,
    Note,
    RunEnd,
    RunStart,
    StepEnded,
    StepStarted,
)
from forkpoint.events.wire import whole

IN_MEMORY = 8 << 20
"""Bytes of a member kept in memory while it grows; more goes to a temporary file."""
BLOCKS_AT_ONCE = 1000
_HOLDING = StepStarted | StepEnded | Note
_READABLE = frozenset({ArtifactState.CLEAN, ArtifactState.WITHHELD, ArtifactState.FAILED})


def write_bundle(
    path: Path,
    start: RunStart,
    end: RunEnd | None,
    events: Iterable[tuple[int, Event]],
    blocks: Mapping[Digest, bytes],
    *,
    policy: Mapping[str, object] | None = None,
    rules: Mapping[str, object] | None = None,
    expect: Mapping[str, object] | None = None,
    files: Mapping[str, bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Manifest:
    """Write a run to `path`, whole or not at all.

    `blocks` holds bodies by digest; exactly those its clean artifacts need are taken.
    Raises `BundleError` `not_clean` for a payload that was not yet, or not cleanly, redacted,
    `too_large` for one over the limits, and `ContentError` for a block that is missing.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(dir=path.parent, prefix=".bundle-"))
        draft = _Draft(lambda: stack.enter_context(_spooled(folder)))
        roots = draft.take_events(start, end, events)
        draft.take_blocks(roots, _getter(blocks))
        given = {POLICY: policy, RULES: rules, EXPECT: expect}
        bodies = [
            body_of(name, encode(value)) for name, value in given.items() if value is not None
        ]
        for name in sorted(files or {}):
            check_name(FILES + name)
            bodies.append(body_of(FILES + name, (files or {})[name]))
        members = [draft.events.body(), draft.index.body(), draft.pack.body(), *bodies]
        manifest = _manifest(start, end, members, draft.counts, environment or {})
        whole = Path(folder) / "whole"
        with whole.open("wb") as file:
            write_archive(file, [body_of(MANIFEST, encode(manifest)), *members])
            file.flush()
            os.fsync(file.fileno())
        whole.replace(path)
    return manifest


def _spooled(folder: str) -> SpooledTemporaryFile[bytes]:
    return SpooledTemporaryFile(max_size=IN_MEMORY, dir=folder)


def _getter(blocks: Mapping[Digest, bytes]) -> Get:
    def get(digests: Collection[Digest]) -> dict[Digest, bytes]:
        return {digest: blocks[digest] for digest in digests if digest in blocks}

    return get


class _Draft:
    """The three large members while they grow."""

    def __init__(self, opened: Callable[[], IO[bytes]]) -> None:
        self.events = _Growing(EVENTS, opened())
        self.index = _Growing(BLOCK_INDEX, opened())
        self.pack = _Growing(BLOCK_PACK, opened())
        self.counts = Counts(events=0, blocks=0, block_bytes=0, withheld=0)

    def take_events(
        self, start: RunStart, end: RunEnd | None, events: Iterable[tuple[int, Event]]
    ) -> list[Digest]:
        """Write the events; the roots of all clean artifacts, each once."""
        roots: dict[str, None] = {}
        withheld = count = 0
        records = [start.artifacts, () if end is None else end.artifacts]
        for refs in (*records, *self._written(events)):
            count += 1
            withheld += _collect(refs, roots)
        self.counts = msgspec.structs.replace(
            self.counts, events=count - len(records), withheld=withheld
        )
        return [digest_from_text(root) for root in roots]

    def take_blocks(self, roots: Sequence[Digest], get: Get) -> None:
        """Write every block below the roots, by digest."""
        seen: set[Digest] = set()
        for root in roots:
            for _ in walk(root, get, seen):
                pass
        digests = sorted(seen)
        for first in range(0, len(digests), BLOCKS_AT_ONCE):
            batch = digests[first : first + BLOCKS_AT_ONCE]
            for digest, body in load(batch, get).items():
                self.pack.write(body)
                self.index.write(RECORD.pack(digest, self.pack.size))
        self.counts = msgspec.structs.replace(
            self.counts, blocks=len(digests), block_bytes=self.pack.size
        )

    def _written(self, events: Iterable[tuple[int, Event]]) -> Iterator[tuple[ArtifactRef, ...]]:
        for seq, event in events:
            line = encode({"seq": seq, "event": whole(event)}) + b"\n"
            if len(line) > LINE_LIMIT:
                raise BundleError(
                    f"event {seq} is larger than {LINE_LIMIT} bytes", code="too_large"
                )
            self.events.write(line)
            yield event.artifacts if isinstance(event, _HOLDING) else ()


def _collect(refs: Iterable[ArtifactRef], roots: dict[str, None]) -> int:
    """Note the roots of clean artifacts; how many others have no payload."""
    withheld = 0
    for ref in refs:
        if ref.state not in _READABLE:
            raise BundleError(
                f"artifact `{ref.role}` is {ref.state}; only clean payloads leave in a bundle",
                code="not_clean",
            )
        if ref.state is ArtifactState.CLEAN and ref.root is not None:
            roots[ref.root] = None
        else:
            withheld += 1
    return withheld


class _Growing:
    """A member of unknown size, digested as it is written."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.size = 0
        self._name = name
        self._crc = 0
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._crc = zlib.crc32(data, self._crc)
        self.size += len(data)

    def body(self) -> Body:
        return Body(name=self._name, size=self.size, crc=self._crc, chunks=self._chunks)

    def _chunks(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(COPY_BYTES):
            yield chunk


def _manifest(
    start: RunStart,
    end: RunEnd | None,
    members: Sequence[Body],
    counts: Counts,
    environment: Mapping[str, str],
) -> Manifest:
    return sealed(
        Manifest(
            format=BUNDLE_FORMAT,
            content_format=start.content_format,
            signature_codec=start.signature_codec,
            ruleset_id=start.ruleset_id,
            redaction_key_id=start.redaction_key_id,
            environment=dict(environment),
            counts=counts,
            members={body.name: _digest(body.chunks) for body in members},
            run={
                "start": msgspec.to_builtins(start),
                "end": None if end is None else msgspec.to_builtins(end),
            },
        )
    )


def _digest(chunks: Callable[[], Iterable[bytes]]) -> str:
    sha = hashlib.sha256()
    for chunk in chunks():
        sha.update(chunk)
    return sha.hexdigest()
