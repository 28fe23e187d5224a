"""Payloads of one run: unpacked, redacted, and turned into content blocks and references."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
import orjson

from forkpoint.capture.files import store_file
from forkpoint.capture.held import FileChanged, Held
from forkpoint.capture.items import Payload, Withheld
from forkpoint.content.blocks import Digest, Value, digest_text
from forkpoint.content.cache import CellCache
from forkpoint.content.encode import encode
from forkpoint.content.errors import ContentError
from forkpoint.content.shape import shape
from forkpoint.content.snapshot import restore_snapshot
from forkpoint.content.tracker import Tracker
from forkpoint.errors import RedactionError
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef
from forkpoint.redact.engine import Redactor

RAW_BYTES = 64 << 20
"""Raw snapshots kept for comparison, all trackers of a run together; then the oldest go."""
_LIST_HEADS = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
"""First bytes of MessagePack arrays."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One payload that became blocks."""

    root: Digest
    size: int
    delta: Digest | None = None
    """Root of the items that are new since the last list of this part; lists only."""


class Payloads:
    """Encodes the payloads of one run; each block goes out once. One thread at a time."""

    def __init__(
        self,
        redactor: Redactor | None,
        block: Callable[[bytes], None],
        *,
        cache: CellCache | None = None,
    ) -> None:
        self._redactor = redactor
        self._block = block
        self._cache = CellCache(os.urandom(16)) if cache is None else cache
        self._seen: set[Digest] = set()
        self._trackers: dict[tuple[str, str], Tracker] = {}

    def use(self, redactor: Redactor) -> None:
        """Mask by another redactor from now on; cells the old one made are dropped."""
        self._redactor = redactor
        self._trackers = {}
        self._cache = CellCache(os.urandom(16))

    def forget(self) -> None:
        """Start over in a forked process: nothing was sent, and locks may have been held."""
        self._seen = set()
        self._trackers = {}
        self._cache = CellCache(os.urandom(16))

    def reference(
        self, role: str, payload: Payload, *, strand: str
    ) -> tuple[ArtifactRef, Stored | None]:
        """Encode one payload under a role; a payload that cannot be is withheld with its reason."""
        if isinstance(payload, Withheld):
            return withheld(role, payload), None
        try:
            stored = self._stored(role, payload, strand)
        except (ContentError, RedactionError) as error:
            return withheld(role, Withheld(_reason(error), len(payload))), None
        ref = ArtifactRef(role=role, root=digest_text(stored.root), size=stored.size)
        return ref, stored

    def output(self, payload: Payload, *, role: str = "output") -> list[ArtifactRef]:
        """As `reference`, for a value that a replay hands back: its shape goes beside it."""
        if isinstance(payload, Withheld):
            return [withheld(role, payload)]
        try:
            value = self.redacted(payload)
            form = shape(cast("Value", value))
            refs = [self._value(role, value)]
            if form is not None:
                refs.append(self._value("shape", form))
        except (ContentError, RedactionError) as error:
            return [withheld(role, Withheld(_reason(error), len(payload)))]
        return refs

    def file(self, role: str, held: Held) -> ArtifactRef:
        """Encode an attached file, a chunk in memory at a time."""
        try:
            if self._redactor is None:
                raise RedactionError("there is no redaction key", code="key_missing")
            root, size, masked = store_file(held, self._redactor, self._sink)
        except FileChanged:
            return withheld(role, Withheld("changed", held.size))
        except (ContentError, RedactionError) as error:
            return withheld(role, Withheld(_reason(error), held.size))
        finally:
            held.close()
        ref = ArtifactRef(role=role, root=digest_text(root), size=size)
        if masked:
            return ref
        return msgspec.structs.replace(ref, state=ArtifactState.AT_RISK, reason="limit_size")

    def keep(self, blocks: Mapping[Digest, bytes]) -> None:
        """Let the blocks of an answer go out that is referred to as it was recorded."""
        for digest, body in reversed(list(blocks.items())):  # what is referred to stands first
            self._sink(digest, body)

    def redacted(self, payload: bytes) -> object:
        """The masked value of a snapshot."""
        if self._redactor is None:
            raise RedactionError("there is no redaction key", code="key_missing")
        return self._redactor.redact(restore_snapshot(payload))

    def _value(self, role: str, value: object) -> ArtifactRef:
        root = encode(cast("Value", value), self._sink)
        return ArtifactRef(role=role, root=digest_text(root), size=_size(value))

    def _stored(self, role: str, payload: bytes, strand: str) -> Stored:
        if payload[0] in _LIST_HEADS and self._redactor is not None:
            fed = self._tracker(strand, role).feed(payload)
            return Stored(fed.root, len(payload), fed.delta)
        value = self.redacted(payload)
        return Stored(encode(cast("Value", value), self._sink), _size(value))

    def _tracker(self, strand: str, role: str) -> Tracker:
        tracker = self._trackers.pop((strand, role), None)
        if tracker is None:
            tracker = Tracker(self._sink, self._redact_item, cache=self._cache)
            self._drop_oldest()
        self._trackers[(strand, role)] = tracker  # last used stands last
        return tracker

    def _drop_oldest(self) -> None:
        held = sum(tracker.held for tracker in self._trackers.values())
        while held > RAW_BYTES:
            oldest = next(iter(self._trackers))
            held -= self._trackers.pop(oldest).held

    def _redact_item(self, item: Value) -> Value:
        if self._redactor is None:
            raise RedactionError("there is no redaction key", code="key_missing")
        return cast("Value", self._redactor.redact(item))

    def _sink(self, digest: Digest, body: bytes) -> None:
        if digest not in self._seen:
            self._seen.add(digest)
            self._block(body)


def withheld(role: str, payload: Withheld) -> ArtifactRef:
    """The reference of a payload that is not recorded."""
    return ArtifactRef(
        role=role, size=payload.size, state=ArtifactState.WITHHELD, reason=payload.reason
    )


def _reason(error: ContentError | RedactionError) -> str:
    if isinstance(error, RedactionError):
        return "too_large" if error.code.startswith("limit_") else error.code
    return "too_large" if error.code == "too_large" else "unserialisable"


def _size(value: object) -> int:
    """Bytes of a value as JSON; values JSON cannot say are counted as text."""
    try:
        return len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except (orjson.JSONEncodeError, TypeError):
        return len(repr(value))


def roots_of(refs: Mapping[str, Stored | None]) -> dict[str, Digest] | None:
    """Roots by part, or None if a part has none: such a call cannot be signed."""
    roots: dict[str, Digest] = {}
    for part, stored in refs.items():
        if stored is None:
            return None
        roots[part] = stored.root
    return roots
