"""What must be true of a database after any fault: the promises of ingestion, asked of its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
import zstandard
from forkpoint_server.artifacts.blocks import Codec
from stack import Database

Fields = Mapping[str, object]


@dataclass(slots=True)
class Ledger:
    """What one sender of one run knows: the events it sent, and which were acknowledged."""

    run_id: str
    sent: dict[int, Fields] = field(default_factory=dict[int, Fields])
    """By sequence number, as they went out."""
    acknowledged: set[int] = field(default_factory=set[int])
    blocks: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Bodies of acknowledged blocks, by SHA-256 in hex."""

    def note_sent(self, events: Sequence[Fields]) -> set[int]:
        """Remember events before they go out; their numbers."""
        numbered = {int(str(event["sequence_no"])): event for event in events}
        self.sent |= numbered
        return set(numbered)

    def note_acknowledged(self, numbers: set[int], blocks: Sequence[str]) -> None:
        """Remember what an answer took."""
        self.acknowledged |= numbers
        bodies = [body.encode() for body in blocks]
        self.blocks |= {hashlib.sha256(body).hexdigest(): body for body in bodies}


@dataclass(frozen=True, slots=True)
class _Stored:
    seq: int
    sequence_no: int
    event_type: str
    event_id: str
    is_its_digest: bool
    event: Fields


def breaches(database: Database, ledger: Ledger, *, unpacked: bool = True) -> list[str]:
    """Every promise that is broken for this run; none if all is well.

    `unpacked`: no worker has joined blocks into packs, so all of them are rows.
    """
    events = _events(database, ledger.run_id)
    numbers = [each.sequence_no for each in events]
    head = database.sql(f"select head from run where run_id = '{ledger.run_id}'")
    checks = {
        "acknowledged and not stored": ledger.acknowledged <= set(numbers),
        "stored and never sent": set(numbers) <= ledger.sent.keys(),
        "stored otherwise than sent": all(
            each.event == ledger.sent.get(each.sequence_no) for each in events
        ),
        "seq has holes": [each.seq for each in events] == list(range(len(events))),
        "order of the writer is lost": numbers == list(range(len(numbers))),
        "an event is stored twice": len({each.event_id for each in events}) == len(events),
        "a body is not its digest's": all(each.is_its_digest for each in events),
        "an unexplained gap": all(each.event_type != "gap" for each in events),
        "head is not the last seq": int(head) == len(events) - 1,
        "a block is lost or changed": not unpacked or _has_blocks(database, ledger.blocks),
    }
    return [f"{ledger.run_id}: {name}" for name, holds in checks.items() if not holds]


def _events(database: Database, run_id: str) -> list[_Stored]:
    rows = database.sql(
        "select seq, sequence_no, event_type, encode(event_id, 'hex'), digest = sha256(body), "
        f"encode(body, 'hex') from event where run_id = '{run_id}' order by seq"
    ).splitlines()
    return [_stored(*row.split("\t")) for row in rows]


def _stored(seq: str, number: str, kind: str, event_id: str, same: str, body: str) -> _Stored:
    event = orjson.loads(bytes.fromhex(body))
    return _Stored(int(seq), int(number), kind, event_id, same == "t", event)


def _has_blocks(database: Database, sent: Mapping[str, bytes]) -> bool:
    rows = database.sql("select encode(digest, 'hex'), codec, encode(body, 'hex') from block")
    stored = {
        digest: _unpacked(Codec(int(codec)), bytes.fromhex(body))
        for digest, codec, body in (row.split("\t") for row in rows.splitlines())
    }
    return all(stored.get(digest) == body for digest, body in sent.items())


def _unpacked(codec: Codec, body: bytes) -> bytes:
    return zstandard.decompress(body) if codec is Codec.ZSTD else body
