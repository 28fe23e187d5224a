"""The sender: everything arrives once and in order, whatever the collector does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from forkpoint.capture.batches import LOST
from forkpoint.capture.collector import Ingested, NotAllowed, RejectedEvent, TooLarge
from forkpoint.capture.counters import Counters
from forkpoint.capture.disk import DiskSpool
from forkpoint.capture.spool import SpoolReader
from forkpoint.capture.transport import ACKED, PATIENCE, Sender
from forkpoint.content.blocks import digest_of, digest_text
from forkpoint.content.encode import encode
from forkpoint.errors import Rejected, Unavailable
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import ArtifactRef, Note, RunEnd, RunStart

RUN = "018f3c1e-0000-7000-8000-000000000001"


class MemoryCollector:
    """A `Collector` in memory that checks closure as the service does."""

    def __init__(self) -> None:
        self.blocks: dict[str, bytes] = {}
        self.events: list[dict[str, object]] = []
        self.records: list[dict[str, object]] = []
        self.trouble: list[Exception] = []
        self.refuse: set[int] = set()
        self.most = 10_000
        self.closed = 0
        """Batches that come before their run is open."""

    def start(self, record: bytes, blocks: Sequence[bytes]) -> Sequence[str]:
        return self._record(record, blocks)

    def finish(self, record: bytes, blocks: Sequence[bytes]) -> Sequence[str]:
        return self._record(record, blocks)

    def ingest(self, events: Sequence[bytes], blocks: Sequence[bytes]) -> Ingested:
        self._trouble()
        if len(events) > self.most:
            raise TooLarge("too many")
        read = [orjson.loads(event) for event in events]
        missing = self._missing(read, blocks)
        if missing:
            return Ingested(missing=tuple(missing))
        if self.closed:
            self.closed -= 1
            return Ingested(
                rejected=tuple(RejectedEvent(n, "unknown_run", "later") for n in range(len(read)))
            )
        rejected: list[RejectedEvent] = []
        for index, event in enumerate(read):
            if event["sequence_no"] in self.refuse:
                rejected.append(RejectedEvent(index, "CONFLICT", "other content"))
            else:
                self.events.append(event)
        return Ingested(accepted=len(read) - len(rejected), rejected=tuple(rejected))

    def _record(self, record: bytes, blocks: Sequence[bytes]) -> Sequence[str]:
        self._trouble()
        read = orjson.loads(record)
        missing = self._missing([read], blocks)
        if not missing:
            self.records.append(read)
        return missing

    def _trouble(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)

    def _missing(self, records: list[dict[str, object]], blocks: Sequence[bytes]) -> list[str]:
        known = self.blocks | {digest_text(digest_of(body)): body for body in blocks}
        roots = [ref.get("root") for record in records for ref in record.get("artifacts", ())]  # type: ignore[attr-defined]
        missing = [root for root in roots if root is not None and root not in known]
        if not missing:
            self.blocks = known
        return missing


def spool(tmp_path: Path, *, segment_bytes: int = 1 << 20) -> DiskSpool:
    return DiskSpool(
        tmp_path / "spool",
        counters=Counters(),
        clock=lambda: 0,
        bound=1 << 24,
        segment_bytes=segment_bytes,
    )


def sender(disk: DiskSpool, collector: MemoryCollector) -> Sender:
    return Sender(SpoolReader(disk.folder), collector)


def write_run(disk: DiskSpool, *, events: int = 5, first: int = 0) -> None:
    disk.start(RunStart(run_id=RUN, name="r", started_ns=1), [])
    for number in range(first, first + events):
        bodies: list[bytes] = []
        root = encode(f"payload {number} " * 30, lambda _, body, to=bodies: to.append(body))
        for body in bodies:
            disk.block(body)
        refs = (ArtifactRef(role="file.x", root=digest_text(root)),)
        disk.event(Note(run_id=RUN, sequence_no=number, time_ns=1, name="n", artifacts=refs))
    disk.end(RunEnd(run_id=RUN, status=RunStatus.OK, ended_ns=2, events={"0": events}))
    disk.flush()


def encode_one(disk: DiskSpool, value: str) -> bytes:
    """Write a value of one block; its body."""
    bodies: list[bytes] = []
    encode(value, lambda _, body: bodies.append(body))
    disk.block(bodies[0])
    return bodies[0]


def pump_all(sending: Sender) -> None:
    while sending.pump():
        pass


def test_a_run_arrives_in_order_between_its_two_records(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    write_run(disk)

    pump_all(sender(disk, collector))

    assert [event["sequence_no"] for event in collector.events] == [0, 1, 2, 3, 4]
    assert [record.get("status") for record in collector.records] == [None, "ok"]


def test_nothing_is_lost_or_doubled_by_an_absent_collector(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    write_run(disk)
    collector.trouble = [Unavailable("away"), Unavailable("away", retry_after_s=1.0)]
    sending = sender(disk, collector)

    for _ in range(2):
        with pytest.raises(Unavailable):
            pump_all(sending)
    pump_all(sending)

    assert [event["sequence_no"] for event in collector.events] == [0, 1, 2, 3, 4]


def test_segments_go_when_their_last_record_is_acknowledged(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path, segment_bytes=600), MemoryCollector()
    write_run(disk, events=8)
    assert len(list(disk.folder.glob("*.seg"))) > 4

    pump_all(sender(disk, collector))

    assert len(list(disk.folder.glob("*.seg"))) == 1


def test_another_sender_goes_on_where_one_stopped(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    write_run(disk)
    pump_all(sender(disk, collector))
    write_run(disk, first=5)

    again = sender(disk, collector)
    again.resume()
    pump_all(again)

    assert [event["sequence_no"] for event in collector.events] == list(range(10))
    assert (disk.folder / ACKED).exists()


def test_blocks_the_collector_lost_are_sent_again(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    sending = sender(disk, collector)
    write_run(disk)
    pump_all(sending)
    root = encode("payload 0 " * 30, lambda _digest, _body: None)
    collector.blocks.clear()

    refs = (ArtifactRef(role="file.x", root=digest_text(root)),)
    disk.event(Note(run_id=RUN, sequence_no=5, time_ns=1, name="n", artifacts=refs))
    disk.flush()
    pump_all(sending)

    assert collector.events[-1]["artifacts"][0]["root"] == digest_text(root)  # type: ignore[index]


def test_what_needs_a_block_nobody_has_is_withheld(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    refs = (ArtifactRef(role="file.x", root="A" * 43), ArtifactRef(role="file.y", size=3))
    disk.event(Note(run_id=RUN, sequence_no=0, time_ns=1, name="n", artifacts=refs))
    disk.flush()

    sending = sender(disk, collector)
    pump_all(sending)

    lost = {"role": "file.x", "state": "withheld", "reason": LOST}
    assert collector.events[0]["artifacts"] == [lost, {"role": "file.y", "size": 3}]
    assert sending.counters.read()["blocks_lost"] == 1


def test_a_rejected_event_goes_to_a_file_and_the_others_arrive(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    collector.refuse = {2}
    write_run(disk)

    pump_all(sender(disk, collector))

    assert [event["sequence_no"] for event in collector.events] == [0, 1, 3, 4]
    (line,) = (tmp_path / "rejected" / f"{disk.folder.name}.ndjson").read_bytes().splitlines()
    assert orjson.loads(line)["code"] == "CONFLICT"
    assert orjson.loads(line)["record"]["sequence_no"] == 2


def test_a_batch_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    collector.most = 2
    write_run(disk, events=9)

    pump_all(sender(disk, collector))

    assert [event["sequence_no"] for event in collector.events] == list(range(9))


def test_a_rejected_run_record_is_kept_and_sending_goes_on(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    collector.trouble = [Rejected("conflict", code="conflict")]
    write_run(disk, events=1)

    pump_all(sender(disk, collector))

    assert len(collector.events) == 1
    assert (tmp_path / "rejected").is_dir()


def test_a_run_record_too_large_with_its_blocks_is_sent_after_them(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    body = encode_one(disk, "the question " * 40)
    refs = (ArtifactRef(role="attributes", root=digest_text(digest_of(body))),)
    disk.start(RunStart(run_id=RUN, name="r", started_ns=1, artifacts=refs), [])
    disk.flush()
    collector.trouble = [TooLarge("413")]

    pump_all(sender(disk, collector))

    assert len(collector.records) == 1
    assert list(collector.blocks.values()) == [body]


def test_a_run_record_that_is_too_large_by_itself_does_not_stop_the_others(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    write_run(disk, events=2)
    collector.trouble = [TooLarge("413")]
    sending = sender(disk, collector)

    pump_all(sending)

    assert [event["sequence_no"] for event in collector.events] == [0, 1]
    assert sending.counters.read()["events_rejected"] == 1


def test_sending_goes_on_where_rejected_events_cannot_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    write_run(disk, events=5)
    collector.refuse = {1, 3}
    sending = sender(disk, collector)
    (tmp_path / "rejected").write_text("no folder")

    pump_all(sending)

    assert [event["sequence_no"] for event in collector.events] == [0, 2, 4]
    assert sending.counters.read()["rejected_not_kept"] == 2
    assert [record.message.split()[:2] for record in caplog.records] == [
        ["events_rejected", "code=CONFLICT"]
    ]


def test_events_of_a_run_that_is_not_open_yet_are_sent_again(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    collector.closed = 2
    write_run(disk, events=3)
    sending = sender(disk, collector)

    for _ in range(2):
        with pytest.raises(Unavailable):
            pump_all(sending)
    pump_all(sending)

    assert [event["sequence_no"] for event in collector.events] == [0, 1, 2]
    assert not (tmp_path / "rejected").exists()


def test_events_of_a_run_nobody_opens_are_kept_aside_in_the_end(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    collector.closed = 1000
    write_run(disk, events=3)
    sending = sender(disk, collector)

    for _ in range(PATIENCE):
        with pytest.raises(Unavailable):
            pump_all(sending)
    pump_all(sending)

    assert collector.events == []
    assert sending.counters.read()["events_rejected"] == 3


def test_a_wrong_token_sends_nothing_and_loses_nothing(tmp_path: Path) -> None:
    disk, collector = spool(tmp_path), MemoryCollector()
    collector.trouble = [NotAllowed("403")]
    write_run(disk, events=1)
    sending = sender(disk, collector)

    with pytest.raises(NotAllowed):
        pump_all(sending)
    assert collector.records == []
    pump_all(sending)
    assert len(collector.records) == 2
